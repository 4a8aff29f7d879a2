//! How much an entry was used.

use crate::sync::atomic::{AtomicU8, Ordering};

/// How many uses are counted: more say nothing more about what comes next (Yang et al., "FIFO queues are all you need for cache
/// eviction", SOSP 2023, §4.1).
const MOST: u8 = 3;

/// Since the capacity's hand last came by.
const USED: u8 = 4;

/// What a tier remembers of the use of one entry: the engine's count, and a mark for the ring of its function.
#[derive(Debug, Default)]
pub(crate) struct Usage(AtomicU8);

impl Usage {
    /// Counts a use. Two at the same time may count as one.
    #[inline]
    pub(crate) fn count(&self) {
        let known = self.0.load(Ordering::Relaxed);
        // Compared first: a line that every hit of every thread wrote would be the end of scaling.
        if known != USED | MOST {
            let uses = (known & !USED).saturating_add(1).min(MOST);
            self.0.store(USED | uses, Ordering::Relaxed);
        }
    }

    /// The uses that are counted.
    pub(super) fn uses(&self) -> u8 {
        self.0.load(Ordering::Relaxed) & !USED
    }

    /// Takes one use back, for a second chance; whether there was one.
    pub(super) fn spend(&self) -> bool {
        let less = |known: u8| (known & !USED != 0).then(|| known - 1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }

    /// Forgets all uses.
    pub(super) fn forget(&self) {
        self.0.fetch_and(USED, Ordering::Relaxed);
    }

    /// Clears the ring's mark; whether it was there.
    pub(super) fn spare(&self) -> bool {
        self.0.fetch_and(!USED, Ordering::Relaxed) & USED != 0
    }
}
