//! How long an entry is of use, and how much it was used.

use crate::sync::atomic::{AtomicU64, Ordering};

/// How many uses are counted: more say nothing more about what comes next (Yang et al., "FIFO queues are all you need for cache
/// eviction", SOSP 2023, §4.1). They are counted down: most hits are of entries that nothing is left to be counted of, and see zeros.
const LEFT: u64 = 3;

/// Not used since the capacity's hand last came by.
const IDLE: u64 = 4;

/// Not used since [`Life::was_used`] was last asked.
const CALM: u64 = 8;

/// Every use is told to the order of the shard, for as long as the entry lives.
const ORDERED: u64 = 16;

/// What a use changes, or is to be told to somebody.
const NOTED: u64 = LEFT | IDLE | CALM | ORDERED;

/// Which queue of its shard's order it is in.
const QUEUE: u32 = 5;

/// Everything but the time.
const STATE: u64 = 0xff;

const TIME: u32 = STATE.trailing_ones();

/// One of the queues of an order: it has four at most.
pub(super) type QueueNumber = u8;

/// When an entry expires, what the engine and the ring of its function remember of its use, and which queue it is in: one word, so
/// that a hit reads it all at once.
#[derive(Debug)]
pub(super) struct Life(AtomicU64);

/// What a hit reads of a life.
#[derive(Clone, Copy)]
pub(super) struct Known(u64);

impl Known {
    /// When the entry expires.
    #[inline(always)]
    pub(super) fn due(self) -> u64 {
        self.0 >> TIME
    }

    /// Whether this use changes anything.
    #[inline(always)]
    pub(super) fn is_to_be_noted(self) -> bool {
        self.0 & NOTED != 0
    }

    /// Whether uses are told to the order.
    pub(super) fn is_ordered(self) -> bool {
        self.0 & ORDERED != 0
    }
}

impl Life {
    /// Not used yet; `expires` counts up to 2⁵⁶ milliseconds, which is never.
    pub(super) fn new(expires: u64, queue: QueueNumber) -> Self {
        let time = expires.min(u64::MAX >> TIME) << TIME;
        Self(AtomicU64::new(time | bits(queue) | CALM | IDLE | LEFT))
    }

    /// The same, of which the order is told every use.
    pub(super) fn ordered(expires: u64, queue: QueueNumber) -> Self {
        let life = Self::new(expires, queue);
        life.0.fetch_or(ORDERED, Ordering::Relaxed);
        life
    }

    /// All that a hit asks.
    #[inline(always)]
    pub(super) fn known(&self) -> Known {
        Known(self.0.load(Ordering::Relaxed))
    }

    /// Counts a use, where [it changes anything](Known::is_to_be_noted). Two at the same time may count as one.
    pub(super) fn count(&self, Known(known): Known) {
        // Compared first: a line that every hit of every thread wrote would be the end of scaling.
        if known & (LEFT | IDLE | CALM) != 0 {
            let one = u64::from(known & LEFT != 0);
            let less = (known & !(IDLE | CALM)) - one;
            let _ = self
                .0
                .compare_exchange(known, less, Ordering::Relaxed, Ordering::Relaxed);
        }
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

    /// Forgets all uses.
    pub(super) fn forget(&self) {
        self.0.fetch_or(LEFT, Ordering::Relaxed);
    }

    /// The entry goes to another queue.
    pub(super) fn go(&self, queue: QueueNumber) {
        let gone = |known: u64| Some(known & !bits(3) | bits(queue));
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, gone);
    }

    /// The queue that the entry is in.
    pub(super) fn queue(&self) -> QueueNumber {
        (self.0.load(Ordering::Relaxed) >> QUEUE & 3) as QueueNumber
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

fn bits(queue: QueueNumber) -> u64 {
    u64::from(queue & 3) << QUEUE
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    /// A hit: when the entry expires.
    fn use_it(life: &Life) -> u64 {
        let known = life.known();
        if known.is_to_be_noted() {
            life.count(known);
        }
        known.due()
    }

    #[test]
    fn a_life_counts_up_to_three_and_keeps_the_time() {
        let life = Life::new(77, 0);
        assert!(!life.is_used() && !life.spare());
        for _ in 0..9 {
            assert_eq!(use_it(&life), 77);
        }
        assert!(life.spare() && !life.spare());
        let spent = std::iter::repeat_with(|| life.spend()).take_while(|spent| *spent);
        assert_eq!(spent.count(), 3);
        assert_eq!(life.queue(), 0);
        use_it(&life);
        life.go(2);
        life.forget();
        assert!(life.queue() == 2 && !life.is_used() && life.spare());
        assert_eq!(use_it(&life), 77);
        assert!(life.queue() == 2 && life.is_used());
        life.go(1);
        assert!(life.is_used());
        assert_eq!((life.queue(), use_it(&life)), (1, 77));
    }

    #[test]
    fn a_use_is_recent_once() {
        let life = Life::new(77, 0);
        assert_eq!(life.was_used(), None);
        use_it(&life);
        assert_eq!(life.was_used(), Some(1));
        assert_eq!(life.was_used(), None);
        for _ in 0..9 {
            use_it(&life);
        }
        assert_eq!(life.was_used(), Some(3));
        assert_eq!(life.was_used(), None);
        assert_eq!(use_it(&life), 77);
        assert_eq!(life.was_used(), Some(3), "also where no more is counted");
        assert!(life.spare() && life.queue() == 0);
    }

    #[test]
    fn an_ordered_one_is_noted_for_ever() {
        let (plain, ordered) = (Life::new(77, 3), Life::ordered(77, 3));
        for life in [&plain, &ordered] {
            for _ in 0..9 {
                use_it(life);
            }
            life.go(2);
            life.forget();
            use_it(life);
            use_it(life);
            use_it(life);
            assert_eq!((use_it(life), life.queue()), (77, 2));
        }
        assert!(!plain.known().is_to_be_noted());
        assert!(ordered.known().is_to_be_noted() && ordered.known().is_ordered());
    }

    #[test]
    fn never_is_never() {
        for never in [u64::MAX, u64::MAX >> 8] {
            assert_eq!(use_it(&Life::new(never, 3)), u64::MAX >> 8);
        }
    }
}
