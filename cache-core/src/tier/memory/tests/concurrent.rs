//! Threads against each other. Each test ends with exact counts, whatever the interleaving was.

use super::*;
use crate::sync::thread;
use std::{num::NonZeroUsize, time::Duration};

const THREADS: u64 = 4;
const STEPS: u64 = 20_000;

/// Runs `body` in several threads at once.
fn at_once(body: impl Fn(u64) + Sync) {
    thread::scope(|scope| {
        for id in 0..THREADS {
            let body = &body;
            scope.spawn(move || body(id));
        }
    });
}

#[test]
pub(super) fn nothing_is_lost_or_kept_or_reported_twice() {
    let rig = Rig::new(20_000);
    let ring = Arc::new(CapacityRing::new(NonZeroUsize::new(30).unwrap()));
    at_once(|id| {
        let dice = &mut Dice(id);
        for step in 0..STEPS {
            let key = dice.roll(400);
            match dice.roll(8) {
                0..=3 => {
                    // The value says which key it is for.
                    let mut item = rig.item(key);
                    item.weight = dice.roll(100);
                    item.expires = if key.is_multiple_of(2) {
                        step + 50
                    } else {
                        NEVER
                    };
                    item.ring = (key < 100).then(|| Arc::clone(&ring));
                    rig.insert(key, item).unwrap();
                    assert!(rig.tier.weight() <= 20_000);
                }
                4 => drop(rig.remove(key)),
                5 => {
                    if let Some(found) = rig.get(key) {
                        found.dead.store(key.is_multiple_of(7), Ordering::Relaxed);
                        let bytes = bytes(key);
                        rig.tier.remove_if(&lookup(&bytes), &found);
                    }
                }
                6 => rig.hand.advance(Duration::from_millis(1)),
                _ => {
                    if let Some(found) = rig.get(key) {
                        assert_eq!(found.value, key);
                    }
                }
            }
        }
    });
    // How many had to go for others depends on whose turn it was: here some have to in any case.
    rig.tier.clear();
    for key in 0..400 {
        let mut item = rig.item(key);
        (item.weight, item.expires) = (100, NEVER);
        item.ring = (key < 100).then(|| Arc::clone(&ring));
        rig.insert(key, item).unwrap();
    }
    rig.settle();
    let mut of_ring = 0;
    rig.tier
        .for_each(|item| of_ring += usize::from(item.ring.is_some()));
    assert_eq!(ring.len(), of_ring);
    assert!(rig.left(Departure::Evicted) > 0 && rig.left(Departure::Capacity) > 0);
    let existing = Arc::clone(&rig.existing);
    drop(rig);
    assert_eq!(existing.load(Ordering::Acquire), 0);
}

#[test]
pub(super) fn a_capacity_holds_at_every_moment() {
    for capacity in [1, 7] {
        a_capacity_holds(capacity);
    }
}

fn a_capacity_holds(capacity: usize) {
    // Small enough for one shard, whose length is read at one moment.
    let rig = Rig::new(100_000);
    let ring = Arc::new(CapacityRing::new(NonZeroUsize::new(capacity).unwrap()));
    at_once(|id| {
        let dice = &mut Dice(id);
        for _ in 0..STEPS {
            let key = dice.roll(6 * capacity as u64);
            if dice.roll(4) == 0 {
                rig.remove(key);
            } else {
                let mut item = rig.item(key);
                item.ring = Some(Arc::clone(&ring));
                rig.insert(key, item).unwrap();
            }
            assert!(rig.tier.len() <= capacity);
        }
    });
    assert!(rig.tier.len() <= capacity);
    assert_eq!(ring.len(), rig.tier.len());
    rig.settle();
}

#[test]
pub(super) fn resizing_while_others_insert_keeps_the_books() {
    let rig = Rig::new(1 << 20);
    at_once(|id| {
        let dice = &mut Dice(id);
        for step in 0..STEPS / 4 {
            if id == 0 && step.is_multiple_of(10) {
                rig.tier
                    .resize([1 << 20, 100_000, 8 << 20, 10_000][dice.roll(4) as usize]);
            } else {
                let mut item = rig.item(step);
                item.weight = dice.roll(3_000);
                // Whether it fits depends on the bound of the moment.
                let _ = rig.insert(dice.roll(1_000), item);
            }
        }
    });
    assert!(rig.tier.weight() <= rig.tier.max_bytes());
    rig.settle();
}

#[test]
pub(super) fn remove_if_spares_the_successor() {
    let rig = Rig::new(1 << 20);
    let removed = AtomicU64::new(0);
    at_once(|id| {
        let bytes = bytes(0);
        for step in 0..STEPS {
            if id.is_multiple_of(2) {
                rig.insert(0, rig.item(step)).unwrap();
            } else if let Some(found) = rig.get(0) {
                let gone = rig.tier.remove_if(&lookup(&bytes), &found);
                removed.fetch_add(u64::from(gone), Ordering::AcqRel);
            }
        }
    });
    let removed = removed.load(Ordering::Acquire);
    assert_eq!(rig.left(Departure::Removed), removed);
    rig.settle();
}
