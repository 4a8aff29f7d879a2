//! The tier against a naive model, its bounds, and its rings. [`concurrent`] has the threads.

mod bounds;
mod concurrent;
mod evictions;
mod leaving;
mod model;
mod rings;
mod soak;
mod victims;

use super::*;
use crate::sync::atomic::AtomicBool;
use crate::time::{ManualClock, NEVER};
use std::{
    any::TypeId,
    collections::HashMap,
    mem,
    sync::{LazyLock, OnceLock},
};

/// A function whose entries are cached.
struct Site;

/// A resident whose every property can be chosen.
struct Item {
    /// Set when it is inserted.
    key: OnceLock<MemoryKey>,
    value: u64,
    weight: u64,
    expires: u64,
    dead: AtomicBool,
    standing: Standing,
    ring: Option<Arc<CapacityRing>>,
    ordinal: u64,
    /// The number of items that exist.
    existing: Arc<AtomicU64>,
}

impl Resident for Item {
    type Face = ();

    fn face(&self) {}

    fn hash(&self) -> u64 {
        self.key.get().unwrap().hash()
    }

    fn expires(&self) -> u64 {
        self.expires
    }

    fn weight(&self) -> u64 {
        self.weight
    }

    fn standing(&self) -> &Standing {
        &self.standing
    }

    fn dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    fn ordinal(&self) -> u64 {
        self.ordinal
    }

    fn ring(&self) -> Option<&CapacityRing> {
        self.ring.as_deref()
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.existing.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A tier under test: counts what enters, what leaves and why, and what exists.
struct Rig {
    tier: Arc<MemoryTier<Item>>,
    hand: ManualClock,
    inserted: AtomicU64,
    left: Arc<Mutex<HashMap<Departure, u64>>>,
    existing: Arc<AtomicU64>,
}

impl Rig {
    fn new(max_bytes: u64) -> Self {
        Self::with(MemoryOptions {
            max_bytes,
            ..MemoryOptions::default()
        })
    }

    /// With the eviction that [is tested](evictions::with), if one is.
    fn with(options: MemoryOptions) -> Self {
        let options = MemoryOptions {
            eviction: evictions::tested(),
            ..options
        };
        let hand = ManualClock::new();
        let left = Arc::new(Mutex::new(HashMap::new()));
        let counts = Arc::clone(&left);
        let on_leave: OnLeave<Item> = Box::new(move |_, departure| {
            *lock(&counts).entry(departure).or_insert(0) += 1;
        });
        Self {
            tier: Arc::new(MemoryTier::new(
                options,
                Clock::Manual(hand.clone()),
                on_leave,
            )),
            hand,
            inserted: AtomicU64::new(0),
            left,
            existing: Arc::default(),
        }
    }

    fn item(&self, value: u64) -> Item {
        self.existing.fetch_add(1, Ordering::AcqRel);
        Item {
            key: OnceLock::new(),
            value,
            weight: 0,
            expires: NEVER,
            dead: AtomicBool::new(false),
            standing: Standing::default(),
            ring: None,
            ordinal: 0,
            existing: Arc::clone(&self.existing),
        }
    }

    fn insert(&self, key: u64, item: Item) -> Result<(), Refused> {
        self.insert_shared(key, &Arc::new(item))
    }

    fn insert_shared(&self, key: u64, item: &Arc<Item>) -> Result<(), Refused> {
        let key = item.key.get_or_init(|| lookup(&bytes(key)).to_key());
        let result = self.tier.insert(key, Arc::clone(item));
        if result.is_ok() {
            self.inserted.fetch_add(1, Ordering::AcqRel);
        }
        result
    }

    fn get(&self, key: u64) -> Option<Arc<Item>> {
        self.tier.get(&lookup(&bytes(key)))
    }

    fn value(&self, key: u64) -> Option<u64> {
        self.get(key).map(|item| item.value)
    }

    fn remove(&self, key: u64) -> Option<Arc<Item>> {
        self.tier.remove(&lookup(&bytes(key)))
    }

    fn left(&self, departure: Departure) -> u64 {
        lock(&self.left).get(&departure).copied().unwrap_or(0)
    }

    /// Everything that was inserted has left once, for one reason, or is still there; and nothing else is kept alive.
    #[track_caller]
    fn settle(&self) {
        let left: u64 = lock(&self.left).values().sum();
        let live = self.tier.len() as u64;
        assert_eq!(
            live + left,
            self.inserted.load(Ordering::Acquire),
            "{:?}",
            lock(&self.left)
        );
        assert_eq!(live, self.existing.load(Ordering::Acquire));
        let mut visited = 0;
        self.tier.for_each(|_| visited += 1);
        assert_eq!(live, visited);
    }
}

/// Keys of three sizes: the shortest, one that just fits in line, and one on the heap.
fn bytes(key: u64) -> Vec<u8> {
    let mut bytes = key.to_le_bytes().to_vec();
    bytes.resize([8, 38, 60][(key % 3) as usize], 1);
    bytes
}

fn lookup(bytes: &[u8]) -> Lookup<'_> {
    static IDENTITY: LazyLock<TypeId> = LazyLock::new(TypeId::of::<Site>);
    Lookup::whole(&IDENTITY, bytes)
}

/// What an entry of weight 0 under a key of 8 bytes is charged.
const OVERHEAD: u64 = MemoryTier::<Item>::OVERHEAD;

/// Pseudo-random numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}
