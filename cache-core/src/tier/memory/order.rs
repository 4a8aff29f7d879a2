//! Who leaves a shard that is full.
//!
//! A shard has a table, and does the books. Its order decides what a hit records of an entry (by the [`Life`] that it gives it), where an
//! entry that comes is put, and whose turn it is. It remembers entries by token, and looks at them through [`Residents`]; of what left
//! otherwise it is told, but not of which token that was: such a token is stale, and is dropped when it comes up, or is swept.

mod climb;
mod fifo;
mod lru;
mod queue;
mod ranks;
mod s3_fifo;
mod sieve;
mod sketch;
mod tiny_lfu;

use super::{
    engine::{Standing, Token},
    life::{Life, QueueNumber},
    options::Eviction,
};

/// How many are spared in a row, at most. After that the next one leaves, used or not: while a shard is gone through, nobody is served.
pub(super) const PATIENCE: usize = 1_024;

/// How heavy entries are expected to be: how much is remembered of those that are not there depends on it, and nothing else.
const EXPECTED_WEIGHT: u64 = 512;

/// Stale tokens are swept when there are as many of them as of others, and so many more.
const SLACK: usize = 32;

/// How many tokens are examined for each that becomes stale, then.
const SWEPT: usize = 4;

/// An entry that comes to a shard.
pub(super) struct Arrival<'a> {
    pub(super) token: Token,
    pub(super) standing: &'a Standing,
    /// As [`Life::new`] takes it.
    pub(super) due: u64,
    /// Where the entry was that it replaces.
    pub(super) before: Option<QueueNumber>,
}

/// How full a shard is, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Room {
    pub(super) weight: u64,
    pub(super) limit: u64,
}

impl Room {
    /// Whether nobody has to leave.
    fn is_enough(self) -> bool {
        self.weight <= self.limit
    }
}

/// What an order sees of an entry.
pub(super) struct Look<'a> {
    pub(super) life: &'a Life,
    pub(super) standing: &'a Standing,
}

/// The entries of a shard.
pub(super) trait Residents {
    /// The entry that a token was made for, if it is there.
    fn look(&self, token: &Token) -> Option<Look<'_>>;
}

/// See the module.
pub(super) trait Order: Send + Sync {
    /// An entry comes. It is in the table from now on.
    fn enter(&mut self, arrival: &Arrival<'_>) -> Life;

    /// A hit of an [ordered](Life::ordered) entry; many at a time.
    fn used(&self, _hash: u64, _standing: &Standing) {}

    /// An entry has left this queue that was not asked to; it is not in the table any more.
    fn leave(&mut self, queue: QueueNumber, charge: u32, residents: &dyn Residents);

    /// Who has to leave now, if there is not [room enough](Room::is_enough). It is no longer counted, and is in the table until the next call.
    fn next(&mut self, room: Room, residents: &dyn Residents) -> Option<Token>;

    /// The tokens of all entries, and stale ones.
    fn tokens(&self) -> Vec<Token>;

    /// Makes itself right for a shard of so many bytes; how many of these it takes for what it remembers of entries that are not there.
    fn fit(&mut self, _bytes: u64) -> u64 {
        0
    }

    /// Takes a few of the things it remembered along, after it was fitted; whether all are there.
    fn carry(&mut self) -> bool {
        true
    }

    /// Sets the time that it counts uses in.
    #[cfg(test)]
    fn set_now(&mut self, _now: u32) {}

    /// What its queues occupy.
    #[cfg(test)]
    fn memory_used(&self) -> usize;
}

impl Eviction {
    /// An order of this kind, that has to be [fitted](Order::fit).
    pub(super) fn order(self) -> Box<dyn Order> {
        match self {
            Self::S3Fifo => Box::new(s3_fifo::S3Fifo::default()),
            Self::WTinyLfu => Box::new(tiny_lfu::TinyLfu::default()),
            Self::Lru => Box::new(lru::Lru::default()),
            Self::Fifo => Box::new(fifo::Fifo::default()),
            Self::Sieve => Box::new(sieve::Sieve::default()),
        }
    }
}
