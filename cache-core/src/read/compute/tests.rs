//! The traces of the protocol's model that are about calls. `log/tests/traces.rs` lists all of them.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};

use crate::rule::{Rule, without};
use crate::sync::block_on;
use crate::{Cache, cache};

thread_local! {
    static ROW: Cell<u64> = const { Cell::new(0) };
    /// How often it was read.
    static READ: Cell<u64> = const { Cell::new(0) };
    static INNER: RefCell<Option<Shared<LocalBoxFuture<'static, u64>>>> = const { RefCell::new(None) };
}

/// Lets the test go on, between the read and the return.
async fn pause() {
    let mut paused = false;
    poll_fn(|_| match std::mem::replace(&mut paused, true) {
        false => Poll::Pending,
        true => Poll::Ready(()),
    })
    .await;
}

#[cache(ttl = 60, tags("row"))]
async fn row() -> u64 {
    let version = ROW.get();
    READ.set(READ.get() + 1);
    pause().await;
    version
}

#[cache(ttl = 60)]
async fn outer() -> u64 {
    row().await
}

/// One that is handed a call which somebody else began.
#[cache(ttl = 60)]
async fn heir() -> u64 {
    let inner = INNER.with_borrow(Clone::clone);
    match inner {
        Some(inner) => inner.await,
        None => 0,
    }
}

/// Polls a future once.
fn once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Runs a future to its end, however often it pauses.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(out) = once(future.as_mut()) {
            return out;
        }
    }
}

/// A write that is committed, and its invalidation, which returns `Ok`.
fn write() {
    ROW.set(ROW.get() + 1);
    block_on(crate::invalidate_tag("row")).unwrap();
}

/// Runs a trace in a cache of its own: it is to end with the present version, and with an older one if it lacks the rule.
#[track_caller]
fn shows(rule: &'static [Rule], trace: fn() -> u64) {
    let run = || {
        let cache = Cache::builder().build_blocking().unwrap();
        ROW.set(0);
        cache.enter(trace) == ROW.get()
    };
    assert!(run(), "the protocol serves a stale value");
    assert!(!without(rule, run), "{rule:?} is not missed");
}

/// A value that is read before a write, and stored after it.
fn late<F: Future<Output = u64>>(call: fn() -> F) -> u64 {
    {
        let mut early = pin!(call());
        assert!(once(early.as_mut()).is_pending());
        write();
        run(early);
    }
    run(call())
}

#[test]
fn x1_what_is_stored_after_its_invalidation_is_not_served() {
    shows(&[Rule::Check], || late(row));
}

#[test]
fn x3_a_stamp_is_of_the_beginning() {
    shows(&[Rule::Stamp], || late(row));
}

#[test]
fn x4_nobody_joins_a_computation_that_began_before_the_write() {
    shows(&[Rule::Join], || {
        let mut early = pin!(row());
        assert!(once(early.as_mut()).is_pending());
        write();
        let mut second = pin!(row());
        let polled = once(second.as_mut());
        run(early);
        match polled {
            Poll::Ready(version) => version,
            Poll::Pending => run(second),
        }
    });
}

#[test]
fn x9_a_value_dies_with_what_it_was_made_of() {
    shows(&[Rule::Union], || {
        run(outer());
        write();
        run(outer())
    });
}

#[test]
fn x10_a_value_is_as_old_as_the_oldest_that_it_was_made_of() {
    shows(&[Rule::Oldest], || {
        let inner = row().boxed_local().shared();
        INNER.set(Some(inner.clone()));
        assert!(once(pin!(inner)).is_pending());
        write();
        // Begins after the write, and is given what was read before it.
        run(heir());
        INNER.set(Some(row().boxed_local().shared()));
        run(heir())
    });
}

/// Not in the model's power, nor in ours: the guide says so.
#[test]
fn x11_and_x12_are_exceptions() {
    let cache = Cache::builder().build_blocking().unwrap();
    cache.enter(|| {
        // A replica of the database that lags behind: the write is committed and invalidated, and is not seen.
        ROW.set(0);
        block_on(crate::invalidate_tag("row")).unwrap();
        assert_eq!(run(row()), 0);
        ROW.set(1);
        assert_eq!(run(row()), 0, "X11");
        // A writer that dies before it invalidates.
        ROW.set(2);
        assert_eq!(run(row()), 0, "X12");
        write();
        assert_eq!(run(row()), 3);
    });
}

/// Nothing is heard of the log: what was computed counts for `max_staleness`, also for those who wait for it.
#[cfg(feature = "redis")]
#[test]
fn who_comes_late_in_an_outage_is_not_given_what_began_long_before() {
    use std::time::Duration;
    let hand = crate::ManualClock::new();
    let cache = Cache::builder()
        .redis("redis://127.0.0.1:1/")
        .clock(crate::Clock::Manual(hand.clone()))
        .max_staleness(Duration::from_secs(10))
        .build_blocking()
        .unwrap();
    cache.enter(|| {
        ROW.set(0);
        let mut early = pin!(row());
        // Until it has read.
        while once(early.as_mut()).is_pending() && READ.get() == 0 {}
        hand.advance(Duration::from_secs(9));
        let mut soon = pin!(row());
        assert!(once(soon.as_mut()).is_pending());
        hand.advance(Duration::from_secs(2));
        // Another process writes, and nothing is heard of it.
        ROW.set(1);
        let mut late = pin!(row());
        assert!(once(late.as_mut()).is_pending());
        assert_eq!((run(early), run(soon), run(late)), (0, 0, 1));
    });
}
