//! What is counted and told of Redis.

use std::sync::{Arc, Mutex};

use cache_core::{EventKind, FetchMiss, Freshness, cache, cache_resource, explain};
use tokio::sync::Semaphore;

use super::*;

/// A process, and the kinds of what it was told of.
async fn listening(server: &Server) -> (Cache, Arc<Mutex<Vec<EventKind>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let builder = Cache::builder().namespace("test").redis(&server.url());
    let builder = builder.on_event(move |event| {
        if let Ok(mut all) = heard.lock() {
            all.push(event.kind);
        }
    });
    let Ok(cache) = builder.build().await else {
        unreachable!("nothing about it can fail");
    };
    until("contact", || cache.health().is_well());
    (cache, told)
}

fn count(told: &Mutex<Vec<EventKind>>, kind: EventKind) -> usize {
    let Ok(told) = told.lock() else { return 0 };
    told.iter().filter(|told| **told == kind).count()
}

#[tokio::test]
async fn looks_and_trips_are_counted_with_their_reasons_and_times() {
    static ROW: Row = Row::new();
    #[cache_resource("seen:{id}")]
    async fn seen(id: u64) -> u64 {
        ROW.read() + id
    }
    let server = start!();
    let (a, told) = listening(&server).await;
    let b = process(&server).await;
    let stats = b.stats().redis.unwrap();
    assert_eq!((stats.hits, stats.misses.total()), (0, 0));
    for id in 0..10 {
        b.scope(seen(id)).await;
    }
    until("all is stored", || {
        b.health().redis.unwrap().queued == 0 && b.stats().redis.unwrap().writes.count() > 0
    });
    for id in 0..10 {
        while a.scope(cache_core::peek(seen(id))).await.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let a = process(&server).await;
    for id in 0..11 {
        a.scope(seen(id)).await;
    }
    let stats = a.stats().redis.unwrap();
    assert_eq!(stats.hits, 10);
    // With the lease it is looked for once more.
    assert_eq!(stats.misses.of(FetchMiss::Absent), 2);
    assert_eq!(stats.misses.total(), 2);
    assert!(stats.trips.count() >= 12, "{stats}");
    assert!(stats.trips.quantile(0.5) > Duration::ZERO && stats.trips.max() < SOON);
    assert!(stats.contact_age.is_some_and(|age| age < SOON));
    let total = a.stats().total;
    assert_eq!((total.fetched, total.computed), (10, 1));
    assert_eq!(total.latencies.count(), 1);
    let (text, json) = (
        a.stats().to_string(),
        serde_json::to_value(a.stats()).unwrap(),
    );
    assert!(
        text.contains("11 looks") || text.contains("12 looks"),
        "{text}"
    );
    assert_eq!(json["redis"]["hits"], 10);
    assert_eq!(json["redis"]["misses"]["absent"], 2);
    assert!(json["redis"]["trips"]["p99"].as_f64().unwrap() > 0.0);
    let health = a.health().redis.unwrap();
    assert!(health.applied.generation > 0 && health.generations == 0);
    assert_eq!(count(&told, EventKind::Connected), 1);
}

#[tokio::test]
async fn a_memory_hit_moves_no_figure_of_redis() {
    #[cache(ttl = 60)]
    async fn one() -> u64 {
        1
    }
    let server = start!();
    let cache = process(&server).await;
    cache.scope(one()).await;
    let looks = |cache: &Cache| {
        let redis = cache.stats().redis.unwrap();
        (redis.hits, redis.misses.total())
    };
    let before = looks(&cache);
    for _ in 0..1_000 {
        cache.scope(one()).await;
    }
    assert_eq!(looks(&cache), before);
    let total = cache.stats().total;
    assert_eq!((total.hits, total.latencies.count()), (1_000, 1));
}

#[tokio::test]
async fn what_cannot_be_taken_is_counted_by_reason() {
    static ROW: Row = Row::new();
    #[cache_resource("bad")]
    async fn bad() -> u64 {
        ROW.read()
    }
    #[cache_resource("old")]
    async fn old() -> u64 {
        ROW.read()
    }
    let server = start!();
    let (a, _) = listening(&server).await;
    let b = process(&server).await;
    a.scope(bad()).await;
    until("it is stored", || {
        a.stats().redis.unwrap().writes.count() > 0
    });
    for key in keys(&server) {
        server.command(["APPEND", &key, "x"]).unwrap();
    }
    let (b_events, told) = listening(&server).await;
    b_events.scope(bad()).await;
    let misses = b_events.stats().redis.unwrap().misses;
    assert!(misses.of(FetchMiss::Unreadable) >= 1, "{misses}");
    assert!(count(&told, EventKind::NotFetched(FetchMiss::Unreadable)) >= 1);
    b.scope(old()).await;
    until("it is stored", || keys(&server).len() == 2);
    // By pattern, which removes nothing.
    a.invalidate_pattern("resource:o*").await.unwrap();
    let c = process(&server).await;
    c.scope(old()).await;
    let misses = c.stats().redis.unwrap().misses;
    assert!(misses.of(FetchMiss::Invalidated) >= 1, "{misses}");
}

fn keys(server: &Server) -> Vec<String> {
    use tests::redis::Reply;
    match server.command(["KEYS", "fc:{test}/v/*"]) {
        Ok(Reply::Array(keys)) => keys
            .into_iter()
            .filter_map(|key| match key {
                Reply::Bytes(key) => String::from_utf8(key).ok(),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The older of two computations comes last, and finds the other's value.
#[tokio::test]
async fn a_store_that_comes_late_is_counted() {
    static GATE: Semaphore = Semaphore::const_new(0);
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn slow() -> u64 {
        let n = ROW.read();
        if n == 1 && ROW.reads() == 1 {
            let _ = GATE.acquire().await;
        }
        n
    }
    let server = start!();
    let build = || async {
        let builder = Cache::builder().namespace("test").redis(&server.url());
        let cache = builder.lease(Duration::ZERO).build().await.unwrap();
        until("contact", || cache.health().is_well());
        cache
    };
    let (a, b) = (build().await, build().await);
    let first = a.clone();
    let slow_one = tokio::spawn(async move { first.scope(slow()).await });
    while ROW.reads() == 0 {
        tokio::task::yield_now().await;
    }
    b.invalidate_tag("nobody's").await.unwrap();
    b.scope(slow()).await;
    until("it is stored", || keys(&server).len() == 1);
    GATE.add_permits(1);
    slow_one.await.unwrap();
    until("it was too late", || a.stats().redis.unwrap().late == 1);
    assert_eq!(b.stats().redis.unwrap().late, 0);
}

#[tokio::test]
async fn an_outage_is_told_and_counted() {
    #[cache(ttl = 60)]
    async fn any(n: u64) -> u64 {
        n
    }
    let mut server = start!();
    let (cache, told) = listening(&server).await;
    server.kill().unwrap();
    for n in 0..50 {
        cache.scope(any(n)).await;
    }
    until("the breaker opens", || {
        cache.stats().redis.unwrap().breaker_opened > 0
    });
    until("that is told", || {
        count(&told, EventKind::BreakerOpened) > 0
    });
    let unanswered = EventKind::NotFetched(FetchMiss::Unanswered);
    assert_eq!(count(&told, unanswered), 50);
    let redis = cache.stats().redis.unwrap();
    assert_eq!(redis.misses.of(FetchMiss::Unanswered), 50);
    assert!(redis.failed > 0 && redis.dropped > 0, "{redis}");
    assert!(!cache.health().is_well());
    // Without its data: another log.
    server.start_again().unwrap();
    until("it is used again", || {
        count(&told, EventKind::BreakerClosed) > 0 && count(&told, EventKind::Generation) > 0
    });
    until("it is well", || cache.health().is_well());
    let redis = cache.stats().redis.unwrap();
    assert!(redis.generations >= 1 && redis.connections >= 2);
    assert_eq!(cache.health().redis.unwrap().generations, redis.generations);
}

#[tokio::test]
async fn a_hit_says_how_old_the_value_is_wherever_it_is_found() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn aged() -> u64 {
        ROW.read()
    }
    let server = start!();
    let builder = Cache::builder().namespace("test").redis(&server.url());
    let Ok(strict) = builder.freshness(Freshness::Strict).build().await else {
        unreachable!("nothing about it can fail");
    };
    until("contact", || strict.health().is_well());
    let other = process(&server).await;
    strict.scope(aged()).await;
    let computed = Instant::now();
    until("it is stored, and of some age", || {
        server.command(["KEYS", VALUES]).is_ok_and(|keys| {
            keys != tests::redis::Reply::Array(Vec::new())
                && computed.elapsed() > Duration::from_millis(20)
        })
    });
    for (cache, tier) in [(strict, "memory"), (other, "redis")] {
        let (value, trace) = cache.scope(explain(aged())).await;
        assert_eq!((value, trace.tier), (1, Some(tier)));
        let text = trace.to_string();
        let age = trace.age.unwrap_or_default();
        assert!(
            age >= Duration::from_millis(20) && age < SOON && text.contains(" old"),
            "{text}"
        );
    }
    assert_eq!(ROW.reads(), 1);
}
