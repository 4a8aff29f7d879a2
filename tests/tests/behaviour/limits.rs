//! How long a call waits where there is something else that it can be given.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use cache_core::{TestCache, cache, cache_resource, explain};

use crate::refreshing::{MILLI, SECOND, Source, stored, until};

/// Long enough to be measured.
const LIMIT: Duration = Duration::from_millis(30);

#[tokio::test]
async fn who_has_waited_long_enough_is_given_what_has_expired() {
    static SOURCE: Source = Source::shut();
    #[cache(ttl = 10, stale_if_error = 60, timeout = LIMIT)]
    async fn row(id: u64) -> Result<u64, String> {
        Ok(SOURCE.read().await? + id)
    }
    let test = TestCache::new();
    SOURCE.admit(1);
    assert_eq!(test.run(row(0)).await, Ok(1));
    test.advance(10 * SECOND);
    SOURCE.write(2);
    let began = Instant::now();
    // The one who runs the body, and one who waits for him.
    let both = futures_util::future::join(test.run(row(0)), test.run(explain(row(0)))).await;
    assert!(began.elapsed() >= LIMIT);
    let (first, (second, trace)) = both;
    assert_eq!((first, second), (Ok(1), Ok(1)));
    assert_eq!(trace.stale, Some(Duration::ZERO));
    let total = test.cache().stats().total;
    assert_eq!((total.stale, total.hits, total.misses.total()), (2, 0, 3));
    assert_eq!((SOURCE.runs(), total.refreshes), (2, 1), "it goes on");
    // Nobody else waits for a while.
    assert_eq!(test.run(row(0)).await, Ok(1));
    assert_eq!(test.cache().stats().total.hits, 1);
    SOURCE.admit(1);
    until("it is stored", || stored(&test) == 2).await;
    assert_eq!(test.run(row(0)).await, Ok(2));
    assert_eq!(SOURCE.runs(), 2);
}

#[tokio::test]
async fn who_can_be_given_nothing_waits() {
    static SOURCE: Source = Source::shut();
    #[cache_resource("waited:{id}", ttl = 10, stale_if_error = 60, timeout = MILLI)]
    async fn row(id: u64) -> Result<u64, String> {
        if SOURCE.runs() == 1 {
            let own = cache_core::invalidate_pattern("resource:waited:*");
            own.await.map_err(|error| error.to_string())?;
        }
        Ok(SOURCE.read().await? + id)
    }
    let test = TestCache::new();
    let opened = async || {
        // More than the limit, and no more is known of it than that it has passed.
        let began = Instant::now();
        while began.elapsed() < LIMIT {
            tokio::task::yield_now().await;
        }
        SOURCE.admit(1);
    };
    let (first, ()) = futures_util::future::join(test.run(row(0)), opened()).await;
    assert_eq!(first, Ok(1), "there was nothing");
    test.advance(10 * SECOND);
    SOURCE.write(2);
    let (second, ()) = futures_util::future::join(test.run(row(0)), opened()).await;
    assert_eq!(second, Ok(2), "it was invalidated");
    assert_eq!(test.cache().stats().total.stale, 0);
}

#[tokio::test]
async fn a_body_that_is_left_and_fails_is_counted() {
    static SOURCE: Source = Source::shut();
    #[cache(ttl = 10, stale_if_error = 60, timeout = MILLI)]
    async fn row(id: u64) -> Result<u64, String> {
        Ok(SOURCE.read().await? + id)
    }
    let test = TestCache::new();
    SOURCE.admit(1);
    assert_eq!(test.run(row(0)).await, Ok(1));
    test.advance(10 * SECOND);
    SOURCE.fails.store(true, SeqCst);
    assert_eq!(test.run(row(0)).await, Ok(1));
    SOURCE.admit(1);
    let failures = || test.cache().stats().total.refresh_failures;
    until("it has failed", || failures() == 1).await;
    SOURCE.fails.store(false, SeqCst);
    SOURCE.write(2);
    test.advance(SECOND);
    SOURCE.admit(1);
    assert_eq!(test.run(row(0)).await, Ok(2));
}
