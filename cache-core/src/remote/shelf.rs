//! Values that were fetched before anybody asked for them, as they came. A call that misses memory looks here before it asks Redis.
//!
//! Nothing here knows whether a value may be served. It is judged when it is taken, as what Redis answers is, by all that the log has
//! said by then; and it counts for as long as what came into memory with the same trip would.
//!
//! A value is taken once. Whoever asks for one that is still to come asks Redis himself, and it is not put here when it comes: it would
//! be older than what he is about to have.

use std::collections::{HashMap, VecDeque};

use super::Found;
use super::credit::Credit;
use crate::key::KeyDigest;
use crate::stats::ShelfStats;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard, lock};
use crate::time;

/// What a value costs beside its own bytes: its places in the table and in the order, and what is known of it.
const OVERHEAD: usize = 256;

/// The order is rid of those who have left when there are as many of them as of others, and so many more.
const SLACK: usize = 32;

/// See the module.
pub(crate) struct Shelf {
    most_bytes: usize,
    /// How many are here, or to come: all that a miss looks at while there are none.
    count: AtomicUsize,
    state: Mutex<State>,
    /// Whether it pays to expect what usually follows, ...
    following: Credit,
    /// ... and what usually is hot at this time of the day.
    timely: Credit,
    fetched: AtomicU64,
    used: AtomicU64,
    refused: AtomicU64,
    predicted: AtomicU64,
    predicted_used: AtomicU64,
}

/// Why a value is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It was hot before.
    Hot,
    /// It usually is asked for soon after another one that was.
    Follows,
    /// It usually is hot at this time of the day.
    Timely,
}

#[derive(Default)]
struct State {
    /// Asked for, or about to be, and not come yet; and whether it is wanted when it comes. What is not keeps its place until then: it
    /// could not be told from what is asked for after it.
    expected: HashMap<KeyDigest, bool>,
    values: HashMap<KeyDigest, Shelved>,
    /// In the order of their coming, some of them of values that have left.
    order: VecDeque<KeyDigest>,
    bytes: usize,
}

/// A value that nobody has asked for yet.
pub(crate) struct Shelved {
    pub(crate) found: Found,
    /// When it was asked for, in milliseconds of the cache's clock.
    pub(crate) sent: u64,
    /// Until when it is fresh.
    until: u64,
    why: Why,
}

impl Shelved {
    /// Why it was fetched.
    pub(crate) fn why(&self) -> Why {
        self.why
    }

    fn bytes(&self) -> usize {
        self.found.envelope().len() + OVERHEAD
    }
}

impl Shelf {
    /// One for at most so many bytes.
    pub(super) fn new(most_bytes: usize) -> Self {
        Self {
            most_bytes,
            count: AtomicUsize::new(0),
            state: Mutex::default(),
            following: Credit::default(),
            timely: Credit::default(),
            predicted: AtomicU64::new(0),
            predicted_used: AtomicU64::new(0),
            fetched: AtomicU64::new(0),
            used: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Those of these that are not here, nor to come; from now on they are to come.
    pub(super) fn expect(&self, keys: impl IntoIterator<Item = KeyDigest>) -> Vec<KeyDigest> {
        let mut state = lock(&self.state);
        let new = |key: &KeyDigest| !state.knows(key) && state.expect(*key);
        let new = keys.into_iter().filter(new).collect();
        self.close(state);
        new
    }

    /// The same of what somebody may want, as long as it pays.
    pub(super) fn predict(
        &self,
        keys: impl IntoIterator<Item = KeyDigest>,
        why: Why,
    ) -> Vec<KeyDigest> {
        let Some(credit) = self.credit(why) else {
            return self.expect(keys);
        };
        let mut state = lock(&self.state);
        let new = |key: &KeyDigest| !state.knows(key) && credit.spend() && state.expect(*key);
        let new: Vec<_> = keys.into_iter().filter(new).collect();
        self.close(state);
        self.predicted
            .fetch_add(new.len() as u64, Ordering::Relaxed);
        new
    }

    /// Does not wait for these any more.
    pub(super) fn give_up(&self, keys: &[KeyDigest]) {
        if keys.is_empty() {
            return;
        }
        let mut state = lock(&self.state);
        for key in keys {
            state.expected.remove(key);
        }
        self.close(state);
    }

    /// Those of these that nobody has asked for in the meantime. The others do not come.
    pub(super) fn still_expected(&self, keys: &[KeyDigest]) -> Vec<KeyDigest> {
        let mut state = lock(&self.state);
        let mut expected = |key: &&KeyDigest| {
            let wanted = state.expected.get(key) == Some(&true);
            if !wanted {
                state.expected.remove(*key);
            }
            wanted
        };
        let expected = keys.iter().filter(&mut expected).copied().collect();
        self.close(state);
        expected
    }

    /// What Redis has of a value that was to come, and was asked for at `sent`. What has been here for longest makes room for it.
    pub(super) fn put(&self, key: KeyDigest, found: Option<Found>, sent: u64, why: Why) {
        let mut state = lock(&self.state);
        let expected = state.expected.remove(&key) == Some(true);
        if let Some(found) = found.filter(|found| expected && !found.left.is_zero()) {
            let shelved = Shelved {
                until: time::deadline(sent, found.left),
                found,
                sent,
                why,
            };
            self.fetched.fetch_add(1, Ordering::Relaxed);
            let bytes = shelved.bytes();
            if bytes <= self.most_bytes {
                while state.bytes + bytes > self.most_bytes
                    && let Some(oldest) = state.order.pop_front()
                {
                    state.remove(oldest);
                }
                state.bytes += bytes;
                state.order.push_back(key);
                state.values.insert(key, shelved);
            }
        }
        self.close(state);
    }

    /// Whether the next value would push another one out.
    pub(super) fn is_full(&self) -> bool {
        let state = lock(&self.state);
        let mean = state.bytes / state.values.len().max(1);
        state.bytes + mean > self.most_bytes
    }

    /// Takes a value, if it is here and fresh at this time. If it is to come it is not wanted any more.
    pub(crate) fn take(&self, key: KeyDigest, now: u64) -> Option<Shelved> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut state = lock(&self.state);
        if let Some(wanted) = state.expected.get_mut(&key) {
            *wanted = false;
        }
        let taken = state.remove(key);
        self.close(state);
        taken.filter(|taken| taken.until > now)
    }

    /// What was taken was a call's answer, or could not be.
    pub(crate) fn judged(&self, why: Why, served: bool) {
        let counter = if served { &self.used } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        if let (true, Some(credit)) = (served, self.credit(why)) {
            self.predicted_used.fetch_add(1, Ordering::Relaxed);
            credit.earn();
        }
    }

    fn credit(&self, why: Why) -> Option<&Credit> {
        match why {
            Why::Hot => None,
            Why::Follows => Some(&self.following),
            Why::Timely => Some(&self.timely),
        }
    }

    /// What has ceased to be fresh goes.
    pub(super) fn clear_away(&self, now: u64) {
        let mut state = lock(&self.state);
        let State { values, bytes, .. } = &mut *state;
        values.retain(|_, value| {
            let fresh = value.until > now;
            if !fresh {
                *bytes -= value.bytes();
            }
            fresh
        });
        state.tidy();
        self.close(state);
    }

    /// What it has, and what became of what it had.
    pub(crate) fn stats(&self) -> ShelfStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let state = lock(&self.state);
        ShelfStats {
            fetched: load(&self.fetched),
            used: load(&self.used),
            refused: load(&self.refused),
            predicted: load(&self.predicted),
            predicted_used: load(&self.predicted_used),
            pays: self.following.pays(),
            entries: state.values.len() as u64,
            bytes: state.bytes as u64,
            learnt_bytes: 0,
        }
    }

    fn close(&self, state: MutexGuard<'_, State>) {
        let count = state.values.len() + state.expected.len();
        self.count.store(count, Ordering::Relaxed);
    }
}

impl State {
    /// Whether a value is here, or on its way.
    fn knows(&self, key: &KeyDigest) -> bool {
        self.values.contains_key(key) || self.expected.contains_key(key)
    }

    fn expect(&mut self, key: KeyDigest) -> bool {
        self.expected.insert(key, true).is_none()
    }

    fn remove(&mut self, key: KeyDigest) -> Option<Shelved> {
        let removed = self.values.remove(&key)?;
        self.bytes -= removed.bytes();
        self.tidy();
        Some(removed)
    }

    fn tidy(&mut self) {
        if self.order.len() > 2 * self.values.len() + SLACK {
            self.order.retain(|key| self.values.contains_key(key));
        }
    }
}

#[cfg(test)]
mod tests;
