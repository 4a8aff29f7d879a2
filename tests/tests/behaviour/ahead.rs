//! What is refreshed before it expires.

use std::sync::Mutex;
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{EventKind, TestCache, cache};

use crate::refreshing::{MILLI, SECOND, Source, stored, until};

/// How many refreshes hits of so many keys have begun.
async fn begun(test: &TestCache, keys: u64, call: impl AsyncFn(u64)) -> u64 {
    let before = test.cache().stats().total.refreshes;
    for key in 0..keys {
        test.run(call(key)).await;
    }
    test.cache().stats().total.refreshes - before
}

#[tokio::test]
async fn hits_near_the_end_of_a_lifetime_begin_a_refresh_by_chance() {
    static SOURCE: Source = Source::new();
    #[cache(ttl = 100, refresh_ahead = "20%")]
    async fn row(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    // No more than may be refreshed at a time.
    const KEYS: u64 = 1_000;
    let call = async |key| assert!(row(key).await > key);
    let test = TestCache::new();
    begun(&test, KEYS, call).await;
    test.advance(80 * SECOND - MILLI);
    assert_eq!(begun(&test, KEYS, call).await, 0, "not before that part");
    test.advance(MILLI);
    let early = begun(&test, KEYS, call).await;
    assert!(
        early < 20,
        "{early} at its beginning, of one in three thousand"
    );
    // Of 20 s an eighth is 2.5 s: left of them are 2.5 ln 2.
    test.advance(20 * SECOND - Duration::from_millis(1_733));
    let half = begun(&test, KEYS, call).await;
    assert!((400..600).contains(&half), "{half} where it is one half");
    until("they are stored", || {
        stored(&test) as u64 == KEYS + half + early
    })
    .await;
    let total = test.cache().stats().total;
    assert_eq!(total.misses.total(), KEYS, "nobody has waited");
    assert_eq!(total.hits, 3 * KEYS);
    assert_eq!(total.stale, 0);
    // Who was refreshed has a lifetime before him, the others at most two seconds.
    test.advance(2 * SECOND);
    begun(&test, KEYS, call).await;
    let expired = test.cache().stats().total.misses.total() - KEYS;
    assert_eq!(expired, KEYS - half - early);
}

#[tokio::test]
async fn a_costly_value_is_refreshed_earlier() {
    static HAND: Mutex<Option<TestCache>> = Mutex::new(None);
    #[cache(ttl = 1_000_000, refresh_ahead = "20%")]
    async fn row(id: u64) -> u64 {
        // A day.
        if let Some(test) = HAND.lock().unwrap().as_ref() {
            test.advance(86_400 * SECOND);
        }
        id
    }
    let test = TestCache::new();
    *HAND.lock().unwrap() = Some(test.clone());
    test.run(row(0)).await;
    HAND.lock().unwrap().take();
    test.run(row(1)).await;
    // 200,000 s before the end of the one: e^-8 without its cost, and with it one in six.
    test.advance((800_000 - 86_400) * SECOND);
    let mut calls = 0;
    while test.cache().stats().total.refreshes == 0 {
        test.run(row(0)).await;
        test.run(row(1)).await;
        calls += 1;
        assert!(calls < 200, "e^-36 of all runs");
    }
    until("it is stored", || stored(&test) == 3).await;
    assert_eq!(
        test.count("row:*", |kind| kind == EventKind::Hit),
        2 * calls
    );
}

#[tokio::test]
async fn one_hit_of_many_begins_a_refresh_and_all_are_served() {
    static SOURCE: Source = Source::shut();
    #[cache(ttl = 100, refresh_ahead = "20%", stale_while_revalidate = 10)]
    async fn row(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    let test = TestCache::new();
    SOURCE.admit(1);
    test.run(row(0)).await;
    SOURCE.write(2);
    test.advance(100 * SECOND - MILLI);
    for _ in 0..100 {
        assert_eq!(test.run(row(0)).await, 1);
        tokio::task::yield_now().await;
    }
    assert_eq!(SOURCE.runs(), 2);
    // It is going on when the lifetime is over.
    test.advance(MILLI);
    assert_eq!(test.run(row(0)).await, 1);
    assert_eq!(SOURCE.runs(), 2);
    assert_eq!(test.cache().stats().total.stale, 1);
    SOURCE.admit(1);
    until("it is stored", || stored(&test) == 2).await;
    assert_eq!(test.run(row(0)).await, 2);
}

#[test]
fn without_a_runtime_nothing_is_refreshed_ahead() {
    static SOURCE: Source = Source::new();
    #[cache(ttl = 100, refresh_ahead = "100%")]
    async fn row(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    let test = TestCache::new();
    block_on(test.run(row(0)));
    test.advance(100 * SECOND - MILLI);
    for _ in 0..100 {
        assert_eq!(block_on(test.run(row(0))), 1);
    }
    assert_eq!(SOURCE.runs(), 1);
    let total = test.cache().stats().total;
    assert_eq!((total.hits, total.misses.total()), (100, 1));
}
