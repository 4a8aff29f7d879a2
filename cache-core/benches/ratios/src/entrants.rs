//! Ours and the peers, each as its documentation says that it is used, with what is its default.

use std::cell::Cell;

use cache_core::{Cache, Memory, cache};
use foyer_memory::{CacheBuilder, EvictionConfig, LfuConfig, LruConfig, S3FifoConfig};

/// How many of these calls are hits, in a new cache with room for so many entries.
pub(crate) type Replay = fn(&[u32], usize) -> u64;

pub(crate) struct Entrant {
    pub(crate) name: &'static str,
    pub(crate) replay: Replay,
    /// Who has to be at least as good as all peers.
    pub(crate) default: bool,
}

const fn peer(name: &'static str, replay: Replay) -> Entrant {
    Entrant {
        name,
        replay,
        default: false,
    }
}

pub(crate) const ENTRANTS: [&Entrant; 6] = [
    &Entrant {
        name: "`#[cache]`",
        replay: ours,
        default: true,
    },
    &peer("quick_cache", quick_cache),
    &peer("moka", moka),
    &peer("foyer LRU", |calls, entries| {
        foyer(calls, entries, LruConfig::default())
    }),
    &peer("foyer S3-FIFO", |calls, entries| {
        foyer(calls, entries, S3FifoConfig::default())
    }),
    &peer("foyer LFU", |calls, entries| {
        foyer(calls, entries, LfuConfig::default())
    }),
];

thread_local! {
    static COMPUTED: Cell<u64> = const { Cell::new(0) };
}

#[cache(ttl = "never")]
fn value(key: u32) -> u32 {
    COMPUTED.set(COMPUTED.get() + 1);
    key
}

/// The bound in bytes that gives room for so many entries: none of them says how much an entry takes beside its value.
fn room(entries: usize) -> Memory {
    let mut bytes = 1_000 * entries as u64;
    loop {
        let memory = Memory::new().max_bytes(bytes);
        let Ok(cache) = Cache::builder().memory(memory).build_blocking() else {
            unreachable!("the bound is valid");
        };
        cache.enter(|| {
            (0..8 * entries as u32).for_each(|key| {
                value(key);
            });
        });
        let most = cache.stats().total.entries;
        if most <= entries as u64 {
            return memory;
        }
        // As many bytes less as there are too many entries: a few steps do.
        bytes = (bytes * entries as u64 / most).min(bytes - 1);
    }
}

fn ours(calls: &[u32], entries: usize) -> u64 {
    let Ok(cache) = Cache::builder().memory(room(entries)).build_blocking() else {
        unreachable!("the bound is valid");
    };
    COMPUTED.set(0);
    cache.enter(|| {
        calls.iter().for_each(|key| {
            value(*key);
        });
    });
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
