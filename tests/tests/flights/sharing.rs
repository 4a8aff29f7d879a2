//! One missing key, many callers, one body.

use std::sync::{Arc, Barrier};

use cache_core::{MissReason, cache};

use crate::support::{Source, fresh, now, poll, ready, soon};

#[cache("item:{id}", key(id))]
async fn item(source: &Source, id: u64) -> u64 {
    source.read().await + id
}

#[cache("unstored:{id}", key(id), when = |_| false)]
async fn unstored(source: &Source, id: u64) -> u64 {
    source.read().await + id
}

#[cache("absent:{id}", key(id))]
async fn absent(source: &Source, id: u64) -> Result<Option<u64>, String> {
    source.read().await;
    Ok(None.filter(|_: &u64| id == 0))
}

#[cache("plain:{id}", key(id))]
fn plain(source: &Source, all: &Barrier, id: u64) -> u64 {
    let value = source.read_now();
    all.wait();
    value + id
}

#[test]
fn ten_thousand_callers_of_a_missing_key_run_its_body_once() {
    const CALLERS: usize = 10_000;
    let (test, source) = (fresh(), Source::shut());
    let mut callers: Vec<_> = (0..CALLERS)
        .map(|_| Box::pin(test.run(item(&source, 5))))
        .collect();
    for caller in &mut callers {
        assert!(poll(caller).is_pending());
    }
    assert_eq!(source.runs(), 1);
    source.write(100);
    source.open();
    for caller in &mut callers {
        assert_eq!(ready(caller), 5);
    }
    assert_eq!(source.runs(), 1);
    let stats = test.cache().stats().total;
    assert_eq!((stats.computed, stats.coalesced), (1, CALLERS as u64 - 1));
    assert_eq!(
        (stats.hits, stats.misses.of(MissReason::Absent)),
        (0, CALLERS as u64)
    );
}

/// The same with wake-ups, on several threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_tasks_are_all_woken() {
    const CALLERS: u64 = 10_000;
    let (test, source) = (fresh(), Source::shut());
    let tasks: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (test, source) = (test.clone(), Arc::clone(&source));
            tokio::spawn(async move { test.run(item(&source, 5)).await })
        })
        .collect();
    while test.cache().stats().total.calls() < CALLERS {
        tokio::task::yield_now().await;
    }
    source.open();
    for task in tasks {
        assert_eq!(soon(task).await.unwrap(), 5);
    }
    assert_eq!(source.runs(), 1);
}

#[test]
fn threads_that_call_at_once_run_a_sync_body_once() {
    const CALLERS: usize = 64;
    let (test, source) = (fresh(), Source::new());
    // Passed by the body and by this test: nobody has an answer before all have asked.
    let both = Barrier::new(2);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CALLERS)
            .map(|_| scope.spawn(|| test.enter(|| plain(&source, &both, 7))))
            .collect();
        while test.cache().stats().total.calls() < CALLERS as u64 {
            std::thread::yield_now();
        }
        both.wait();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 7);
        }
    });
    assert_eq!(source.runs(), 1);
}

#[test]
fn what_is_not_stored_is_shared_by_those_who_wait_and_by_nobody_later() {
    let (test, source) = (fresh(), Source::shut());
    let mut callers: Vec<_> = (0..100)
        .map(|_| Box::pin(test.run(unstored(&source, 1))))
        .collect();
    let mut nothing: Vec<_> = (0..100)
        .map(|_| Box::pin(test.run(absent(&source, 1))))
        .collect();
    for (some, none) in callers.iter_mut().zip(&mut nothing) {
        assert!(poll(some).is_pending() && poll(none).is_pending());
    }
    source.open();
    for (some, none) in callers.iter_mut().zip(&mut nothing) {
        assert_eq!((ready(some), ready(none)), (1, Ok(None)));
    }
    assert_eq!(source.runs(), 2);
    now(test.run(unstored(&source, 1)));
    now(test.run(absent(&source, 1))).unwrap();
    assert_eq!(source.runs(), 4);
}

#[test]
fn different_keys_do_not_wait_for_each_other() {
    let (test, source) = (fresh(), Source::shut());
    let mut callers: Vec<_> = (0..100)
        .map(|id| Box::pin(test.run(item(&source, id))))
        .collect();
    for caller in &mut callers {
        assert!(poll(caller).is_pending());
    }
    assert_eq!((source.runs(), source.most()), (100, 100));
    source.open();
    // Not in their order: the last begins.
    for (id, caller) in callers.iter_mut().enumerate().rev() {
        assert_eq!(ready(caller), id as u64);
    }
}

#[test]
fn caches_do_not_share() {
    let (one, other, source) = (fresh(), fresh(), Source::shut());
    let mut first = Box::pin(one.run(item(&source, 1)));
    let mut second = Box::pin(other.run(item(&source, 1)));
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    assert_eq!(source.runs(), 2);
}
