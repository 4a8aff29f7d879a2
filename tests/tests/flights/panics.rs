//! Bodies that panic.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Barrier};

use futures_util::FutureExt;

use cache_core::cache;

use crate::support::{Source, fresh, now, poll, ready, soon};

/// Panics without a message on the terminal.
fn burst() -> ! {
    resume_unwind(Box::new("on purpose"))
}

/// The first one bursts.
#[cache("fragile:{id}", key(id))]
async fn fragile(source: &Source, id: u64) -> u64 {
    let nth = source.enter().nth;
    source.pass().await;
    if nth == 0 {
        burst();
    }
    id
}

#[cache("hopeless:{id}", key(id))]
async fn hopeless(source: &Source, id: u64) -> u64 {
    if source.read().await == 0 {
        burst();
    }
    id
}

#[cache("plain:{id}", key(id))]
fn plain(source: &Source, both: &Barrier, id: u64) -> u64 {
    if source.enter().nth == 0 {
        both.wait();
        burst();
    }
    id
}

#[cache("ruled:{id}", key(id), when = |_| { if !BURST.load(SeqCst) { true } else { burst() } })]
async fn ruled(source: &Source, id: u64) -> u64 {
    source.read().await + id
}

static BURST: AtomicBool = AtomicBool::new(true);

#[test]
fn a_panic_is_its_callers_and_the_others_compute() {
    let (test, source) = (fresh(), Source::shut());
    let mut leader = Box::pin(AssertUnwindSafe(test.run(fragile(&source, 1))).catch_unwind());
    assert!(poll(&mut leader).is_pending());
    let mut waiters: Vec<_> = (0..10)
        .map(|_| Box::pin(test.run(fragile(&source, 1))))
        .collect();
    for waiter in &mut waiters {
        assert!(poll(waiter).is_pending());
    }
    source.open();
    assert!(ready(&mut leader).is_err());
    drop(leader);
    for waiter in &mut waiters {
        assert_eq!(ready(waiter), 1);
    }
    assert_eq!(now(test.run(fragile(&source, 1))), 1);
    assert_eq!(
        source.runs(),
        11,
        "all at once: a panic may well meet the next one, too"
    );
}

/// Whoever keeps a future that has panicked does not keep others waiting.
#[test]
fn a_panic_counts_at_once_and_not_when_its_future_is_dropped() {
    let (test, source) = (fresh(), Source::shut());
    let mut leader = Box::pin(test.run(fragile(&source, 1)));
    assert!(poll(&mut leader).is_pending());
    let mut waiter = Box::pin(test.run(fragile(&source, 1)));
    assert!(poll(&mut waiter).is_pending());
    source.open();
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut leader))).is_err());
    assert_eq!(ready(&mut waiter), 1);
    drop(leader);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_every_body_panics_every_caller_is_told() {
    const CALLERS: u64 = 200;
    let (test, source) = (fresh(), Source::shut());
    let tasks: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (test, source) = (test.clone(), Arc::clone(&source));
            tokio::spawn(async move { test.run(hopeless(&source, 1)).await })
        })
        .collect();
    while test.cache().stats().total.calls() < CALLERS {
        tokio::task::yield_now().await;
    }
    source.open();
    for task in tasks {
        assert!(soon(task).await.is_err_and(|error| error.is_panic()));
    }
    source.write(1);
    assert_eq!(
        test.run(hopeless(&source, 1)).await,
        1,
        "and the function works again"
    );
}

#[test]
fn a_sync_body_that_panics_leaves_nobody_behind() {
    let (test, source, both) = (fresh(), Source::new(), Barrier::new(2));
    std::thread::scope(|scope| {
        let leader = scope
            .spawn(|| catch_unwind(AssertUnwindSafe(|| test.enter(|| plain(&source, &both, 1)))));
        while source.runs() == 0 {
            std::thread::yield_now();
        }
        let waiters: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| test.enter(|| plain(&source, &both, 1))))
            .collect();
        while test.cache().stats().total.calls() < 5 {
            std::thread::yield_now();
        }
        both.wait();
        assert!(leader.join().unwrap().is_err());
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), 1);
        }
    });
}

#[test]
fn a_rule_that_panics_leaves_nobody_behind() {
    let (test, source) = (fresh(), Source::shut());
    let mut leader = Box::pin(AssertUnwindSafe(test.run(ruled(&source, 1))).catch_unwind());
    assert!(poll(&mut leader).is_pending());
    let mut waiter = Box::pin(test.run(ruled(&source, 1)));
    assert!(poll(&mut waiter).is_pending());
    source.open();
    assert!(ready(&mut leader).is_err());
    BURST.store(false, SeqCst);
    assert_eq!(ready(&mut waiter), 1);
}
