//! Modifiers around what they did not expect: calls of the other kind, each other, scopes that are carried on.

use std::future::Future;
use std::task::Poll;

use cache_core::__private::block_on;
use cache_core::{
    Cache, EventKind, MissReason, Trace, blocking, bypass, cache, explain, invalidate,
    invalidate_cache, key_of, peek, refresh, scope_handle,
};

use crate::runs::{Hand, pause, run, runs, start};

#[cache("plain:{id}")]
fn plain(id: u64) -> u64 {
    let _ = id;
    run()
}

#[cache("slow:{id}")]
async fn slow(id: u64) -> u64 {
    let _ = id;
    pause().await;
    run()
}

/// Async, and not cached itself.
async fn handler(id: u64) -> u64 {
    plain(id) + 100
}

/// As a runtime would: polled again only if somebody woke it.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = Hand::new(future);
    for polls in 1.. {
        if let Poll::Ready(out) = future.poll() {
            return out;
        }
        assert!(future.wakes() >= polls, "waits for ever");
    }
    unreachable!()
}

#[test]
fn a_sync_call_is_left_from_a_future() {
    start().enter(|| {
        assert_eq!(block_on(peek(handler(1))), None);
        let key = block_on(key_of(handler(1))).unwrap();
        assert_eq!(key.address, "plain:1");
        assert_eq!(runs(), 0);
        plain(1);
        assert_eq!(block_on(peek(handler(1))), Some(101));
        block_on(invalidate(handler(1))).unwrap();
        assert_eq!((block_on(peek(handler(1))), runs()), (None, 1));
        // Not at the first poll, either.
        let late = async {
            pause().await;
            plain(1)
        };
        assert_eq!(block_on(peek(late)), None);
    });
}

#[invalidate_cache(handler(id))]
async fn write_typed(id: u64) -> u64 {
    id
}

#[invalidate_cache(handler(id))]
fn write_typed_sync(id: u64) -> u64 {
    id
}

#[test]
fn a_typed_target_leaves_a_sync_call_and_the_write_runs() {
    start().enter(|| {
        assert_eq!((plain(1), plain(2)), (1, 2));
        assert_eq!(block_on(write_typed(1)), 1);
        assert_eq!((plain(1), plain(2)), (3, 2));
        assert_eq!(write_typed_sync(1), 1);
        assert_eq!((plain(1), plain(2)), (4, 2));
    });
}

#[test]
fn an_async_call_is_left_from_a_closure() {
    start().enter(|| {
        assert_eq!(blocking::peek(|| wait(slow(1))).unwrap(), None);
        let key = blocking::key_of(|| wait(slow(1))).unwrap();
        assert_eq!((key.address.as_str(), runs()), ("slow:1", 0));
        assert_eq!(block_on(slow(1)), 1);
        assert_eq!(blocking::peek(|| wait(slow(1))).unwrap(), Some(1));
        blocking::invalidate(|| wait(slow(1))).unwrap();
        assert_eq!(blocking::peek(|| wait(slow(1))).unwrap(), None);
        // And where both are inside of each other.
        assert_eq!(wait(peek(async { wait(slow(1)) })), None);
        assert_eq!(runs(), 1);
    });
}

#[test]
fn a_call_that_was_looked_at_goes_on_when_it_is_awaited() {
    start().enter(|| {
        let mut call = Box::pin(slow(1));
        assert_eq!(wait(peek(&mut call)), None);
        assert_eq!(wait(call), 1);
        assert_eq!(wait(slow(1)), 1, "and was stored");
    });
}

#[test]
fn a_scope_that_is_carried_on_is_under_no_modifier() {
    start().enter(|| {
        let carried = async { scope_handle().wrap(slow(1)).await };
        assert_eq!(wait(peek(carried)), Some(1));
        let carried = async { scope_handle().wrap(slow(1)).await };
        assert_eq!(wait(refresh(carried)), 1, "a hit");
        let thread = || {
            let scope = scope_handle();
            let thread = std::thread::spawn(move || scope.enter(|| plain(1)));
            thread.join().unwrap()
        };
        assert_eq!(blocking::peek(thread).unwrap(), Some(1));
    });
}

#[test]
fn modifiers_of_one_call_are_combined() {
    let test = start();
    let stores = || test.cache().stats().total.stores;
    test.enter(|| {
        let bypassed = |trace: &Trace| trace.cached && trace.miss == Some(MissReason::Bypass);
        assert_eq!(wait(slow(1)), 1);
        let (two, trace) = wait(refresh(explain(slow(1))));
        assert!(two == 2 && bypassed(&trace) && trace.stored);
        let (three, trace) = wait(explain(refresh(slow(1))));
        assert!(three == 3 && bypassed(&trace) && trace.stored);
        let (four, trace) = wait(explain(bypass(slow(1))));
        assert!(four == 4 && bypassed(&trace) && !trace.stored);
        let (five, trace) = wait(bypass(explain(slow(1))));
        assert!(five == 5 && bypassed(&trace) && !trace.stored);
        let ((three, inner), outer) = wait(explain(explain(slow(1))));
        assert_eq!(
            (three, inner.tier, outer.tier),
            (3, Some("memory"), Some("memory"))
        );
        // Whichever is outside, the one that does less.
        assert_eq!((wait(bypass(refresh(slow(1)))), stores()), (6, 3));
        assert_eq!((wait(refresh(bypass(slow(1)))), stores()), (7, 3));
        assert_eq!(wait(peek(refresh(slow(1)))), Some(3));
        let (three, trace) = wait(peek(explain(slow(1)))).unwrap();
        assert_eq!((three, trace.tier), (3, Some("memory")));
        assert_eq!(wait(peek(bypass(slow(2)))), None);
        assert_eq!(wait(peek(explain(slow(2)))).map(|(value, _)| value), None);
        let key = wait(key_of(refresh(slow(2)))).unwrap();
        assert_eq!(key.address, "slow:2");
        assert_eq!(runs(), 7);
        // The same in blocking code.
        let (eight, trace) = blocking::refresh(|| blocking::explain(|| plain(1)));
        assert!(eight == 8 && bypassed(&trace) && trace.stored);
        let peeked = blocking::peek(|| blocking::refresh(|| plain(1)));
        assert_eq!(peeked.unwrap(), Some(8));
    });
}

/// They ask, and make no call.
#[test]
fn a_modifier_waits_for_what_comes_after_a_question() {
    start().enter(|| {
        assert_eq!(wait(slow(1)), 1);
        let asked = async {
            let there = peek(slow(1)).await;
            key_of(slow(1)).await.unwrap();
            (there, slow(1).await, slow(1).await)
        };
        assert_eq!(wait(refresh(asked)), (Some(1), 2, 2));
        // What is only looked at is not run because the first look was in vain.
        let either = async {
            match peek(slow(2)).await {
                Some(value) => value,
                None => slow(3).await,
            }
        };
        assert_eq!((wait(peek(either)), runs()), (None, 2));
        // Nor is a call that comes after the one that was refreshed.
        let both = async { (explain(slow(1)).await.0, slow(1).await) };
        assert_eq!(wait(refresh(both)), (3, 3));
    });
}

#[test]
fn a_peek_is_no_call() {
    let test = start();
    test.enter(|| {
        plain(1);
        wait(slow(1));
        test.forget_events();
        let before = test.cache().stats().total;
        for _ in 0..2 {
            assert_eq!(wait(peek(slow(1))), Some(2));
            assert_eq!(blocking::peek(|| plain(1)).unwrap(), Some(1));
            assert_eq!(wait(peek(slow(2))), None);
        }
        let after = test.cache().stats().total;
        assert_eq!(
            (after.hits, after.misses.total()),
            (before.hits, before.misses.total())
        );
        assert_eq!(test.count("*", |_| true), 0);
    });
}

async fn late(id: u64) -> u64 {
    pause().await;
    slow(id).await
}

async fn uncached(id: u64) -> u64 {
    id
}

#[invalidate_cache(late(id))]
async fn write_late(id: u64, well: bool) -> Result<(), u64> {
    if well { Ok(()) } else { Err(id) }
}

#[invalidate_cache(uncached(id))]
async fn write_uncached(id: u64) {
    let _ = id;
}

/// More is invalidated, never less.
#[test]
fn a_typed_target_that_reaches_no_cached_call_invalidates_everything() {
    let test = start();
    test.enter(|| {
        assert_eq!((wait(slow(1)), plain(1)), (1, 2));
        wait(write_late(1, false)).unwrap_err();
        assert_eq!((wait(slow(1)), plain(1)), (1, 2), "after success only");
        wait(write_late(1, true)).unwrap();
        assert_eq!((wait(slow(1)), plain(1)), (3, 4));
        wait(write_uncached(1));
        assert_eq!((wait(slow(1)), plain(1)), (5, 6));
    });
    let told = |kind| kind == EventKind::NotInvalidated;
    assert_eq!(test.count("*everything*", told), 3);
}

async fn elsewhere(cache: &Cache, id: u64) -> u64 {
    cache.scope(slow(id)).await
}

#[invalidate_cache(elsewhere(cache, id), slow(id))]
async fn write_elsewhere(cache: &Cache, id: u64) {
    let _ = (cache, id);
}

#[invalidate_cache(elsewhere(cache, id), on = always)]
async fn write_elsewhere_and_wait(cache: &Cache, id: u64) {
    let _ = (cache, id);
    pause().await;
}

#[test]
fn a_typed_target_is_invalidated_in_its_own_cache() {
    let (here, there) = (start(), start());
    let other = there.cache();
    here.enter(|| {
        assert_eq!((wait(slow(1)), wait(elsewhere(other, 1))), (1, 2));
        wait(write_elsewhere(other, 1));
        assert_eq!((wait(slow(1)), wait(elsewhere(other, 1))), (3, 4));
        let mut cancelled = Hand::new(write_elsewhere_and_wait(other, 1));
        assert!(cancelled.poll().is_pending());
        drop(cancelled);
        assert_eq!((wait(slow(1)), wait(elsewhere(other, 1))), (3, 5));
    });
    let appended = (
        here.cache().stats().invalidations,
        other.stats().invalidations,
    );
    assert_eq!(appended, (1, 2));
}

#[cache("tenant:{id}")]
fn tenant(id: u64) -> u64 {
    let _ = id;
    run()
}

/// Serialized with the help of the cache.
struct Account(u64);

impl serde::Serialize for Account {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(tenant(self.0) > 0)
    }
}

#[cache("page:{id}", key(id, tenant(id) > 0))]
async fn page(id: u64) -> u64 {
    let _ = id;
    run()
}

#[cache("bill:{id}")]
fn bill(id: u64, account: &Account) -> u64 {
    let _ = (id, account);
    run()
}

#[cache("nested:{id}", key(id, bill(id, &Account(id)) > 0))]
async fn nested(id: u64) -> u64 {
    let _ = id;
    run()
}

/// What a key is made of is computed before there is a call to modify.
#[test]
fn a_modifier_is_not_for_the_calls_that_a_key_is_made_with() {
    start().enter(|| {
        assert_eq!(wait(peek(page(1))), None);
        assert_eq!(runs(), 1, "the tenant");
        assert_eq!(wait(key_of(page(1))).unwrap().address, "page:1");
        assert_eq!(wait(refresh(page(1))), 2);
        assert_eq!(wait(refresh(page(1))), 3);
        assert_eq!(wait(bypass(page(1))), 4);
        let (value, trace) = wait(explain(page(1)));
        assert_eq!((value, trace.address.as_deref()), (3, Some("page:1")));
        wait(invalidate(page(1))).unwrap();
        assert_eq!((wait(page(1)), tenant(1)), (5, 1));

        let account = Account(1);
        let bill = || bill(1, &account);
        assert_eq!(blocking::key_of(bill).unwrap().address, "bill:1");
        assert_eq!(blocking::refresh(bill), 6);
        assert_eq!(blocking::peek(bill).unwrap(), Some(6));
        blocking::invalidate(bill).unwrap();
        assert_eq!(blocking::peek(bill).unwrap(), None);

        // And those that the key of such a call is made with.
        assert_eq!(wait(key_of(nested(2))).unwrap().address, "nested:2");
        assert_eq!((wait(refresh(nested(2))), wait(nested(2))), (9, 9));
        assert_eq!(tenant(2), 7);
    });
}

#[invalidate_cache(plain(tenant(id)), slow(u64::from(tenant(id) > 0)))]
fn write_made(id: u64) {
    let _ = id;
}

#[test]
fn a_typed_target_is_not_one_of_the_calls_that_its_arguments_are_made_with() {
    start().enter(|| {
        assert_eq!((tenant(7), plain(1), wait(slow(1))), (1, 2, 3));
        write_made(7);
        assert_eq!((tenant(7), plain(1), wait(slow(1))), (1, 4, 5));
    });
}
