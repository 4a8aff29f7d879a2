//! Finding what is expired or invalid without ever sweeping.

use super::engine::Token;
use crate::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
    lock,
};
use std::collections::VecDeque;

/// Slots that an insert examines for the one that it adds.
///
/// With `k` of them, a ring that starts a turn with `n` tokens is once around after `n / k` inserts. It then holds the `l` slots that are
/// alive and at most the `n / k` that were added meanwhile, so that its length settles below `l · k / (k - 1)`: 1.5 times what is alive.
const EXAMINED: usize = 3;

const SHARDS: usize = 16;

/// A token of every slot, in rings: a clock hand goes round and looks at a few with each insert.
///
/// The engine is not told when a slot leaves; the hand drops the tokens of those that it no longer finds.
pub(super) struct ReclaimRing {
    shards: [Shard; SHARDS],
}

#[derive(Default)]
struct Shard {
    tickets: AtomicU32,
    ring: Mutex<VecDeque<Token>>,
}

/// The tokens that an insert has to examine.
pub(super) type Due = [Option<Token>; EXAMINED];

impl ReclaimRing {
    /// Bytes per slot: a token, and room for half of another that has left, in a queue that doubles.
    pub(super) const OVERHEAD: u64 = 2 * size_of::<Token>() as u64;

    pub(super) fn new() -> Self {
        Self {
            shards: Default::default(),
        }
    }

    /// A token for a new slot of a key; no other slot of that key has it, as far as anybody still remembers.
    pub(super) fn token(&self, hash: u64) -> Token {
        let ticket = self.shard(hash).tickets.fetch_add(1, Ordering::Relaxed);
        Token { hash, ticket }
    }

    /// Adds the token of a slot that has just been inserted, and moves the hand. What is still in use goes back with [`Self::keep`].
    pub(super) fn turn(&self, token: Token) -> Due {
        let mut ring = lock(&self.shard(token.hash).ring);
        let mut due = Due::default();
        due.fill_with(|| ring.pop_front());
        ring.push_back(token);
        due
    }

    /// Puts tokens back, for the next time round. All are of one turn, hence of one shard.
    pub(super) fn keep(&self, kept: Due) {
        let mut kept = kept.into_iter().flatten();
        if let Some(first) = kept.next() {
            let mut ring = lock(&self.shard(first.hash).ring);
            ring.push_back(first);
            ring.extend(kept);
        }
    }

    /// The number of tokens.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| lock(&shard.ring).len())
            .sum()
    }

    fn shard(&self, hash: u64) -> &Shard {
        // A remainder of the array's own length, so that no index can be out of bounds.
        &self.shards[(hash % SHARDS as u64) as usize]
    }
}
