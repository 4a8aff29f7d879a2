//! What is served though it is no longer fresh.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{
    EventKind, MissReason, TestCache, blocking, cache, cache_query, cache_result, explain, refresh,
};

use crate::runs::{Hand, run, runs, start};

mod made;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

thread_local! {
    /// Whether the source of this test fails.
    static FAILS: Cell<bool> = const { Cell::new(false) };
}

fn fail(whether: bool) {
    FAILS.set(whether);
}

/// A source that is asked by the functions below.
fn source() -> Result<u64, String> {
    let nth = run();
    if FAILS.get() {
        Err(format!("failed at {nth}"))
    } else {
        Ok(nth)
    }
}

#[cache(ttl = 10, stale_if_error = 60)]
fn rate(_of: &str) -> Result<u64, String> {
    source()
}

#[cache("rates:{of}", ttl = 10, stale_if_error = 60)]
async fn rate_later(of: &str) -> Result<u64, String> {
    let _ = of;
    source()
}

#[test]
fn a_failure_is_answered_by_what_has_expired_within_the_window() {
    let test = start();
    test.enter(|| {
        assert_eq!((rate("a"), block_on(rate_later("a"))), (Ok(1), Ok(2)));
        fail(true);
        test.advance(10 * SECOND);
        assert_eq!((rate("a"), block_on(rate_later("a"))), (Ok(1), Ok(2)));
        assert_eq!(runs(), 4, "it was tried");
        test.advance(60 * SECOND - MILLI);
        assert_eq!((rate("a"), block_on(rate_later("a"))), (Ok(1), Ok(2)));
        test.advance(MILLI);
        assert!(rate("a").is_err(), "the window is the ceiling");
        assert!(block_on(rate_later("a")).is_err());
        fail(false);
        assert_eq!(rate("a"), Ok(9));
    });
    let stats = test.cache().stats();
    assert_eq!(stats.function("rate").map(|rate| rate.stale), Some(2));
    assert_eq!(stats.total.stale, 4);
    assert_eq!(stats.total.failed, 6);
    assert_eq!(stats.total.hits, 0);
    assert_eq!(stats.total.misses.of(MissReason::Expired), 7);
    let stale = |kind| matches!(kind, EventKind::Stale(late) if late == Duration::ZERO);
    assert_eq!(test.count("*", stale), 2);
    assert_eq!(
        test.count("*", |kind| matches!(kind, EventKind::Stale(_))),
        4
    );
    fail(false);
}

#[cache(ttl = 10, stale_if_error = 60, skip(test, takes))]
fn sluggish(test: &TestCache, takes: u64) -> Result<u64, String> {
    test.advance(Duration::from_secs(takes));
    source()
}

#[test]
fn what_was_too_old_when_it_came_is_kept_for_a_failure() {
    let test = start();
    test.enter(|| {
        assert_eq!((sluggish(&test, 10), sluggish(&test, 70)), (Ok(1), Ok(2)));
        fail(true);
        assert!(sluggish(&test, 0).is_err(), "its window had passed as well");
        fail(false);
        assert_eq!((sluggish(&test, 10), sluggish(&test, 10)), (Ok(4), Ok(5)));
        fail(true);
        assert_eq!(sluggish(&test, 0), Ok(5));
        assert_eq!(runs(), 6, "it was tried");
        test.advance(60 * SECOND - MILLI);
        assert_eq!(sluggish(&test, 0), Ok(5));
        test.advance(MILLI);
        assert!(sluggish(&test, 0).is_err());
    });
    fail(false);
}

#[test]
fn a_failing_body_is_left_alone_for_a_second() {
    let test = start();
    test.enter(|| {
        rate("a").unwrap();
        fail(true);
        test.advance(11 * SECOND);
        assert_eq!(rate("a"), Ok(1));
        assert_eq!(runs(), 2);
        test.advance(SECOND - MILLI);
        assert_eq!((rate("a"), rate("a")), (Ok(1), Ok(1)));
        assert_eq!(runs(), 2, "not yet");
        let (value, trace) = blocking::explain(|| rate("a"));
        assert_eq!(
            (value, trace.tier, trace.miss),
            (Ok(1), Some("memory"), None)
        );
        assert_eq!(trace.stale, Some(2 * SECOND - MILLI));
        test.advance(MILLI);
        assert_eq!(rate("a"), Ok(1));
        assert_eq!(runs(), 3, "tried again");
        fail(false);
        assert_eq!(rate("a"), Ok(1));
        test.advance(SECOND);
        assert_eq!((rate("a"), rate("a")), (Ok(4), Ok(4)), "and fresh again");
    });
    let total = test.cache().stats().total;
    assert_eq!((total.hits, total.stale, total.misses.total()), (5, 6, 4));
}

#[cache(ttl = 10, stale_if_error = "1h", err_ttl = 30)]
fn patient(_of: &str) -> Result<u64, String> {
    source()
}

#[test]
fn an_err_ttl_says_how_long_a_failing_body_is_left_alone() {
    let test = start();
    test.enter(|| {
        fail(true);
        assert!(patient("a").is_err());
        fail(false);
        assert!(patient("a").is_err(), "there was nothing to fall back on");
        test.advance(30 * SECOND);
        assert_eq!(patient("a"), Ok(2));
        fail(true);
        test.advance(10 * SECOND);
        assert_eq!((patient("a"), runs()), (Ok(2), 3));
        test.advance(30 * SECOND - MILLI);
        assert_eq!((patient("a"), runs()), (Ok(2), 3));
        test.advance(MILLI);
        assert_eq!((patient("a"), runs()), (Ok(2), 4));
        fail(false);
        test.advance(30 * SECOND);
        assert_eq!(patient("a"), Ok(5));
    });
}

#[test]
fn explain_tells_of_a_failure_and_what_stood_in_for_it() {
    let test = start();
    test.enter(|| {
        rate("a").unwrap();
        fail(true);
        test.advance(12 * SECOND);
        let (value, trace) = blocking::explain(|| rate("a"));
        assert_eq!((value, trace.stale), (Ok(1), Some(2 * SECOND)));
        assert_eq!((trace.tier, trace.miss), (None, Some(MissReason::Expired)));
        let text = trace.to_string();
        assert!(
            text.ends_with("not stored (failed), answered by what was stale for 2.0s"),
            "{text}"
        );
        fail(false);
    });
}

#[test]
fn what_was_invalidated_stands_in_for_nothing() {
    let test = start();
    test.enter(|| {
        block_on(async {
            rate_later("a").await.unwrap();
            test.advance(10 * SECOND);
            cache_core::invalidate_pattern("rates:*").await.unwrap();
            fail(true);
            assert!(rate_later("a").await.is_err());
            // In the pause, too.
            fail(false);
            rate_later("b").await.unwrap();
            test.advance(10 * SECOND);
            fail(true);
            assert!(rate_later("b").await.is_ok());
            cache_core::invalidate_pattern("rates:b").await.unwrap();
            assert!(rate_later("b").await.is_err());
        });
        fail(false);
    });
}

#[cache("slow:{id}", ttl = 10, stale_if_error = 60, skip(gate))]
async fn slow(id: u64, gate: &crate::runs::Gate) -> Result<u64, String> {
    let _ = id;
    gate.pass().await;
    source()
}

#[test]
fn what_is_invalidated_while_the_body_runs_stands_in_for_nothing() {
    let test = start();
    let gate = crate::runs::Gate::default();
    gate.open();
    assert_eq!(block_on(test.run(slow(1, &gate))), Ok(1));
    test.advance(10 * SECOND);
    fail(true);
    let shut = crate::runs::Gate::default();
    let mut call = Hand::new(test.run(slow(1, &shut)));
    assert!(call.poll().is_pending());
    test.enter(|| blocking::invalidate_pattern("slow:1"))
        .unwrap();
    shut.open();
    assert!(matches!(call.poll(), std::task::Poll::Ready(Err(_))));
    fail(false);
}

#[test]
fn those_who_wait_for_a_failing_body_are_given_what_its_caller_is() {
    let test = start();
    let gate = crate::runs::Gate::default();
    gate.open();
    assert_eq!(block_on(test.run(slow(1, &gate))), Ok(1));
    test.advance(10 * SECOND);
    fail(true);
    let shut = crate::runs::Gate::default();
    let mut leader = Hand::new(test.run(slow(1, &shut)));
    let mut waiter = Hand::new(test.run(slow(1, &shut)));
    assert!(leader.poll().is_pending() && waiter.poll().is_pending());
    shut.open();
    assert_eq!(leader.poll(), std::task::Poll::Ready(Ok(1)));
    assert_eq!(waiter.poll(), std::task::Poll::Ready(Ok(1)));
    assert_eq!(runs(), 2, "nobody has tried for himself");
    assert_eq!(test.cache().stats().total.stale, 2);
    fail(false);
}

#[cache_query(ttl = 10, stale_if_error = 60)]
fn panicking(_of: &str) -> Result<u64, String> {
    let nth = run();
    assert!(!FAILS.get(), "as it should");
    Ok(nth)
}

#[test]
fn a_panic_is_its_callers() {
    let test = start();
    test.enter(|| {
        panicking("a").unwrap();
        test.advance(10 * SECOND);
        fail(true);
        assert!(catch_unwind(AssertUnwindSafe(|| panicking("a"))).is_err());
        fail(false);
        assert_eq!(panicking("a"), Ok(3));
    });
}

#[test]
fn a_modifier_says_what_is_asked_for() {
    let test = start();
    test.enter(|| {
        rate("a").unwrap();
        fail(true);
        test.advance(10 * SECOND);
        assert_eq!(
            blocking::peek(|| rate("a")).unwrap(),
            None,
            "it has expired"
        );
        assert!(blocking::refresh(|| rate("a")).is_err());
        assert!(blocking::bypass(|| rate("a")).is_err());
        assert!(blocking::uncached(|| rate("a")).is_err());
        assert_eq!(rate("a"), Ok(1), "and is there still");
        fail(false);
    });
}

#[cache_result(ttl = 10, stale_if_error = 60)]
fn maybe(_of: &str) -> Result<Option<u64>, String> {
    let nth = source()?;
    Ok((nth < 2).then_some(nth))
}

#[test]
fn what_the_body_has_shown_to_be_gone_does_not_come_back() {
    let test = start();
    test.enter(|| {
        assert_eq!(maybe("a"), Ok(Some(1)));
        test.advance(10 * SECOND);
        assert_eq!(maybe("a"), Ok(None), "not kept");
        fail(true);
        assert!(maybe("a").is_err());
        fail(false);
    });
}

#[cache(ttl = |value| *value, none_ttl = 5, jitter = "50%", stale_if_error = 60)]
fn by_value(seconds: u64) -> Result<Option<u64>, String> {
    source()?;
    Ok((seconds > 0).then_some(seconds))
}

#[test]
fn the_window_begins_where_the_lifetime_ends_however_that_is_said() {
    let test = start();
    test.enter(|| {
        let all = || [by_value(20), by_value(40), by_value(0)];
        assert!(all().iter().all(Result::is_ok));
        fail(true);
        test.advance(40 * SECOND);
        assert_eq!(all(), [Ok(Some(20)), Ok(Some(40)), Ok(None)]);
        // By now each of them has had half of its lifetime at least, and the window.
        test.advance(25 * SECOND);
        assert!(by_value(0).is_err());
        test.advance(15 * SECOND);
        assert!(by_value(20).is_err());
        test.advance(20 * SECOND);
        assert!(by_value(40).is_err());
        fail(false);
    });
}

#[test]
fn what_is_out_of_its_window_makes_room() {
    let test = TestCache::new();
    test.enter(|| {
        let others = |name: &str| (0..2_000).for_each(|id| drop(rate(&format!("{name} {id}"))));
        let entries = || test.cache().stats().total.entries;
        others("a");
        test.advance(70 * SECOND - MILLI);
        others("b");
        assert_eq!(entries(), 4_000);
        test.advance(MILLI);
        others("c");
        assert!(entries() < 4_200, "{}", entries());
    });
}

#[test]
fn a_miss_is_counted_once() {
    let test = start();
    test.enter(|| {
        block_on(async {
            assert_eq!(
                explain(rate_later("a")).await.1.miss,
                Some(MissReason::Absent)
            );
            test.advance(10 * SECOND);
            assert_eq!(
                explain(rate_later("a")).await.1.miss,
                Some(MissReason::Expired)
            );
        });
    });
    assert_eq!(test.cache().stats().total.misses.total(), 2);
}

/// There its caller waits for the body, and is given its error.
#[test]
fn what_cannot_go_on_behind_its_call_falls_back_within_the_other_window() {
    #[cache(ttl = 10, stale_while_revalidate = 60, stale_if_error = 30)]
    async fn both() -> Result<u64, String> {
        source()
    }
    let test = start();
    let both = || block_on(test.run(both()));
    assert_eq!(both(), Ok(1));
    fail(true);
    test.advance(11 * SECOND);
    assert_eq!((both(), runs()), (Ok(1), 2), "there is no runtime");
    test.advance(30 * SECOND);
    assert!(both().is_err(), "its own window has closed");
    fail(false);
}

/// However long the window is, the `ttl` ends.
#[test]
fn a_window_without_an_end_leaves_the_ttl_as_it_is() {
    const EVER: Duration = Duration::MAX;
    #[cache_result(ttl = 10, stale_if_error = EVER)]
    fn value() -> Result<u64, String> {
        Ok(run())
    }
    let test = start();
    test.enter(|| {
        assert_eq!(value(), Ok(1));
        test.advance(Duration::from_secs(11));
        assert_eq!(value(), Ok(2));
    });
}

#[test]
fn a_refresh_that_fails_leaves_what_is_there_to_all_others() {
    #[cache(ttl = 10, stale_if_error = "1h", err_ttl = 5)]
    fn kept() -> Result<u64, String> {
        source()
    }
    let test = start();
    test.enter(|| {
        assert_eq!(kept(), Ok(1));
        fail(true);
        assert!(blocking::refresh(kept).is_err(), "the body's own answer");
        assert_eq!(kept(), Ok(1));
        test.advance(10 * SECOND);
        assert!(blocking::refresh(kept).is_err());
        assert_eq!(kept(), Ok(1), "nor is the window closed");
    });
    fail(false);
}

#[test]
fn who_waits_for_a_refresh_that_fails_falls_back_on_what_is_there() {
    let test = start();
    let gate = crate::runs::Gate::default();
    gate.open();
    assert_eq!(block_on(test.run(slow(1, &gate))), Ok(1));
    test.advance(10 * SECOND);
    fail(true);
    let shut = crate::runs::Gate::default();
    let mut leader = Hand::new(test.run(refresh(slow(1, &shut))));
    let mut waiter = Hand::new(test.run(slow(1, &shut)));
    assert!(leader.poll().is_pending() && waiter.poll().is_pending());
    shut.open();
    assert!(matches!(leader.poll(), std::task::Poll::Ready(Err(_))));
    assert_eq!(waiter.poll(), std::task::Poll::Ready(Ok(1)));
    assert_eq!(runs(), 2, "nobody has tried for himself");
    fail(false);
}
