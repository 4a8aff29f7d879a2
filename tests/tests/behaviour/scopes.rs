//! Scopes that are left early.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::thread::spawn;

use cache_core::__private::block_on;
use cache_core::{Cache, TestCache, blocking, cache, current, explain};

use crate::runs::{Gate, Hand, run, runs, start};

#[cache(skip(gate))]
async fn waits(gate: &Gate) -> u64 {
    let n = run();
    gate.pass().await;
    n
}

#[test]
fn a_future_that_is_cancelled_in_a_scope_leaves_nothing_behind() {
    let (test, outer) = (start(), TestCache::new());
    let gate = Gate::default();
    outer.enter(|| {
        for polls in 0..3 {
            let mut call = Hand::new(test.run(explain(waits(&gate))));
            for _ in 0..polls {
                assert!(call.poll().is_pending());
            }
            drop(call);
            assert_eq!(
                current().stats().total.calls(),
                0,
                "the scope around is back"
            );
        }
        gate.open();
        let value = block_on(test.run(waits(&gate)));
        assert_eq!(value, runs());
        assert_eq!(block_on(test.run(waits(&gate))), value);
    });
    assert_eq!(outer.cache().stats().total.calls(), 0);
    assert_eq!(test.cache().stats().total.stores, 1);
}

#[test]
fn a_panic_in_a_scope_leaves_it() {
    let (test, outer) = (start(), TestCache::new());
    outer.enter(|| {
        let panics = || test.enter(|| -> u64 { panic!("on purpose") });
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        plain();
    });
    assert_eq!(outer.cache().stats().total.calls(), 1);
    assert_eq!(test.cache().stats().total.calls(), 0);
}

#[cache]
fn plain() -> u64 {
    run()
}

/// A thread that ends still says what surrounds a call: which cache, and what is made of it.
#[test]
fn calls_of_a_thread_that_ends_are_part_of_what_calls_them() {
    static READS: AtomicU64 = AtomicU64::new(0);
    #[cache("ending:{id}")]
    fn inner(id: u64) -> u64 {
        id + READS.fetch_add(1, SeqCst)
    }
    #[cache]
    fn outer(id: u64) -> u64 {
        inner(id)
    }
    struct AtTheEnd(Cell<Option<(Cache, Sender<u64>)>>);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            if let Some((cache, tell)) = self.0.take() {
                tell.send(cache.enter(|| outer(1))).unwrap();
            }
        }
    }
    thread_local! {
        static AT_THE_END: AtTheEnd = const { AtTheEnd(Cell::new(None)) };
    }
    let cache = TestCache::new().cache().clone();
    let (tell, told) = channel();
    let at_the_end = (cache.clone(), tell);
    let thread = spawn(move || {
        // Before the first scope: what comes first ends last.
        AT_THE_END.with(|end| end.0.set(Some(at_the_end)));
        TestCache::new().enter(|| inner(7));
    });
    thread.join().unwrap();
    let first = told.recv().unwrap();
    assert_eq!(cache.enter(|| outer(1)), first, "it is in this cache");
    cache.enter(|| blocking::invalidate(|| inner(1))).unwrap();
    assert_ne!(cache.enter(|| outer(1)), first, "it is made of the other");
}
