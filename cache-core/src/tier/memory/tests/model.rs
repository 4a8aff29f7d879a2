//! Random operations, each compared with a map that remembers everything.

use super::*;
use std::{num::NonZeroUsize, sync::OnceLock, time::Duration};

/// What a key holds if nothing was evicted or reclaimed.
struct Expected {
    item: Arc<Item>,
    /// Taken out by us, hence gone for good.
    removed: bool,
}

#[test]
pub(super) fn random_operations_match_a_map() {
    for seed in 0..8 {
        let max_bytes = [2_000, 6_000, 40_000, 400_000][seed % 4];
        run(seed as u64, max_bytes);
    }
}

fn run(seed: u64, max_bytes: u64) {
    const KEYS: u64 = 300;
    let dice = &mut Dice(seed);
    let rig = Rig::new(max_bytes);
    let capacity = 20;
    let ring = Arc::new(CapacityRing::new(NonZeroUsize::new(capacity).unwrap()));
    let mut expected: HashMap<u64, Expected> = HashMap::new();
    let mut hits = 0;
    for step in 0..10_000 {
        // Some keys far oftener than others.
        let most = 1 + dice.roll(KEYS);
        let key = dice.roll(most);
        let known = expected.get_mut(&key);
        match dice.roll(20) {
            0..=8 => {
                let mut item = rig.item(step);
                item.weight = dice.roll(300);
                if dice.roll(50) == 0 {
                    item.weight = dice.roll(2 * max_bytes);
                }
                if dice.roll(3) == 0 {
                    item.expires = rig.tier.clock.now() + dice.roll(100);
                }
                // Each key is of one function for good.
                item.ring = (key < 100).then(|| Arc::clone(&ring));
                let item = Arc::new(item);
                let there = rig.tier.peek(&lookup(&bytes(key))).is_some();
                let replaced = rig.left(Departure::Replaced);
                let removed = rig.insert_shared(key, &item).is_err();
                let replaced = rig.left(Departure::Replaced) - replaced;
                assert_eq!(replaced, u64::from(there));
                expected.insert(key, Expected { item, removed });
            }
            9..=14 => {
                let found = rig.get(key);
                hits += u64::from(found.is_some());
                if let Some(found) = found {
                    let known = known.expect("never inserted");
                    assert!(Arc::ptr_eq(&found, &known.item) && !known.removed);
                }
            }
            15 => {
                if let Some(found) = rig.remove(key) {
                    let known = known.expect("never inserted");
                    assert!(Arc::ptr_eq(&found, &known.item) && !known.removed);
                    known.removed = true;
                }
                assert!(rig.get(key).is_none());
            }
            16 => {
                if let Some(known) = known {
                    let stranger = Arc::new(rig.item(0));
                    let bytes = bytes(key);
                    assert!(!rig.tier.remove_if(&lookup(&bytes), &stranger));
                    let there = rig.tier.peek(&lookup(&bytes)).is_some();
                    assert_eq!(rig.tier.remove_if(&lookup(&bytes), &known.item), there);
                    known.removed = true;
                    assert!(rig.get(key).is_none());
                }
            }
            17 => {
                if let Some(known) = known {
                    known.item.dead.store(true, Ordering::Relaxed);
                }
            }
            18 => rig.hand.advance(Duration::from_millis(dice.roll(20))),
            _ => match dice.roll(200) {
                0 => {
                    rig.tier.clear();
                    expected.values_mut().for_each(|known| known.removed = true);
                    assert_eq!(rig.tier.len(), 0);
                }
                1..=4 => rig.tier.resize(max_bytes / (1 + dice.roll(4))),
                _ => {}
            },
        }
        assert!(rig.tier.weight() <= rig.tier.max_bytes());
        let mut of_ring = 0;
        if step.is_multiple_of(50) {
            rig.tier
                .for_each(|item| of_ring += usize::from(item.ring.is_some()));
            assert_eq!(of_ring, ring.len());
        }
        assert!(ring.len() <= capacity);
    }
    drop(expected);
    rig.settle();
    assert!(hits > 30, "{hits} hits of seed {seed}: this tested nothing");
    let reasons = lock(&rig.left).len();
    assert!(reasons >= 4, "{:?}", lock(&rig.left));
}

#[test]
pub(super) fn a_newer_entry_takes_the_key() {
    let rig = Rig::new(1 << 20);
    for value in 0..10 {
        rig.insert(1, rig.item(value)).unwrap();
        assert_eq!(rig.value(1), Some(value));
    }
    assert_eq!(rig.left(Departure::Replaced), 9);
    rig.settle();
}

#[test]
pub(super) fn functions_do_not_see_each_other() {
    struct Other;
    let rig = Rig::new(1 << 20);
    rig.insert(1, rig.item(7)).unwrap();
    let bytes = bytes(1);
    let other = &TypeId::of::<Other>();
    let other = Lookup::whole(other, &bytes);
    assert!(rig.tier.get(&other).is_none());
    assert!(rig.tier.remove(&other).is_none());
    assert_eq!(rig.value(1), Some(7));
}

#[test]
pub(super) fn an_entry_inserted_twice_is_counted_twice() {
    let rig = Rig::new(1 << 20);
    let mut item = rig.item(7);
    item.ring = Some(Arc::new(CapacityRing::new(NonZeroUsize::MIN)));
    let item = Arc::new(item);
    rig.insert_shared(1, &item).unwrap();
    rig.insert_shared(1, &item).unwrap();
    assert_eq!(rig.left(Departure::Replaced), 1);
    assert_eq!(item.ring().unwrap().len(), 1);
    drop(item);
    rig.settle();
}

#[test]
pub(super) fn clear_removes_everything_and_says_so() {
    let rig = Rig::new(1 << 20);
    for key in 0..500 {
        rig.insert(key, rig.item(key)).unwrap();
    }
    rig.tier.clear();
    assert_eq!((rig.tier.len(), rig.tier.weight()), (0, 0));
    assert_eq!(rig.left(Departure::Removed), 500);
    rig.settle();
}

#[test]
pub(super) fn the_listener_may_use_the_tier() {
    let own: Arc<OnceLock<std::sync::Weak<MemoryTier<Item>>>> = Arc::default();
    let seen = Arc::clone(&own);
    let on_leave: OnLeave<Item> = Box::new(move |entry, departure| {
        let tier = seen.get().and_then(std::sync::Weak::upgrade).unwrap();
        // Every lock of the tier that there is.
        assert!(
            tier.get(&entry.key.get().unwrap().as_lookup()).is_none()
                || departure == Departure::Replaced
        );
        tier.resize(tier.max_bytes());
        tier.remove(&lookup(&bytes(1_000)));
    });
    let rig = Rig::new(0);
    let options = MemoryOptions {
        max_bytes: 10 * OVERHEAD,
        ..MemoryOptions::default()
    };
    let clock = Clock::Manual(rig.hand.clone());
    let tier = Arc::new(MemoryTier::new(options, clock, on_leave));
    own.set(Arc::downgrade(&tier)).unwrap();
    let ring = Arc::new(CapacityRing::new(NonZeroUsize::new(4).unwrap()));
    for key in (0..40).chain(0..40).chain(38..40) {
        let mut item = rig.item(key);
        item.ring = (key.is_multiple_of(2)).then(|| Arc::clone(&ring));
        item.expires = key % 5;
        let name = item
            .key
            .get_or_init(|| lookup(&bytes(key)).to_key())
            .clone();
        tier.insert(&name, Arc::new(item)).unwrap();
    }
    tier.clear();
    assert_eq!(rig.existing.load(Ordering::Acquire), 0);
}
