//! What can be asked of a call in place of its value.

use std::time::Duration;

use cache_core::{ErrorKind, MissReason, RefusalReason, blocking, cache};

use crate::support::{Now, Source, fresh, now, pause, poll, ready};

#[cache("item:{id}", key(id, shelf), tags("shelf:{shelf}", "all"), ttl = 60)]
pub(crate) async fn item(source: &Source, id: u64, shelf: &str) -> u64 {
    source.read().await
}

#[cache("maybe:{id}", key(id))]
pub(crate) async fn maybe(source: &Source, id: u64) -> Option<u64> {
    Some(source.read().await).filter(|value| *value > 0)
}

#[cache("outer:{id}", key(id))]
async fn outer(source: &Source, id: u64) -> u64 {
    item(source, id, "a").await + 100
}

#[cache("plain:{id}", key(id), ttl = 60)]
fn plain(source: &Source, id: u64) -> u64 {
    source.read_now()
}

#[cache(key(what))]
async fn unkeyable(source: &Source, what: Unkeyable) -> u64 {
    source.read().await
}

/// Cannot be serialized.
#[derive(Clone, Copy)]
struct Unkeyable;

impl serde::Serialize for Unkeyable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("on purpose"))
    }
}

#[test]
fn peek_never_runs_the_body() {
    let (test, source) = (fresh(), Source::new());
    let peek = || now(test.run(cache_core::peek(item(&source, 1, "a"))));
    assert_eq!((peek(), source.runs()), (None, 0));
    now(test.run(item(&source, 1, "a")));
    source.write(1);
    assert_eq!((peek(), source.runs()), (Some(0), 1));
    test.advance(Duration::from_secs(60));
    assert_eq!(peek(), None);
    now(test.run(item(&source, 1, "a")));
    test.cache().invalidate_tag_now("all");
    assert_eq!((peek(), source.runs()), (None, 2));
    // Not while another computes it, either: there is nothing yet.
    let shut = Source::shut();
    let mut leader = Box::pin(test.run(item(&shut, 1, "a")));
    assert!(poll(&mut leader).is_pending());
    assert_eq!(peek(), None);
    assert_eq!(
        test.cache().stats().total.misses.total(),
        3,
        "a peek is no miss"
    );
}

#[test]
fn peek_at_no_cached_call_runs_to_the_end() {
    let test = fresh();
    let mut call = Box::pin(test.run(cache_core::peek(async {
        pause().await;
        5
    })));
    assert!(poll(&mut call).is_pending());
    assert_eq!(ready(&mut call), Some(5));
}

#[test]
fn bypass_neither_looks_nor_stores() {
    let (test, source) = (fresh(), Source::new());
    let bypass = || now(test.run(cache_core::bypass(item(&source, 1, "a"))));
    bypass();
    assert_eq!(now(test.run(cache_core::peek(item(&source, 1, "a")))), None);
    now(test.run(item(&source, 1, "a")));
    source.write(1);
    assert_eq!((bypass(), source.runs()), (1, 3));
    assert_eq!(
        now(test.run(item(&source, 1, "a"))),
        0,
        "what was stored still is"
    );
    // Nor does it join.
    let shut = Source::shut();
    test.cache().clear_now();
    let mut leader = Box::pin(test.run(item(&shut, 1, "a")));
    assert!(poll(&mut leader).is_pending());
    assert_eq!(bypass(), 1);
}

#[test]
fn key_of_and_invalidate_run_nothing() {
    let (test, source) = (fresh(), Source::new());
    let key = now(test.run(cache_core::key_of(item(&source, 1, "a")))).unwrap();
    assert_eq!(
        (key.address.as_str(), key.tags),
        ("item:1", vec!["shelf:a".to_owned(), "all".to_owned()])
    );
    let other = now(test.run(cache_core::key_of(item(&source, 2, "a")))).unwrap();
    assert_ne!(key.digest, other.digest);
    now(test.run(item(&source, 1, "a")));
    now(test.run(item(&source, 2, "a")));
    now(test.run(cache_core::invalidate(item(&source, 1, "a")))).unwrap();
    assert_eq!(source.runs(), 2);
    assert_eq!(now(test.run(cache_core::peek(item(&source, 1, "a")))), None);
    assert_eq!(
        now(test.run(cache_core::peek(item(&source, 2, "a")))),
        Some(0)
    );
}

#[test]
fn key_of_and_invalidate_of_no_cached_call_are_errors() {
    let (test, source) = (fresh(), Source::new());
    let late = || async {
        pause().await;
        item(&source, 1, "a").await
    };
    let kinds = [
        now(test.run(cache_core::key_of(async { 5 })))
            .unwrap_err()
            .kind(),
        now(test.run(cache_core::key_of(late())))
            .unwrap_err()
            .kind(),
        now(test.run(cache_core::invalidate(async { 5 })))
            .unwrap_err()
            .kind(),
        now(test.run(cache_core::invalidate(late())))
            .unwrap_err()
            .kind(),
        test.enter(|| blocking::key_of(|| 5)).unwrap_err().kind(),
        test.enter(|| blocking::invalidate(|| 5))
            .unwrap_err()
            .kind(),
    ];
    assert_eq!(kinds, [ErrorKind::NoCachedCall; 6]);
    assert_eq!((source.runs(), test.cache().stats().invalidations), (0, 0));
}

#[test]
fn explain_tells_what_happened() {
    let (test, source) = (fresh(), Source::new());
    let explain = || now(test.run(cache_core::explain(item(&source, 1, "a")))).1;
    let miss = explain();
    assert!(miss.cached && miss.stored && !miss.coalesced);
    assert_eq!(
        (miss.tier, miss.miss, miss.refused),
        (None, Some(MissReason::Absent), None)
    );
    assert_eq!(miss.address.as_deref(), Some("item:1"));
    test.advance(Duration::from_secs(5));
    let hit = explain();
    assert_eq!(
        (hit.tier, hit.miss, hit.age),
        (Some("memory"), None, Some(Duration::from_secs(5)))
    );
    test.advance(Duration::from_secs(55));
    assert_eq!(explain().miss, Some(MissReason::Expired));
    test.cache().invalidate_tag_now("all");
    assert_eq!(explain().miss, Some(MissReason::Invalidated));
    let shut = Source::shut();
    test.cache().clear_now();
    let mut leader = Box::pin(test.run(item(&shut, 1, "a")));
    let mut waiter = Box::pin(test.run(cache_core::explain(item(&source, 1, "a"))));
    assert!(poll(&mut leader).is_pending() && poll(&mut waiter).is_pending());
    shut.open();
    ready(&mut leader);
    let (_, joined) = ready(&mut waiter);
    assert!(joined.coalesced && !joined.stored && joined.cost.is_none());
    let (_, refused) = now(test.run(cache_core::explain(maybe(&source, 1))));
    assert_eq!(
        (refused.stored, refused.refused),
        (false, Some(RefusalReason::Absent))
    );
    let (five, nothing) = now(test.run(cache_core::explain(async { 5 })));
    assert_eq!((five, nothing.cached), (5, false));
}

#[test]
fn a_modifier_is_for_the_first_call_only() {
    let (test, source) = (fresh(), Source::new());
    now(test.run(outer(&source, 1)));
    assert_eq!(source.runs(), 1);
    // Calls inside the body are not refreshed with it.
    now(test.run(cache_core::refresh(outer(&source, 1))));
    assert_eq!(source.runs(), 1);
    now(test.run(cache_core::bypass(outer(&source, 1))));
    assert_eq!(source.runs(), 1);
    // Nor is the second of two.
    let two = async { (item(&source, 1, "a").await, item(&source, 1, "a").await) };
    now(test.run(cache_core::bypass(two)));
    assert_eq!(source.runs(), 2);
    assert_eq!(now(test.run(cache_core::peek(outer(&source, 2)))), None);
    assert_eq!(source.runs(), 2);
}

#[test]
fn what_has_no_key_is_computed() {
    let (test, source) = (fresh(), Source::new());
    for _ in 0..2 {
        now(test.run(unkeyable(&source, Unkeyable)));
        now(test.run(cache_core::refresh(unkeyable(&source, Unkeyable))));
        let (_, trace) = now(test.run(cache_core::explain(unkeyable(&source, Unkeyable))));
        assert_eq!(
            (trace.miss, trace.stored),
            (Some(MissReason::Bypass), false)
        );
    }
    assert_eq!(source.runs(), 6);
    assert_eq!(
        now(test.run(cache_core::peek(unkeyable(&source, Unkeyable)))),
        None
    );
}

#[test]
fn the_same_for_sync_functions() {
    let (test, source) = (fresh(), Source::new());
    test.enter(|| {
        assert_eq!(blocking::peek(|| plain(&source, 1)).unwrap(), None);
        assert_eq!(
            blocking::key_of(|| plain(&source, 1)).unwrap().address,
            "plain:1"
        );
        assert_eq!(source.runs(), 0);
        assert_eq!(plain(&source, 1), 0);
        source.write(1);
        assert_eq!(blocking::peek(|| plain(&source, 1)).unwrap(), Some(0));
        assert_eq!(blocking::bypass(|| plain(&source, 1)), 1);
        assert_eq!(plain(&source, 1), 0);
        assert_eq!(blocking::refresh(|| plain(&source, 1)), 1);
        let (one, trace) = blocking::explain(|| plain(&source, 1));
        assert_eq!((one, trace.tier), (1, Some("memory")));
        source.write(2);
        blocking::invalidate(|| plain(&source, 1)).unwrap();
        assert_eq!((plain(&source, 1), source.runs()), (2, 4));
    });
}
