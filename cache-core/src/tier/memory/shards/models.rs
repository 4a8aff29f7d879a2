//! Every interleaving of a hit with what evicts, resizes and removes, for each eviction.

use std::any::TypeId;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::sync::thread;
use crate::tier::memory::{MemoryKey, engine::Standing};

struct Site;

static IDENTITY: LazyLock<TypeId> = LazyLock::new(TypeId::of::<Site>);

/// Counts its drops. Its charge is 100.
struct Item {
    key: MemoryKey,
    value: u64,
    standing: Standing,
    dropped: Arc<AtomicUsize>,
}

impl Resident for Item {
    type Face = u64;

    fn face(&self) -> u64 {
        self.value
    }

    fn hash(&self) -> u64 {
        self.key.hash()
    }

    fn expires(&self) -> u64 {
        u64::MAX
    }

    fn weight(&self) -> u64 {
        0
    }

    fn standing(&self) -> &Standing {
        &self.standing
    }

    fn dead(&self) -> bool {
        false
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

const CHARGE: u32 = 100;

struct Rig {
    engine: Shards<Item>,
    inserted: AtomicUsize,
    dropped: Arc<AtomicUsize>,
}

impl Rig {
    /// With room for so many, in one shard.
    fn new(eviction: Eviction, entries: u64) -> Arc<Self> {
        let bytes = entries * u64::from(CHARGE) + 50;
        Arc::new(Self {
            engine: Shards::new(bytes, 100, eviction),
            inserted: AtomicUsize::new(0),
            dropped: Arc::default(),
        })
    }

    fn insert(&self, key: u8) {
        let ticket = self.inserted.fetch_add(1, Ordering::Relaxed);
        let standing = Standing::default();
        standing.admit(ticket as u32, CHARGE);
        let name = Lookup::whole(&IDENTITY, &[key]).to_key();
        let item = Arc::new(Item {
            key: name.clone(),
            value: u64::from(key),
            standing,
            dropped: Arc::clone(&self.dropped),
        });
        assert!(self.engine.insert(&name, item).is_ok());
    }

    /// Whoever is seen is who was asked for.
    fn hit(&self, key: u8) -> bool {
        let seen = self
            .engine
            .view(&Lookup::whole(&IDENTITY, &[key]), |seen| *seen.face);
        assert!(seen.is_none_or(|value| value == u64::from(key)));
        seen.is_some()
    }

    fn remove(&self, key: u8) -> bool {
        let bytes = [key];
        let lookup = Lookup::whole(&IDENTITY, &bytes);
        self.engine.remove_if(&lookup, |_| true).is_some()
    }

    /// So many are there, and the books say so; all others were dropped, once.
    fn settle(&self, entries: usize) {
        let (len, weight) = (self.engine.len(), self.engine.weight());
        assert_eq!((len, weight), (entries, entries as u64 * u64::from(CHARGE)));
        let mut visited = 0;
        self.engine.for_each(|_| visited += 1);
        assert_eq!(visited, entries);
        let dropped = self.dropped.load(Ordering::Relaxed);
        assert_eq!(self.inserted.load(Ordering::Relaxed), entries + dropped);
    }
}

fn for_each_eviction(model: fn(Eviction)) {
    for eviction in Eviction::ALL {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = builder.preemption_bound.or(Some(3));
        builder.check(move || model(*eviction));
    }
}

#[test]
fn loom_a_hit_against_an_eviction() {
    for_each_eviction(|eviction| {
        let rig = Rig::new(eviction, 2);
        rig.insert(1);
        rig.insert(2);
        let hits = {
            let rig = Arc::clone(&rig);
            thread::spawn(move || [1, 2, 1].map(|key| rig.hit(key)))
        };
        rig.insert(3);
        assert!(rig.hit(3), "who comes is there");
        hits.join().unwrap();
        rig.settle(2);
    });
}

#[test]
fn loom_a_hit_and_an_insert_against_a_resize() {
    for_each_eviction(|eviction| {
        let rig = Rig::new(eviction, 3);
        rig.insert(1);
        rig.insert(2);
        let other = {
            let rig = Arc::clone(&rig);
            thread::spawn(move || {
                rig.hit(1);
                rig.insert(3);
            })
        };
        let evicted = rig.engine.resize(u64::from(CHARGE) + 50);
        assert!(evicted.len() <= 2);
        drop(evicted);
        other.join().unwrap();
        rig.settle(1);
    });
}

#[test]
fn loom_a_hit_against_removals() {
    for_each_eviction(|eviction| {
        let rig = Rig::new(eviction, 3);
        rig.insert(1);
        rig.insert(2);
        let [one, other] = [(); 2].map(|()| {
            let rig = Arc::clone(&rig);
            thread::spawn(move || (rig.hit(2), rig.remove(1)))
        });
        let mine = rig.hit(1);
        let ((seen, one), (too, other)) = (one.join().unwrap(), other.join().unwrap());
        assert!(one != other, "it is removed once");
        assert!(seen && too && (mine || !rig.hit(1)));
        rig.settle(1);
    });
}
