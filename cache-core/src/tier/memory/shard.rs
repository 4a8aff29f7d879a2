//! A part of the engine: a table, and the books of what is in it.

use super::{
    Resident,
    engine::{Evicted, Inserted, Seen, Token},
    key::{Lookup, Probe},
    life::{Known, Life},
    options::Eviction,
    order::{Arrival, Look, Order, Residents, Room},
};
use crate::sync::Arc;
use hashbrown::HashTable;

/// An entry in the table: what a hit reads of it, in one line of the processor's cache where that fits.
#[repr(align(64))]
pub(super) struct Place<R: Resident> {
    life: Life,
    pub(super) entry: Arc<R>,
    face: R::Face,
}

impl<R: Resident> Place<R> {
    fn is<P: Probe>(&self, probe: &P) -> bool {
        probe.may_match::<R>(&self.face) && probe.matches(&*self.entry)
    }

    /// Whether the entry was used since the ring of its function last asked.
    pub(super) fn spare(&self) -> bool {
        self.life.spare()
    }

    /// How often it was used, if it was since this was last asked.
    #[cfg(feature = "redis")]
    pub(super) fn was_used(&self) -> Option<u8> {
        self.life.was_used()
    }
}

/// Of an entry, which knows it: the table has no room for what only those need who add and remove.
fn hash_of<R: Resident>(place: &Place<R>) -> u64 {
    place.entry.key().hash()
}

impl<R: Resident> Residents for HashTable<Place<R>> {
    fn look(&self, token: &Token) -> Option<Look<'_>> {
        let Place { life, entry, .. } = self.find(token.hash, |place| place.is(token))?;
        let standing = entry.standing();
        Some(Look { life, standing })
    }
}

#[repr(align(128))]
pub(super) struct Shard<R: Resident> {
    table: HashTable<Place<R>>,
    order: Box<dyn Order>,
    weight: u64,
    limit: u64,
}

impl<R: Resident> Shard<R> {
    /// One of so many bytes.
    pub(super) fn new(bytes: u64, eviction: Eviction) -> Self {
        let mut order = eviction.order();
        let limit = bytes - order.fit(bytes);
        Self {
            table: HashTable::new(),
            order,
            weight: 0,
            limit,
        }
    }

    #[inline(always)]
    pub(super) fn find<P: Probe>(&self, probe: &P) -> Option<&Place<R>> {
        self.table.find(probe.hashed(), |place| place.is(probe))
    }

    /// The same for a hit, where there is another in its place.
    #[cold]
    #[inline(never)]
    fn find_further(&self, lookup: Lookup<'_>) -> Option<&Place<R>> {
        self.find(&lookup)
    }

    /// What a hit sees, and notes.
    #[inline(always)]
    pub(super) fn see(&self, lookup: &Lookup<'_>) -> Option<Seen<'_, R>> {
        // A long key is compared once, outside of the search: another in its place is as good as never found.
        let may_be = |place: &Place<R>| lookup.may_match::<R>(&place.face);
        let found = self.table.find(lookup.hashed(), may_be)?;
        let place = match lookup.matches(&*found.entry) {
            true => found,
            false => self.find_further(*lookup)?,
        };
        let known = place.life.known();
        if known.is_to_be_noted() {
            self.note(place, known);
        }
        let Place { entry, face, .. } = place;
        let due = known.due();
        Some(Seen { face, entry, due })
    }

    #[cold]
    #[inline(never)]
    fn note(&self, place: &Place<R>, known: Known) {
        place.life.count(known);
        if known.is_ordered() {
            self.order.used(hash_of(place), place.entry.standing());
        }
    }

    pub(super) fn insert(&mut self, entry: Arc<R>) -> Result<Inserted<R>, Arc<R>> {
        let resident = self.find(&entry.key());
        if resident.is_some_and(|place| place.entry.ordinal() > entry.ordinal()) {
            return Err(entry);
        }
        let standing = entry.standing();
        let token = Token {
            hash: entry.key().hash(),
            ticket: standing.ticket(),
        };
        let charge = standing.charge();
        let previous = self.remove_if(&entry.key(), |_| true);
        let life = self.order.enter(&Arrival {
            token,
            standing,
            due: entry.due(),
            before: previous.as_ref().map(|place| place.life.queue()),
        });
        let place = Place {
            life,
            face: entry.face(),
            entry,
        };
        self.table.insert_unique(token.hash, place, hash_of);
        self.weight += u64::from(charge);
        let mut evicted = Evicted::new();
        self.evict(&mut evicted);
        let replaced = previous.map(|place| place.entry);
        Ok(Inserted { replaced, evicted })
    }

    pub(super) fn remove_if<P: Probe>(
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
        let charge = place.entry.standing().charge();
        self.weight -= u64::from(charge);
        self.order.leave(place.life.queue(), charge, &self.table);
        Some(place)
    }

    /// Makes what is there fit.
    fn evict(&mut self, evicted: &mut Evicted<R>) {
        loop {
            let room = Room {
                weight: self.weight,
                limit: self.limit,
            };
            let Some(token) = self.order.next(room, &self.table) else {
                return;
            };
            let found = self.table.find_entry(token.hash, |place| place.is(&token));
            if let Ok(found) = found {
                let entry = found.remove().0.entry;
                self.weight -= u64::from(entry.standing().charge());
                evicted.push(entry);
            }
        }
    }

    /// Begins to become one of so many bytes; what its limit will be.
    pub(super) fn aim(&mut self, bytes: u64) -> u64 {
        let limit = bytes - self.order.fit(bytes);
        self.limit = self.limit.max(limit);
        limit
    }

    /// Comes nearer to this limit by about one entry; whether it is there.
    pub(super) fn approach(&mut self, limit: u64, evicted: &mut Evicted<R>) -> bool {
        self.limit = limit.max(self.limit.min(self.weight).saturating_sub(1));
        self.evict(evicted);
        self.order.carry() && self.limit == limit
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// The tokens of all entries, and of some that have left.
    pub(super) fn tokens(&self) -> Vec<Token> {
        self.order.tokens()
    }

    #[cfg(test)]
    pub(super) fn set_now(&mut self, now: u32) {
        self.order.set_now(now);
    }

    /// What the table and the queues occupy.
    #[cfg(test)]
    pub(super) fn memory_used(&self) -> usize {
        self.table.allocation_size() + self.order.memory_used()
    }
}
