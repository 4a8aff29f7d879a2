//! Leaves a server alone that does not answer.

use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Opens after some failures in a row. While it is open nothing is tried but a probe now and then.
///
/// Nothing is published through it, so that everything is relaxed.
#[derive(Debug)]
pub(super) struct Breaker {
    open: AtomicBool,
    failures: AtomicU32,
    limit: u32,
    opened: AtomicU64,
}

impl Breaker {
    pub(super) fn new(limit: u32) -> Self {
        Self {
            open: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            limit,
            opened: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// How often it has opened.
    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    pub(super) fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// Whether this failure opened it; the probing is up to the caller then.
    pub(super) fn failed(&self) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let opens = failures >= self.limit && !self.open.swap(true, Ordering::Relaxed);
        if opens {
            self.opened.fetch_add(1, Ordering::Relaxed);
        }
        opens
    }

    pub(super) fn close(&self) {
        self.succeeded();
        self.open.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn opens_once_after_failures_in_a_row() {
        let breaker = Breaker::new(3);
        assert!(!breaker.failed() && !breaker.failed());
        breaker.succeeded();
        assert!(!breaker.failed() && !breaker.failed() && !breaker.is_open());
        assert!(breaker.failed() && breaker.is_open());
        assert!(!breaker.failed(), "opened a second time");
        breaker.close();
        assert!(!breaker.is_open() && !breaker.failed());
        assert_eq!(breaker.opened(), 1);
    }
}
