//! How often a body ran.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Serialize, Serializer};

/// Counts the runs of a body; one key for all of one test, another for every other test.
#[derive(Debug)]
pub(crate) struct Calls {
    count: AtomicU64,
    test: u64,
}

impl Calls {
    /// A counter for one test.
    pub(crate) fn new() -> Self {
        static TESTS: AtomicU64 = AtomicU64::new(0);
        Self {
            count: AtomicU64::new(0),
            test: TESTS.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// The body runs.
    pub(crate) fn count(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// How often since this was last asked.
    pub(crate) fn taken(&self) -> u64 {
        self.count.swap(0, Ordering::Relaxed)
    }
}

impl Serialize for Calls {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.test)
    }
}
