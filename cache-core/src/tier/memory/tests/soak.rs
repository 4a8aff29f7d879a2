//! All operations from several threads for a while, three seconds unless `SOAK_SECONDS` says otherwise: in the end everything is accounted
//! for, to the byte and to the drop.

use super::*;
use crate::sync::thread;
use std::{
    env,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

const THREADS: u64 = 4;
const KEYS: u64 = 4_000;
const LEAST: u64 = 100_000;
const MOST: u64 = 1 << 20;

#[test]
fn nothing_leaks_however_long_it_runs() {
    let seconds = env::var("SOAK_SECONDS").map_or(3.0, |text| text.parse().unwrap());
    let each = Duration::from_secs_f64(seconds / Eviction::ALL.len() as f64);
    for eviction in Eviction::ALL {
        evictions::with(*eviction, || soak(*eviction, each));
    }
}

fn soak(eviction: Eviction, how_long: Duration) {
    let rig = Rig::new(MOST);
    let ring = Arc::new(CapacityRing::new(NonZeroUsize::new(100).unwrap()));
    let operations = AtomicU64::new(0);
    let end = Instant::now() + how_long;
    thread::scope(|scope| {
        for id in 0..THREADS {
            let (rig, ring, operations) = (&rig, &ring, &operations);
            scope.spawn(move || {
                let dice = &mut Dice(id);
                while Instant::now() < end {
                    for _ in 0..1_000 {
                        operate(rig, ring, dice);
                    }
                    operations.fetch_add(1_000, Ordering::Relaxed);
                    // Each shard is read at a moment of its own, and none holds more than its share of the most that there ever was.
                    assert!(rig.tier.weight() <= MOST && ring.len() <= 100 + THREADS as usize);
                }
            });
        }
    });
    rig.tier.resize(MOST / 2);
    assert!(rig.tier.weight() <= MOST / 2);
    rig.settle();
    let (mut weight, mut of_ring) = (0, 0);
    rig.tier.for_each(|item| {
        weight += OVERHEAD + item.weight;
        of_ring += usize::from(item.ring.is_some());
    });
    // Keys beyond 38 bytes are charged with their entry.
    assert_eq!((rig.tier.weight(), ring.len()), (weight, of_ring));
    assert!(of_ring <= 100);
    let operations = operations.load(Ordering::Relaxed);
    println!("{eviction}: {operations} operations, {:?}", lock(&rig.left));
    assert!(
        lock(&rig.left).len() == 6,
        "some reason to leave never was one"
    );
    let existing = Arc::clone(&rig.existing);
    drop(rig);
    assert_eq!(existing.load(Ordering::Acquire), 0, "of {eviction}");
}

fn operate(rig: &Rig, ring: &Arc<CapacityRing>, dice: &mut Dice) {
    let most = 1 + dice.roll(KEYS);
    let key = dice.roll(most);
    match dice.roll(100) {
        0..30 => {
            let mut item = rig.item(key);
            item.weight = dice.roll(2_000);
            if dice.roll(3) == 0 {
                item.expires = rig.tier.clock.now() + dice.roll(200);
            }
            item.ordinal = dice.roll(2);
            item.ring = (key.is_multiple_of(4)).then(|| Arc::clone(ring));
            // Whether it fits depends on the bound of the moment, and on who is there.
            let _ = rig.insert(key, item);
        }
        30..85 => {
            if let Some(found) = rig.get(key) {
                assert_eq!(found.value, key);
                found
                    .dead
                    .fetch_or(key.is_multiple_of(9), Ordering::Relaxed);
            }
        }
        85..90 => drop(rig.remove(key)),
        90..94 => {
            if let Some(found) = rig.get(key) {
                rig.tier.remove_if(&lookup(&bytes(key)), &found);
            }
        }
        94..98 => rig.hand.advance(Duration::from_millis(dice.roll(3))),
        _ => match dice.roll(2_000) {
            0..100 => rig.tier.resize(LEAST + dice.roll(MOST - LEAST)),
            100..105 => rig.tier.clear(),
            105..120 => drop(rig.tier.reclaim_all()),
            120..130 => rig.tier.for_each(|item| assert!(item.value < KEYS)),
            #[cfg(feature = "redis")]
            130..140 => rig.tier.for_each_used(|item, call, _| {
                assert_eq!(call, lookup(&bytes(item.value)).to_key().encoded());
            }),
            _ => {}
        },
    }
}
