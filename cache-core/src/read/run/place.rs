//! A place among the bodies of a function in a cache that go on behind their calls.

use crate::cache::{Seat, Taken};
use crate::sync::Arc;

/// Gives it back when it is dropped.
pub(super) struct Place(Arc<Seat>, Taken);

impl Place {
    /// One, if not that many are taken.
    pub(super) fn take(seat: &Arc<Seat>, most: u32) -> Option<Self> {
        let taken = seat.behind.take(most)?;
        Some(Self(Arc::clone(seat), taken))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.behind.give_back(&self.1);
    }
}
