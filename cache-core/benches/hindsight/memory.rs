//! [`Memory::between`] beside the fixed bound that gives the same hit rate, if one knows which it is.
//!
//! Calls are replayed in their order by an annotated function and caches of its own. What counts is from when a third of them
//! is over: until then nobody knows anything. Where long days and nights take turns it is the days: by night few keys are asked for,
//! which are hits with any bound, and what matters is that the night did not cost what the day needs.

use std::error::Error;
use std::path::Path;

use cache_core::{Cache, Memory, cache};

use super::traces::Random;

/// From this key on values are large.
const LARGE: u64 = 1 << 50;

/// A value of some hundred bytes to two KiB; in each replay the keys are others, and the values are not.
#[cache(ttl = "never")]
fn page(key: u64, replay: usize) -> Vec<u8> {
    let _ = replay;
    if key >= LARGE {
        return vec![0; 100_000];
    }
    vec![0; 200 + (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize % 2_000]
}

/// Keys in the order of their calls.
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) keys: Vec<u64>,
    /// Of how many calls each turn is, a night's, and two of a day's, if days alone count.
    turn: Option<usize>,
}

impl Workload {
    fn by_night(&self, at: usize) -> bool {
        self.turn.is_some_and(|calls| night(at, calls))
    }
}

/// Whether the call with this number is a night's, if turns are of so many calls.
fn night(at: usize, calls: usize) -> bool {
    (at / calls).is_multiple_of(3)
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
    Box::new(move |random, at| match night(at, calls) {
        true => (1 << 40) + skewed(random, 2_000.0, 0.5),
        false => skewed(random, 40_000.0, 0.8),
    })
}

/// Of so many calls each.
pub(crate) fn workloads(calls: usize) -> Vec<Workload> {
    let make = |name: &str, mut key: Make| {
        let mut random = Random(3);
        Workload {
            name: name.to_owned(),
            keys: (0..calls).map(|at| key(&mut random, at)).collect(),
            turn: None,
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
        Workload {
            turn: Some(calls / 12),
            ..make("by day and by night", alternating(calls / 12))
        },
        // In turns so short that their mean is what counts.
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
        turn: None,
    })
}

/// What a replay came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) rate: f64,
    /// The mean of the bytes in use.
    pub(crate) bytes: f64,
}

/// So many calls at once, and a look at the bytes.
const SOME: usize = 10_000;

/// What is short is replayed until there were so many calls: which keys are looked at is chance, by their hashes.
const CALLS: usize = 2_000_000;

/// The means of all replays.
fn replay(calls: &Workload, memory: Memory) -> Outcome {
    let runs = (CALLS / calls.keys.len().max(1)).clamp(1, 20);
    let outcomes = (0..runs).map(|nth| replay_once(calls, memory, nth));
    let (rate, bytes) = outcomes.fold((0.0, 0.0), |(rate, bytes), outcome| {
        (rate + outcome.rate, bytes + outcome.bytes)
    });
    Outcome {
        rate: rate / runs as f64,
        bytes: bytes / runs as f64,
    }
}

fn replay_once(workload: &Workload, memory: Memory, nth: usize) -> Outcome {
    let Ok(cache) = Cache::builder().memory(memory).build_blocking() else {
        unreachable!("the bounds are valid");
    };
    let known = workload.keys.len() / 3;
    let (mut bytes, mut looks, mut calls) = (0.0, 0.0, 0);
    let (mut hits, mut before) = (0, 0);
    for (at, some) in workload.keys.chunks(SOME).enumerate() {
        cache.enter(|| {
            some.iter().for_each(|key| {
                page(*key, nth);
            });
        });
        let total = cache.stats().total;
        if at * SOME >= known && !workload.by_night(at * SOME) {
            bytes += total.bytes as f64;
            looks += 1.0;
            calls += some.len();
            hits += total.hits - before;
        }
        before = total.hits;
    }
    Outcome {
        rate: hits as f64 / calls as f64,
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

fn fixed(calls: &Workload, bytes: u64) -> Outcome {
    replay(calls, with(Memory::new().max_bytes(bytes)))
}

/// With the fixed bound that gives this hit rate, as between two that give nearly as much. `good` is what is known of one.
fn fixed_for(calls: &Workload, rate: f64, good: Outcome) -> Outcome {
    let ((mut less, mut below), (mut more, mut above)) = match good.rate < rate {
        true => ((GOOD, good), (MOST, fixed(calls, MOST))),
        false => ((LEAST, fixed(calls, LEAST)), (GOOD, good)),
    };
    while more > less + less / 10 {
        let bytes = ((less as f64) * (more as f64)).sqrt() as u64;
        let outcome = fixed(calls, bytes);
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

pub(crate) fn compare(calls: &Workload) -> Row {
    let asked = fixed(calls, GOOD);
    let adaptive = replay(calls, with(Memory::new().between(LEAST..=MOST, asked.rate)));
    Row {
        adaptive,
        asked,
        equal: fixed_for(calls, adaptive.rate, asked),
    }
}
