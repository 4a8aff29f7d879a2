//! [`Memory::between`] beside the fixed bound that gives the same hit rate, if one knows which it is.
//!
//! Calls are replayed in their order by an annotated function and caches of its own. What counts is from when a third of them
//! is over: until then nobody knows anything.

use std::error::Error;
use std::path::Path;

use cache_core::{Cache, Memory, cache};

use super::traces::Random;

/// From this key on values are large.
const LARGE: u64 = 1 << 50;

/// A value of some hundred bytes to two KiB.
#[cache(ttl = "never")]
fn page(key: u64) -> Vec<u8> {
    if key >= LARGE {
        return vec![0; 100_000];
    }
    vec![0; 200 + (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize % 2_000]
}

/// Keys in the order of their calls.
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) keys: Vec<u64>,
}

/// One of so many keys, the small ones more often: the inverse of the integral of Zipf's distribution.
fn skewed(random: &mut Random, keys: f64, skew: f64) -> u64 {
    let share = random.next();
    ((keys.powf(1.0 - skew) - 1.0) * share + 1.0).powf(1.0 / (1.0 - skew)) as u64
}

/// Makes the key of one of the calls, by its number.
type Make = Box<dyn FnMut(&mut Random, usize) -> u64>;

/// For so many calls some of few keys, and for twice as many those of others.
fn alternating(calls: usize) -> Make {
    Box::new(move |random, at| match at / calls % 3 {
        0 => (1 << 40) + skewed(random, 2_000.0, 0.5),
        _ => skewed(random, 40_000.0, 0.8),
    })
}

/// Of so many calls each.
pub(crate) fn workloads(calls: usize) -> Vec<Workload> {
    let make = |name: &str, mut key: Make| {
        let mut random = Random(3);
        Workload {
            name: name.to_owned(),
            keys: (0..calls).map(|at| key(&mut random, at)).collect(),
        }
    };
    vec![
        make(
            "skewed",
            Box::new(|random, _| skewed(random, 100_000.0, 0.9)),
        ),
        make("flat", Box::new(|random, _| skewed(random, 20_000.0, 0.5))),
        // The keys that are popular change slowly.
        make(
            "drifting",
            Box::new(|random, at| skewed(random, 30_000.0, 0.8) + at as u64 / 100),
        ),
        // Of ten calls one is a scan's, of keys that nobody asks for again.
        make(
            "scanned",
            Box::new(|random, at| match at % 10 {
                0 => (1 << 40) + at as u64,
                _ => skewed(random, 50_000.0, 0.9),
            }),
        ),
        // Three of ten calls are of twelve values of 100,000 bytes.
        make(
            "some large",
            Box::new(|random, at| match at % 10 {
                0 | 3 | 6 => LARGE + (random.next() * 12.0) as u64,
                _ => skewed(random, 50_000.0, 0.9),
            }),
        ),
        // A third of the time the calls are others', of few keys. Half of the calls while nothing counts yet, and a quarter afterwards.
        make("by day and by night", alternating(calls / 12)),
        // The same in short turns: a third throughout.
        make("hour by hour", alternating(calls / 36)),
    ]
}

/// Recorded calls: a number of four bytes for each, the lowest first.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn recorded(file: &Path) -> Result<Workload, Box<dyn Error>> {
    let bytes = std::fs::read(file)?;
    let numbers = bytes.chunks_exact(4);
    let keys = numbers.map(|number| {
        number
            .iter()
            .rfold(0, |sum, byte| sum << 8 | u64::from(*byte))
    });
    let name = file.file_stem().unwrap_or_default();
    Ok(Workload {
        name: name.to_string_lossy().into_owned(),
        keys: keys.collect(),
    })
}

/// What a replay came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) rate: f64,
    /// The mean of the bytes in use.
    pub(crate) bytes: f64,
}

pub(crate) fn replay(keys: &[u64], memory: Memory) -> Outcome {
    let Ok(cache) = Cache::builder().memory(memory).build_blocking() else {
        unreachable!("the bounds are valid");
    };
    let (known, rest) = keys.split_at(keys.len() / 3);
    let call = |keys: &[u64]| {
        cache.enter(|| {
            keys.iter().for_each(|key| {
                page(*key);
            });
        });
        cache.stats().total
    };
    let before = call(known).hits;
    let (mut bytes, mut looks, mut hits) = (0.0, 0.0, 0);
    for some in rest.chunks(10_000) {
        let total = call(some);
        bytes += total.bytes as f64;
        looks += 1.0;
        hits = total.hits;
    }
    Outcome {
        rate: (hits - before) as f64 / rest.len() as f64,
        bytes: bytes / looks,
    }
}

/// Between these bounds, ...
const LEAST: u64 = 1 << 20;
const MOST: u64 = 32 << 20;

/// ... for the hit rate that this fixed bound would give.
const GOOD: u64 = 8 << 20;

/// With the same for the largest entry, whatever the bound.
fn with(memory: Memory) -> Memory {
    memory.max_entry_bytes(1 << 19)
}

fn fixed(keys: &[u64], bytes: u64) -> Outcome {
    replay(keys, with(Memory::new().max_bytes(bytes)))
}

/// With the fixed bound that gives this hit rate, as between two that give nearly as much. `good` is what is known of one.
fn fixed_for(keys: &[u64], rate: f64, good: Outcome) -> Outcome {
    let ((mut less, mut below), (mut more, mut above)) = match good.rate < rate {
        true => ((GOOD, good), (MOST, fixed(keys, MOST))),
        false => ((LEAST, fixed(keys, LEAST)), (GOOD, good)),
    };
    while more > less + less / 10 {
        let bytes = ((less as f64) * (more as f64)).sqrt() as u64;
        let outcome = fixed(keys, bytes);
        match outcome.rate < rate {
            true => (less, below) = (bytes, outcome),
            false => (more, above) = (bytes, outcome),
        }
    }
    let share = (rate - below.rate) / (above.rate - below.rate);
    // Not a number where both give the same.
    let share = if share.is_finite() { share } else { 1.0 };
    Outcome {
        rate,
        bytes: below.bytes + (above.bytes - below.bytes) * share,
    }
}

/// A workload, replayed.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) adaptive: Outcome,
    /// With the bound that gives the hit rate that the adaptive one is to reach.
    pub(crate) asked: Outcome,
    /// With the one that gives the hit rate that it has reached.
    pub(crate) equal: Outcome,
}

impl Row {
    /// How much higher its hit rate is than was asked for, as a share.
    pub(crate) fn higher(&self) -> f64 {
        self.adaptive.rate / self.asked.rate - 1.0
    }

    /// How much more it has in use than a fixed bound needs for the same hits, as a share.
    pub(crate) fn more(&self) -> f64 {
        self.adaptive.bytes / self.equal.bytes - 1.0
    }

    /// The same beside the one that gives what was asked for.
    pub(crate) fn more_than_asked(&self) -> f64 {
        self.adaptive.bytes / self.asked.bytes - 1.0
    }
}

pub(crate) fn compare(keys: &[u64]) -> Row {
    let asked = fixed(keys, GOOD);
    let adaptive = replay(keys, with(Memory::new().between(LEAST..=MOST, asked.rate)));
    Row {
        adaptive,
        asked,
        equal: fixed_for(keys, adaptive.rate, asked),
    }
}
