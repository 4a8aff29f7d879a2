//! Bodies that fail while others wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Barrier;

use cache_core::cache;

use crate::support::{Source, fresh, poll, ready, soon};

/// An error that cannot be copied.
#[derive(Debug, PartialEq)]
struct Alone(u64);

#[cache(key(id))]
async fn shared(source: &Source, id: u64) -> Result<u64, String> {
    Err(format!("{id}: {}", source.read().await))
}

#[cache(key(id))]
async fn alone(source: &Source, id: u64) -> Result<u64, Alone> {
    Err(Alone(source.read().await + id))
}

#[cache(key(id))]
async fn slow(runs: &AtomicUsize, id: u64) -> Result<u64, String> {
    runs.fetch_add(1, SeqCst);
    tokio::time::sleep(Duration::from_millis(10)).await;
    Err(id.to_string())
}

#[cache(key(id))]
async fn slow_alone(runs: &AtomicUsize, id: u64) -> Result<u64, Alone> {
    runs.fetch_add(1, SeqCst);
    tokio::time::sleep(Duration::from_millis(10)).await;
    Err(Alone(id))
}

/// The first fails; the others wait for each other before they do.
#[cache(key(id))]
async fn together(source: &Source, others: &Barrier, id: u64) -> Result<u64, Alone> {
    let nth = source.enter().nth;
    source.pass().await;
    if nth > 0 {
        others.wait().await;
    }
    Err(Alone(id))
}

#[cache(key(id), err_ttl = 60)]
async fn remembered(source: &Source, id: u64) -> Result<u64, String> {
    Err(format!("{id}: {}", source.read().await))
}

const CALLERS: usize = 1_000;

#[test]
fn an_error_that_can_be_copied_is_everybodys() {
    let (test, source) = (fresh(), Source::shut());
    let mut callers: Vec<_> = (0..CALLERS)
        .map(|_| Box::pin(test.run(shared(&source, 1))))
        .collect();
    for caller in &mut callers {
        assert!(poll(caller).is_pending());
    }
    source.open();
    for caller in &mut callers {
        assert_eq!(ready(caller), Err("1: 0".to_owned()));
    }
    assert_eq!(source.runs(), 1);
    let mut later = Box::pin(test.run(shared(&source, 1)));
    assert!(ready(&mut later).is_err());
    assert_eq!(source.runs(), 2, "an error is not stored");
}

#[test]
fn an_error_that_cannot_be_copied_lets_everybody_try_at_once() {
    let (test, source) = (fresh(), Source::shut());
    let mut callers: Vec<_> = (0..CALLERS)
        .map(|_| Box::pin(test.run(alone(&source, 1))))
        .collect();
    for caller in &mut callers {
        assert!(poll(caller).is_pending());
    }
    assert_eq!((source.runs(), source.most()), (1, 1));
    source.admit(1);
    assert_eq!(ready(&mut callers[0]), Err(Alone(1)));
    for caller in &mut callers[1..] {
        assert!(poll(caller).is_pending());
    }
    assert_eq!((source.runs(), source.most()), (CALLERS, CALLERS - 1));
    source.open();
    for caller in &mut callers[1..] {
        assert_eq!(ready(caller), Err(Alone(1)));
    }
}

/// One after another they would never pass the barrier.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_try_again_are_woken_all_at_once() {
    let (test, source, others) = (fresh(), Source::shut(), Arc::new(Barrier::new(CALLERS - 1)));
    let mut callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (test, source, others) = (test.clone(), Arc::clone(&source), Arc::clone(&others));
            Box::pin(async move { test.run(together(&source, &others, 1)).await })
        })
        .collect();
    // All have joined before any is let go on.
    for caller in &mut callers {
        assert!(poll(caller).is_pending());
    }
    let tasks: Vec<_> = callers.into_iter().map(tokio::spawn).collect();
    source.open();
    for task in tasks {
        assert_eq!(soon(task).await.unwrap(), Err(Alone(1)));
    }
    assert_eq!(source.runs(), CALLERS);
}

#[tokio::test]
async fn a_thousand_callers_of_a_failing_body_have_their_errors_soon() {
    let (test, runs) = (fresh(), AtomicUsize::new(0));
    let began = Instant::now();
    let out = test
        .run(join_all((0..CALLERS).map(|_| slow(&runs, 1))))
        .await;
    let took = began.elapsed();
    assert!(out.iter().all(|out| *out == Err("1".to_owned())));
    println!(
        "{CALLERS} callers of a 10 ms body with an error that can be copied: {took:.1?}, {} runs",
        runs.load(SeqCst)
    );
    assert_eq!(runs.load(SeqCst), 1);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn a_thousand_callers_of_a_failing_body_have_their_own_errors_soon() {
    let (test, runs) = (fresh(), AtomicUsize::new(0));
    let began = Instant::now();
    let out = test
        .run(join_all((0..CALLERS).map(|_| slow_alone(&runs, 1))))
        .await;
    let took = began.elapsed();
    assert!(out.iter().all(|out| *out == Err(Alone(1))));
    println!(
        "{CALLERS} callers of a 10 ms body with an error of their own: {took:.1?}, {} runs",
        runs.load(SeqCst)
    );
    assert_eq!(runs.load(SeqCst), CALLERS);
    assert!(
        took < Duration::from_secs(1),
        "{took:?}: 10 s one after another"
    );
}

#[test]
fn an_error_with_a_ttl_is_stored() {
    let (test, source) = (fresh(), Source::new());
    for _ in 0..3 {
        assert_eq!(
            ready(&mut Box::pin(test.run(remembered(&source, 1)))),
            Err("1: 0".to_owned())
        );
    }
    assert_eq!(source.runs(), 1);
    test.advance(Duration::from_secs(61));
    assert!(ready(&mut Box::pin(test.run(remembered(&source, 1)))).is_err());
    assert_eq!(source.runs(), 2);
}
