//! How it is with the log.

use crate::link::LinkError;

/// How it is with the log.
#[derive(Clone, Debug)]
pub(crate) enum Contact {
    /// Nothing has been heard of it yet, nor of any failure.
    None,
    /// It has answered.
    Made,
    /// The server is not there.
    Lost(LinkError),
    /// The server is there, and says no.
    Refused(LinkError),
}

impl Contact {
    pub(super) fn fail(&mut self, error: &LinkError) {
        *self = match error {
            LinkError::Refused(_) | LinkError::Unexpected(_) => Self::Refused(error.clone()),
            // It was not asked, which is no news to who knows why.
            LinkError::BreakerOpen if matches!(self, Self::Lost(_) | Self::Refused(_)) => return,
            LinkError::TimedOut | LinkError::Disconnected(_) | LinkError::BreakerOpen => {
                Self::Lost(error.clone())
            }
        }
    }

    /// Why there is none.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::None | Self::Made => "nothing was heard of it".to_owned(),
            Self::Lost(error) | Self::Refused(error) => error.to_string(),
        }
    }
}
