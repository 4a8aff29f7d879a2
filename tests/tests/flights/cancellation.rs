//! Callers that are dropped, at every point where they can be.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};
use std::time::Instant;

use cache_core::__private::block_on;
use cache_core::cache;

use crate::support::{SOON, Source, all, fresh, patient, pause, poll, ready, soon};

const AWAITS: usize = 6;

#[cache("steps:{id}", key(id))]
async fn steps(source: &Source, id: u64) -> u64 {
    let value = source.read().await;
    for _ in 0..AWAITS {
        pause().await;
    }
    value + id
}

#[cache("around:{id}", key(id))]
async fn around(source: &Source, id: u64) -> u64 {
    pause().await;
    let first = steps(source, id).await;
    pause().await;
    first + steps(source, id + 1).await
}

#[cache("gated:{id}", key(id))]
async fn gated(source: &Source, id: u64) -> u64 {
    source.read().await + id
}

#[test]
fn a_leader_dropped_at_any_await_is_succeeded() {
    // Polled `AWAITS + 1` times it is through.
    for polls in 0..=AWAITS {
        let (test, source) = (fresh(), Source::new());
        let mut leader = Box::pin(test.run(steps(&source, 1)));
        for _ in 0..polls {
            assert!(poll(&mut leader).is_pending());
        }
        let mut waiters: Vec<_> = (0..3)
            .map(|_| Box::pin(test.run(steps(&source, 1))))
            .collect();
        for waiter in &mut waiters {
            assert!(poll(waiter).is_pending());
        }
        drop(leader);
        assert_eq!(all(waiters), [1, 1, 1], "{polls} polls");
        let begun = usize::from(polls > 0);
        assert_eq!(
            source.runs(),
            begun + 1,
            "{polls} polls: one successor, not three"
        );
    }
}

#[test]
fn an_outer_leader_dropped_at_any_await_leaves_nobody_behind() {
    for polls in 0.. {
        let (test, source) = (fresh(), Source::new());
        let mut leader = Box::pin(test.run(around(&source, 1)));
        if (0..polls).any(|_| poll(&mut leader).is_ready()) {
            assert!(polls > 2 * AWAITS, "{polls} polls");
            break;
        }
        let mut others: Vec<Pin<Box<dyn Future<Output = u64>>>> = vec![
            Box::pin(test.run(around(&source, 1))),
            Box::pin(test.run(steps(&source, 1))),
            Box::pin(test.run(steps(&source, 2))),
        ];
        let early: Vec<_> = others.iter_mut().map(poll).collect();
        drop(leader);
        for (at, early) in early.iter().enumerate().rev() {
            // What was a hit from the start is through.
            if early.is_ready() {
                drop(others.remove(at));
            }
        }
        let answers = all(others);
        assert!(
            [&[3, 1, 2][..], &[3, 2], &[3]].contains(&&answers[..]),
            "{polls} polls: {answers:?}"
        );
    }
}

#[test]
fn a_waiter_that_is_dropped_disturbs_nobody() {
    for polls in 0..3 {
        let (test, source) = (fresh(), Source::shut());
        let mut leader = Box::pin(test.run(gated(&source, 1)));
        assert!(poll(&mut leader).is_pending());
        let mut stays = Box::pin(test.run(gated(&source, 1)));
        let mut leaves = Box::pin(test.run(gated(&source, 1)));
        assert!(poll(&mut stays).is_pending());
        for _ in 0..polls {
            assert!(poll(&mut leaves).is_pending());
        }
        drop(leaves);
        source.open();
        assert_eq!((ready(&mut leader), ready(&mut stays)), (1, 1));
        assert_eq!(source.runs(), 1);
    }
}

#[test]
fn a_call_whose_leader_is_dropped_is_still_one_miss() {
    let (test, source) = (fresh(), Source::shut());
    let mut leader = Box::pin(test.run(gated(&source, 1)));
    let mut waiter = Box::pin(test.run(gated(&source, 1)));
    assert!(poll(&mut leader).is_pending() && poll(&mut waiter).is_pending());
    drop(leader);
    source.open();
    assert_eq!(ready(&mut waiter), 1);
    let events: Vec<_> = test.events().iter().map(ToString::to_string).collect();
    let misses = events.iter().filter(|event| event.starts_with("miss"));
    assert_eq!(misses.count(), 2, "one each: {events:?}");
}

/// What a body holds (a permit, a connection, a temporary file) is given back before another body may ask for it.
#[test]
fn a_dropped_leaders_body_is_gone_when_its_successor_begins() {
    /// How many were reading when the successor was woken.
    struct Bell(Arc<Source>, AtomicUsize);
    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.1.store(self.0.inside(), SeqCst);
        }
    }
    let (test, source) = (fresh(), Source::shut());
    let mut leader = Box::pin(test.run(gated(&source, 1)));
    assert!(poll(&mut leader).is_pending());
    let bell = Arc::new(Bell(Arc::clone(&source), AtomicUsize::new(usize::MAX)));
    let waker = Waker::from(Arc::clone(&bell));
    let mut waiter = Box::pin(test.run(gated(&source, 1)));
    let polled = waiter.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending() && source.inside() == 1);
    drop(leader);
    assert_eq!(bell.1.load(SeqCst), 0);
}

/// What is dropped with a body may call the body's own function, as may the body itself.
#[test]
fn a_call_from_a_dropped_body_does_not_wait_for_that_body() {
    struct Undo(Arc<Source>);
    impl Drop for Undo {
        fn drop(&mut self) {
            if self.0.runs() == 1 {
                self.0.open();
                assert_eq!(block_on(undone(&self.0, 1)), 7);
            }
        }
    }
    #[cache("undone:{id}", key(id))]
    async fn undone(source: &Arc<Source>, id: u64) -> u64 {
        let _undo = Undo(Arc::clone(source));
        source.read().await
    }
    let (test, source) = (patient(SOON / 2), Source::shut());
    source.write(7);
    let mut leader = Box::pin(test.run(undone(&source, 1)));
    assert!(poll(&mut leader).is_pending());
    let began = Instant::now();
    drop(leader);
    assert!(began.elapsed() < SOON / 4, "{:?}", began.elapsed());
    assert_eq!(test.cache().stats().total.calls(), 2, "in the same cache");
}

/// One leader after another is aborted; those who are left are woken each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_row_of_aborted_leaders_ends_with_an_answer() {
    const CALLERS: usize = 50;
    let (test, source) = (fresh(), Source::shut());
    let mut tasks: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (test, source) = (test.clone(), Arc::clone(&source));
            tokio::spawn(async move { test.run(gated(&source, 1)).await })
        })
        .collect();
    while test.cache().stats().total.calls() < CALLERS as u64 {
        tokio::task::yield_now().await;
    }
    let last = tasks.pop().expect("many");
    let mut runs = 1;
    for task in tasks {
        task.abort();
        assert!(soon(task).await.is_err());
        // Whoever is left: if it was the leader, there is a new one before we go on.
        while source.runs() == runs && runs < CALLERS && source.inside() == 0 {
            tokio::task::yield_now().await;
        }
        runs = source.runs();
    }
    source.open();
    assert_eq!(soon(last).await.unwrap(), 1);
    assert!(source.runs() >= 2, "{} runs", source.runs());
}
