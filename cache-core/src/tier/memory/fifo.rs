//! The engine: shards under read-write locks, and S3-FIFO to choose what leaves (Yang et al., "FIFO queues are all you need for cache
//! eviction", SOSP 2023), by weight instead of by number.
//!
//! New entries queue in a small probation queue. What is used there moves on to the main queue, in which each use is good for one more
//! turn; the rest leaves, and is remembered by its hash: whoever comes back soon enough goes to the main queue at once.

use super::{
    Resident,
    engine::{Departed, Engine, Slot, Token},
    key::{Lookup, Probe},
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

/// A queue is rid of the tokens of slots that have left when there are as many of those as of others, and so many more.
const SLACK: usize = 32;

/// See the module.
pub(crate) struct Fifo<R: ?Sized> {
    shards: Box<[RwLock<Shard<R>>]>,
}

/// A slot in the table, 24 bytes: what is compared of it first, and the entry.
struct Place<R: ?Sized> {
    hash: u64,
    entry: Arc<R>,
    charge: Charge,
    ticket: u32,
}

/// A weight below 2³¹, and whether it is in the main queue.
#[derive(Clone, Copy)]
struct Charge(u32);

impl Charge {
    const MAIN: u32 = 1 << 31;

    fn weight(self) -> u32 {
        self.0 & !Self::MAIN
    }

    fn is_main(self) -> bool {
        self.0 & Self::MAIN != 0
    }
}

impl<R: ?Sized> Place<R> {
    fn slot(&self) -> Slot<R> {
        Slot {
            entry: Arc::clone(&self.entry),
            weight: self.charge.weight(),
            ticket: self.ticket,
        }
    }

    fn into_slot(self) -> Slot<R> {
        Slot {
            weight: self.charge.weight(),
            entry: self.entry,
            ticket: self.ticket,
        }
    }
}

/// Tokens in the order of their arrival, some of them of slots that have left.
#[derive(Default)]
struct Queue {
    tokens: VecDeque<Token>,
    /// Of slots that are there.
    live: usize,
    weight: u64,
}

struct Shard<R: ?Sized> {
    table: HashTable<Place<R>>,
    probation: Queue,
    main: Queue,
    /// Parts of the hashes of what left probation unused.
    left: Box<[u32]>,
    limit: u64,
}

impl<R: Resident + ?Sized> Shard<R> {
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
        let hash = probe.hashed();
        // One comparison in the loop, the others behind it: what the loop compares is kept in registers that a hit is short of.
        let place = self.table.find(hash, |place| place.hash == hash)?;
        if probe.matches(&*place.entry) {
            return Some(place);
        }
        self.find_among_equals(probe)
    }

    /// The same where two keys share all 64 bits of their hashes.
    #[cold]
    fn find_among_equals<P: Probe>(&self, probe: &P) -> Option<&Place<R>> {
        let hash = probe.hashed();
        self.table.find(hash, |place| {
            place.hash == hash && probe.matches(&*place.entry)
        })
    }

    fn queue(&mut self, main: bool) -> &mut Queue {
        if main {
            &mut self.main
        } else {
            &mut self.probation
        }
    }

    fn insert(&mut self, slot: Slot<R>) -> Result<Departed<R>, Slot<R>> {
        let hash = slot.entry.key().hash();
        let resident = self.find(&slot.entry.key());
        if resident.is_some_and(|place| place.entry.ordinal() > slot.entry.ordinal()) {
            return Err(slot);
        }
        let mut departed = Departed::new();
        let token = Token {
            hash,
            ticket: slot.ticket,
        };
        let previous = self.remove_if(&slot.entry.key(), |_| true);
        let main = match &previous {
            // Its successor is as good.
            Some((_, main)) => *main,
            None => self.comes_back(hash),
        };
        departed.extend(previous.map(|(slot, _)| slot));
        let weight = u64::from(slot.weight);
        let place = Place {
            hash,
            entry: slot.entry,
            charge: Charge(slot.weight & !Charge::MAIN | if main { Charge::MAIN } else { 0 }),
            ticket: slot.ticket,
        };
        self.table.insert_unique(hash, place, |place| place.hash);
        self.queue(main).push(token, weight);
        self.evict(&mut departed);
        Ok(departed)
    }

    fn remove_if<P: Probe>(
        &mut self,
        probe: &P,
        condition: impl FnOnce(&Place<R>) -> bool,
    ) -> Option<(Slot<R>, bool)> {
        let hash = probe.hashed();
        let found = self.table.find_entry(hash, |place| {
            place.hash == hash && probe.matches(&*place.entry)
        });
        let place = match found {
            Ok(found) if condition(found.get()) => found.remove().0,
            _ => return None,
        };
        let main = place.charge.is_main();
        let table = &self.table;
        let queue = if main {
            &mut self.main
        } else {
            &mut self.probation
        };
        queue.leave(place.charge.weight());
        if queue.tokens.len() > 2 * queue.live + SLACK {
            queue.tokens.retain(|token| {
                let named = table.find(token.hash, |place| token.is(place));
                named.is_some_and(|place| place.charge.is_main() == main)
            });
        }
        Some((place.into_slot(), main))
    }

    /// Makes what is there fit.
    fn evict(&mut self, departed: &mut Departed<R>) {
        while self.probation.weight + self.main.weight > self.limit {
            // One alone on probation stays for as long as there is anything else.
            let on_probation = self.main.live == 0
                || self.probation.live > 1 && self.probation.weight > self.limit / PROBATION;
            let queue = self.queue(!on_probation);
            let Some(token) = queue.tokens.pop_front() else {
                // Nothing but stale tokens, which cannot be while there is weight.
                return;
            };
            let found = self.table.find_entry(token.hash, |place| token.is(place));
            let Ok(mut found) = found else { continue };
            let place = found.get_mut();
            if place.charge.is_main() == on_probation {
                continue;
            }
            let weight = u64::from(place.charge.weight());
            if on_probation && place.entry.usage().uses() > 0 {
                place.entry.usage().forget();
                place.charge.0 |= Charge::MAIN;
                self.probation.leave(place.charge.weight());
                self.main.push(token, weight);
            } else if !on_probation && place.entry.usage().spend() {
                self.main.tokens.push_back(token);
            } else {
                let place = found.remove().0;
                self.queue(!on_probation).leave(place.charge.weight());
                if on_probation {
                    self.remember(token.hash);
                }
                departed.push(place.into_slot());
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

impl Token {
    fn is<R: ?Sized>(&self, place: &Place<R>) -> bool {
        self.hash == place.hash && self.ticket == place.ticket
    }
}

impl Queue {
    fn push(&mut self, token: Token, weight: u64) {
        self.tokens.push_back(token);
        self.live += 1;
        self.weight += weight;
    }

    fn leave(&mut self, weight: u32) {
        self.live -= 1;
        self.weight -= u64::from(weight);
    }
}

impl<R: Resident + ?Sized> Fifo<R> {
    /// As many shards as threads can use, if each can hold two of the largest slots.
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

impl<R: Resident + ?Sized> Engine<R> for Fifo<R> {
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

    #[inline]
    fn view<T>(&self, lookup: &Lookup<'_>, visit: impl FnOnce(&Arc<R>) -> T) -> Option<T> {
        let shard = read(self.shard(lookup.hashed()));
        shard.find(lookup).map(|place| visit(&place.entry))
    }

    fn peek<P: Probe>(&self, probe: &P) -> Option<Slot<R>> {
        read(self.shard(probe.hashed()))
            .find(probe)
            .map(Place::slot)
    }

    fn insert(&self, slot: Slot<R>) -> Result<Departed<R>, Slot<R>> {
        write(self.shard(slot.entry.key().hash())).insert(slot)
    }

    fn remove_if<P: Probe>(
        &self,
        probe: &P,
        condition: impl FnOnce(&Slot<R>) -> bool,
    ) -> Option<Slot<R>> {
        // Dropped after the lock: it may be the last reference.
        let mut seen = None;
        let mut shard = write(self.shard(probe.hashed()));
        let removed = shard.remove_if(probe, |place| condition(seen.insert(place.slot())));
        drop(shard);
        removed.map(|(slot, _)| slot)
    }

    fn for_each(&self, mut visit: impl FnMut(&Slot<R>)) {
        for shard in &self.shards {
            let slots: Vec<_> = read(shard).table.iter().map(Place::slot).collect();
            slots.iter().for_each(&mut visit);
        }
    }

    fn resize(&self, bytes: u64) -> Departed<R> {
        let (limit, remembered) = Self::share(bytes, self.shards.len());
        let mut departed = Departed::new();
        for shard in &self.shards {
            let mut shard = write(shard);
            shard.limit = limit;
            shard.left = vec![0; remembered].into();
            shard.evict(&mut departed);
        }
        departed
    }

    fn largest(&self) -> u64 {
        let limit = self.shards.first().map_or(0, |shard| read(shard).limit);
        limit.min(u64::from(Charge::MAIN - 1))
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
