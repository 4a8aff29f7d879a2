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

/// Of so many keys one is looked at, at most, once enough is known.
const ONE_OF: u64 = 16;

/// Until so many calls were seen it may be every key; then every other, until there were twice as many, and so on. Each of these calls
/// takes some 100 ns more, and contends for a lock: few enough to be nothing beside what is learned. What is small, or soon over, has steps
/// enough to go from a bound to a hundredth of it, and to settle there.
const EVERY_KEY: u64 = 32 * STEP;

/// So many keys are looked at, at most; more would not make the curve much better.
const MOST_KEYS: usize = 8_192;

/// After so many of their calls all that was counted before counts half, so that the curve follows what changes.
const HALF_LIFE: u64 = 1 << 19;

/// After so many of them there is something new to see, at first; then after twice as many each time, ...
const FIRST_STEP: u64 = 512;

/// ... up to so many.
const STEP: u64 = 2_048;

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
    /// Those with another are not looked at any more, ever.
    ceiling: AtomicU64,
    /// Which goes down to one key of so many.
    one_of: u64,
    /// What is further away than this is forgotten: it would be a hit with no bound that anybody asks about.
    horizon: u64,
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
    halvings: i32,
    uses: u64,
    /// After how many uses there is something new to see, and how many more than the last time that are.
    next: (u64, u64),
    /// After how many uses half of the keys are enough.
    enough: u64,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    /// Its place in the order of uses.
    at: usize,
    weight: u64,
    expires: u64,
}

/// Calls by their distance, and how many there were: those of long ago count less.
#[derive(Clone, Debug)]
pub(crate) struct Rates {
    reuses: Box<[f64]>,
    /// All calls of keys that are looked at, each for as many as its key stands for.
    seen: f64,
    /// All calls.
    calls: f64,
    halvings: i32,
    /// How many calls were looked at, none of which is forgotten.
    pub(crate) uses: u64,
}

impl Rates {
    /// Those of the calls since they were as they were `before`, if there were any.
    pub(crate) fn since(&self, before: &Self) -> Option<Self> {
        let share = 0.5_f64.powi(self.halvings - before.halvings);
        let reuses = self.reuses.iter().zip(&before.reuses);
        let since = Self {
            reuses: reuses.map(|(now, then)| now - share * then).collect(),
            seen: self.seen - share * before.seen,
            calls: self.calls - share * before.calls,
            halvings: self.halvings,
            uses: self.uses - before.uses,
        };
        (since.uses > 0 && since.calls > 0.0).then_some(since)
    }

    /// The hit rate for each size.
    pub(crate) fn curve(&self) -> MemoryCurve {
        // Where a key of many calls is among those that are looked at, or is not, it is one that nearly any cache would have.
        let mut hits = self.calls - self.seen;
        let mut points: Vec<(u64, f64)> = Vec::new();
        let rate = |hits: f64| (hits / self.calls).clamp(0.0, 1.0);
        for (size, count) in self.reuses.iter().enumerate() {
            if *count <= 0.0 {
                continue;
            }
            // From where it rises to where it is what it is then.
            let [from, to] = [size, size + 1].map(bytes_of);
            if points.last().is_none_or(|(bytes, _)| *bytes < from) {
                points.push((from, rate(hits)));
            }
            hits += count;
            points.push((to, rate(hits)));
        }
        MemoryCurve { points }
    }
}

/// What a call found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It was there.
    Hit { weight: u64, expires: u64 },
    /// It was not, at this time, but would have been in a larger cache if it had been stored before and not expired.
    Missed(u64),
    /// It would not have been there in any.
    Never,
}

impl Curve {
    /// For bounds of up to so many bytes.
    pub(crate) fn new(horizon: u64) -> Self {
        Self::of(ONE_OF, MOST_KEYS, horizon)
    }

    fn of(one_of: u64, most: usize, horizon: u64) -> Self {
        Self {
            due: AtomicBool::new(false),
            threshold: AtomicU64::new(u64::MAX),
            ceiling: AtomicU64::new(u64::MAX),
            one_of,
            horizon,
            seen: Mutex::new(Seen {
                keys: HashMap::default(),
                sums: Sums::new(2 * most),
                order: Vec::with_capacity(2 * most),
                reuses: vec![0.0; SIZES].into(),
                calls: 0.0,
                before: (0, 0.0),
                halvings: 0,
                uses: 0,
                next: (FIRST_STEP, FIRST_STEP),
                enough: EVERY_KEY,
            }),
        }
    }

    /// Whether a key with this hash is looked at.
    pub(crate) fn has(&self, hash: u64) -> bool {
        number(hash) < self.threshold.load(Ordering::Relaxed)
    }

    /// Whether it may be looked at some time.
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        number(hash) < self.ceiling.load(Ordering::Relaxed)
    }

    /// A call of a key. `all` are the calls of all keys so far.
    pub(crate) fn used(&self, hash: u64, of: Use, all: impl FnOnce() -> u64) {
        if !self.has(hash) {
            return;
        }
        let one_of = self.one_of();
        let mut seen = lock(&self.seen);
        seen.calls += one_of;
        let key = seen.keys.get(&hash).copied();
        let before = key.filter(|key| match of {
            Use::Hit { .. } => true,
            Use::Missed(now) => key.expires > now,
            Use::Never => false,
        });
        if let Some(key) = before {
            let others = seen.sums.after(key.at) as f64 * one_of;
            let size = size_of(others + key.weight as f64);
            if let Some(count) = seen.reuses.get_mut(size) {
                *count += one_of;
            }
        }
        match of {
            Use::Hit { weight, expires } => seen.touch(hash, weight, expires),
            // Until it is stored, if it is.
            Use::Missed(_) | Use::Never => seen.remove(hash),
        }
        seen.uses += 1;
        if seen.uses >= seen.next.0 {
            let step = seen.next.1.min(STEP);
            seen.next = (seen.uses + step, 2 * step);
            self.due.store(true, Ordering::Relaxed);
        }
        if seen.uses.is_multiple_of(HALF_LIFE) {
            seen.fade(all());
        }
        self.bound(&mut seen);
    }

    /// What a key weighs that is stored, and when it expires.
    pub(crate) fn stored(&self, hash: u64, weight: u64, expires: u64) {
        if !self.has(hash) {
            return;
        }
        let mut seen = lock(&self.seen);
        match seen.keys.get(&hash).copied() {
            Some(key) => {
                let stored = Key {
                    weight,
                    expires,
                    ..key
                };
                seen.sums.set(key.at, weight);
                seen.keys.insert(hash, stored);
            }
            None => seen.touch(hash, weight, expires),
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

    /// Now and then forgets keys that nobody asked for in a long time; and every other one if they have become too many, or enough is known.
    fn bound(&self, seen: &mut Seen) {
        let most = seen.sums.len() / 2;
        let too_many = seen.keys.len() > most;
        if !too_many && seen.order.len() < seen.sums.len() {
            return;
        }
        seen.forget((self.horizon as f64 / self.one_of()) as u64);
        let mut threshold = self.threshold.load(Ordering::Relaxed);
        let mut ceiling = self.ceiling.load(Ordering::Relaxed);
        let lowest = u64::MAX / self.one_of;
        if ceiling > lowest && seen.uses >= seen.enough {
            seen.enough *= 2;
            ceiling = lowest.max(ceiling / 2);
        } else if seen.keys.len() < most / 4 {
            // Those who were many have gone, like a scan's.
            threshold = threshold.saturating_mul(2);
        }
        threshold = threshold.min(ceiling);
        seen.retain(|hash, _| number(hash) < threshold);
        while too_many && seen.keys.len() > most - most / 4 {
            threshold /= 2;
            seen.retain(|hash, _| number(hash) < threshold);
        }
        self.threshold.store(threshold, Ordering::Relaxed);
        // Entries of keys above are watched no longer.
        self.ceiling
            .store(ceiling.min(threshold.max(lowest)), Ordering::Relaxed);
        seen.close_up();
    }

    /// What is known of all calls so far; nothing is before the first.
    pub(crate) fn rates(&self, all: u64) -> Option<Rates> {
        let seen = lock(&self.seen);
        let calls = seen.before.1 + (all.saturating_sub(seen.before.0)) as f64;
        if seen.calls == 0.0 || calls == 0.0 {
            return None;
        }
        Some(Rates {
            reuses: seen.reuses.clone(),
            seen: seen.calls,
            calls,
            halvings: seen.halvings,
            uses: seen.uses,
        })
    }
}

impl Seen {
    /// A key is the one that was used last.
    fn touch(&mut self, hash: u64, weight: u64, expires: u64) {
        if let Some(key) = self.keys.get(&hash) {
            self.sums.set(key.at, 0);
        }
        if self.order.len() == self.sums.len() {
            self.close_up();
        }
        let at = self.order.len();
        self.order.push(hash);
        self.sums.set(at, weight);
        let key = Key {
            at,
            weight,
            expires,
        };
        self.keys.insert(hash, key);
    }

    fn remove(&mut self, hash: u64) {
        if let Some(key) = self.keys.remove(&hash) {
            self.sums.set(key.at, 0);
        }
    }

    /// Forgets keys behind whose last use the others weigh more than this.
    fn forget(&mut self, weight: u64) {
        let first = self.sums.first_before(weight);
        self.retain(|_, at| at >= first);
    }

    fn retain(&mut self, stays: impl Fn(u64, usize) -> bool) {
        let Self { keys, sums, .. } = self;
        keys.retain(|hash, key| {
            let stays = stays(*hash, key.at);
            if !stays {
                sums.set(key.at, 0);
            }
            stays
        });
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
        self.halvings += 1;
    }
}

/// Another hash of the hash: its bits choose places in tables already.
fn number(hash: u64) -> u64 {
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

/// The distances that are counted in a place are those from here to the next one's.
fn bytes_of(size: usize) -> u64 {
    (SMALLEST * (size as f64 / STEPS).exp2()) as u64
}

/// Where a distance is counted.
fn size_of(distance: f64) -> usize {
    let doublings = (distance.max(SMALLEST) / SMALLEST).log2();
    ((doublings * STEPS) as usize).min(SIZES - 1)
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
