//! The engine: shards under read-write locks, and S3-FIFO to choose what leaves (Yang et al., "FIFO queues are all you need for cache
//! eviction", SOSP 2023), by weight instead of by number.
//!
//! New entries queue in a small probation queue. What is used there moves on to the main queue, in which each use is good for one more
//! turn; the rest leaves, and is remembered by its hash: whoever comes back soon enough goes to the main queue at once.

use super::{
    Resident,
    engine::{Engine, Evicted, Inserted, Seen, Token},
    key::{Lookup, Probe},
    life::Life,
};
use crate::sync::{Arc, RwLock, read, write};
use hashbrown::HashTable;
use std::{collections::VecDeque, mem, thread};

/// The share of a shard that is on probation: one part in so many.
const PROBATION: u64 = 10;

/// How heavy entries are expected to be: how many that have left are remembered depends on it, and nothing else.
const EXPECTED_WEIGHT: u64 = 512;

/// The smallest shard: below this, sharding would cost more in unevenly filled shards than it gains.
const SMALLEST_SHARD: u64 = 64 * 1024;

/// A queue is rid of the tokens of entries that have left when there are as many of those as of others, and so many more.
const SLACK: usize = 32;

/// See the module.
pub(crate) struct Fifo<R: Resident> {
    shards: Box<[RwLock<Shard<R>>]>,
}

/// An entry in the table: what a hit reads of it, in one line of the processor's cache where that fits.
#[repr(align(64))]
struct Place<R: Resident> {
    life: Life,
    entry: Arc<R>,
    face: R::Face,
}

impl<R: Resident> Place<R> {
    fn is<P: Probe>(&self, probe: &P) -> bool {
        probe.may_match::<R>(&self.face) && probe.matches(&*self.entry)
    }
}

/// Of an entry, which knows it: the table has no room for what only those need who add and remove.
fn hash_of<R: Resident>(place: &Place<R>) -> u64 {
    place.entry.key().hash()
}

/// Tokens in the order of their arrival, some of them of entries that have left.
#[derive(Default)]
struct Queue {
    tokens: VecDeque<Token>,
    /// Of entries that are there.
    live: usize,
    weight: u64,
}

#[repr(align(128))]
struct Shard<R: Resident> {
    table: HashTable<Place<R>>,
    probation: Queue,
    main: Queue,
    /// Parts of the hashes of what left probation unused.
    left: Box<[u32]>,
    limit: u64,
}

impl<R: Resident> Shard<R> {
    fn new(limit: u64, remembered: usize) -> Self {
        Self {
            table: HashTable::new(),
            probation: Queue::default(),
            main: Queue::default(),
            left: vec![0; remembered].into(),
            limit,
        }
    }

    #[inline(always)]
    fn find<P: Probe>(&self, probe: &P) -> Option<&Place<R>> {
        self.table.find(probe.hashed(), |place| place.is(probe))
    }

    /// The same for a hit, where there is another in its place.
    #[cold]
    #[inline(never)]
    fn find_further(&self, lookup: Lookup<'_>) -> Option<&Place<R>> {
        self.find(&lookup)
    }

    fn queue(&mut self, main: bool) -> &mut Queue {
        if main {
            &mut self.main
        } else {
            &mut self.probation
        }
    }

    fn insert(&mut self, entry: Arc<R>) -> Result<Inserted<R>, Arc<R>> {
        let resident = self.find(&entry.key());
        if resident.is_some_and(|place| place.entry.ordinal() > entry.ordinal()) {
            return Err(entry);
        }
        let token = Token {
            hash: entry.key().hash(),
            ticket: entry.standing().ticket(),
        };
        let previous = self.remove_if(&entry.key(), |_| true);
        let main = match &previous {
            // Its successor is as good.
            Some(place) => place.life.is_main(),
            None => self.comes_back(token.hash),
        };
        let replaced = previous.map(|place| place.entry);
        let charge = entry.standing().charge();
        let place = Place {
            life: Life::new(entry.due(), main),
            face: entry.face(),
            entry,
        };
        self.table.insert_unique(token.hash, place, hash_of);
        self.queue(main).push(token, charge);
        let mut evicted = Evicted::new();
        self.evict(&mut evicted);
        Ok(Inserted { replaced, evicted })
    }

    fn remove_if<P: Probe>(
        &mut self,
        probe: &P,
        condition: impl FnOnce(&Arc<R>) -> bool,
    ) -> Option<Place<R>> {
        let found = self
            .table
            .find_entry(probe.hashed(), |place| place.is(probe));
        let place = match found {
            Ok(found) if condition(&found.get().entry) => found.remove().0,
            _ => return None,
        };
        let main = place.life.is_main();
        let table = &self.table;
        let queue = if main {
            &mut self.main
        } else {
            &mut self.probation
        };
        queue.leave(place.entry.standing().charge());
        if queue.tokens.len() > 2 * queue.live + SLACK {
            queue.tokens.retain(|token| {
                let named = table.find(token.hash, |place| place.is(token));
                named.is_some_and(|place| place.life.is_main() == main)
            });
        }
        Some(place)
    }

    /// Makes what is there fit.
    fn evict(&mut self, evicted: &mut Evicted<R>) {
        while self.probation.weight + self.main.weight > self.limit {
            // One alone on probation stays for as long as there is anything else.
            let on_probation = self.main.live == 0
                || self.probation.live > 1 && self.probation.weight > self.limit / PROBATION;
            let queue = self.queue(!on_probation);
            let Some(token) = queue.tokens.pop_front() else {
                // Nothing but stale tokens, which cannot be while there is weight.
                return;
            };
            let found = self.table.find_entry(token.hash, |place| place.is(&token));
            let Ok(found) = found else { continue };
            let Place { life, entry, .. } = found.get();
            if life.is_main() == on_probation {
                continue;
            }
            let charge = entry.standing().charge();
            if on_probation && life.is_used() {
                life.promote();
                self.probation.leave(charge);
                self.main.push(token, charge);
            } else if !on_probation && life.spend() {
                self.main.tokens.push_back(token);
            } else {
                let entry = found.remove().0.entry;
                self.queue(!on_probation).leave(charge);
                if on_probation {
                    self.remember(token.hash);
                }
                evicted.push(entry);
            }
        }
    }

    fn remember(&mut self, hash: u64) {
        if let Some(slot) = self.memory(hash) {
            *slot = fingerprint(hash);
        }
    }

    /// Whether this hash left probation not long ago; forgets it.
    fn comes_back(&mut self, hash: u64) -> bool {
        self.memory(hash)
            .is_some_and(|slot| *slot == fingerprint(hash) && mem::take(slot) != 0)
    }

    fn memory(&mut self, hash: u64) -> Option<&mut u32> {
        let at = (hash as u32 as usize).checked_rem(self.left.len())?;
        self.left.get_mut(at)
    }
}

/// The part of a hash that its place among the remembered ones does not show; never 0.
fn fingerprint(hash: u64) -> u32 {
    (hash >> 32) as u32 | 1
}

impl Queue {
    fn push(&mut self, token: Token, charge: u32) {
        self.tokens.push_back(token);
        self.live += 1;
        self.weight += u64::from(charge);
    }

    fn leave(&mut self, charge: u32) {
        self.live -= 1;
        self.weight -= u64::from(charge);
    }
}

impl<R: Resident> Fifo<R> {
    /// As many shards as threads can use, if each can hold two of the largest entries.
    fn shards(bytes: u64, largest: u64) -> usize {
        let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64);
        let room = bytes / largest.saturating_mul(2).max(SMALLEST_SHARD);
        let room = room.checked_ilog2().map_or(1, |log| 1 << log);
        (4 * threads).next_power_of_two().min(room) as usize
    }

    /// What the tables and queues occupy.
    #[cfg(test)]
    pub(super) fn memory_used(&self) -> usize {
        let queues =
            |shard: &Shard<R>| shard.probation.tokens.capacity() + shard.main.tokens.capacity();
        let used =
            |shard: &Shard<R>| shard.table.allocation_size() + queues(shard) * size_of::<Token>();
        self.shards.iter().map(|shard| used(&read(shard))).sum()
    }

    /// The shard is chosen by bits that the table uses neither for the bucket nor for the tag.
    #[inline]
    fn shard(&self, hash: u64) -> &RwLock<Shard<R>> {
        &self.shards[(hash >> 40) as usize & (self.shards.len() - 1)]
    }

    /// What each of so many shards may hold, and how many it remembers of those that have left.
    fn share(bytes: u64, shards: usize) -> (u64, usize) {
        let share = bytes / shards as u64;
        // 256 Mi of them cost a GiB of address space, and memory only as they are used.
        let remembered = (share / EXPECTED_WEIGHT).min(1 << 28);
        let limit = share - remembered * size_of::<u32>() as u64;
        (limit, remembered as usize)
    }
}

impl<R: Resident> Engine<R> for Fifo<R> {
    /// A place and its control byte in a table that is between seven sixteenths and seven eighths full, and a token in a queue that
    /// doubles and may hold as many of those who have left.
    const OVERHEAD: u64 = 2 * (size_of::<Place<R>>() + 1 + size_of::<Token>()) as u64;

    fn new(bytes: u64, largest: u64) -> Self {
        let shards = Self::shards(bytes, largest);
        let (limit, remembered) = Self::share(bytes, shards);
        Self {
            shards: (0..shards)
                .map(|_| RwLock::new(Shard::new(limit, remembered)))
                .collect(),
        }
    }

    #[inline(always)]
    fn view<T>(&self, lookup: &Lookup<'_>, visit: impl FnOnce(Seen<'_, R>) -> T) -> Option<T> {
        let shard = read(self.shard(lookup.hashed()));
        // A long key is compared once, outside of the search: another in its place is as good as never found.
        let may_be = |place: &Place<R>| lookup.may_match::<R>(&place.face);
        let found = shard.table.find(lookup.hashed(), may_be)?;
        let Place { life, entry, face } = match lookup.matches(&*found.entry) {
            true => found,
            false => shard.find_further(*lookup)?,
        };
        let due = life.count();
        Some(visit(Seen { face, entry, due }))
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
        shard.find(token).map(|place| place.life.spare())
    }

    fn insert(&self, entry: Arc<R>) -> Result<Inserted<R>, Arc<R>> {
        write(self.shard(entry.key().hash())).insert(entry)
    }

    fn remove_if<P: Probe>(
        &self,
        probe: &P,
        condition: impl FnOnce(&Arc<R>) -> bool,
    ) -> Option<Arc<R>> {
        let removed = write(self.shard(probe.hashed())).remove_if(probe, condition);
        removed.map(|place| place.entry)
    }

    fn for_each(&self, mut visit: impl FnMut(&Arc<R>)) {
        for shard in &self.shards {
            let entries: Vec<_> = {
                let shard = read(shard);
                let places = shard.table.iter();
                places.map(|place| Arc::clone(&place.entry)).collect()
            };
            entries.iter().for_each(&mut visit);
        }
    }

    #[cfg(feature = "redis")]
    fn for_each_used(&self, mut visit: impl FnMut(&Arc<R>, u8)) {
        for shard in &self.shards {
            let used: Vec<_> = {
                let shard = read(shard);
                let used =
                    |place: &Place<R>| Some((Arc::clone(&place.entry), place.life.was_used()?));
                shard.table.iter().filter_map(used).collect()
            };
            used.iter().for_each(|(entry, uses)| visit(entry, *uses));
        }
    }

    fn resize(&self, bytes: u64) -> Evicted<R> {
        let (limit, remembered) = Self::share(bytes, self.shards.len());
        let mut evicted = Evicted::new();
        for shard in &self.shards {
            let mut shard = write(shard);
            shard.limit = limit;
            shard.left = vec![0; remembered].into();
            shard.evict(&mut evicted);
        }
        evicted
    }

    fn largest(&self) -> u64 {
        let limit = self.shards.first().map_or(0, |shard| read(shard).limit);
        limit.min(u64::from(u32::MAX))
    }

    fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| read(shard).table.len())
            .sum()
    }

    fn weight(&self) -> u64 {
        let weight = |shard: &Shard<R>| shard.probation.weight + shard.main.weight;
        self.shards.iter().map(|shard| weight(&read(shard))).sum()
    }
}
