//! What was asked for anew is not undone by what is older.

use std::pin::Pin;
use std::time::{Duration, Instant};

use cache_core::{RefusalReason, cache};

use crate::modifiers::{item, maybe};
use crate::support::{Now, SOON, Source, fresh, now, patient, poll, ready};

#[cache("odd:{id}", key(id), when = |value| value % 2 == 1)]
async fn odd(source: &Source, id: u64) -> Result<u64, String> {
    match source.read().await {
        99 => Err("on purpose".to_owned()),
        value => Ok(value),
    }
}

#[cache("brief:{id}", key(id), ttl = |value| if *value == 1 { 1_u64 } else { 60 })]
async fn brief(source: &Source, id: u64) -> u64 {
    source.read().await
}

/// An error that cannot be copied.
#[derive(Debug, PartialEq)]
struct Alone;

#[cache("alone:{id}", key(id), when = |value| *value != 77)]
async fn alone(source: &Source, id: u64) -> Result<u64, Alone> {
    match source.read().await {
        99 => Err(Alone),
        value => Ok(value),
    }
}

/// Polls a caller who waits, until the leader is overdue and it computes beside him.
fn take_over<F: Future>(caller: &mut Pin<Box<F>>, source: &Source) {
    let begun = Instant::now();
    while source.runs() == 0 {
        assert!(poll(caller).is_pending() && begun.elapsed() < SOON);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn refresh_stores_and_never_joins() {
    let (test, source) = (fresh(), Source::new());
    assert_eq!(now(test.run(item(&source, 1, "a"))), 0);
    source.write(1);
    assert_eq!(now(test.run(cache_core::refresh(item(&source, 1, "a")))), 1);
    assert_eq!(now(test.run(item(&source, 1, "a"))), 1);
    assert_eq!(source.runs(), 2);
    test.cache().clear_now();
    let shut = Source::shut();
    let mut leader = Box::pin(test.run(item(&shut, 1, "a")));
    assert!(poll(&mut leader).is_pending());
    assert_eq!(now(test.run(cache_core::refresh(item(&source, 1, "a")))), 1);
    assert_eq!(source.runs(), 3);
}

/// What began before the refresh does not overwrite it.
#[test]
fn an_older_load_does_not_undo_a_refresh() {
    let (test, source) = (fresh(), Source::shut());
    let mut load = Box::pin(test.run(item(&source, 1, "a")));
    assert!(poll(&mut load).is_pending());
    let fresh = Source::new();
    fresh.write(1);
    assert_eq!(now(test.run(cache_core::refresh(item(&fresh, 1, "a")))), 1);
    assert_eq!(now(test.run(item(&fresh, 1, "a"))), 1);
    source.open();
    assert_eq!(ready(&mut load), 0);
    assert_eq!(now(test.run(item(&fresh, 1, "a"))), 1);
}

/// Nor does it where another leader of the same flight has ended that before.
#[test]
fn an_overdue_load_does_not_undo_a_refresh() {
    let (test, source) = (patient(Duration::from_millis(1)), Source::new());
    let [stuck, second] = [Source::shut(), Source::shut()];
    let mut leader = Box::pin(test.run(item(&stuck, 1, "a")));
    assert!(poll(&mut leader).is_pending());
    let mut successor = Box::pin(test.run(item(&second, 1, "a")));
    take_over(&mut successor, &second);
    second.open();
    assert_eq!(ready(&mut successor), 0);
    source.write(1);
    assert_eq!(now(test.run(cache_core::refresh(item(&source, 1, "a")))), 1);
    stuck.open();
    assert_eq!(ready(&mut leader), 0);
    assert_eq!(now(test.run(item(&source, 1, "a"))), 1);
}

/// Nor does who computes for himself because his leader has failed.
#[test]
fn a_load_after_a_failure_does_not_undo_a_refresh() {
    let (test, source) = (fresh(), Source::new());
    let [failing, slow] = [Source::shut(), Source::shut()];
    failing.write(99);
    let mut leader = Box::pin(test.run(alone(&failing, 1)));
    let mut waiter = Box::pin(test.run(cache_core::explain(alone(&slow, 1))));
    assert!(poll(&mut leader).is_pending() && poll(&mut waiter).is_pending());
    failing.open();
    assert!(ready(&mut leader).is_err());
    assert!(poll(&mut waiter).is_pending());
    assert_eq!(slow.runs(), 1, "computes for himself");
    source.write(2);
    let refreshed = now(test.run(cache_core::refresh(alone(&source, 1))));
    assert_eq!(refreshed, Ok(2));
    slow.open();
    let (old, trace) = ready(&mut waiter);
    assert_eq!(
        (old, trace.refused),
        (Ok(0), Some(RefusalReason::Superseded))
    );
    assert_eq!(now(test.run(alone(&source, 1))), Ok(2));
}

/// What an older load finds out does not count against a newer value either.
#[test]
fn an_older_refresh_that_is_not_stored_leaves_the_newer_value() {
    let (test, source, slow) = (fresh(), Source::new(), Source::shut());
    let mut older = Box::pin(test.run(cache_core::refresh(maybe(&slow, 1))));
    assert!(poll(&mut older).is_pending());
    source.write(1);
    let newer = test.run(cache_core::refresh(maybe(&source, 1)));
    assert_eq!(now(newer), Some(1));
    slow.open();
    assert_eq!(ready(&mut older), None);
    source.write(2);
    assert_eq!(now(test.run(maybe(&source, 1))), Some(1));
}

/// A refresh that finds nothing to keep does not leave the old value behind.
#[test]
fn a_refresh_that_is_not_stored_leaves_nothing() {
    let (test, source) = (fresh(), Source::new());
    source.write(1);
    assert_eq!(now(test.run(maybe(&source, 1))), Some(1));
    assert_eq!(now(test.run(odd(&source, 1))), Ok(1));
    source.write(0);
    assert_eq!(now(test.run(cache_core::refresh(maybe(&source, 1)))), None);
    assert_eq!(now(test.run(cache_core::peek(maybe(&source, 1)))), None);
    source.write(2);
    assert_eq!(now(test.run(cache_core::refresh(odd(&source, 1)))), Ok(2));
    assert_eq!(now(test.run(cache_core::peek(odd(&source, 1)))), None);
    // A failure says nothing about the value.
    source.write(3);
    assert_eq!(now(test.run(odd(&source, 1))), Ok(3));
    source.write(99);
    assert!(now(test.run(cache_core::refresh(odd(&source, 1)))).is_err());
    assert_eq!(
        now(test.run(cache_core::peek(odd(&source, 1)))),
        Some(Ok(3))
    );
}

/// The tier does not know of it then, nor does a flight where it has none.
#[test]
fn a_load_after_a_failure_does_not_undo_a_refresh_that_is_not_stored() {
    let (test, source) = (fresh(), Source::new());
    let [failing, slow] = [Source::shut(), Source::shut()];
    failing.write(99);
    let mut leader = Box::pin(test.run(alone(&failing, 1)));
    let mut waiter = Box::pin(test.run(cache_core::explain(alone(&slow, 1))));
    assert!(poll(&mut leader).is_pending() && poll(&mut waiter).is_pending());
    failing.open();
    assert!(ready(&mut leader).is_err());
    assert!(poll(&mut waiter).is_pending());
    assert_eq!(slow.runs(), 1, "computes for himself");
    source.write(77);
    let refreshed = now(test.run(cache_core::refresh(alone(&source, 1))));
    assert_eq!(refreshed, Ok(77), "not kept");
    slow.open();
    let (old, trace) = ready(&mut waiter);
    assert_eq!(
        (old, trace.refused),
        (Ok(0), Some(RefusalReason::Superseded))
    );
    assert_eq!(now(test.run(cache_core::peek(alone(&source, 1)))), None);
    // Who begins later is none of its concern.
    source.write(3);
    assert_eq!(now(test.run(alone(&source, 1))), Ok(3));
    assert_eq!(
        now(test.run(cache_core::peek(alone(&source, 1)))),
        Some(Ok(3))
    );
}

#[test]
fn an_overdue_load_does_not_undo_a_refresh_that_is_not_stored() {
    let (test, source) = (patient(Duration::from_millis(1)), Source::new());
    let [stuck, second] = [Source::shut(), Source::shut()];
    stuck.write(1);
    second.write(2);
    let mut leader = Box::pin(test.run(maybe(&stuck, 1)));
    assert!(poll(&mut leader).is_pending());
    let mut successor = Box::pin(test.run(maybe(&second, 1)));
    take_over(&mut successor, &second);
    second.open();
    assert_eq!(ready(&mut successor), Some(2));
    assert_eq!(now(test.run(cache_core::refresh(maybe(&source, 1)))), None);
    stuck.open();
    assert_eq!(ready(&mut leader), Some(1));
    assert_eq!(now(test.run(cache_core::peek(maybe(&source, 1)))), None);
}

/// Nor does what the tier has forgotten by then.
#[test]
fn an_overdue_load_does_not_undo_a_refresh_that_has_expired() {
    let (test, source) = (patient(Duration::from_millis(1)), Source::new());
    let [stuck, second] = [Source::shut(), Source::shut()];
    let mut leader = Box::pin(test.run(brief(&stuck, 1)));
    assert!(poll(&mut leader).is_pending());
    let mut successor = Box::pin(test.run(brief(&second, 1)));
    take_over(&mut successor, &second);
    second.open();
    assert_eq!(ready(&mut successor), 0);
    source.write(1);
    assert_eq!(now(test.run(cache_core::refresh(brief(&source, 1)))), 1);
    test.advance(Duration::from_secs(1));
    assert_eq!(now(test.run(cache_core::peek(brief(&source, 1)))), None);
    // Room is made for others, and the entry goes.
    for id in 2..1_000 {
        now(test.run(brief(&source, id)));
    }
    stuck.open();
    assert_eq!(ready(&mut leader), 0);
    assert_eq!(now(test.run(cache_core::peek(brief(&source, 1)))), None);
}

#[test]
fn a_refresh_that_is_dropped_has_stored_nothing() {
    let (test, source) = (fresh(), Source::new());
    now(test.run(item(&source, 1, "a")));
    let shut = Source::shut();
    shut.write(1);
    let mut refresh = Box::pin(test.run(cache_core::refresh(item(&shut, 1, "a"))));
    assert!(poll(&mut refresh).is_pending());
    drop(refresh);
    assert_eq!(now(test.run(item(&source, 1, "a"))), 0);
    assert_eq!(source.runs(), 1);
}
