//! What the hit rate would be with more memory, or with less: a miss-ratio curve, estimated while the cache runs.
//!
//! A key is in a cache that throws out what was not used for the longest time if what was used since then fits beside it: that many
//! bytes are the key's reuse distance, and the share of calls with a distance of at most so much is the hit rate of a cache of that
//! size (Mattson et al., "Evaluation techniques for storage hierarchies", IBM Systems Journal 1970). Distances are measured among
//! keys that are chosen by their hash, and stand for all: one of so many keys has one so-many-th of the distance (Waldspurger et al.,
//! "Efficient MRC Construction with SHARDS", FAST 2015, with a bounded number of keys and the correction for frequent ones).
//!
//! What the memory tier throws out is chosen better than that: it does better than the curve says, most of all where there is far too
//! little memory.

use std::collections::HashMap;

use crate::stats::MemoryCurve;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, lock};

mod sums;
use sums::Sums;

/// Of so many keys one is looked at, at first.
const ONE_OF: u64 = 16;

/// So many keys are looked at, at most; more would not make the curve much better.
const MOST_KEYS: usize = 8_192;

/// After so many of their calls all that was counted before counts half, so that the curve follows what changes.
const HALF_LIFE: u64 = 1 << 19;

/// After so many of them there is something new to see.
const STEP: u64 = 4_096;

/// Distances are counted by their size, with so many steps from each to the double.
const STEPS: f64 = 8.0;

/// From one KiB on, ...
const SMALLEST: f64 = 1_024.0;

/// ... up to 16 TiB.
const SIZES: usize = 34 * STEPS as usize;

/// The keys that are looked at, and what was seen of them.
#[derive(Debug)]
pub(crate) struct Curve {
    /// Keys whose number is below are looked at.
    threshold: AtomicU64,
    seen: Mutex<Seen>,
    due: AtomicBool,
}

#[derive(Debug)]
struct Seen {
    keys: HashMap<u64, Key, foldhash::fast::RandomState>,
    /// Their weights, in the order of their last use.
    sums: Sums,
    /// Whose use it was.
    order: Vec<u64>,
    /// Calls by their distance, each for as many as the key stands for.
    reuses: Box<[f64]>,
    /// All calls, in the same way.
    calls: f64,
    /// How many there were in truth, up to the last halving, and what counts of those.
    before: (u64, f64),
    since: u64,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    /// Its place in the order of uses.
    at: usize,
    weight: u64,
}

/// The hit rate for each size, of so many calls: those of long ago count less.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    pub(crate) curve: MemoryCurve,
    calls: f64,
}

impl Rates {
    /// What the hit rate would have been with so many bytes since it was as it was `before`, if calls since then are told apart.
    pub(crate) fn since(&self, before: &Self, bytes: u64) -> Option<f64> {
        let hits = |rates: &Self| rates.curve.hit_rate_with(bytes) * rates.calls;
        let calls = self.calls - before.calls;
        (calls > 0.0).then(|| (hits(self) - hits(before)) / calls)
    }
}

/// What a call found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It was there, or would have been in a larger cache.
    Sized,
    /// It would not have been there in any.
    Never,
}

impl Curve {
    pub(crate) fn new() -> Self {
        Self::of(ONE_OF, MOST_KEYS)
    }

    fn of(one_of: u64, most: usize) -> Self {
        Self {
            due: AtomicBool::new(false),
            threshold: AtomicU64::new(u64::MAX / one_of),
            seen: Mutex::new(Seen {
                keys: HashMap::default(),
                sums: Sums::new(2 * most),
                order: Vec::with_capacity(2 * most),
                reuses: vec![0.0; SIZES].into(),
                calls: 0.0,
                before: (0, 0.0),
                since: 0,
            }),
        }
    }

    /// Whether a key with this hash is looked at.
    pub(crate) fn has(&self, hash: u64) -> bool {
        number(hash) < self.threshold.load(Ordering::Relaxed)
    }

    /// A call of a key. `all` are the calls of all keys so far.
    pub(crate) fn used(&self, hash: u64, of: Use, all: impl FnOnce() -> u64) {
        if !self.has(hash) {
            return;
        }
        let one_of = self.one_of();
        let mut seen = lock(&self.seen);
        seen.calls += one_of;
        if let Some(key) = seen.keys.get(&hash).copied() {
            if of == Use::Sized {
                let others = seen.sums.after(key.at) as f64 * one_of;
                let size = size_of(others + key.weight as f64);
                if let Some(count) = seen.reuses.get_mut(size) {
                    *count += one_of;
                }
            }
            seen.touch(hash, key.weight);
        } else {
            // What it weighs is seen when it is stored.
            seen.touch(hash, 0);
        }
        seen.since += 1;
        if seen.since.is_multiple_of(STEP) {
            self.due.store(true, Ordering::Relaxed);
        }
        if seen.since == HALF_LIFE {
            seen.fade(all());
        }
        self.bound(&mut seen);
    }

    /// What a key weighs that is stored.
    pub(crate) fn stored(&self, hash: u64, weight: u64) {
        if !self.has(hash) {
            return;
        }
        let mut seen = lock(&self.seen);
        match seen.keys.get(&hash).copied() {
            Some(key) => {
                seen.sums.set(key.at, weight);
                seen.keys.insert(hash, Key { weight, ..key });
            }
            None => seen.touch(hash, weight),
        }
        self.bound(&mut seen);
    }

    /// Whether enough was seen since this was last asked to look at the whole again.
    pub(crate) fn is_due(&self) -> bool {
        self.due.load(Ordering::Relaxed) && self.due.swap(false, Ordering::Relaxed)
    }

    /// For how many keys one of those stands that are looked at.
    fn one_of(&self) -> f64 {
        u64::MAX as f64 / self.threshold.load(Ordering::Relaxed) as f64
    }

    /// Looks at half as many keys if they have become too many.
    fn bound(&self, seen: &mut Seen) {
        while seen.keys.len() > seen.sums.len() / 2 {
            let threshold = self.threshold.load(Ordering::Relaxed) / 2;
            self.threshold.store(threshold, Ordering::Relaxed);
            let Seen { keys, sums, .. } = seen;
            keys.retain(|hash, key| {
                let stays = number(*hash) < threshold;
                if !stays {
                    sums.set(key.at, 0);
                }
                stays
            });
        }
    }

    /// The hit rate for each size, of all calls so far; nothing is known before the first.
    pub(crate) fn rates(&self, all: u64) -> Option<Rates> {
        let seen = lock(&self.seen);
        let calls = seen.before.1 + (all.saturating_sub(seen.before.0)) as f64;
        if seen.calls == 0.0 || calls == 0.0 {
            return None;
        }
        // Where a key of many calls is among those that are looked at, or is not, it is one that nearly any cache would have.
        let mut hits = calls - seen.calls;
        let mut points = Vec::new();
        for (size, count) in seen.reuses.iter().enumerate() {
            hits += count;
            if *count > 0.0 {
                let bytes = SMALLEST * ((size + 1) as f64 / STEPS).exp2();
                points.push((bytes as u64, (hits / calls).clamp(0.0, 1.0)));
            }
        }
        let curve = MemoryCurve { points };
        Some(Rates { curve, calls })
    }
}

impl Seen {
    /// A key is the one that was used last.
    fn touch(&mut self, hash: u64, weight: u64) {
        if let Some(key) = self.keys.get(&hash) {
            self.sums.set(key.at, 0);
        }
        if self.order.len() == self.sums.len() {
            self.close_up();
        }
        let at = self.order.len();
        self.order.push(hash);
        self.sums.set(at, weight);
        self.keys.insert(hash, Key { at, weight });
    }

    /// Gives up the places of all uses but each key's last.
    fn close_up(&mut self) {
        let Self {
            keys, sums, order, ..
        } = self;
        let mut at = 0;
        let mut weights = Vec::with_capacity(keys.len());
        let mut old = 0;
        order.retain(|hash| {
            let last = keys.get_mut(hash).filter(|key| key.at == old);
            old += 1;
            let Some(key) = last else { return false };
            key.at = at;
            at += 1;
            weights.push(key.weight);
            true
        });
        sums.fill(&weights);
    }

    fn fade(&mut self, all: u64) {
        let (before, counted) = self.before;
        self.before = (all, (counted + all.saturating_sub(before) as f64) / 2.0);
        self.calls /= 2.0;
        self.reuses.iter_mut().for_each(|count| *count /= 2.0);
        self.since = 0;
    }
}

/// Another hash of the hash: its bits choose places in tables already.
fn number(hash: u64) -> u64 {
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

/// Where a distance is counted.
fn size_of(distance: f64) -> usize {
    let doublings = (distance.max(SMALLEST) / SMALLEST).log2();
    ((doublings * STEPS) as usize).min(SIZES - 1)
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
