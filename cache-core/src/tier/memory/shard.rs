//! A part of the engine: places, and the books of what is in them.

#[cfg(feature = "redis")]
use super::key::KeyBytes;
use super::{
    Resident,
    engine::{Evicted, Inserted, Seen, Token},
    key::{Lookup, MemoryKey, Probe},
    life::Known,
    options::Eviction,
    order::{Arrival, Look, Order, Residents, Room},
    places::{Place, Places},
};
use crate::sync::Arc;

impl<R: Resident> Residents for Places<R> {
    fn look(&self, token: &Token) -> Option<Look<'_>> {
        let (Place { life, entry, .. }, _) = self.find(token)?;
        let standing = entry.standing();
        Some(Look { life, standing })
    }
}

/// An entry that was used, with the tags and bytes of its key.
#[cfg(feature = "redis")]
pub(super) struct Used<R> {
    pub(super) entry: Arc<R>,
    pub(super) tags: u64,
    pub(super) bytes: KeyBytes,
    /// Up to three.
    pub(super) times: u8,
}

#[repr(align(128))]
pub(super) struct Shard<R: Resident> {
    places: Places<R>,
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
            places: Places::new(),
            order,
            weight: 0,
            limit,
        }
    }

    pub(super) fn find<P: Probe>(&self, probe: &P) -> Option<&Place<R>> {
        self.places.find(probe).map(|(place, _)| place)
    }

    /// What a hit sees, and notes.
    #[inline(always)]
    pub(super) fn see(&self, lookup: &Lookup<'_>) -> Option<Seen<'_, R>> {
        let place = self.places.hit(lookup)?;
        let known = place.life.known();
        if known.is_to_be_noted() {
            self.note(place, known);
        }
        let Place { entry, face, .. } = place;
        let due = known.due();
        Some(Seen { face, entry, due })
    }

    /// What is named, if it was used since this was last asked.
    #[cfg(feature = "redis")]
    pub(super) fn used(&self, token: &Token) -> Option<Used<R>> {
        let (place, remainder) = self.places.find(token)?;
        Some(Used {
            times: place.life.was_used()?,
            tags: place.front.tags(),
            bytes: remainder.with_front(place.front.bytes()),
            entry: Arc::clone(&place.entry),
        })
    }

    #[cold]
    #[inline(never)]
    fn note(&self, place: &Place<R>, known: Known) {
        place.life.count(known);
        if known.is_ordered() {
            self.order.used(place.entry.hash(), place.entry.standing());
        }
    }

    pub(super) fn insert(&mut self, key: &MemoryKey, entry: Arc<R>) -> Result<Inserted<R>, Arc<R>> {
        let resident = self.find(&key.as_lookup());
        if resident.is_some_and(|place| place.entry.ordinal() > entry.ordinal()) {
            return Err(entry);
        }
        let (token, standing) = (Token::of(&*entry), entry.standing());
        let charge = standing.charge();
        let previous = self.remove_if(&key.as_lookup(), |_| true);
        let life = self.order.enter(&Arrival {
            token,
            standing,
            due: entry.due(),
            before: previous.as_ref().map(|place| place.life.queue()),
        });
        self.places.insert(key, entry, life);
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
        let place = self.places.remove_if(probe, condition)?;
        let charge = place.entry.standing().charge();
        self.weight -= u64::from(charge);
        self.order.leave(place.life.queue(), charge, &self.places);
        Some(place)
    }

    /// Makes what is there fit.
    fn evict(&mut self, evicted: &mut Evicted<R>) {
        loop {
            let room = Room {
                weight: self.weight,
                limit: self.limit,
            };
            let Some(token) = self.order.next(room, &self.places) else {
                return;
            };
            if let Some(Place { entry, .. }) = self.places.remove_if(&token, |_| true) {
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
        self.places.len()
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

    /// What places and queues occupy.
    #[cfg(test)]
    pub(super) fn memory_used(&self) -> usize {
        self.places.memory_used() + self.order.memory_used()
    }
}
