//! What is invalidated, told to those who keep something of their own.

use std::task::Poll;
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{
    Cache, Invalidation, blocking, cache_resource, clear, invalidate, invalidate_cache,
    invalidate_pattern, invalidate_tag, remove, set,
};

use crate::runs::{Hand, run, start};

#[cache_resource("heard:{id}")]
async fn heard(id: u64) -> u64 {
    let _ = id;
    run()
}

#[invalidate_cache("resource:heard:{id}", tag = "heard")]
async fn write(id: u64) {
    let _ = id;
}

#[test]
fn every_invalidation_is_told_in_its_order() {
    let test = start();
    let mut told = test.cache().invalidations();
    let waits = Duration::from_secs(1);
    block_on(test.run(async {
        heard(7).await;
        invalidate(heard(7)).await.unwrap();
        invalidate_tag("t").await.unwrap();
        invalidate_pattern("a:[bc]*").await.unwrap();
        invalidate_pattern("a:*").await.unwrap();
        invalidate_pattern("a:b").await.unwrap();
        write(8).await;
        set("v", 1_u8, waits).await.unwrap();
        remove("v").await.unwrap();
        clear().await.unwrap();
        for expected in [
            Invalidation::address("resource:heard:7"),
            Invalidation::tag("t"),
            Invalidation::pattern("a:[bc]*"),
            Invalidation::pattern("a:*"),
            Invalidation::address("a:b"),
            Invalidation::address("resource:heard:8"),
            Invalidation::tag("heard"),
            Invalidation::address("v"),
            Invalidation::address("v"),
            Invalidation::Everything,
        ] {
            assert_eq!(told.next().await, Some(expected));
        }
    }));
    assert_eq!((told.try_next(), told.missed()), (None, 0));
}

#[test]
fn who_waits_is_woken_and_reads_what_is_new() {
    let test = start();
    let mut told = test.cache().invalidations();
    test.enter(|| {
        assert_eq!(block_on(heard(1)), 1);
        let mut next = Hand::new(told.next());
        assert!(next.poll().is_pending());
        assert_eq!(next.wakes(), 0);
        block_on(write(1));
        assert_eq!(next.wakes(), 1);
        let expected = Some(Invalidation::address("resource:heard:1"));
        assert_eq!(next.poll(), Poll::Ready(expected));
        assert_eq!(block_on(heard(1)), 2);
    });
}

#[test]
fn a_thread_waits_until_the_cache_is_gone() {
    let cache = Cache::builder().build_blocking().unwrap();
    let mut told = cache.invalidations();
    let thread = std::thread::spawn(move || {
        let mut all = Vec::new();
        while let Some(invalidation) = told.next_blocking() {
            all.push(invalidation);
        }
        all
    });
    cache.enter(|| {
        for tag in 0..3 {
            blocking::invalidate_tag(&tag.to_string()).unwrap();
        }
    });
    drop(cache);
    let tags = ["0", "1", "2"].map(Invalidation::tag);
    assert_eq!(thread.join().unwrap(), tags);
}

#[test]
fn who_is_too_slow_is_told_and_keeps_nobody_waiting() {
    let test = start();
    let mut told = test.cache().invalidations();
    test.enter(|| {
        for tag in 0..3_000 {
            blocking::invalidate_tag(&tag.to_string()).unwrap();
        }
    });
    assert_eq!(told.try_next(), Some(Invalidation::Everything));
    assert!(told.missed() > 1_024, "{}", told.missed());
    let mut last = None;
    while let Some(next) = told.try_next() {
        last = Some(next);
    }
    assert_eq!(last, Some(Invalidation::tag("2999")));
}

#[test]
fn a_transaction_is_told_of_when_it_is_committed() {
    let test = start();
    let mut told = test.cache().invalidations();
    for commit in [false, true] {
        let done = test.cache().transaction_blocking(|| {
            blocking::invalidate_tag("t").unwrap();
            assert_eq!(told.try_next(), None);
            if commit { Ok(()) } else { Err(()) }
        });
        let expected = done.ok().map(|()| Invalidation::tag("t"));
        assert_eq!(told.try_next(), expected);
    }
}
