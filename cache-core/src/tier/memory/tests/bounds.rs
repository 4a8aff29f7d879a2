//! How much fits.

use super::*;
use std::num::NonZeroUsize;

/// A bound that holds one entry of this weight and not two: what has left is remembered in nearly 1 %.
fn room_for_one(weight: u64) -> u64 {
    weight * 11 / 10
}

#[test]
pub(super) fn a_bound_for_one_entry_holds_one_entry() {
    for weight in [0, 1, 100, 10_000] {
        let rig = Rig::new(room_for_one(OVERHEAD + weight));
        for key in (0..30).step_by(3) {
            let mut item = rig.item(key);
            item.weight = weight;
            rig.insert(key, item).unwrap();
            assert_eq!(rig.tier.len(), 1);
            assert_eq!(rig.value(key), Some(key), "weight {weight}");
        }
        assert_eq!(rig.left(Departure::Evicted), 9);
        rig.settle();
    }
}

#[test]
pub(super) fn a_bound_for_less_than_one_entry_refuses() {
    for bound in [0, 1, OVERHEAD - 1] {
        let rig = Rig::new(bound);
        let refused = rig.insert(0, rig.item(0));
        let limit = rig.tier.max_entry_bytes();
        assert_eq!(
            refused,
            Err(Refused::TooLarge {
                weight: OVERHEAD,
                limit
            })
        );
        assert!(limit < OVERHEAD);
        rig.settle();
    }
}

/// Whichever of two computations is through first, the value of the one that began later stays.
#[test]
pub(super) fn what_began_earlier_replaces_nothing() {
    for capacity in [0, 2] {
        let rig = Rig::new(100_000);
        let ring = NonZeroUsize::new(capacity).map(|most| Arc::new(CapacityRing::new(most)));
        let item = |ordinal, weight| {
            let mut item = rig.item(ordinal);
            (item.ordinal, item.weight, item.ring) = (ordinal, weight, ring.clone());
            item
        };
        rig.insert(1, item(5, 0)).unwrap();
        for weight in [0, 1_000_000] {
            let refused = rig.insert(1, item(4, weight)).unwrap_err();
            assert_eq!(refused == Refused::Superseded, weight == 0);
            assert_eq!(rig.value(1), Some(5));
        }
        assert!(rig.tier.remove_older(&lookup(&bytes(1)), 4).is_none());
        rig.insert(2, item(3, 0)).unwrap();
        rig.insert(1, item(6, 0)).unwrap();
        assert_eq!((rig.value(1), rig.value(2)), (Some(6), Some(3)));
        assert_eq!(rig.left(Departure::Replaced), 1);
        assert!(rig.tier.remove_older(&lookup(&bytes(1)), 7).is_some());
        assert!(ring.is_none_or(|ring| ring.len() == 1));
        rig.settle();
    }
}

#[test]
pub(super) fn small_bounds_are_used_and_kept() {
    for bound in [1_000, 3_000, 10_000, 100_000, 300_000, 1_000_000] {
        let rig = Rig::new(bound);
        let full = bound / OVERHEAD;
        for key in (0..12 * full).step_by(3) {
            rig.insert(key, rig.item(key)).unwrap();
            assert!(rig.tier.weight() <= bound);
        }
        // Less what does not divide evenly, and shards that got fewer keys.
        let least = full * 8 / 10;
        assert!(
            rig.tier.len() as u64 >= least,
            "{} of {full} in {bound}",
            rig.tier.len()
        );
        rig.settle();
    }
}

#[test]
pub(super) fn a_use_outlives_a_scan_and_a_peek_does_not() {
    let rig = Rig::new(100_000);
    let full = 100_000 / OVERHEAD;
    let mut scan = (0..).map(|n| 3 * n);
    let mut pass = |count: u64| {
        for key in scan.by_ref().take(count as usize) {
            rig.insert(key, rig.item(key)).unwrap();
        }
    };
    pass(full);
    let newest = 3_000_000;
    for (use_it, stays) in [(false, false), (true, true)] {
        rig.insert(newest, rig.item(newest)).unwrap();
        let bytes = bytes(newest);
        rig.tier.peek(&lookup(&bytes)).unwrap();
        if use_it {
            rig.tier.get(&lookup(&bytes)).unwrap();
        }
        pass(full);
        assert_eq!(rig.tier.peek(&lookup(&bytes)).is_some(), stays);
        // Not a ghost of itself in the next round.
        pass(full);
    }
}

#[test]
pub(super) fn a_heavy_entry_is_refused_and_takes_its_predecessor_along() {
    let rig = Rig::new(1 << 20);
    let limit = rig.tier.max_entry_bytes();
    assert_eq!(limit, 64 * 1024);
    for (weight, fits) in [
        (limit - OVERHEAD, true),
        (limit - OVERHEAD + 1, false),
        (u64::from(u32::MAX), false),
        (u64::MAX, false),
    ] {
        rig.insert(0, rig.item(1)).unwrap();
        let mut item = rig.item(2);
        item.weight = weight;
        assert_eq!(rig.insert(0, item).is_ok(), fits);
        assert_eq!(rig.value(0), fits.then_some(2));
    }
    rig.settle();
}

#[test]
pub(super) fn the_largest_entry_fits_whatever_bounds_are_asked_for() {
    for max_bytes in [10_000, 1 << 20, 128 << 20] {
        for share in [1, 2, 7, 16, 100, 1_000] {
            let wanted = max_bytes / share;
            let rig = Rig::with(MemoryOptions {
                max_bytes,
                max_entry_bytes: Some(wanted),
                ..MemoryOptions::default()
            });
            let limit = rig.tier.max_entry_bytes();
            assert!(
                limit >= wanted.min(max_bytes * 9 / 10),
                "{limit} of {wanted}"
            );
            if limit < OVERHEAD {
                continue;
            }
            for key in [0, 3, 6] {
                let mut item = rig.item(key);
                item.weight = limit - OVERHEAD;
                rig.insert(key, item).unwrap();
                assert_eq!(rig.value(key), Some(key));
                assert!(rig.tier.weight() <= max_bytes);
            }
            rig.settle();
        }
    }
}

#[test]
pub(super) fn an_enormous_bound_does_no_harm() {
    let rig = Rig::new(u64::MAX);
    for key in 0..100 {
        let mut item = rig.item(key);
        item.weight = u64::from(u32::MAX) - OVERHEAD;
        rig.insert(key, item).unwrap();
    }
    assert_eq!(rig.tier.len(), 100);
    assert_eq!(rig.tier.max_entry_bytes(), u64::from(u32::MAX));
    rig.settle();
}

#[test]
pub(super) fn resizing_evicts_reports_and_lets_grow_again() {
    let rig = Rig::new(10 << 20);
    for key in 0..10_000 {
        rig.insert(key, rig.item(key)).unwrap();
    }
    let before = rig.tier.len() as u64;
    rig.tier.resize(1 << 20);
    assert!(rig.tier.weight() <= 1 << 20);
    assert!(rig.tier.len() > 0);
    let evicted = rig.left(Departure::Evicted);
    assert_eq!(rig.tier.len() as u64 + evicted, before);
    rig.settle();
    rig.tier.resize(0);
    assert_eq!(rig.tier.len(), 0);
    assert!(rig.insert(0, rig.item(0)).is_err());
    rig.tier.resize(10 << 20);
    for key in 0..10_000 {
        rig.insert(key, rig.item(key)).unwrap();
    }
    assert_eq!(rig.tier.len(), 10_000);
    rig.settle();
}

/// The charge must not be less than what places and queues occupy when they have not just grown.
#[test]
pub(super) fn the_overhead_covers_places_and_queues() {
    let rig = Rig::new(64 << 20);
    for key in 0..1 << 16 {
        rig.insert(key, rig.item(key)).unwrap();
    }
    let used = rig.tier.engine.memory_used() as u64 / rig.tier.len() as u64;
    let charged = <Shards<Item> as Engine<Item>>::OVERHEAD;
    assert!(used <= charged, "{used} used, {charged} charged");
    assert!(used * 2 > charged, "{used} used, {charged} charged");
}
