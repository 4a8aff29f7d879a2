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

/// How many are spared for each that leaves, at most. After that the next one leaves, used or not: while a shard is gone through, nobody is
/// served.
pub(super) struct Patience(usize);

impl Default for Patience {
    fn default() -> Self {
        Self(1_024)
    }
}

impl Patience {
    /// Whether one more may be spared, who is counted.
    fn lasts(&mut self) -> bool {
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

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
    /// An entry comes. It is there from now on.
    fn enter(&mut self, arrival: &Arrival<'_>) -> Life;

    /// A hit of an [ordered](Life::ordered) entry; many at a time.
    fn used(&self, _hash: u64, _standing: &Standing) {}

    /// An entry has left this queue that was not asked to; it is not there any more.
    fn leave(&mut self, queue: QueueNumber, charge: u32, residents: &dyn Residents);

    /// Who has to leave now, if there is not [room enough](Room::is_enough). It is no longer counted, and is there until the next call.
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

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use std::cell::Cell;

    const CHARGE: u32 = 100;

    /// Entries by hash.
    #[derive(Default)]
    struct Crowd {
        all: Vec<Option<(Life, Standing)>>,
        looks: Cell<usize>,
    }

    impl Residents for Crowd {
        fn look(&self, token: &Token) -> Option<Look<'_>> {
            self.looks.set(self.looks.get() + 1);
            let (life, standing) = self.all.get(token.hash as usize)?.as_ref()?;
            Some(Look { life, standing })
        }
    }

    impl Crowd {
        /// One more, where there is room for so many; how many were looked at for it.
        fn come(&mut self, order: &mut dyn Order, room: usize) -> usize {
            let standing = Standing::default();
            standing.admit(0, CHARGE);
            let token = Token {
                hash: self.all.len() as u64,
                ticket: 0,
            };
            let life = order.enter(&Arrival {
                token,
                standing: &standing,
                due: u64::MAX,
                before: None,
            });
            self.all.push(Some((life, standing)));
            self.looks.set(0);
            let bytes = |count: usize| count as u64 * u64::from(CHARGE);
            let room = |weight: usize| Room {
                weight: bytes(weight),
                limit: bytes(room),
            };
            let mut there = self.all.iter().flatten().count();
            while let Some(token) = order.next(room(there), self) {
                self.all[token.hash as usize] = None;
                there -= 1;
            }
            self.looks.get()
        }

        fn use_all(&self, order: &dyn Order) {
            for (hash, at) in self.all.iter().enumerate() {
                if let Some((life, standing)) = at {
                    life.count(life.known());
                    order.used(hash as u64, standing);
                }
            }
        }
    }

    #[test]
    fn nobody_who_comes_goes_past_all_who_were_used() {
        const ROOM: usize = 20_000;
        for eviction in Eviction::ALL {
            let mut order = eviction.order();
            order.fit(ROOM as u64 * EXPECTED_WEIGHT);
            let mut crowd = Crowd::default();
            let mut most = 0;
            for _ in 0..ROOM {
                most = crowd.come(&mut *order, ROOM).max(most);
            }
            for _ in 0..9 {
                for _ in 0..30 {
                    crowd.use_all(&*order);
                }
                for _ in 0..9 {
                    most = crowd.come(&mut *order, ROOM).max(most);
                }
            }
            assert!(most < 3_000, "{eviction}: {most}");
            let is_there = |token: &Token| crowd.all[token.hash as usize].is_some();
            let named = order.tokens().into_iter().filter(is_there).count();
            let there = crowd.all.iter().flatten().count();
            assert_eq!(named, there, "{eviction}: a token for each");
        }
    }
}
