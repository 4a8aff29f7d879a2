//! What happens to a link, for those who want to be told.

use std::sync::OnceLock;

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// There is a connection.
    Connected,
    /// So many trips have failed that none is tried for now.
    BreakerOpened,
    /// A probe was answered.
    BreakerClosed,
    /// The log has a new generation: the server is another one, or has lost a part of it.
    Generation,
}

/// Who is told. It must not block.
#[derive(Default)]
pub(super) struct Observer(OnceLock<Box<dyn Fn(Notice) + Send + Sync>>);

impl Observer {
    pub(super) fn set(&self, observer: impl Fn(Notice) + Send + Sync + 'static) {
        // A second one is not told.
        let _ = self.0.set(Box::new(observer));
    }

    pub(super) fn tell(&self, notice: Notice) {
        if let Some(observer) = self.0.get() {
            observer(notice);
        }
    }
}
