//! Reclaiming, and the capacity of one function.

use super::*;
use std::{num::NonZeroUsize, time::Duration};

fn ring(capacity: usize) -> Arc<CapacityRing> {
    Arc::new(CapacityRing::new(NonZeroUsize::new(capacity).unwrap()))
}

impl Rig {
    fn insert_into(&self, ring: &Arc<CapacityRing>, key: u64) {
        let mut item = self.item(key);
        item.ring = Some(Arc::clone(ring));
        self.insert(key, item).unwrap();
    }

    fn tokens(&self) -> usize {
        self.tier.reclaim.len()
    }
}

#[test]
pub(super) fn expired_and_dead_entries_go_as_others_come() {
    let rig = Rig::new(64 << 20);
    let mut dead = Vec::new();
    for key in 0..3_000 {
        let mut item = rig.item(key);
        if key.is_multiple_of(3) {
            item.expires = 5_000;
        }
        let item = Arc::new(item);
        rig.insert_shared(key, &item).unwrap();
        if key % 3 == 1 {
            dead.push(item);
        }
    }
    rig.hand.advance(Duration::from_millis(4_999));
    for key in 10_000..12_000 {
        rig.insert(key, rig.item(key)).unwrap();
    }
    assert_eq!(rig.tier.len(), 5_000, "nothing was due");
    rig.hand.advance(Duration::from_millis(1));
    for item in dead.drain(..) {
        item.dead.store(true, Ordering::Relaxed);
    }
    for key in 20_000..23_000 {
        rig.insert(key, rig.item(key)).unwrap();
    }
    assert_eq!(rig.left(Departure::Expired), 1_000);
    assert_eq!(rig.left(Departure::Dead), 1_000);
    assert_eq!(rig.tier.len(), 6_000);
    rig.settle();
}

#[test]
pub(super) fn a_replaced_entry_is_not_reclaimed_in_place_of_the_new_one() {
    let rig = Rig::new(1 << 20);
    let mut item = rig.item(1);
    item.expires = 10;
    rig.insert(0, item).unwrap();
    rig.insert(0, rig.item(2)).unwrap();
    rig.hand.advance(Duration::from_millis(10));
    for key in 1..100 {
        rig.insert(key, rig.item(key)).unwrap();
    }
    assert_eq!(rig.left(Departure::Expired), 0);
    assert_eq!(rig.value(0), Some(2));
}

/// The number of tokens stays below twice the live entries and the few that every shard may lag behind.
#[track_caller]
fn assert_bounded(rig: &Rig, live: usize) {
    let (tokens, bound) = (rig.tokens(), 2 * live + 64);
    assert!(tokens <= bound, "{tokens} tokens for {live} entries");
}

#[test]
pub(super) fn overwriting_leaves_no_tokens_behind() {
    const OVERWRITES: u64 = 1_000_000;
    let rig = Rig::new(8 << 20);
    for n in 0..OVERWRITES {
        rig.insert(n % 100, rig.item(n)).unwrap();
        if n.is_multiple_of(1_000) {
            assert_bounded(&rig, 100);
        }
    }
    assert_eq!(rig.left(Departure::Replaced), OVERWRITES - 100);
    rig.settle();
}

#[test]
pub(super) fn evicting_leaves_no_tokens_behind() {
    // Keys come back: a tenth more of them than fit, so that a token's key is usually there, though its slot is not.
    let rig = Rig::new(100_000);
    let fit = 100_000 / OVERHEAD;
    let dice = &mut Dice(1);
    for n in 0..300_000 {
        rig.insert(dice.roll(fit * 11 / 10), rig.item(n)).unwrap();
        if n.is_multiple_of(1_000) {
            assert_bounded(&rig, fit as usize);
        }
    }
    assert!(rig.left(Departure::Evicted) > 10_000);
    rig.settle();
}

#[test]
pub(super) fn removing_leaves_no_tokens_behind() {
    let rig = Rig::new(8 << 20);
    for n in 0..100_000 {
        rig.insert(n, rig.item(n)).unwrap();
        rig.remove(n).unwrap();
    }
    assert_bounded(&rig, 0);
    rig.settle();
}

#[test]
pub(super) fn a_capacity_is_never_exceeded() {
    for capacity in [1, 2, 3, 100] {
        let rig = Rig::new(8 << 20);
        let ring = ring(capacity);
        for key in 0..1_000 {
            rig.insert_into(&ring, key);
            let expected = capacity.min(key as usize + 1);
            assert_eq!((ring.len(), rig.tier.len()), (expected, expected));
            assert_eq!(rig.value(key), Some(key));
        }
        assert_eq!(rig.left(Departure::Capacity), 1_000 - capacity as u64);
        assert_eq!(ring.capacity(), capacity);
        rig.settle();
    }
}

#[test]
pub(super) fn a_capacity_bounds_its_own_function_only() {
    let rig = Rig::new(8 << 20);
    let (few, many) = (ring(2), ring(50));
    for key in 0..300 {
        match key % 3 {
            0 => rig.insert_into(&few, key),
            1 => rig.insert_into(&many, key),
            _ => rig.insert(key, rig.item(key)).unwrap(),
        }
    }
    assert_eq!((few.len(), many.len(), rig.tier.len()), (2, 50, 152));
}

#[test]
pub(super) fn the_used_are_spared() {
    let rig = Rig::new(8 << 20);
    let ring = ring(10);
    for key in 0..10 {
        rig.insert_into(&ring, key);
    }
    for key in [0, 1, 5] {
        rig.get(key).unwrap();
    }
    for key in 100..107 {
        rig.insert_into(&ring, key);
    }
    let kept: Vec<u64> = (0..10).filter(|&key| rig.get(key).is_some()).collect();
    assert_eq!(kept, [0, 1, 5]);
}

#[test]
pub(super) fn a_peek_is_not_a_use() {
    let rig = Rig::new(8 << 20);
    let ring = ring(2);
    rig.insert_into(&ring, 0);
    rig.insert_into(&ring, 3);
    rig.tier.peek(&lookup(&bytes(0))).unwrap();
    rig.insert_into(&ring, 6);
    assert!(rig.get(0).is_none());
}

#[test]
pub(super) fn one_leaves_even_if_all_were_used() {
    let rig = Rig::new(8 << 20);
    let ring = ring(1_000);
    for key in 0..1_000 {
        rig.insert_into(&ring, key);
        rig.get(key).unwrap();
    }
    rig.insert_into(&ring, 1_000);
    assert_eq!((ring.len(), rig.tier.len()), (1_000, 1_000));
    // Sixteen had a second chance; nobody else lost theirs.
    let mut used = 0;
    rig.tier.for_each(|item| {
        let token = Token::of(&**item);
        used += u64::from(rig.tier.engine.spare(&token) == Some(true));
    });
    assert_eq!(used, 1_000 - 16 - 1);
}

/// An item that knows whether the ring was locked when it was dropped.
struct Fleeting {
    ring: Arc<CapacityRing>,
    key: MemoryKey,
    standing: Standing,
    /// Whether the ring was locked when an item was dropped.
    dropped_under_lock: Arc<AtomicBool>,
}

impl Resident for Fleeting {
    type Face = ();

    fn face(&self) {}

    fn hash(&self) -> u64 {
        self.key.hash()
    }

    fn expires(&self) -> u64 {
        NEVER
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

    fn ring(&self) -> Option<&CapacityRing> {
        Some(&self.ring)
    }
}

impl Drop for Fleeting {
    fn drop(&mut self) {
        self.dropped_under_lock
            .fetch_or(self.ring.is_locked(), Ordering::Relaxed);
    }
}

#[test]
pub(super) fn nothing_is_dropped_under_the_lock_of_a_ring() {
    let options = MemoryOptions::default();
    let tier = Arc::new(MemoryTier::<Fleeting>::new(
        options,
        Clock::System,
        Box::new(|_, _| ()),
    ));
    let ring = ring(1);
    let dropped_under_lock = Arc::new(AtomicBool::new(false));
    for key in 0..3 {
        let key = lookup(&bytes(key)).to_key();
        let item = Fleeting {
            ring: Arc::clone(&ring),
            key: key.clone(),
            standing: Standing::default(),
            dropped_under_lock: Arc::clone(&dropped_under_lock),
        };
        tier.insert(&key, Arc::new(item)).unwrap();
        assert_eq!(ring.len(), 1);
    }
    assert_eq!(Arc::strong_count(&dropped_under_lock), 2);
    assert!(!dropped_under_lock.load(Ordering::Relaxed));
}

#[test]
pub(super) fn replacing_at_capacity_pushes_out_nobody() {
    let rig = Rig::new(8 << 20);
    let ring = ring(10);
    for n in 0..100_000 {
        rig.insert_into(&ring, n % 10);
    }
    assert_eq!(rig.left(Departure::Capacity), 0);
    assert_eq!(ring.len(), 10);
    assert!(ring.tokens() <= 30, "{} tokens", ring.tokens());
}

#[test]
pub(super) fn what_leaves_otherwise_makes_room() {
    let rig = Rig::new(8 << 20);
    let ring = ring(10);
    for key in 0..10 {
        rig.insert_into(&ring, key);
    }
    for key in 0..5 {
        rig.remove(key).unwrap();
    }
    assert_eq!(ring.len(), 5);
    for key in 10..15 {
        rig.insert_into(&ring, key);
    }
    assert_eq!(rig.left(Departure::Capacity), 0);
    assert_eq!((ring.len(), rig.tier.len()), (10, 10));
    rig.tier.resize(0);
    assert_eq!(ring.len(), 0);
}
