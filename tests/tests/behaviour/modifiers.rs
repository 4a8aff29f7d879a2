//! Modifiers around what they did not expect: calls of the other kind, each other, scopes that are carried on.

use std::future::Future;
use std::task::Poll;

use cache_core::__private::block_on;
use cache_core::{blocking, cache, invalidate, invalidate_cache, key_of, peek};

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
