//! Scopes that are left early.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cache_core::__private::block_on;
use cache_core::{TestCache, cache, current, explain};

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
