//! Writes that may be rolled back, and calls as if nothing were cached.

use cache_core::__private::block_on;
use cache_core::{
    TestCache, blocking, bypass, cache, cache_resource, explain, invalidate, invalidate_cache,
    invalidate_tag, key_of, peek, refresh, scope_handle, uncached,
};

use crate::runs::{Gate, Hand, run, runs, start};

#[cache_resource("accounts:{id}", tags("accounts"))]
async fn account(id: u64) -> u64 {
    let _ = id;
    run()
}

#[cache]
async fn report() -> u64 {
    account(1).await;
    run()
}

#[invalidate_cache("resource:accounts:{id}")]
async fn transfer(id: u64) {
    let _ = id;
}

#[test]
fn what_a_transaction_reads_is_neither_served_nor_stored() {
    let test = start();
    block_on(test.run(async {
        assert_eq!(account(1).await, 1);
        for well in [true, false] {
            let before = runs();
            let out = test.cache().transaction(async {
                assert_eq!(account(1).await, before + 1);
                assert_eq!(account(2).await, before + 2);
                assert_eq!(report().await, before + 4);
                assert_eq!(refresh(account(1)).await, before + 5);
                assert_eq!(refresh(report()).await, before + 7);
                assert_eq!(bypass(account(1)).await, before + 8);
                assert_eq!(explain(account(1)).await.0, before + 9);
                assert_eq!(peek(account(1)).await, None);
                assert!(key_of(account(1)).await.is_ok());
                if well { Ok(()) } else { Err(()) }
            });
            assert_eq!(out.await.is_ok(), well);
            assert_eq!(runs(), before + 9);
            assert_eq!(account(1).await, 1, "what was there before is there");
            assert_eq!(peek(account(2)).await, None);
            assert_eq!(peek(report()).await, None);
        }
    }));
}

#[test]
fn invalidations_wait_for_the_commit() {
    let test = start();
    block_on(test.run(async {
        account(1).await;
        account(2).await;
        let rolled_back = test.cache().transaction(async {
            transfer(1).await;
            invalidate_tag("accounts").await.unwrap();
            Err::<(), _>(())
        });
        assert_eq!(rolled_back.await, Err(()));
        assert_eq!((account(1).await, account(2).await), (1, 2));

        let gate = Gate::default();
        let mut write = Hand::new(test.cache().transaction(async {
            transfer(1).await;
            invalidate(account(2)).await.unwrap();
            gate.pass().await;
            Ok::<_, ()>(())
        }));
        assert!(write.poll().is_pending());
        assert_eq!(
            (account(1).await, account(2).await),
            (1, 2),
            "not committed yet"
        );
        gate.open();
        assert!(write.poll().is_ready());
        assert_eq!((account(1).await, account(2).await), (3, 4));
    }));
    assert_eq!(test.cache().stats().invalidations, 1, "one record for all");
}

#[test]
fn a_cancelled_or_panicking_transaction_may_have_been_committed() {
    let test = start();
    test.enter(|| {
        let gate = Gate::default();
        let write = || {
            test.cache().transaction(async {
                transfer(1).await;
                gate.pass().await;
                if runs() > 0 {
                    panic!("on purpose");
                }
                Ok::<_, ()>(())
            })
        };
        assert_eq!(block_on(account(1)), 1);
        let mut cancelled = Hand::new(write());
        assert!(cancelled.poll().is_pending());
        drop(cancelled);
        assert_eq!((block_on(account(1)), runs()), (2, 2));
        gate.open();
        let panics = std::panic::AssertUnwindSafe(|| block_on(write()));
        assert!(std::panic::catch_unwind(panics).is_err());
        assert_eq!((block_on(account(1)), runs()), (3, 3));
    });
    assert_eq!(test.cache().stats().invalidations, 2);
}

#[test]
fn an_inner_transaction_waits_for_the_outer_one() {
    let test = start();
    test.enter(|| {
        block_on(account(1));
        let cache = test.cache();
        let outer: Result<(), ()> = cache.transaction_blocking(|| {
            cache
                .transaction_blocking(|| blocking::invalidate_tag("accounts"))
                .unwrap();
            Err(())
        });
        assert_eq!((outer, block_on(account(1))), (Err(()), 1));
        let outer: Result<(), ()> = cache.transaction_blocking(|| {
            cache
                .transaction_blocking(|| blocking::invalidate_tag("accounts"))
                .unwrap();
            Ok(())
        });
        assert_eq!((outer, block_on(account(1))), (Ok(()), 2));
    });
}

#[test]
fn an_invalidation_has_its_place_in_the_log_from_the_commit_on() {
    let test = start();
    test.enter(|| {
        let before = blocking::invalidate_tag("accounts").unwrap();
        let waiting = test.cache().transaction_blocking(|| {
            let waiting = blocking::invalidate_tag("accounts").unwrap();
            assert_eq!(waiting.position(), None);
            assert_eq!(blocking::clear().unwrap().position(), None);
            Ok::<_, ()>(waiting)
        });
        let after = blocking::invalidate_tag("accounts").unwrap();
        assert!(waiting.unwrap().position().is_none() && before < after);
        let sequence = |token: cache_core::Token| token.position().unwrap().sequence;
        assert_eq!((sequence(before), sequence(after)), (1, 3));
    });
}

#[test]
fn a_scope_that_outlives_its_transaction_caches_again() {
    for end in [Some(Ok(())), Some(Err(())), None] {
        let test = start();
        let carried = std::cell::RefCell::new(Vec::new());
        let gate = Gate::default();
        let mut work = Hand::new(test.cache().transaction(async {
            let inner = test.cache().transaction_blocking(|| {
                carried.borrow_mut().push(scope_handle());
                Ok::<_, ()>(())
            });
            inner.unwrap();
            carried.borrow_mut().push(scope_handle());
            gate.pass().await;
            end.unwrap_or(Ok(()))
        }));
        assert!(work.poll().is_pending());
        for scope in &*carried.borrow() {
            assert_ne!(scope.enter(|| sync(1)), scope.enter(|| sync(1)), "open");
        }
        if end.is_some() {
            gate.open();
            assert!(work.poll().is_ready());
        }
        drop(work);
        for scope in carried.into_inner() {
            scope.enter(|| {
                assert_eq!((sync(1), sync(1)), (5, 5));
                blocking::set("by hand", 1_u64, std::time::Duration::MAX).unwrap();
                assert_eq!(blocking::get::<u64>("by hand").unwrap(), Some(1));
            });
        }
        assert_eq!(test.enter(|| sync(1)), 5);
    }
}

#[cache]
fn sync(id: u64) -> u64 {
    let _ = id;
    run()
}

#[test]
fn uncached_runs_every_body_and_stores_nothing() {
    let test: TestCache = start();
    block_on(test.run(async {
        assert_eq!(report().await, 2);
        assert_eq!(uncached(report()).await, 4, "at any depth");
        assert_eq!(uncached(refresh(report())).await, 6);
        assert_eq!(blocking::uncached(|| (sync(1), sync(1))), (7, 8));
        assert_eq!(report().await, 2, "what was there is there");
        assert_eq!(sync(1), 9);
        uncached(transfer(1)).await;
        assert_eq!(report().await, 11, "invalidations take effect");
    }));
    assert_eq!(test.cache().stats().total.stores, 5);
}

/// A list of a million addresses would be a million things to remember.
#[test]
fn an_invalidation_of_more_than_is_remembered_is_one_of_everything() {
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let listener = std::sync::Arc::clone(&told);
    let cache = cache_core::Cache::builder()
        .index_max_records(10)
        .on_event(move |event| listener.lock().unwrap().push(event.to_string()))
        .build_blocking()
        .unwrap();
    let many: Vec<_> = (0..11).map(|n| format!("nobody:{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    block_on(cache.scope(async {
        account(1).await;
        let before = runs();
        cache.remove_many(&many[..5]).await.unwrap();
        account(1).await;
        assert_eq!(runs(), before);
        cache.remove_many(&many).await.unwrap();
        account(1).await;
        assert_eq!(runs(), before + 1);
        let out = cache.transaction(async {
            for address in &many {
                cache.remove(address).await.unwrap();
            }
            Ok::<_, ()>(())
        });
        out.await.unwrap();
        account(1).await;
        assert_eq!(runs(), before + 2);
    }));
    let told = told.lock().unwrap();
    let invalidated = told.iter().filter(|line| line.starts_with("invalidated"));
    assert_eq!(invalidated.count(), 5 + 1 + 1, "{told:#?}");
}
