//! The engine on `quick_cache`: shards under read-write locks, and CLOCK-Pro with ghosts to choose what leaves.

use super::{
    engine::{Departed, Engine, Slot},
    key::{Lookup, MemoryKey, Probe},
};
use crate::sync::{Arc, Mutex, lock};
use quick_cache::{Equivalent, Lifecycle, OptionsBuilder, Weighter, sync::Cache};
use std::{
    hash::{BuildHasherDefault, Hash, Hasher},
    mem, thread,
};

/// The share of a shard that its entries may fill before new ones have to prove themselves; also the greatest weight of one entry.
const HOT: f64 = 0.97;

/// How heavy entries are expected to be. The guess sizes the memory of recently evicted keys, the ghosts, and nothing else; an order of
/// magnitude of error costs little.
const EXPECTED_WEIGHT: u64 = 1024;

/// Ghosts per expected entry.
const GHOSTS: f64 = 0.5;

/// The smallest shard: below this, sharding would cost more in unevenly filled shards than it gains.
const SMALLEST_SHARD: u64 = 64 * 1024;

/// What a slot occupies in the slab: itself and its key, two links, a reference counter and its state.
const fn slab_bytes<R: ?Sized>() -> u64 {
    (size_of::<MemoryKey>() + size_of::<Slot<R>>() + 16) as u64
}

/// What a slot occupies in the index: five bytes, in a table that doubles when it is seven eighths full and is rebuilt beside itself.
const INDEX_BYTES: u64 = 16;

/// See the module.
pub(crate) struct Quick<R: ?Sized> {
    cache: Cache<MemoryKey, Slot<R>, ByWeight, BuildHasherDefault<Carried>, Collect<R>>,
    /// Receives what the cache evicts in its own name, while it is resized.
    stray: Arc<Mutex<Departed<R>>>,
}

impl<R: Send + Sync + ?Sized> Quick<R> {
    /// What remains of `bytes` for slots when the ghosts have theirs.
    fn without_ghosts(bytes: u64) -> u64 {
        let ghosts = (Self::expected(bytes) as f64 * GHOSTS) as u64;
        bytes - ghosts * (slab_bytes::<R>() + INDEX_BYTES)
    }

    /// What the tables occupy by the cache's own account.
    #[cfg(test)]
    pub(super) fn memory_used(&self) -> u64 {
        self.cache.memory_used().total() as u64
    }

    fn expected(bytes: u64) -> u64 {
        bytes / EXPECTED_WEIGHT
    }

    /// As many shards as threads can use, if each can hold two of the largest slots.
    fn shards(bytes: u64, largest: u64) -> u64 {
        let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
        let room = bytes / largest.saturating_mul(2).max(SMALLEST_SHARD);
        let room = room.checked_ilog2().map_or(1, |log| 1 << log);
        (4 * threads).next_power_of_two().min(room)
    }
}

impl<R: Send + Sync + ?Sized> Engine<R> for Quick<R> {
    const OVERHEAD: u64 = slab_bytes::<R>() + INDEX_BYTES;

    fn new(bytes: u64, largest: u64) -> Self {
        let slots = Self::without_ghosts(bytes);
        let shards = Self::shards(slots, largest);
        let stray = Arc::default();
        let options = OptionsBuilder::new()
            .shards(usize::try_from(shards).unwrap_or(1))
            // The cache halves the shards until each expects 32 items. Ours expect twice that, or are alone.
            .estimated_items_capacity(usize::try_from(Self::expected(bytes)).unwrap_or(usize::MAX))
            // It also rounds a shard's share up, which would exceed the bound.
            .weight_capacity(slots / shards * shards)
            .hot_allocation(HOT)
            .ghost_allocation(GHOSTS)
            .build();
        // The builder fails only without the two values given above.
        let cache = match options {
            Ok(options) => Cache::with_options(
                options,
                ByWeight,
                BuildHasherDefault::default(),
                Collect(Arc::clone(&stray)),
            ),
            Err(_) => Cache::with(
                0,
                0,
                ByWeight,
                BuildHasherDefault::default(),
                Collect(Arc::clone(&stray)),
            ),
        };
        Self { cache, stray }
    }

    #[inline]
    fn get(&self, lookup: &Lookup<'_>) -> Option<Arc<R>> {
        self.cache.get(lookup).map(|slot| slot.entry)
    }

    #[inline]
    fn peek<P: Probe>(&self, probe: &P) -> Option<Slot<R>> {
        self.cache.peek(&By(probe))
    }

    fn insert(&self, key: MemoryKey, slot: Slot<R>) -> Departed<R> {
        let mut pending = Pending::default();
        self.cache.insert_with_lifecycle(key, slot, &mut pending);
        mem::take(&mut pending.departed)
    }

    fn remove_if<P: Probe>(
        &self,
        probe: &P,
        condition: impl FnOnce(&Slot<R>) -> bool,
    ) -> Option<(MemoryKey, Slot<R>)> {
        self.cache.remove_if(&By(probe), condition)
    }

    fn for_each(&self, mut visit: impl FnMut(&MemoryKey, &Slot<R>)) {
        // The iterator takes a shard's lock anew for each item.
        for (key, slot) in self.cache.iter() {
            visit(&key, &slot);
        }
    }

    fn resize(&self, bytes: u64) -> Departed<R> {
        let shards = self.cache.num_shards() as u64;
        self.cache
            .set_capacity(Self::without_ghosts(bytes) / shards * shards);
        mem::take(&mut *lock(&self.stray))
    }

    fn largest(&self) -> u64 {
        // As the cache computes it, for the shard whose share is the same as all others'.
        (self.cache.shard_capacity() as f64 * HOT) as u64
    }

    fn len(&self) -> usize {
        self.cache.len()
    }

    fn weight(&self) -> u64 {
        self.cache.weight()
    }
}

// For hits, which are thus spared the indirection of `By`.
impl Hash for Lookup<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hashed());
    }
}

impl Equivalent<MemoryKey> for Lookup<'_> {
    #[inline]
    fn equivalent(&self, key: &MemoryKey) -> bool {
        self.matches(key)
    }
}

/// Any probe as `quick_cache` wants it.
struct By<'a, P>(&'a P);

impl<P: Probe> Hash for By<'_, P> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hashed());
    }
}

impl<P: Probe> Equivalent<MemoryKey> for By<'_, P> {
    #[inline]
    fn equivalent(&self, key: &MemoryKey) -> bool {
        self.0.matches(key)
    }
}

/// Hands on the hash that a key carries.
///
/// The cache takes the shard from the middle of a hash, the bucket from its low end and the tag from its high end, so that each of them
/// must be well mixed: `every_part_of_the_hash_is_even`.
#[derive(Default)]
struct Carried(u64);

impl Hasher for Carried {
    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    // Keys and probes write one u64; this is for the trait.
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Clone)]
struct ByWeight;

impl<R: ?Sized> Weighter<MemoryKey, Slot<R>> for ByWeight {
    #[inline]
    fn weight(&self, _: &MemoryKey, slot: &Slot<R>) -> u64 {
        u64::from(slot.weight)
    }
}

/// Collects what leaves a shard while it is locked.
struct Collect<R: ?Sized>(Arc<Mutex<Departed<R>>>);

impl<R: ?Sized> Clone for Collect<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// What one operation pushed out. Whoever runs the operation takes it; what is left when this is dropped, after the lock is released,
/// goes to the engine: `set_capacity` keeps its own state to itself.
struct Pending<R: ?Sized> {
    departed: Departed<R>,
    stray: Option<Arc<Mutex<Departed<R>>>>,
}

impl<R: ?Sized> Default for Pending<R> {
    #[inline]
    fn default() -> Self {
        Self {
            departed: Vec::new(),
            stray: None,
        }
    }
}

impl<R: ?Sized> Drop for Pending<R> {
    fn drop(&mut self) {
        if let (Some(stray), false) = (&self.stray, self.departed.is_empty()) {
            lock(stray).append(&mut self.departed);
        }
    }
}

impl<R: ?Sized> Lifecycle<MemoryKey, Slot<R>> for Collect<R> {
    type RequestState = Pending<R>;

    fn on_evict(&self, pending: &mut Pending<R>, key: MemoryKey, slot: Slot<R>) {
        if pending.stray.is_none() {
            pending.stray = Some(Arc::clone(&self.0));
        }
        // Against what its documentation says, the cache also calls this for a slot that was replaced.
        pending.departed.push((key, slot));
    }
}
