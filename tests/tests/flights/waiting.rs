//! The end of patience: leaders that do not answer in time, or never.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cache_core::{Cache, TestCache, cache};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Barrier;

use crate::support::{LONG, SOON, Source, patient, pause, poll, ready, soon};

/// Short enough to be waited for several times over.
const SHORT: Duration = Duration::from_millis(50);

/// As many as `source.value` get stuck, the first ones.
#[cache("stuck:{id}", key(id))]
async fn stuck(source: &Source, id: u64) -> usize {
    let inside = source.enter();
    if inside.nth < source.value() as usize {
        source.pass().await;
    }
    for _ in 0..20 {
        pause().await;
    }
    inside.nth
}

/// Whoever is not `free` gets stuck.
#[cache("held:{id}", key(id))]
async fn held(source: &Source, free: bool, id: u64) -> usize {
    let inside = source.enter();
    if !free {
        source.pass().await;
    }
    inside.nth
}

#[cache("slow:{id}", key(id))]
async fn slow(source: &Source, takes: Duration, id: u64) -> u64 {
    let _inside = source.enter();
    tokio::time::sleep(takes).await;
    id
}

#[cache("spawns:{id}", key(id))]
async fn spawns(cache: Cache, source: Arc<Source>, handed: bool, id: u64) -> u64 {
    if source.enter().nth > 0 {
        return id;
    }
    let same = boxed(cache, source, handed, id);
    let task = match handed {
        true => tokio::spawn(cache_core::scope_handle().wrap(same)),
        false => tokio::spawn(same),
    };
    task.await.expect("no panic")
}

/// The first waits in its thread for a message.
#[cache("blocks:{id}", key(id))]
fn blocks(source: &Source, message: &Mutex<Receiver<u64>>, id: u64) -> u64 {
    match source.enter().nth == 0 {
        true => {
            message
                .lock()
                .unwrap()
                .recv_timeout(SOON)
                .expect("a message")
                + id
        }
        false => id,
    }
}

fn boxed(
    cache: Cache,
    source: Arc<Source>,
    handed: bool,
    id: u64,
) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move { cache.scope(spawns(cache.clone(), source, handed, id)).await })
}

fn tasks(
    test: &TestCache,
    source: &Arc<Source>,
    count: usize,
) -> Vec<tokio::task::JoinHandle<usize>> {
    let task = || {
        let (test, source) = (test.clone(), Arc::clone(source));
        tokio::spawn(async move { test.run(stuck(&source, 1)).await })
    };
    (0..count).map(|_| task()).collect()
}

#[tokio::test]
async fn a_leader_that_is_never_polled_again_is_waited_for_so_long_and_no_longer() {
    let (test, source) = (patient(SHORT), Source::shut());
    source.write(1);
    let mut leader = Box::pin(test.run(stuck(&source, 1)));
    assert!(poll(&mut leader).is_pending());
    let began = Instant::now();
    assert_eq!(soon(test.run(stuck(&source, 1))).await, 1);
    let waited = began.elapsed();
    assert!(waited >= SHORT / 2 && waited < SOON / 2, "{waited:?}");
    assert_eq!(source.runs(), 2);
    assert_eq!(soon(test.run(stuck(&source, 1))).await, 1, "stored");
    assert_eq!(source.runs(), 2);
    // The leader may still come to its end.
    source.open();
    assert_eq!(soon(leader).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stuck_leader_has_one_successor_however_many_wait() {
    const CALLERS: usize = 500;
    let (test, source) = (patient(SHORT), Source::shut());
    source.write(1);
    let mut leader = Box::pin(test.run(stuck(&source, 1)));
    assert!(poll(&mut leader).is_pending());
    for task in tasks(&test, &source, CALLERS) {
        assert!(soon(task).await.unwrap() > 0);
    }
    println!(
        "{CALLERS} callers behind a stuck leader: {} runs, {} at once",
        source.runs(),
        source.most()
    );
    // A third one, where this machine is busier than its callers are patient.
    assert!((2..4).contains(&source.runs()), "{} runs", source.runs());
}

/// Its successor is stuck, too, and the successor's.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_row_of_stuck_leaders_ends() {
    const CALLERS: usize = 100;
    let (test, source) = (patient(SHORT / 2), Source::shut());
    source.write(3);
    let mut tasks: FuturesUnordered<_> = tasks(&test, &source, CALLERS).into_iter().collect();
    for _ in 3..CALLERS {
        let answer = soon(tasks.next())
            .await
            .expect("not all are stuck")
            .unwrap();
        assert!(answer >= 3, "{answer}");
    }
    assert!((4..6).contains(&source.runs()), "{} runs", source.runs());
}

/// A body that takes far longer than anybody waits for it: a few more begin, but nowhere near all.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slow_body_is_no_reason_for_a_stampede() {
    const CALLERS: usize = 300;
    let (test, source) = (patient(Duration::from_millis(20)), Source::new());
    let takes = Duration::from_millis(20 * 20);
    let began = Instant::now();
    let tasks: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (test, source) = (test.clone(), Arc::clone(&source));
            tokio::spawn(async move {
                assert_eq!(test.run(slow(&source, takes, 1)).await, 1);
                began.elapsed()
            })
        })
        .collect();
    let mut answered = Vec::new();
    for task in tasks {
        answered.push(soon(task).await.unwrap());
    }
    println!(
        "{CALLERS} callers of a body 20 times as slow as they are patient: {} runs, {:.0?}",
        source.runs(),
        began.elapsed()
    );
    // Successors after 1, 3, 7 and 15 times their patience.
    assert!((2..10).contains(&source.runs()), "{} runs", source.runs());
    answered.sort();
    let half = answered[CALLERS / 2];
    assert!(
        half < takes * 3 / 2,
        "answered when the first is through: {half:?}"
    );
}

/// How often the one who could go on waits as long as it is patient, behind a leader and this many others who are stuck
/// whenever it is their turn, which is always before its own.
fn patience_of_the_last(others: usize, patience: Duration) -> f64 {
    let (test, source) = (patient(patience), Source::shut());
    let stuck = || Box::pin(test.run(held(&source, false, 1)));
    let mut stuck: Vec<_> = (0..=others).map(|_| stuck()).collect();
    let mut last = Box::pin(test.run(held(&source, true, 1)));
    let began = Instant::now();
    loop {
        for future in &mut stuck {
            assert!(poll(future).is_pending());
        }
        if poll(&mut last).is_ready() {
            assert_eq!(source.runs(), others + 2);
            return began.elapsed().as_secs_f64() / patience.as_secs_f64();
        }
        assert!(began.elapsed() < SOON);
        // Nobody here is woken: it is time itself that passes.
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn one_of_a_few_waits_three_times_at_most() {
    let took = patience_of_the_last(2, Duration::from_millis(300));
    assert!((3.0..5.0).contains(&took), "{took:.1} times");
}

/// The last of a crowd, which is never its turn, computes for itself in the end.
#[test]
fn nobody_waits_for_ever() {
    let took = patience_of_the_last(6, Duration::from_millis(40));
    assert!((27.0..40.0).contains(&took), "{took:.1} times");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_spawns_its_own_call_is_seen_where_the_scope_is_handed_on() {
    let (test, source) = (patient(LONG), Source::new());
    let began = Instant::now();
    assert_eq!(
        soon(test.run(spawns(test.cache().clone(), Arc::clone(&source), true, 3))).await,
        3
    );
    assert!(began.elapsed() < SOON / 2);
    assert_eq!(source.runs(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_spawns_its_own_call_waits_for_itself_only_so_long() {
    let (test, source) = (patient(SHORT), Source::new());
    let began = Instant::now();
    assert_eq!(
        soon(test.run(spawns(test.cache().clone(), Arc::clone(&source), false, 3))).await,
        3
    );
    assert!(
        began.elapsed() >= SHORT / 2,
        "nothing to see: {:?}",
        began.elapsed()
    );
    assert_eq!(source.runs(), 2);
}

/// The only worker waits in a sync call for a thread that waits for a task of that worker.
#[tokio::test(flavor = "current_thread")]
async fn a_sync_waiter_on_the_only_worker_is_released() {
    let (test, source) = (patient(SHORT), Source::new());
    let (sender, receiver): (Sender<u64>, _) = channel();
    let receiver = Arc::new(Mutex::new(receiver));
    let leader = {
        let (test, source, receiver) = (test.clone(), Arc::clone(&source), Arc::clone(&receiver));
        tokio::task::spawn_blocking(move || test.enter(|| blocks(&source, &receiver, 1)))
    };
    let answers = tokio::spawn(async move {
        while source.runs() == 0 {
            tokio::task::yield_now().await;
        }
        let answer = test.enter(|| blocks(&source, &receiver, 1));
        (answer, sender.send(100), source.runs())
    });
    let (answer, sent, runs) = soon(answers).await.unwrap();
    assert_eq!((answer, runs), (1, 2));
    assert!(sent.is_ok());
    assert_eq!(soon(leader).await.unwrap(), 101);
}

/// Two callers in one task: the leader is not polled while the other one is awaited.
#[tokio::test(flavor = "current_thread")]
async fn a_leader_in_the_waiters_own_task_is_given_up() {
    let (test, source) = (patient(SHORT), Source::shut());
    source.write(1);
    let mut first = Box::pin(test.run(stuck(&source, 1)));
    assert!(poll(&mut first).is_pending());
    source.open();
    assert_eq!(soon(test.run(stuck(&source, 1))).await, 1);
    assert_eq!(soon(first).await, 0);
}

/// Whoever is abandoned by a successor does not wait for the stuck one again.
#[tokio::test]
async fn a_successor_that_is_dropped_is_succeeded_at_once() {
    let (test, source) = (patient(Duration::from_millis(400)), Source::shut());
    source.write(2);
    let mut first = Box::pin(test.run(stuck(&source, 1)));
    assert!(poll(&mut first).is_pending());
    let second = tasks(&test, &source, 1).remove(0);
    while source.runs() < 2 {
        tokio::task::yield_now().await;
    }
    let third = tasks(&test, &source, 1).remove(0);
    tokio::task::yield_now().await;
    let began = Instant::now();
    second.abort();
    assert_eq!(soon(third).await.unwrap(), 2);
    assert!(
        began.elapsed() < Duration::from_millis(300),
        "{:?}",
        began.elapsed()
    );
}

/// A minute for analyses, whatever the cache's own patience; and what bodies usually take, four times over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patience_grows_with_what_a_body_usually_takes() {
    let source = Source::new();
    let cache = Cache::builder()
        .wait_max(Duration::from_millis(1))
        .build_blocking()
        .unwrap();
    let takes = Duration::from_millis(100);
    // Nothing is known about the first.
    assert_eq!(cache.scope(slow(&source, takes, 0)).await, 0);
    let begun = source.runs();
    let all = Arc::new(Barrier::new(20));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (cache, source, all) = (cache.clone(), Arc::clone(&source), Arc::clone(&all));
            tokio::spawn(async move {
                all.wait().await;
                cache.scope(slow(&source, takes, 1)).await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(soon(task).await.unwrap(), 1);
    }
    assert_eq!(source.runs(), begun + 1);
}

#[test]
fn a_leader_that_finishes_late_answers_those_who_still_wait() {
    let (test, source) = (patient(LONG), Source::shut());
    source.write(1);
    let mut leader = Box::pin(test.run(stuck(&source, 1)));
    let mut waiter = Box::pin(test.run(stuck(&source, 1)));
    assert!(poll(&mut leader).is_pending() && poll(&mut waiter).is_pending());
    source.open();
    while poll(&mut leader).is_pending() {}
    assert_eq!(ready(&mut waiter), 0);
}
