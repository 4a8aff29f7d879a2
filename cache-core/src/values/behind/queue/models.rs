//! Every interleaving, within the bounds that loom is given.

use loom::future::block_on;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use super::*;

type TestQueue = Arc<Queue<u32>>;

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(model);
}

/// A queue with a handle, that waits for nothing. Its clock stands still: a model that looks at the time is none.
fn queue(capacity: usize) -> TestQueue {
    let behind = Behind::new().delay(std::time::Duration::ZERO);
    let clock = Clock::Manual(crate::time::ManualClock::new());
    let queue = Queue::new(behind.capacity(capacity), Arc::default(), clock);
    queue.join();
    Arc::new(queue)
}

/// As a `set` does it; the cache has what was put last.
fn set(queue: &TestQueue, address: &str, value: u32, cache: &AtomicU32) -> bool {
    let Some(mut claim) = block_on(queue.claim(address)) else {
        return false;
    };
    cache.store(value, Ordering::SeqCst);
    claim.value = Some(value);
    claim.settle()
}

/// As the writer does it, until the end; `source` is told of each value, and whether it fails.
fn run(queue: &TestQueue, mut source: impl FnMut(&str, u32) -> bool) {
    loop {
        let next = block_on(poll_fn(|cx| match queue.take(cx) {
            Next::Write(batch) => Poll::Ready(Some(batch)),
            Next::End => Poll::Ready(None),
            // What has failed has a pause, for which no model waits.
            Next::Wait(until) if until < u64::MAX => {
                queue.hurry();
                Poll::Ready(Some(Vec::new()))
            }
            Next::Wait(_) => Poll::Pending,
        }));
        let Some(batch) = next else { return };
        let written = batch.iter().all(|(address, value)| source(address, *value));
        let names: Vec<_> = batch.into_iter().map(|(address, _)| address).collect();
        queue.finish(&names, written);
    }
}

/// Two who set one address, and a writer: what the cache has last is what is written last.
#[test]
fn loom_cache_and_source_end_with_the_same_value() {
    check(3, || {
        let (queue, cache) = (queue(10), Arc::new(AtomicU32::new(0)));
        let setters: Vec<_> = (1..3)
            .map(|n| {
                let (queue, cache) = (Arc::clone(&queue), Arc::clone(&cache));
                queue.join();
                thread::spawn(move || {
                    assert!(set(&queue, "a", n, &cache));
                    queue.leave();
                })
            })
            .collect();
        queue.leave();
        let mut source = 0;
        run(&queue, |_, value| {
            source = value;
            true
        });
        for setter in setters {
            setter.join().unwrap();
        }
        assert_eq!(source, cache.load(Ordering::SeqCst));
    });
}

/// There is room for one: whoever waits for it is woken, also if the first write fails.
#[test]
fn loom_whoever_waits_for_room_gets_it() {
    for fails in [false, true] {
        check(2, move || {
            let (queue, cache) = (queue(1), Arc::new(AtomicU32::new(0)));
            let setters: Vec<_> = ["a", "b"]
                .map(|name| {
                    let (queue, cache) = (Arc::clone(&queue), Arc::clone(&cache));
                    queue.join();
                    thread::spawn(move || {
                        assert!(set(&queue, name, 1, &cache));
                        queue.leave();
                    })
                })
                .into();
            queue.leave();
            let (mut written, mut fails) = (0, fails);
            run(&queue, |_, _| {
                let failed = std::mem::take(&mut fails);
                written += u32::from(!failed);
                !failed
            });
            assert_eq!(written, 2);
            for setter in setters {
                setter.join().unwrap();
            }
        });
    }
}

/// When a flush is through, the source has what was set before it, or something newer.
#[test]
fn loom_a_flush_waits_for_what_was_set() {
    check(3, || {
        let (queue, cache) = (queue(10), Arc::new(AtomicU32::new(0)));
        let source = Arc::new(AtomicU32::new(0));
        assert!(set(&queue, "a", 1, &cache));
        let writing = {
            let (queue, source) = (Arc::clone(&queue), Arc::clone(&source));
            thread::spawn(move || {
                run(&queue, |_, value| {
                    source.store(value, Ordering::SeqCst);
                    true
                });
            })
        };
        assert!(set(&queue, "a", 2, &cache));
        let below = queue.hurry();
        assert!(block_on(queue.written(below)));
        assert_eq!(source.load(Ordering::SeqCst), 2);
        queue.leave();
        writing.join().unwrap();
    });
}

/// What is taken back while the writer may have it: when that has returned, nothing is written any more.
#[test]
fn loom_what_is_taken_back_is_not_written_later() {
    check(3, || {
        let (queue, cache) = (queue(10), Arc::new(AtomicU32::new(0)));
        let removed = Arc::new(AtomicU32::new(0));
        assert!(set(&queue, "a", 1, &cache));
        let writing = {
            let (queue, removed) = (Arc::clone(&queue), Arc::clone(&removed));
            thread::spawn(move || {
                let mut fails = true;
                run(&queue, |_, _| {
                    assert_eq!(removed.load(Ordering::SeqCst), 0);
                    !std::mem::take(&mut fails)
                });
            })
        };
        if let Some(claim) = block_on(queue.take_back("a")) {
            block_on(claim.rest());
        }
        removed.store(1, Ordering::SeqCst);
        queue.leave();
        writing.join().unwrap();
    });
}

/// A writer that goes leaves nobody waiting.
#[test]
fn loom_without_a_writer_nobody_waits() {
    check(3, || {
        let (queue, cache) = (queue(1), Arc::new(AtomicU32::new(0)));
        assert!(set(&queue, "a", 1, &cache));
        let setting = {
            let (queue, cache) = (Arc::clone(&queue), Arc::clone(&cache));
            thread::spawn(move || assert!(!set(&queue, "b", 2, &cache)))
        };
        let flushing = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || assert!(!block_on(queue.written(queue.hurry()))))
        };
        queue.close();
        setting.join().unwrap();
        flushing.join().unwrap();
    });
}
