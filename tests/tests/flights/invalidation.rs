//! Calls and invalidations: what began before is not for those who come after.

use std::time::Duration;

use cache_core::{Cache, RefusalReason, TestCache, Token, cache};

use crate::support::{Now, Source, fresh, now, poll, ready};

#[cache("item:{id}", key(id, shelf), tags("shelf:{shelf}"), ttl = 60)]
async fn item(source: &Source, id: u64, shelf: &str) -> u64 {
    source.read().await
}

#[cache("maybe:{id}", key(id), none_ttl = 60)]
async fn maybe(source: &Source, id: u64) -> Option<u64> {
    Some(source.read().await).filter(|value| *value > 0)
}

async fn exactly(cache: &Cache) -> Token {
    cache
        .scope(cache_core::invalidate(item(&Source::new(), 1, "a")))
        .await
        .expect("a cached call")
}

/// Every way of invalidating the one entry of these tests.
/// One way to invalidate, with its name.
type Way<'a> = (&'static str, Box<dyn Fn() -> Token + 'a>);

fn all(test: &TestCache) -> Vec<Way<'_>> {
    let cache = test.cache();
    vec![
        ("key", Box::new(move || now(exactly(cache)))),
        (
            "address",
            Box::new(|| cache.invalidate_pattern_now("item:1")),
        ),
        (
            "prefix",
            Box::new(|| cache.invalidate_pattern_now("item:*")),
        ),
        ("tag", Box::new(|| cache.invalidate_tag_now("shelf:a"))),
        (
            "tag as a pattern",
            Box::new(|| cache.invalidate_pattern_now("tag:shelf:a")),
        ),
        (
            "tags as a pattern",
            Box::new(|| cache.invalidate_pattern_now("tag:shelf:*")),
        ),
        ("removal", Box::new(|| cache.remove_now("item:1"))),
        ("everything", Box::new(|| cache.clear_now())),
    ]
}

#[test]
fn a_stored_value_is_gone() {
    let test = fresh();
    for (how, invalidate) in all(&test) {
        let source = Source::new();
        invalidate();
        let read = || now(test.run(item(&source, 1, "a")));
        assert_eq!((read(), read(), source.runs()), (0, 0, 1));
        source.write(7);
        assert_eq!(read(), 0);
        let token = invalidate();
        assert_eq!((read(), source.runs()), (7, 2), "{how}");
        assert!(invalidate() > token, "{how}");
    }
}

#[test]
fn what_does_not_match_stays() {
    let (test, source) = (fresh(), Source::new());
    now(test.run(item(&source, 1, "a")));
    let cache = test.cache();
    cache.invalidate_pattern_now("item:2");
    cache.invalidate_pattern_now("item:1:*");
    cache.invalidate_pattern_now("ite");
    cache.invalidate_pattern_now("shelf:*");
    cache.invalidate_pattern_now("tag:item:*");
    cache.invalidate_tag_now("item:1");
    cache.invalidate_tag_now("shelf:b");
    now(test.run(cache_core::invalidate(item(&source, 2, "a")))).unwrap();
    now(test.run(cache_core::invalidate(maybe(&source, 1)))).unwrap();
    now(test.run(item(&source, 1, "a")));
    assert_eq!(source.runs(), 1);
}

#[test]
fn load_invalidate_end_of_load() {
    let test = fresh();
    for (how, invalidate) in all(&test) {
        invalidate();
        let source = Source::shut();
        let mut load = Box::pin(test.run(cache_core::explain(item(&source, 1, "a"))));
        assert!(poll(&mut load).is_pending());
        source.write(7);
        invalidate();
        source.open();
        let (old, trace) = ready(&mut load);
        assert_eq!(old, 0, "{how}: its caller came before");
        assert_eq!(trace.refused, Some(RefusalReason::Invalidated), "{how}");
        for _ in 0..2 {
            assert_eq!(now(test.run(item(&source, 1, "a"))), 7, "{how}");
        }
        assert_eq!(source.runs(), 2, "{how}");
    }
}

#[test]
fn callers_on_both_sides_of_an_invalidation_do_not_share() {
    let test = fresh();
    for (how, invalidate) in all(&test) {
        invalidate();
        let source = Source::shut();
        let call = || Box::pin(test.run(item(&source, 1, "a")));
        let (mut early, mut beside) = (call(), call());
        assert!(poll(&mut early).is_pending() && poll(&mut beside).is_pending());
        assert_eq!(source.runs(), 1);
        source.write(7);
        invalidate();
        let (mut late, mut later) = (call(), call());
        assert!(poll(&mut late).is_pending() && poll(&mut later).is_pending());
        assert_eq!(source.runs(), 2, "{how}: one more for both");
        source.open();
        // In any order: the old one last, so that it could overwrite the new one.
        assert_eq!((ready(&mut late), ready(&mut later)), (7, 7), "{how}");
        assert_eq!((ready(&mut early), ready(&mut beside)), (0, 0), "{how}");
        assert_eq!(now(test.run(item(&source, 1, "a"))), 7, "{how}");
        assert_eq!(source.runs(), 2, "{how}: and the new value was kept");
    }
}

#[test]
fn an_unrelated_invalidation_parts_nobody() {
    let (test, source) = (fresh(), Source::shut());
    let call = || Box::pin(test.run(item(&source, 1, "a")));
    let mut early = call();
    assert!(poll(&mut early).is_pending());
    test.cache().invalidate_tag_now("shelf:b");
    let mut late = call();
    assert!(poll(&mut late).is_pending());
    source.open();
    assert_eq!((ready(&mut early), ready(&mut late)), (0, 0));
    now(call());
    assert_eq!(source.runs(), 1);
}

#[test]
fn an_invalidation_during_a_refresh_wins() {
    let test = fresh();
    for (how, invalidate) in all(&test) {
        invalidate();
        let source = Source::new();
        assert_eq!(now(test.run(item(&source, 1, "a"))), 0);
        let shut = Source::shut();
        let mut refresh = Box::pin(test.run(cache_core::refresh(item(&shut, 1, "a"))));
        assert!(poll(&mut refresh).is_pending());
        assert_eq!(
            now(test.run(item(&source, 1, "a"))),
            0,
            "{how}: meanwhile the old one is served"
        );
        source.write(7);
        invalidate();
        assert_eq!(
            now(test.run(item(&source, 1, "a"))),
            7,
            "{how}: and then it is not"
        );
        shut.open();
        assert_eq!(ready(&mut refresh), 0);
        assert_eq!(now(test.run(item(&source, 1, "a"))), 7, "{how}");
        assert_eq!(source.runs(), 2, "{how}");
    }
}

#[test]
fn a_cached_none_is_invalidated_like_any_value() {
    let (test, source) = (fresh(), Source::new());
    let read = || now(test.run(maybe(&source, 1)));
    assert_eq!((read(), read(), source.runs()), (None, None, 1));
    source.write(5);
    test.cache().remove_now("maybe:1");
    assert_eq!((read(), read(), source.runs()), (Some(5), Some(5), 2));
}

#[test]
fn time_has_no_part_in_it() {
    let (test, source) = (fresh(), Source::new());
    let read = || now(test.run(item(&source, 1, "a")));
    read();
    source.write(1);
    test.cache().invalidate_tag_now("shelf:a");
    // The clock stands still: nothing is newer than anything else by it.
    assert_eq!(read(), 1);
    source.write(2);
    assert_eq!(read(), 1);
    test.advance(Duration::from_secs(59));
    assert_eq!(read(), 1, "still fresh");
    test.advance(Duration::from_secs(1));
    assert_eq!(read(), 2, "expired");
    // A leap of centuries expires entries, and revives none.
    source.write(3);
    test.advance(Duration::from_secs(1 << 33));
    assert_eq!(read(), 3);
    source.write(4);
    test.cache().invalidate_tag_now("shelf:a");
    assert_eq!(read(), 4);
}

#[test]
fn a_load_that_takes_longer_than_its_value_may_live_is_not_stored() {
    let (test, source) = (fresh(), Source::shut());
    let mut load = Box::pin(test.run(item(&source, 1, "a")));
    assert!(poll(&mut load).is_pending());
    test.advance(Duration::from_secs(61));
    source.open();
    assert_eq!(ready(&mut load), 0);
    now(test.run(item(&source, 1, "a")));
    assert_eq!(source.runs(), 2);
    // From its beginning, not from its end.
    test.cache().clear_now();
    let slow = Source::shut();
    let mut load = Box::pin(test.run(item(&slow, 1, "a")));
    assert!(poll(&mut load).is_pending());
    test.advance(Duration::from_secs(40));
    slow.open();
    ready(&mut load);
    test.advance(Duration::from_secs(19));
    now(test.run(item(&source, 1, "a")));
    assert_eq!(source.runs(), 2);
    test.advance(Duration::from_secs(1));
    now(test.run(item(&source, 1, "a")));
    assert_eq!(source.runs(), 3);
}

/// An invalidation comes before a look-up or after it, and the entry of a full index is a miss rather than a risk.
#[test]
fn a_small_index_forgets_and_serves_nothing_old() {
    let test = TestCache::with(Cache::builder().index_max_records(4)).unwrap();
    let source = Source::new();
    let read = || now(test.run(item(&source, 1, "a")));
    read();
    source.write(1);
    test.cache().invalidate_tag_now("shelf:a");
    for n in 0..20 {
        test.cache().invalidate_tag_now(&n.to_string());
    }
    assert_eq!(read(), 1);
    // What is used between invalidations survives any number of them.
    for n in 0..100 {
        test.cache().invalidate_tag_now(&n.to_string());
        assert_eq!(read(), 1);
    }
    assert_eq!(source.runs(), 2);
}
