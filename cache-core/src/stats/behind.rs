//! Counters: what is written behind.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// What became of values that were to be [written behind](crate::Cache::write_behind), in all queues of a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct BehindStats {
    /// Values that wait to be written now, or are being written.
    pub queued: u64,
    /// Values that were written.
    pub written: u64,
    /// Values that were not, as a newer one of their address came before.
    pub coalesced: u64,
    /// Batches whose write gave an `Err` or panicked. What was in them is tried again.
    pub failed: u64,
    /// Values that will never be written: their writer was dropped, and their queue after it.
    pub lost: u64,
}

impl fmt::Display for BehindStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "written behind: {}; queued: {}, coalesced: {}, batches that failed: {}, lost: {}",
            self.written, self.queued, self.coalesced, self.failed, self.lost
        )
    }
}

/// The same, being counted.
#[derive(Debug, Default)]
pub(crate) struct BehindCounters {
    pub(crate) queued: Count,
    pub(crate) written: Count,
    pub(crate) coalesced: Count,
    pub(crate) failed: Count,
    pub(crate) lost: Count,
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, fewer: usize) {
        self.0.fetch_sub(fewer as u64, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl BehindCounters {
    pub(crate) fn read(&self) -> BehindStats {
        BehindStats {
            queued: self.queued.read(),
            written: self.written.read(),
            coalesced: self.coalesced.read(),
            failed: self.failed.read(),
            lost: self.lost.read(),
        }
    }
}
