//! At most so many entries of one function.

use super::{
    Departure, Leaving, Resident,
    engine::{Engine, Token},
    key::Lookup,
};
use crate::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
    lock,
};
use std::{collections::VecDeque, num::NonZeroUsize};

/// How many entries in a row are spared for having been used. After that the next one leaves, used or not, so that no insert has to go
/// round a large ring of entries that have all been used.
const SPARED: usize = 16;

/// How many tokens an insert examines for slots that are gone.
const SWEPT: usize = 3;

/// Bounds the entries of one function in one memory tier: CLOCK with a second chance.
///
/// The bound is exact: at no moment does the tier hold more of them. Inserts of such a function therefore take turns.
pub(crate) struct CapacityRing {
    capacity: usize,
    /// Slots in the engine, or a few more: counted before they enter and after they have left.
    live: AtomicUsize,
    /// A token of every such slot, and of some that have left.
    tokens: Mutex<VecDeque<Token>>,
}

impl CapacityRing {
    /// A ring for at most `capacity` entries. It must not be shared between tiers.
    pub(crate) fn new(capacity: NonZeroUsize) -> Self {
        Self {
            capacity: capacity.get(),
            live: AtomicUsize::new(0),
            tokens: Mutex::new(VecDeque::new()),
        }
    }

    /// The number of entries, or a few more while others insert and remove.
    pub(crate) fn len(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }

    /// The greatest number of entries.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Makes room for one slot and counts it. The caller inserts the slot while it holds the guard.
    pub(super) fn admit<'a, R: Resident, E: Engine<R>>(
        &'a self,
        engine: &E,
        key: &Lookup<'_>,
        token: Token,
        leaving: &mut Leaving<R>,
    ) -> MutexGuard<'a, VecDeque<Token>> {
        let mut tokens = lock(&self.tokens);
        self.live.fetch_add(1, Ordering::AcqRel);
        // What is about to be replaced makes room by itself. Only removals can come in between, as inserts wait for our lock.
        if !engine.holds(key) {
            self.make_room(engine, &mut tokens, leaving);
        }
        self.sweep(engine, &mut tokens);
        tokens.push_back(token);
        tokens
    }

    /// Counts a slot that has left the engine.
    pub(super) fn release(&self) {
        self.live.fetch_sub(1, Ordering::AcqRel);
    }

    fn make_room<R: Resident, E: Engine<R>>(
        &self,
        engine: &E,
        tokens: &mut VecDeque<Token>,
        leaving: &mut Leaving<R>,
    ) {
        let mut spared = 0;
        while self.len() > self.capacity {
            let Some(token) = tokens.pop_front() else {
                return;
            };
            match engine.spare(&token) {
                // Its successor has a token of its own.
                None => {}
                Some(true) if spared < SPARED => {
                    spared += 1;
                    tokens.push_back(token);
                }
                Some(_) => {
                    // Releases the slot, hence ends the loop.
                    if let Some(entry) = engine.remove_if(&token, |_| true) {
                        leaving.push(entry, Departure::Capacity);
                    }
                }
            }
        }
    }

    /// Keeps tokens of slots that left by themselves from piling up, when they are the majority: moving the hand for nothing would
    /// blur who came first.
    fn sweep<R: Resident, E: Engine<R>>(&self, engine: &E, tokens: &mut VecDeque<Token>) {
        for _ in 0..SWEPT {
            if tokens.len() <= 2 * self.len() {
                return;
            }
            let Some(token) = tokens.pop_front() else {
                return;
            };
            if engine.holds(&token) {
                tokens.push_back(token);
            }
        }
    }

    /// Whether some thread holds the lock.
    #[cfg(test)]
    pub(super) fn is_locked(&self) -> bool {
        self.tokens.try_lock().is_err()
    }

    /// The number of tokens.
    #[cfg(test)]
    pub(super) fn tokens(&self) -> usize {
        lock(&self.tokens).len()
    }
}
