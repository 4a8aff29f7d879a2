//! The tier in this process's memory: values as they are, found by the bytes of their key, within one bound in bytes.
//!
//! A hit takes one read lock of the engine's and writes nothing that is shared, beyond what the engine does to lock and to remember the
//! use. Expired and invalid entries are removed a few at a time by inserts ([`reclaim`]), never in one go.

mod capacity;
mod engine;
mod key;
mod life;
mod options;
mod order;
mod places;
mod reclaim;
mod remainder;
mod shard;
mod shards;

pub use self::options::{Eviction, UnknownEviction};
pub(crate) use self::{
    capacity::CapacityRing,
    engine::{Seen, Standing},
    key::{Lookup, MemoryKey},
    options::MemoryOptions,
};
use std::any::TypeId;

use self::{
    engine::{Engine, Token},
    key::Probe,
    reclaim::ReclaimRing,
    shards::Shards,
};
#[cfg(feature = "redis")]
use crate::key::Encoded;
use crate::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        lock,
    },
    time::Clock,
};

/// What the memory tier has to know of an entry.
pub(crate) trait Resident: Send + Sync {
    /// What a hit reads. The engine keeps it beside the entry, so that a hit need not go there; 32 bytes are one line with what the
    /// engine adds.
    type Face: Send + Sync;

    /// What a hit reads, as it is when the entry is inserted.
    fn face(&self) -> Self::Face;

    /// Whether an entry with this face is one of this function.
    #[inline(always)]
    fn is_of(_face: &Self::Face, _identity: &TypeId) -> bool {
        true
    }

    /// The hash of its key.
    fn hash(&self) -> u64;

    /// From when on the entry is of no use to anybody, in milliseconds of the tier's clock: the end of its last stale window.
    fn expires(&self) -> u64;

    /// Until when a hit need look at nothing else than this; read once, at insert.
    fn due(&self) -> u64 {
        self.expires()
    }

    /// Bytes that the entry occupies, itself and its key included; read once, at insert.
    fn weight(&self) -> u64;

    /// What the tier knows of it.
    fn standing(&self) -> &Standing;

    /// Whether the entry was invalidated. May take a while; no lock is held.
    fn dead(&self) -> bool;

    /// Greater for what began to be computed later: of two entries of a key the greater one stays.
    fn ordinal(&self) -> u64 {
        0
    }

    /// The ring that bounds the entries of the same function, if one does; always the same for one entry.
    fn ring(&self) -> Option<&CapacityRing> {
        None
    }
}

/// Why an entry left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Departure {
    /// Others needed the room, or it was not admitted at the expense of others.
    Evicted,
    /// Its function had reached its capacity.
    Capacity,
    /// It had expired.
    Expired,
    /// It was found to be invalidated.
    Dead,
    /// A newer entry took its key.
    Replaced,
    /// It was removed.
    Removed,
}

/// Why an entry was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is heavier than one entry may be; both in bytes.
    TooLarge { weight: u64, limit: u64 },
    /// What is there under its key began later.
    Superseded,
}

/// Told of each entry that leaves, once, while no lock is held.
pub(crate) type OnLeave<R> = Box<dyn Fn(&Arc<R>, Departure) + Send + Sync>;

/// See the module.
pub(crate) struct MemoryTier<R: Resident, E: Engine<R> = Shards<R>> {
    engine: E,
    reclaim: ReclaimRing,
    clock: Clock,
    on_leave: OnLeave<R>,
    max_bytes: Mutex<u64>,
    /// As asked for.
    wanted_entry_bytes: u64,
    /// As the first bound allows.
    first_entry_bytes: u64,
    /// As the present one does.
    max_entry_bytes: AtomicU64,
}

impl<R: Resident, E: Engine<R>> MemoryTier<R, E> {
    /// Bytes charged for an entry beside its own weight: what the engine and the ring keep.
    pub(crate) const OVERHEAD: u64 = E::OVERHEAD + ReclaimRing::OVERHEAD;

    /// An empty tier.
    pub(crate) fn new(options: MemoryOptions, clock: Clock, on_leave: OnLeave<R>) -> Self {
        let largest = (options.max_bytes / 32).max(64 * 1024);
        let largest = options.max_entry_bytes.unwrap_or(largest);
        let mut tier = Self {
            engine: E::new(options.max_bytes, largest, options.eviction),
            reclaim: ReclaimRing::new(),
            clock,
            on_leave,
            max_bytes: Mutex::new(options.max_bytes),
            wanted_entry_bytes: largest,
            first_entry_bytes: 0,
            max_entry_bytes: AtomicU64::new(0),
        };
        tier.limit_entries();
        tier.first_entry_bytes = tier.max_entry_bytes();
        tier
    }

    /// The entry of a key, which may be expired or invalid.
    #[cfg(test)]
    pub(crate) fn get(&self, lookup: &Lookup<'_>) -> Option<Arc<R>> {
        self.view(lookup, |seen| Arc::clone(seen.entry))
    }

    /// Shows the entry of a key, which may be expired or invalid, without taking a reference to it. The visit is under a lock: it must
    /// be short, not use the tier, and not run a user's code.
    #[inline(always)]
    pub(crate) fn view<T>(
        &self,
        lookup: &Lookup<'_>,
        visit: impl FnOnce(Seen<'_, R>) -> T,
    ) -> Option<T> {
        self.engine.view(lookup, visit)
    }

    /// The same without counting as a use.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the tiers under this one"))]
    pub(crate) fn peek(&self, lookup: &Lookup<'_>) -> Option<Arc<R>> {
        self.engine.peek(lookup)
    }

    /// Stores the entry of a key in place of an older one, and reclaims a few that are of no use.
    ///
    /// # Errors
    ///
    /// An entry that is too large is refused. What was there under its key is removed all the same, if it is older. If it began later,
    /// it stays, and the entry is refused.
    pub(crate) fn insert(&self, key: &MemoryKey, entry: Arc<R>) -> Result<(), Refused> {
        let mut leaving = Leaving::new();
        let result = self.place(key, entry, &mut leaving);
        self.report(leaving);
        result
    }

    /// Removes the entry of a key, unless it began later than this ordinal.
    pub(crate) fn remove_older(&self, lookup: &Lookup<'_>, ordinal: u64) -> Option<Arc<R>> {
        self.remove_where(lookup, |found| found.ordinal() <= ordinal)
    }

    /// Removes the entry of a key.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the tiers under this one"))]
    pub(crate) fn remove(&self, lookup: &Lookup<'_>) -> Option<Arc<R>> {
        self.remove_where(lookup, |_| true)
    }

    /// Removes the entry of a key if it is this one; whether it was.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the tiers under this one"))]
    pub(crate) fn remove_if(&self, lookup: &Lookup<'_>, entry: &Arc<R>) -> bool {
        self.remove_where(lookup, |found| Arc::ptr_eq(found, entry))
            .is_some()
    }

    /// Removes everything, entry by entry; what others insert meanwhile may stay.
    pub(crate) fn clear(&self) {
        self.engine.for_each(|entry| {
            self.remove_where(&Token::of(&**entry), |_| true);
        });
    }

    /// Removes what is expired or invalid, entry by entry; how many there were.
    pub(crate) fn reclaim_all(&self) -> usize {
        let (mut removed, now) = (0, self.clock.now());
        self.engine.for_each(|entry| {
            let Some(departure) = Self::useless(entry, now) else {
                return;
            };
            if let Some(entry) = self.engine.remove_if(&Token::of(&**entry), |_| true) {
                removed += 1;
                let mut leaving = Leaving::new();
                leaving.push(entry, departure);
                self.report(leaving);
            }
        });
        removed
    }

    /// Visits all entries, in any order and holding no lock; what comes or goes meanwhile may be missed.
    #[cfg_attr(
        not(any(test, feature = "redis")),
        expect(dead_code, reason = "for the tiers under this one")
    )]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&Arc<R>)) {
        self.engine.for_each(&mut visit);
    }

    /// Visits the entries that were used since this was last called, with their encoded arguments and how often, up to three; in any order
    /// and holding no lock.
    #[cfg(feature = "redis")]
    pub(crate) fn for_each_used(&self, visit: impl FnMut(&Arc<R>, Encoded<'_>, u8)) {
        self.engine.for_each_used(visit);
    }

    /// Changes the bound, and evicts what no longer fits.
    ///
    /// The number of shards stays as it was made, and an entry has to fit into one: a tier that is shrunk a hundredfold also takes a
    /// hundredth as the largest entry.
    pub(crate) fn resize(&self, max_bytes: u64) {
        let mut leaving = Leaving::new();
        {
            // One after another, or the engine could end with one thread's bound and this with another's.
            let mut bound = lock(&self.max_bytes);
            for entry in self.engine.resize(max_bytes) {
                leaving.push(entry, Departure::Evicted);
            }
            *bound = max_bytes;
            self.limit_entries();
        }
        self.report(leaving);
    }

    /// The number of entries.
    pub(crate) fn len(&self) -> usize {
        self.engine.len()
    }

    /// Bytes charged for all entries; never more than [`Self::max_bytes`], except while another thread lowers that.
    pub(crate) fn weight(&self) -> u64 {
        self.engine.weight()
    }

    /// The bound in bytes.
    pub(crate) fn max_bytes(&self) -> u64 {
        *lock(&self.max_bytes)
    }

    /// The largest entry that is stored, in bytes with its key and the overhead.
    pub(crate) fn max_entry_bytes(&self) -> u64 {
        self.max_entry_bytes.load(Ordering::Relaxed)
    }

    /// The largest that was stored with the bound that there was at first.
    pub(crate) fn first_max_entry_bytes(&self) -> u64 {
        self.first_entry_bytes
    }

    fn limit_entries(&self) {
        let possible = self.engine.largest().min(u64::from(u32::MAX));
        let limit = self.wanted_entry_bytes.min(possible);
        self.max_entry_bytes.store(limit, Ordering::Relaxed);
    }

    fn place(
        &self,
        key: &MemoryKey,
        entry: Arc<R>,
        leaving: &mut Leaving<R>,
    ) -> Result<(), Refused> {
        let weight = Self::OVERHEAD.saturating_add(entry.weight());
        let limit = self.max_entry_bytes();
        let admitted = u32::try_from(weight).ok().filter(|_| weight <= limit);
        let Some(charged) = admitted else {
            let older = |found: &Arc<R>| found.ordinal() <= entry.ordinal();
            if let Some(older) = self.engine.remove_if(&key.as_lookup(), older) {
                leaving.push(older, Departure::Replaced);
            }
            return Err(Refused::TooLarge { weight, limit });
        };
        let token = self.reclaim.token(key.hash());
        entry.standing().admit(token.ticket, charged);
        let turn = entry
            .ring()
            .map(|ring| ring.admit(&self.engine, &key.as_lookup(), token, leaving));
        let Ok(left) = self.engine.insert(key, Arc::clone(&entry)) else {
            // It has been counted, and never entered.
            if let Some(ring) = entry.ring() {
                ring.release();
            }
            return Err(Refused::Superseded);
        };
        if let Some(replaced) = left.replaced {
            leaving.push(replaced, Departure::Replaced);
        }
        for evicted in left.evicted {
            leaving.push(evicted, Departure::Evicted);
        }
        drop(turn);
        self.reclaim(token, leaving);
        Ok(())
    }

    /// Examines a few entries and removes those that are of no use.
    fn reclaim(&self, added: Token, leaving: &mut Leaving<R>) {
        let now = self.clock.now();
        let mut due = self.reclaim.turn(added);
        for place in &mut due {
            let Some(token) = place.take() else { continue };
            let Some(entry) = self.engine.peek(&token) else {
                continue;
            };
            let Some(departure) = Self::useless(&entry, now) else {
                *place = Some(token);
                continue;
            };
            if let Some(entry) = self.engine.remove_if(&token, |_| true) {
                leaving.push(entry, departure);
            }
        }
        self.reclaim.keep(due);
    }

    /// Why an entry is of no use, if it is of none.
    fn useless(entry: &R, now: u64) -> Option<Departure> {
        let expired = (entry.expires() <= now).then_some(Departure::Expired);
        expired.or_else(|| entry.dead().then_some(Departure::Dead))
    }

    fn remove_where<P: Probe>(
        &self,
        probe: &P,
        condition: impl FnOnce(&Arc<R>) -> bool,
    ) -> Option<Arc<R>> {
        let entry = self.engine.remove_if(probe, condition)?;
        let mut leaving = Leaving::new();
        leaving.push(Arc::clone(&entry), Departure::Removed);
        self.report(leaving);
        Some(entry)
    }

    fn report(&self, leaving: Leaving<R>) {
        for (entry, departure) in &leaving.0 {
            (self.on_leave)(entry, *departure);
        }
    }
}

/// What an operation removed, to be reported and dropped when it holds no lock: an entry's `Drop` is a user's code.
struct Leaving<R>(Vec<(Arc<R>, Departure)>);

impl<R: Resident> Leaving<R> {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn push(&mut self, entry: Arc<R>, departure: Departure) {
        // At once, not with the report: the capacity is waited for by whoever makes room.
        if let Some(ring) = entry.ring() {
            ring.release();
        }
        self.0.push((entry, departure));
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
