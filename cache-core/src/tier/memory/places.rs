//! The entries of a shard: an index of small numbers, and under each number what a hit reads of an entry.
//!
//! What is kept beside an entry could stand in the index itself. A third of that would be empty room, though, and the entries of a
//! function would lie scattered over all of it; so they lie close together, in the order in which they came, or where others have left.
//! Among 40,000 entries a hit of one of 10,000 with keys of 35 bytes takes a fifth less time, as they fit into the processor's caches,
//! and its tables of pages; where there are so many that nothing fits, 7 % more, as the index is one more thing to be read.

use super::{
    Resident,
    key::{Front, Lookup, MemoryKey, Probe},
    life::Life,
    remainder::Remainder,
};
use crate::sync::Arc;
use hashbrown::HashTable;

/// What a hit reads of an entry, in one line of the processor's cache, but for the [`Remainder`] of a longer key.
#[repr(align(64))]
pub(crate) struct Place<R: Resident> {
    pub(super) life: Life,
    pub(super) front: Front,
    /// Before the entry, which is to be the last that has the value: its drop catches what that of the value panics with.
    pub(super) face: R::Face,
    pub(super) entry: Arc<R>,
}

impl<R: Resident> Place<R> {
    /// Whether the entry was used since the ring of its function last asked.
    pub(super) fn spare(&self) -> bool {
        self.life.spare()
    }
}

/// So many entries are given memory at a time, which they stay in: nothing is moved when there are more.
const CHUNK: usize = 64;

/// The remainders lie apart: a hit of a short key does not read them, and that of a longer one reads both at once.
struct Chunk<R: Resident> {
    places: [Option<Place<R>>; CHUNK],
    remainders: [Remainder; CHUNK],
}

/// See the module.
pub(super) struct Places<R: Resident> {
    index: HashTable<u32>,
    chunks: Vec<Box<Chunk<R>>>,
    /// Numbers below that of the last chunk's end under which there is nothing.
    free: Vec<u32>,
}

impl<R: Resident> Places<R> {
    /// Bytes for an entry: its share of a chunk, its number in an index that is between seven sixteenths and seven eighths full, and
    /// among the free ones when it has left.
    pub(super) const OVERHEAD: u64 =
        (size_of::<Chunk<R>>() / CHUNK + 2 * (size_of::<u32>() + 1) + size_of::<u32>()) as u64;

    pub(super) fn new() -> Self {
        Self {
            index: HashTable::new(),
            chunks: Vec::new(),
            free: Vec::new(),
        }
    }

    /// What a probe finds.
    pub(super) fn find<P: Probe>(&self, probe: &P) -> Option<(&Place<R>, &Remainder)> {
        let is_it = |number: &u32| is(&self.chunks, *number, probe);
        let number = self.index.find(probe.hashed(), is_it)?;
        at(&self.chunks, *number)
    }

    /// The same for a hit.
    #[inline(always)]
    pub(super) fn hit(&self, lookup: &Lookup<'_>) -> Option<&Place<R>> {
        // The remainder is compared outside of the search, which is in line then.
        let may_be = |number: &u32| {
            let found = at(&self.chunks, *number);
            found.is_some_and(|(place, _)| lookup.may_be::<R>(place))
        };
        let number = self.index.find(lookup.hash(), may_be)?;
        let (place, remainder) = at(&self.chunks, *number)?;
        if lookup.continues(remainder) {
            return Some(place);
        }
        self.find_further(*lookup)
    }

    /// Where there is another in its place.
    #[cold]
    #[inline(never)]
    fn find_further(&self, lookup: Lookup<'_>) -> Option<&Place<R>> {
        self.find(&lookup).map(|(place, _)| place)
    }

    /// Adds the entry of a key that none is there of.
    pub(super) fn insert(&mut self, key: &MemoryKey, entry: Arc<R>, life: Life) {
        debug_assert_eq!(key.hash(), entry.hash(), "the entry of this key");
        let number = self.free.pop().unwrap_or_else(|| self.more());
        let (chunk, within) = split(number);
        if let Some(chunk) = self.chunks.get_mut(chunk) {
            chunk.remainders[within] = key.remainder();
            chunk.places[within] = Some(Place {
                life,
                front: key.as_lookup().front(),
                face: entry.face(),
                entry,
            });
        }
        let hash =
            |number: &u32| at(&self.chunks, *number).map_or(0, |(place, _)| place.entry.hash());
        self.index.insert_unique(key.hash(), number, hash);
    }

    /// Takes out what a probe finds, if the condition holds.
    pub(super) fn remove_if<P: Probe>(
        &mut self,
        probe: &P,
        condition: impl FnOnce(&Arc<R>) -> bool,
    ) -> Option<Place<R>> {
        let is_it = |number: &u32| is(&self.chunks, *number, probe);
        let found = self.index.find_entry(probe.hashed(), is_it).ok()?;
        let (place, _) = at(&self.chunks, *found.get())?;
        if !condition(&place.entry) {
            return None;
        }
        let (number, _) = found.remove();
        self.free.push(number);
        let (chunk, within) = split(number);
        let chunk = self.chunks.get_mut(chunk)?;
        chunk.remainders[within] = Remainder::NONE;
        chunk.places[within].take()
    }

    /// Another chunk; its first number.
    fn more(&mut self) -> u32 {
        let first = (self.chunks.len() * CHUNK) as u32;
        self.chunks.push(Box::new(Chunk {
            places: [const { None }; CHUNK],
            remainders: [const { Remainder::NONE }; CHUNK],
        }));
        // The lowest is the next to be taken.
        self.free.extend((first + 1..first + CHUNK as u32).rev());
        first
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// What all of it occupies.
    #[cfg(test)]
    pub(super) fn memory_used(&self) -> usize {
        self.index.allocation_size()
            + self.chunks.len() * size_of::<Chunk<R>>()
            + self.free.capacity() * size_of::<u32>()
    }
}

/// The chunk of a number, and where it is there.
#[inline(always)]
fn split(number: u32) -> (usize, usize) {
    (number as usize / CHUNK, number as usize % CHUNK)
}

#[inline(always)]
fn at<R: Resident>(chunks: &[Box<Chunk<R>>], number: u32) -> Option<(&Place<R>, &Remainder)> {
    let (chunk, within) = split(number);
    let chunk = chunks.get(chunk)?;
    Some((chunk.places[within].as_ref()?, &chunk.remainders[within]))
}

/// Whether a probe is to find what has this number.
fn is<R: Resident>(chunks: &[Box<Chunk<R>>], number: u32, probe: &impl Probe) -> bool {
    at(chunks, number).is_some_and(|(place, remainder)| probe.finds(place, remainder))
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::any::TypeId;

    use super::*;
    use crate::tier::memory::engine::Standing;

    /// An entry by its number, with the hash of its key.
    struct Item(u64, u64, Standing);

    impl Resident for Item {
        type Face = ();
        fn face(&self) {}
        fn hash(&self) -> u64 {
            self.1
        }
        fn expires(&self) -> u64 {
            u64::MAX
        }
        fn weight(&self) -> u64 {
            0
        }
        fn standing(&self) -> &Standing {
            &self.2
        }
        fn dead(&self) -> bool {
            false
        }
    }

    /// Short, longer, and too long to stand in line.
    fn name(n: u64) -> Vec<u8> {
        let len = [0, 20, 90][n as usize % 3];
        [n.to_le_bytes().to_vec(), vec![7; len]].concat()
    }

    fn lookup(name: &[u8]) -> Lookup<'_> {
        static OF: std::sync::LazyLock<TypeId> = std::sync::LazyLock::new(TypeId::of::<Item>);
        Lookup::whole(&OF, name)
    }

    fn insert(places: &mut Places<Item>, n: u64, key: &MemoryKey) {
        let item = Item(n, key.hash(), Standing::default());
        places.insert(key, Arc::new(item), Life::new(0, 0));
    }

    #[test]
    fn places_of_those_who_left_are_taken_again() {
        let mut places = Places::new();
        (0..1_000).for_each(|n| insert(&mut places, n, &lookup(&name(n)).to_key()));
        let chunks = places.chunks.len();
        for round in 1..20 {
            for n in 0..1_000 {
                let last = lookup(&name(n + 1_000 * (round - 1))).to_key();
                let stays = places.remove_if(&last.as_lookup(), |_| false);
                assert!(stays.is_none());
                let left = places.remove_if(&last.as_lookup(), |item| item.0 % 1_000 == n);
                assert!(left.is_some());
                let n = n + 1_000 * round;
                insert(&mut places, n, &lookup(&name(n)).to_key());
            }
            assert_eq!(places.len(), 1_000);
        }
        assert_eq!(places.chunks.len(), chunks);
        for n in 0..20_000 {
            let name = name(n);
            let (hit, found) = (places.hit(&lookup(&name)), places.find(&lookup(&name)));
            assert_eq!(hit.map(|place| place.entry.0), (n >= 19_000).then_some(n));
            assert_eq!(found.is_some(), hit.is_some());
        }
    }

    /// All of one hash, and with the same bytes in front: a hit comes upon others before its own.
    #[test]
    fn a_hit_goes_past_others_that_may_be_it() {
        for len in [20, 38, 39, 90] {
            let name = |n: u8| [vec![7; len - 1], vec![n]].concat();
            let key = |name: &[u8]| {
                let whole = lookup(name).to_key();
                let identity = whole.identity();
                Lookup::hashed_before(7, &identity, whole.encoded()).to_key()
            };
            let mut places = Places::new();
            (0..9).for_each(|n| insert(&mut places, n.into(), &key(&name(n))));
            for n in 0..12 {
                let key = key(&name(n));
                let hit = places.hit(&key.as_lookup()).map(|place| place.entry.0);
                assert_eq!(hit, (n < 9).then_some(n.into()), "{len}");
            }
        }
    }

    #[test]
    fn a_long_key_goes_with_its_entry() {
        let mut places = Places::new();
        let key = lookup(&name(2)).to_key();
        let held = || Arc::strong_count(key.shared_bytes().unwrap());
        assert_eq!(held(), 1);
        insert(&mut places, 2, &key);
        assert_eq!(held(), 2);
        assert!(places.remove_if(&key.as_lookup(), |_| true).is_some());
        assert_eq!(held(), 1);
    }
}
