//! How long an entry is of use, and how much it was used.

use crate::sync::atomic::{AtomicU64, Ordering};

/// How many uses are counted: more say nothing more about what comes next (Yang et al., "FIFO queues are all you need for cache
/// eviction", SOSP 2023, §4.1). They are counted down: most hits are of entries that nothing is left to be counted of, and see zeros.
const LEFT: u64 = 3;

/// Not used since the capacity's hand last came by.
const IDLE: u64 = 4;

/// In the main queue.
const MAIN: u64 = 8;

/// Not used since [`Life::was_used`] was last asked.
const CALM: u64 = 16;

/// Everything but the time.
const STATE: u64 = 0xff;

const TIME: u32 = STATE.trailing_ones();

/// When an entry expires, what the engine and the ring of its function remember of its use, and which queue it is in: one word, so
/// that a hit reads it all at once.
#[derive(Debug)]
pub(super) struct Life(AtomicU64);

impl Life {
    /// Not used yet; `expires` counts up to 2⁵⁶ milliseconds, which is never.
    pub(super) fn new(expires: u64, main: bool) -> Self {
        let time = expires.min(u64::MAX >> TIME) << TIME;
        let queue = if main { MAIN } else { 0 };
        Self(AtomicU64::new(time | queue | CALM | IDLE | LEFT))
    }

    /// Counts a use, and says when the entry expires. Two at the same time may count as one.
    #[inline(always)]
    pub(super) fn count(&self) -> u64 {
        let known = self.0.load(Ordering::Relaxed);
        // Compared first: a line that every hit of every thread wrote would be the end of scaling.
        if known & (LEFT | IDLE | CALM) != 0 {
            self.count_down(known);
        }
        known >> TIME
    }

    #[cold]
    fn count_down(&self, known: u64) {
        let one = u64::from(known & LEFT != 0);
        let less = (known & !(IDLE | CALM)) - one;
        let _ = self
            .0
            .compare_exchange(known, less, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether any use is counted.
    pub(super) fn is_used(&self) -> bool {
        self.0.load(Ordering::Relaxed) & LEFT != LEFT
    }

    /// Takes one use back, for a second chance; whether there was one.
    pub(super) fn spend(&self) -> bool {
        let more = |known: u64| (known & LEFT != LEFT).then(|| known + 1);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }

    /// Forgets all uses: the entry goes to the main queue.
    pub(super) fn promote(&self) {
        self.0.fetch_or(LEFT | MAIN, Ordering::Relaxed);
    }

    /// Whether the entry is in the main queue.
    pub(super) fn is_main(&self) -> bool {
        self.0.load(Ordering::Relaxed) & MAIN != 0
    }

    /// How many uses are counted, if there were any since this was last asked.
    #[cfg(any(test, feature = "redis"))]
    pub(super) fn was_used(&self) -> Option<u8> {
        // Compared first: most were not, and their lines stay as they are.
        if self.0.load(Ordering::Relaxed) & CALM != 0 {
            return None;
        }
        let known = self.0.fetch_or(CALM, Ordering::Relaxed);
        Some((LEFT - (known & LEFT)) as u8)
    }

    /// Makes it idle for the ring; whether it was used.
    pub(super) fn spare(&self) -> bool {
        self.0.fetch_or(IDLE, Ordering::Relaxed) & IDLE == 0
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn a_life_counts_up_to_three_and_keeps_the_time() {
        let life = Life::new(77, false);
        assert!(!life.is_used() && !life.spare());
        for _ in 0..9 {
            assert_eq!(life.count(), 77);
        }
        assert!(life.spare() && !life.spare());
        let spent = std::iter::repeat_with(|| life.spend()).take_while(|spent| *spent);
        assert_eq!(spent.count(), 3);
        assert!(!life.is_main());
        life.count();
        life.promote();
        assert!(life.is_main() && !life.is_used() && life.spare());
        assert_eq!(life.count(), 77);
        assert!(life.is_main() && life.is_used());
    }

    #[test]
    fn a_use_is_recent_once() {
        let life = Life::new(77, false);
        assert_eq!(life.was_used(), None);
        life.count();
        assert_eq!(life.was_used(), Some(1));
        assert_eq!(life.was_used(), None);
        for _ in 0..9 {
            life.count();
        }
        assert_eq!(life.was_used(), Some(3));
        assert_eq!(life.was_used(), None);
        assert_eq!(life.count(), 77);
        assert_eq!(life.was_used(), Some(3), "also where no more is counted");
        assert!(life.spare() && !life.is_main());
    }

    #[test]
    fn never_is_never() {
        for never in [u64::MAX, u64::MAX >> 8] {
            assert_eq!(Life::new(never, true).count(), u64::MAX >> 8);
        }
    }
}
