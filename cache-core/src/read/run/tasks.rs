//! Tasks for async bodies that go on behind their calls: so many at a time in a cache.

use crate::cache::Cache;
use crate::sync::atomic::Ordering;

/// So many at a time: bodies that hang are never through, and each that is overdue is followed by another. There is no queue: what
/// is refused is tried again by a later call.
const MOST: usize = 1_024;

/// Gives it back when it is dropped.
pub(super) struct Place(Cache);

impl Place {
    /// One, if there is one left.
    pub(super) fn take(cache: &Cache) -> Option<Self> {
        let place = Self(cache.clone());
        let before = cache.0.behind.fetch_add(1, Ordering::Relaxed);
        (before < MOST).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.behind.fetch_sub(1, Ordering::Relaxed);
    }
}
