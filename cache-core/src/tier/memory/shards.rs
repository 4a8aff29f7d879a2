//! The engine: shards under read-write locks, each with places and an [order](super::order) of its own that chooses what leaves.

use super::{
    Resident,
    engine::{Engine, Evicted, Inserted, Seen, Token},
    key::{Lookup, MemoryKey, Probe},
    options::Eviction,
    places::{Place, Places},
    shard::Shard,
};
#[cfg(feature = "redis")]
use crate::key::Encoded;
use crate::sync::{Arc, RwLock, read, write};
use std::thread;

/// The smallest shard: below this, sharding would cost more in unevenly filled shards than it gains.
const SMALLEST_SHARD: u64 = 64 * 1024;

/// See the module.
pub(crate) struct Shards<R: Resident> {
    shards: Box<[RwLock<Shard<R>>]>,
}

impl<R: Resident> Shards<R> {
    /// As many shards as threads can use, if each can hold two of the largest entries.
    fn count(bytes: u64, largest: u64) -> usize {
        let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
        let room = bytes / largest.saturating_mul(2).max(SMALLEST_SHARD);
        let room = room.checked_ilog2().map_or(1, |log| 1 << log);
        (4 * threads).next_power_of_two().min(room) as usize
    }

    /// Sets the time that its orders count uses in.
    #[cfg(test)]
    pub(super) fn set_now(&self, now: u32) {
        let shards = self.shards.iter();
        shards.for_each(|shard| write(shard).set_now(now));
    }

    /// What places and queues occupy.
    #[cfg(test)]
    pub(super) fn memory_used(&self) -> usize {
        let shards = self.shards.iter();
        shards.map(|shard| read(shard).memory_used()).sum()
    }

    /// The shard is chosen by bits that the index uses neither for the bucket nor for the tag.
    #[inline]
    fn shard(&self, hash: u64) -> &RwLock<Shard<R>> {
        &self.shards[(hash >> 40) as usize & (self.shards.len() - 1)]
    }

    /// Visits what is made of each entry, if anything is. Locks are held for a copy of a shard's tokens, and for one entry at a time.
    fn for_each_made<T>(
        &self,
        make: impl Fn(&Shard<R>, &Token) -> Option<T>,
        mut visit: impl FnMut(&T),
    ) {
        let tokens = |shard: &RwLock<Shard<R>>| read(shard).tokens().into_iter();
        let mut tokens: Vec<_> = self.shards.iter().map(tokens).collect();
        // One of each shard in turn, as when they are resized.
        let mut more = true;
        while more {
            more = false;
            for (shard, tokens) in self.shards.iter().zip(&mut tokens) {
                let Some(token) = tokens.next() else { continue };
                more = true;
                let made = make(&read(shard), &token);
                made.iter().for_each(&mut visit);
            }
        }
    }
}

impl<R: Resident> Engine<R> for Shards<R> {
    /// A place, and a token in a queue that doubles and may hold as many of those who have left.
    const OVERHEAD: u64 = Places::<R>::OVERHEAD + 2 * size_of::<Token>() as u64;

    fn new(bytes: u64, largest: u64, eviction: Eviction) -> Self {
        let shards = Self::count(bytes, largest);
        let share = bytes / shards as u64;
        Self {
            shards: (0..shards)
                .map(|_| RwLock::new(Shard::new(share, eviction)))
                .collect(),
        }
    }

    #[inline(always)]
    fn view<T>(&self, lookup: &Lookup<'_>, visit: impl FnOnce(Seen<'_, R>) -> T) -> Option<T> {
        let shard = read(self.shard(lookup.hashed()));
        Some(visit(shard.see(lookup)?))
    }

    fn peek<P: Probe>(&self, probe: &P) -> Option<Arc<R>> {
        let shard = read(self.shard(probe.hashed()));
        shard.find(probe).map(|place| Arc::clone(&place.entry))
    }

    fn holds<P: Probe>(&self, probe: &P) -> bool {
        read(self.shard(probe.hashed())).find(probe).is_some()
    }

    fn spare(&self, token: &Token) -> Option<bool> {
        let shard = read(self.shard(token.hash));
        shard.find(token).map(Place::spare)
    }

    fn insert(&self, key: &MemoryKey, entry: Arc<R>) -> Result<Inserted<R>, Arc<R>> {
        write(self.shard(key.hash())).insert(key, entry)
    }

    fn remove_if<P: Probe>(
        &self,
        probe: &P,
        condition: impl FnOnce(&Arc<R>) -> bool,
    ) -> Option<Arc<R>> {
        let removed = write(self.shard(probe.hashed())).remove_if(probe, condition);
        removed.map(|place| place.entry)
    }

    fn for_each(&self, visit: impl FnMut(&Arc<R>)) {
        let entry = |shard: &Shard<R>, token: &Token| Some(Arc::clone(&shard.find(token)?.entry));
        self.for_each_made(entry, visit);
    }

    #[cfg(feature = "redis")]
    fn for_each_used(&self, mut visit: impl FnMut(&Arc<R>, Encoded<'_>, u8)) {
        self.for_each_made(Shard::used, |used| {
            visit(&used.entry, used.bytes.encoded(used.tags), used.times)
        });
    }

    fn resize(&self, bytes: u64) -> Evicted<R> {
        let share = bytes / self.shards.len() as u64;
        let mut aims = Vec::with_capacity(self.shards.len());
        aims.extend(self.shards.iter().map(|shard| write(shard).aim(share)));
        let mut evicted = Evicted::new();
        // One entry of each shard in turn: whoever waits for a shard finds it free while the others are gone through.
        let mut done = false;
        while !done {
            done = true;
            for (shard, aim) in self.shards.iter().zip(&aims) {
                done &= write(shard).approach(*aim, &mut evicted);
            }
        }
        evicted
    }

    fn largest(&self) -> u64 {
        let limit = self.shards.first().map_or(0, |shard| read(shard).limit());
        limit.min(u64::from(u32::MAX))
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|shard| read(shard).len()).sum()
    }

    fn weight(&self) -> u64 {
        self.shards.iter().map(|shard| read(shard).weight()).sum()
    }
}

#[cfg(all(test, loom))]
mod models;
