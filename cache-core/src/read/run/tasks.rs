//! Tasks for async bodies that go on behind their calls: so many at a time in a cache.

use crate::cache::{Cache, Taken};

/// So many at a time: bodies that hang are never through, and each that is overdue is followed by another. There is no queue: what
/// is refused is tried again by a later call.
const MOST: u32 = 1_024;

/// Gives it back when it is dropped.
pub(super) struct Place(Cache, Taken);

impl Place {
    /// One, if there is one left.
    pub(super) fn take(cache: &Cache) -> Option<Self> {
        let taken = cache.0.behind.take(MOST)?;
        Some(Self(cache.clone(), taken))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.behind.give_back(&self.1);
    }
}
