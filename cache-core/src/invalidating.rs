//! An invalidation on its way.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::cache::Token;
use crate::error::Error;
#[cfg(feature = "redis")]
use crate::error::ErrorKind;
use crate::flight;
#[cfg(feature = "redis")]
use crate::log::Appending;
use crate::sync::block_on;

/// An invalidation. In this process it has taken effect; where the log is elsewhere, it is on its way there, whether this is awaited or
/// not.
#[must_use = "an invalidation that is not waited for may not be in the log yet"]
pub(crate) enum Invalidating {
    /// It is where it belongs.
    Done(Token),
    /// The log has not answered yet.
    #[cfg(feature = "redis")]
    Logging(Appending),
}

impl Future for Invalidating {
    type Output = Result<Token, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        #[cfg(not(feature = "redis"))]
        let _ = cx;
        match self.get_mut() {
            Self::Done(token) => Poll::Ready(Ok(*token)),
            #[cfg(feature = "redis")]
            Self::Logging(appending) => Pin::new(appending).poll(cx).map(|outcome| {
                outcome
                    .map(|position| Token(Some(position)))
                    .map_err(|error| not_logged(&error.to_string()))
            }),
        }
    }
}

impl Invalidating {
    /// What begins from now on has a greater one, and what had begun before a lesser.
    pub(crate) fn ordinal(&self) -> u64 {
        match self {
            Self::Done(_) => flight::next_id(),
            #[cfg(feature = "redis")]
            Self::Logging(appending) => appending.ordinal(),
        }
    }

    /// Waits in this thread.
    pub(crate) fn wait(self) -> Result<Token, Error> {
        block_on(self)
    }
}

#[cfg(feature = "redis")]
/// What a caller is told whose invalidation the others do not know of yet.
pub(crate) fn not_logged(why: &str) -> Error {
    Error::new(
        ErrorKind::NotLogged,
        format!(
            "invalidated in this process, and not yet in others: {why}. Unless the cache is shut down it is kept, and told them \
             when the log is there again; until then they may serve older values for `max_staleness`"
        ),
    )
}
