//! Leases that cannot be given back at once: Redis is away, or refuses for a while.

use std::sync::Arc;
use std::thread;

use cache_core::cache;
use tokio::task::JoinHandle;

use super::*;
use crate::leases::{LONG, leases, patient};

/// A call in this cache.
fn of<F: Future<Output = u64>>(cache: &Cache, call: F) -> impl Future<Output = u64> + use<F> {
    let cache = cache.clone();
    async move { cache.scope(call).await }
}

/// Begins a call each 200 µs.
fn one_by_one<F: Future<Output = u64> + Send + 'static>(
    calls: impl Iterator<Item = F>,
) -> Vec<JoinHandle<u64>> {
    let begin = |(at, call): (u64, F)| {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_micros(at * 200)).await;
            call.await
        })
    };
    (0..).zip(calls).map(begin).collect()
}

/// Leases were asked for, and to be given back, while Redis did not answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hiccup_of_redis_leaves_no_lease_that_nobody_has() {
    #[cache(ttl = 60)]
    async fn row(n: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        n
    }
    let server = start!();
    let cache = patient(&server).await;
    for pause in [100, 300, 1_500] {
        let numbers = pause * 10_000..pause * 10_000 + 1_000;
        let calls = one_by_one(numbers.map(|n| of(&cache, row(n))));
        tokio::time::sleep(Duration::from_millis(40)).await;
        server.pause().unwrap();
        tokio::time::sleep(Duration::from_millis(pause)).await;
        server.resume().unwrap();
        for call in calls {
            call.await.unwrap();
        }
        until("all are given back", || leases(&server).is_empty());
    }
}

/// A store that gives its lease back is refused for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_refused_leaves_no_lease() {
    #[cache(ttl = 60)]
    async fn row(n: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        n
    }
    let server = start!();
    let cache = patient(&server).await;
    let replicas = |count: &str| {
        let set = ["CONFIG", "SET", "min-replicas-to-write", count];
        server.command(set).unwrap();
    };
    let call = tokio::spawn({
        let cache = cache.clone();
        async move { cache.scope(row(1)).await }
    });
    until("it is leased", || leases(&server).len() == 1);
    replicas("1");
    assert_eq!(call.await.unwrap(), 1);
    until("it is refused", || {
        let errors = server.info("errorstats").unwrap();
        errors.keys().any(|error| error.contains("NOREPLICAS"))
    });
    assert_eq!(leases(&server).len(), 1);
    replicas("0");
    until("it is given back", || leases(&server).is_empty());
}

/// What is owed when a process ends, while the server may answer soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_in_a_hiccup_leaves_no_lease() {
    #[cache(ttl = 60)]
    async fn row(n: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        n
    }
    let server = Arc::new(start!());
    let cache = patient(&server).await;
    let calls = one_by_one((0..200).map(|n| of(&cache, row(n))));
    until("some are leased", || !leases(&server).is_empty());
    server.pause().unwrap();
    for call in calls {
        call.await.unwrap();
    }
    let goes_on = tokio::task::spawn_blocking({
        let server = Arc::clone(&server);
        move || {
            thread::sleep(Duration::from_millis(200));
            server.resume().unwrap();
        }
    });
    let began = Instant::now();
    let _ = cache.shutdown(LONG).await;
    assert!(began.elapsed() < LONG / 2, "{:?}", began.elapsed());
    goes_on.await.unwrap();
    until("all are given back", || leases(&server).is_empty());
}
