//! Who computes, who waits, and whose value is kept.

use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{Cache, EventKind, RefusalReason, blocking, cache, cache_resource, refresh};

use crate::runs::{Gate, Hand, run, runs, start, start_with};

#[cache]
async fn single(id: u64) -> u64 {
    let _ = id;
    run()
}

#[cache]
fn single_sync(id: u64) -> u64 {
    let _ = id;
    run()
}

#[test]
fn regression_01_two_calls_in_a_row_run_the_body_once() {
    start().enter(|| {
        assert_eq!((block_on(single(1)), block_on(single(1))), (1, 1));
        assert_eq!((single_sync(1), single_sync(1)), (2, 2));
    });
}

#[cache(skip(gate))]
async fn gated(gate: &Gate, id: u64) -> u64 {
    let _ = id;
    let n = run();
    gate.pass().await;
    n
}

#[test]
fn regression_05_dropping_the_leader_releases_the_waiters() {
    start().enter(|| {
        let gate = Gate::default();
        let mut leader = Hand::new(gated(&gate, 1));
        let mut waiters: Vec<_> = (0..3).map(|_| Hand::new(gated(&gate, 1))).collect();
        assert!(leader.poll().is_pending());
        assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
        assert_eq!(runs(), 1, "the others wait");

        drop(leader);
        assert!(waiters.iter().any(|waiter| waiter.wakes() > 0));
        gate.open();
        for _ in 0..3 {
            waiters.retain_mut(|waiter| match waiter.poll() {
                Poll::Pending => true,
                Poll::Ready(value) => {
                    assert_eq!(value, 2, "one of them computed, for all");
                    false
                }
            });
        }
        assert!(waiters.is_empty() && runs() == 2);
    });
}

#[test]
fn regression_12_a_load_that_an_invalidation_interrupts_is_never_served() {
    let test = start();
    test.enter(|| {
        let gate = Gate::default();
        let mut load = Hand::new(gated(&gate, 2));
        assert!(load.poll().is_pending());
        blocking::invalidate_pattern("gated:*").unwrap();
        let mut later = Hand::new(gated(&gate, 2));
        assert!(later.poll().is_pending());
        assert_eq!(
            runs(),
            2,
            "who comes after the invalidation does not wait for the old load"
        );
        gate.open();
        assert_eq!(
            load.poll(),
            Poll::Ready(1),
            "who came before may be told what was so then"
        );
        assert_eq!(later.poll(), Poll::Ready(2));
        assert_eq!(block_on(gated(&gate, 2)), 2);
    });
    assert_eq!(
        test.count("gated:*", |kind| kind
            == EventKind::Refused(RefusalReason::Invalidated)),
        1
    );
}

#[test]
fn regression_12_the_old_load_ends_last() {
    start().enter(|| {
        let (old_gate, new_gate) = (Gate::default(), Gate::default());
        let mut load = Hand::new(gated(&old_gate, 3));
        assert!(load.poll().is_pending());
        blocking::invalidate_pattern("gated:*").unwrap();
        new_gate.open();
        assert_eq!(block_on(gated(&new_gate, 3)), 2);
        old_gate.open();
        assert_eq!(load.poll(), Poll::Ready(1));
        assert_eq!(
            block_on(gated(&new_gate, 3)),
            2,
            "the old load has not replaced the new value"
        );
    });
}

#[cache]
async fn down(n: u64) -> u64 {
    run();
    if n == 0 {
        0
    } else {
        1 + Box::pin(down(n - 1)).await
    }
}

#[cache]
async fn itself(n: u64) -> u64 {
    if run() > 2 {
        n
    } else {
        1 + Box::pin(itself(n)).await
    }
}

#[cache]
fn itself_sync(n: u64) -> u64 {
    if run() > 2 { n } else { 1 + itself_sync(n) }
}

#[cache]
fn ping(n: u64) -> u64 {
    if run() > 3 { n } else { 1 + pong(n) }
}

#[cache]
fn pong(n: u64) -> u64 {
    run();
    1 + ping(n)
}

#[test]
fn regression_20_recursion_does_not_wait_for_itself() {
    // A wait would end with `wait_max`, and the right answer: it has to be longer than the test.
    let patient = || start_with(Cache::builder().wait_max(Duration::from_secs(3_600)));
    let (done, finished) = mpsc::channel();
    thread::spawn(move || {
        patient().enter(|| {
            assert_eq!((block_on(down(50)), runs()), (50, 51));
            assert_eq!(
                (block_on(down(51)), runs()),
                (51, 52),
                "the inner ones are hits"
            );
        });
        patient().enter(|| assert_eq!(block_on(itself(7)), 9, "the very same call"));
        patient().enter(|| assert_eq!(itself_sync(7), 9));
        patient().enter(|| assert_eq!(ping(7), 11, "in a circle"));
        let _ = done.send(());
    });
    assert_eq!(finished.recv_timeout(Duration::from_secs(60)), Ok(()));
}

#[cache_resource("twice:{id}", tags("twice"))]
fn twice(id: u64) -> u64 {
    let _ = id;
    run()
}

#[test]
fn regression_21_a_duplicated_invalidation_is_harmless() {
    let test = start();
    test.enter(|| {
        assert_eq!(twice(1), 1);
        for _ in 0..3 {
            blocking::invalidate(|| twice(1)).unwrap();
            blocking::invalidate_pattern("resource:twice:1").unwrap();
            blocking::invalidate_tag("twice").unwrap();
        }
        assert_eq!((twice(1), twice(1)), (2, 2));
        assert_eq!((twice(2), twice(2)), (3, 3));
    });
    assert_eq!(test.cache().stats().invalidations, 9);
}

#[test]
fn regression_22_an_invalidation_during_a_refresh_wins() {
    start().enter(|| {
        let gate = Gate::default();
        gate.open();
        assert_eq!(block_on(gated(&gate, 4)), 1);
        let gate = Gate::default();
        let mut renewal = Hand::new(refresh(gated(&gate, 4)));
        assert!(renewal.poll().is_pending());
        assert_eq!(
            block_on(gated(&gate, 4)),
            1,
            "the old value is served meanwhile"
        );
        blocking::invalidate_pattern("gated:*").unwrap();
        gate.open();
        assert_eq!(renewal.poll(), Poll::Ready(2));
        assert_eq!(
            block_on(gated(&gate, 4)),
            3,
            "what was read before the invalidation is not kept"
        );
    });
}

#[test]
fn regression_23_no_clock_decides_about_validity() {
    // All of it in one and the same millisecond: only the order counts.
    let test = start();
    test.enter(|| {
        for round in 1..=5 {
            assert_eq!((twice(1), twice(1)), (round, round));
            blocking::invalidate_tag("twice").unwrap();
        }
    });
    // The wall clock, which can be set back, names generations of the log and says when a value was computed, for people.
    // It is asked in one place.
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../cache-core/src");
    let mut asks = Vec::new();
    let mut folders = vec![sources];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_stem().is_some_and(|name| name == "tests") {
                // They may.
            } else if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let count = text.matches("SystemTime::now").count();
                asks.extend(std::iter::repeat_n(
                    path.file_name().unwrap().to_owned(),
                    count,
                ));
            }
        }
    }
    assert_eq!(
        asks,
        ["time.rs"],
        "a new use of the wall clock: does validity depend on it?"
    );
}
