//! Ours and the peers, each as its documentation says that it is used, with what is its default.

use std::cell::Cell;

use cache_core::{Cache, CacheWeight, Eviction, Memory, cache};
use foyer_memory::{CacheBuilder, EvictionConfig, LfuConfig, LruConfig, S3FifoConfig};

/// How many of these calls are hits, in a new cache with room for so many entries.
pub(crate) type Replay = fn(&[u32], usize) -> u64;

pub(crate) struct Entrant {
    pub(crate) name: &'static str,
    pub(crate) replay: Replay,
    pub(crate) whose: Whose,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Whose {
    /// Ours, and has to be at least as good as all peers.
    Default,
    /// Ours, for who chooses it.
    Other,
    Peer,
}

const fn entrant(whose: Whose, name: &'static str, replay: Replay) -> Entrant {
    Entrant {
        name,
        replay,
        whose,
    }
}

pub(crate) const ENTRANTS: [Entrant; 11] = [
    entrant(Whose::Default, "default", |calls, entries| {
        ours(calls, entries, Eviction::default(), small)
    }),
    entrant(Whose::Default, "default, 8 KiB", |calls, entries| {
        ours(calls, entries, Eviction::default(), large)
    }),
    entrant(Whose::Other, "W-TinyLFU", |calls, entries| {
        ours(calls, entries, Eviction::WTinyLfu, small)
    }),
    entrant(Whose::Other, "SIEVE", |calls, entries| {
        ours(calls, entries, Eviction::Sieve, small)
    }),
    entrant(Whose::Other, "LRU", |calls, entries| {
        ours(calls, entries, Eviction::Lru, small)
    }),
    entrant(Whose::Other, "FIFO", |calls, entries| {
        ours(calls, entries, Eviction::Fifo, small)
    }),
    entrant(Whose::Peer, "quick_cache", quick_cache),
    entrant(Whose::Peer, "moka", moka),
    entrant(Whose::Peer, "foyer LRU", |calls, entries| {
        foyer(calls, entries, LruConfig::default())
    }),
    entrant(Whose::Peer, "foyer S3-FIFO", |calls, entries| {
        foyer(calls, entries, S3FifoConfig::default())
    }),
    entrant(Whose::Peer, "foyer LFU", |calls, entries| {
        foyer(calls, entries, LfuConfig::default())
    }),
];

thread_local! {
    static COMPUTED: Cell<u64> = const { Cell::new(0) };
}

#[cache(ttl = "never")]
fn small_value(key: u32) -> u32 {
    COMPUTED.set(COMPUTED.get() + 1);
    key
}

fn small(key: u32) {
    small_value(key);
}

/// Says that it has 8 KiB, so that nobody has to have them.
#[derive(Clone, Copy)]
struct Large;

impl CacheWeight for Large {
    fn cache_weight(&self) -> usize {
        8 << 10
    }
}

#[cache(ttl = "never")]
fn large_value(_key: u32) -> Large {
    COMPUTED.set(COMPUTED.get() + 1);
    Large
}

fn large(key: u32) {
    large_value(key);
}

fn cache(memory: Memory) -> Cache {
    let built = Cache::builder().memory(memory).build_blocking();
    let Ok(cache) = built else {
        unreachable!("the bound is valid");
    };
    cache
}

/// The bound in bytes that gives room for so many entries: none of them says how much an entry takes beside its value.
fn room(entries: usize, eviction: Eviction, call: fn(u32)) -> Memory {
    let held = |memory, calls| {
        let cache = cache(memory);
        cache.enter(|| (0..calls).for_each(call));
        cache.stats().total
    };
    let of_bytes = |bytes| Memory::new().max_bytes(bytes).eviction(eviction);
    let entries = entries as u64;
    // Without what the engine charges for each, which the first try tells.
    let mut bytes = entries * held(of_bytes(1 << 20), 1).bytes;
    let first = held(of_bytes(bytes), 3 * entries as u32).entries;
    bytes = bytes * entries / first.max(1);
    loop {
        let most = held(of_bytes(bytes), 3 * entries as u32).entries;
        if most <= entries {
            return of_bytes(bytes);
        }
        bytes = (bytes * entries / most).min(bytes - 1);
    }
}

fn ours(calls: &[u32], entries: usize, eviction: Eviction, call: fn(u32)) -> u64 {
    let cache = cache(room(entries, eviction, call));
    COMPUTED.set(0);
    cache.enter(|| calls.iter().copied().for_each(call));
    calls.len() as u64 - COMPUTED.get()
}

fn quick_cache(calls: &[u32], entries: usize) -> u64 {
    let cache = quick_cache::sync::Cache::new(entries);
    let hit = |key: &&u32| {
        let hit = cache.get(*key).is_some();
        if !hit {
            cache.insert(**key, **key);
        }
        hit
    };
    calls.iter().filter(hit).count() as u64
}

/// Without `run_pending_tasks`, after which it would have fewer hits: it chooses when many have come.
fn moka(calls: &[u32], entries: usize) -> u64 {
    let cache = moka::sync::Cache::new(entries as u64);
    let hit = |key: &&u32| {
        let hit = cache.get(*key).is_some();
        if !hit {
            cache.insert(**key, **key);
        }
        hit
    };
    calls.iter().filter(hit).count() as u64
}

fn foyer(calls: &[u32], entries: usize, config: impl Into<EvictionConfig>) -> u64 {
    let builder = CacheBuilder::new(entries).with_eviction_config(config);
    let cache: foyer_memory::Cache<u32, u32> = builder.build();
    let hit = |key: &&u32| {
        let hit = cache.get(*key).is_some();
        if !hit {
            cache.insert(**key, **key);
        }
        hit
    };
    calls.iter().filter(hit).count() as u64
}
