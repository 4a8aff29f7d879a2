//! What waits to be asked for, by itself.

use std::time::Duration;

use super::*;
use crate::sync::Arc;

fn key(n: u8) -> KeyDigest {
    KeyDigest::from_bytes([n; 16])
}

/// A value of so many bytes, fresh for so many seconds.
fn found(bytes: usize, left: u64) -> Option<Found> {
    Some(Found {
        text: Arc::new(vec![7; bytes]),
        envelope: 0..bytes,
        left: Duration::from_secs(left),
        late: Duration::ZERO,
    })
}

fn put(shelf: &Shelf, n: u8, found: Option<Found>) {
    shelf.expect([key(n)]);
    shelf.put(key(n), found, 1_000, Why::Hot);
}

#[test]
fn a_value_is_taken_once() {
    let shelf = Shelf::new(10_000);
    put(&shelf, 1, found(10, 60));
    put(&shelf, 2, None);
    let taken = shelf.take(key(1), 2_000).unwrap();
    assert_eq!((taken.found.envelope(), taken.sent), (&[7; 10][..], 1_000));
    assert!(shelf.take(key(1), 2_000).is_none());
    assert!(shelf.take(key(2), 2_000).is_none());
    assert_eq!(shelf.count.load(Ordering::Relaxed), 0);
    assert_eq!(shelf.stats().bytes, 0);
}

#[test]
fn what_was_asked_for_meanwhile_is_not_kept() {
    let shelf = Shelf::new(10_000);
    assert_eq!(
        shelf.expect([key(1), key(2), key(1)]),
        [key(1), key(2)],
        "each once"
    );
    assert!(shelf.expect([key(1)]).is_empty());
    assert!(shelf.take(key(1), 0).is_none());
    assert_eq!(shelf.still_expected(&[key(1), key(2)]), [key(2)]);
    shelf.put(key(1), found(10, 60), 0, Why::Hot);
    assert!(shelf.take(key(1), 0).is_none());
    shelf.give_up(&[key(2)]);
    shelf.put(key(2), found(10, 60), 0, Why::Hot);
    assert_eq!((shelf.stats().fetched, shelf.stats().entries), (0, 0));
}

#[test]
fn what_is_predicted_in_vain_is_predicted_no_more() {
    let shelf = Shelf::new(100_000);
    let predict = |n: u8, used: bool| {
        let asked = shelf.predict([key(n), key(n)], Why::Follows);
        for key in &asked {
            shelf.put(*key, found(10, 60), 0, Why::Follows);
        }
        if let Some(taken) = shelf.take(key(n), 0) {
            shelf.judged(taken.why(), used);
        }
        asked.len() as u64
    };
    let used: u64 = (0..1_000).map(|n| predict(n as u8, n % 4 == 0)).sum();
    assert_eq!((used, shelf.stats().predicted_used), (1_000, 250));
    let vain: u64 = (0..16_000).map(|n| predict(n as u8, false)).sum();
    assert!((1_000..2_500).contains(&vain), "{vain}");
    assert!(!shelf.stats().pays);
    assert_eq!(shelf.stats().predicted, used + vain);
    // Here already, or on its way.
    shelf.expect([key(1)]);
    assert!((0..100).all(|_| shelf.predict([key(1)], Why::Follows).is_empty()));
}

/// The first of two that are on their way for the same name was read before somebody asked for himself.
#[test]
fn what_was_read_before_a_value_was_asked_for_is_not_kept_for_what_is_expected_after_it() {
    let shelf = Shelf::new(10_000);
    let first = shelf.expect([key(1)]);
    assert!(shelf.take(key(1), 0).is_none());
    let second = shelf.predict([key(1)], Why::Follows);
    for asked in first {
        shelf.put(asked, found(10, 60), 0, Why::Hot);
    }
    assert!(shelf.take(key(1), 0).is_none());
    for asked in second {
        shelf.put(asked, found(10, 60), 1, Why::Follows);
    }
    assert!(shelf.take(key(1), 0).is_none());
    put(&shelf, 1, found(10, 60));
    assert!(shelf.take(key(1), 0).is_some(), "nothing is on its way");
}

#[test]
fn what_is_no_longer_fresh_is_not_given() {
    let shelf = Shelf::new(10_000);
    put(&shelf, 1, found(10, 1));
    put(&shelf, 2, found(10, 2));
    put(&shelf, 3, found(10, 0));
    assert_eq!(shelf.stats().entries, 2);
    assert!(shelf.take(key(1), 2_000).is_none());
    shelf.clear_away(2_999);
    assert_eq!(shelf.stats().entries, 1);
    shelf.clear_away(3_000);
    assert_eq!((shelf.stats().entries, shelf.stats().bytes), (0, 0));
}

#[test]
fn it_has_a_bound() {
    let most = 10 * (100 + OVERHEAD);
    let shelf = Shelf::new(most);
    for n in 0..200 {
        assert_eq!(shelf.is_full(), n >= 10);
        put(&shelf, n, found(100, 60));
        assert!(shelf.stats().bytes <= most as u64);
    }
    let here = (0..200).filter(|n| shelf.take(key(*n), 0).is_some());
    assert!(here.eq(190..200), "the last");
    put(&shelf, 2, found(100, 60));
    put(&shelf, 1, found(most, 60));
    assert!(shelf.take(key(1), 0).is_none(), "too large");
    assert!(shelf.take(key(2), 0).is_some(), "nothing makes room for it");
    for _ in 0..1_000 {
        put(&shelf, 1, found(1, 60));
        shelf.take(key(1), 0);
    }
    assert!(lock(&shelf.state).order.len() <= SLACK + 2);
}
