//! A Redis that is away costs time, never a call, and never an old value.

use cache_core::{ErrorKind, cache, cache_resource, invalidate_cache};

use super::*;

#[tokio::test]
async fn a_server_that_is_not_there_at_all_fails_nobody() {
    static ROW: Row = Row::new();
    #[cache_resource("lonely")]
    async fn lonely() -> u64 {
        ROW.read()
    }
    let cache = Cache::builder()
        .redis("redis://127.0.0.1:1/")
        .build()
        .await
        .unwrap();
    for _ in 0..100 {
        assert_eq!(cache.scope(lonely()).await, 1);
    }
    assert_eq!(ROW.reads(), 1, "memory works");
    ROW.write();
    let error = cache
        .invalidate_pattern("resource:lonely")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotLogged);
    assert_eq!(cache.scope(lonely()).await, 2, "it has taken effect here");
    assert_eq!(cache.health().redis.unwrap().pending, 1);
}

#[tokio::test]
async fn a_write_while_the_server_is_away_is_told_when_it_is_back() {
    static ROW: Row = Row::new();
    #[cache_resource("told:{id}")]
    async fn told(id: u64) -> u64 {
        let _ = id;
        ROW.read()
    }
    #[invalidate_cache("resource:told:{id}")]
    async fn write(id: u64) -> Result<u64, ()> {
        let _ = id;
        Ok(ROW.write())
    }
    let mut server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!((a.scope(told(1)).await, b.scope(told(1)).await), (1, 1));
    server.kill().unwrap();
    assert_eq!(
        a.scope(write(1)).await,
        Ok(2),
        "the write is not failed by it"
    );
    assert_eq!(a.scope(told(1)).await, 2);
    assert_eq!(b.scope(told(1)).await, 1, "nobody could tell it");
    server.start_again().unwrap();
    let began = Instant::now();
    while b.scope(told(1)).await != 2 {
        assert!(began.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    until("nothing is pending", || {
        a.health().redis.unwrap().pending == 0
    });
}

#[tokio::test]
async fn a_server_that_has_lost_everything_brings_nothing_old_back() {
    static ROW: Row = Row::new();
    #[cache_resource("lost:{id}")]
    async fn lost(id: u64) -> u64 {
        let _ = id;
        ROW.read()
    }
    let mut server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!((a.scope(lost(1)).await, b.scope(lost(1)).await), (1, 1));
    ROW.write();
    a.invalidate_pattern("resource:lost:*").await.unwrap();
    server.restart_empty().unwrap();
    for _ in 0..200 {
        assert_eq!(a.scope(lost(1)).await, 2);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let began = Instant::now();
    while b.scope(lost(1)).await != 2 {
        assert!(began.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn without_word_from_the_log_values_count_for_a_while_only() {
    static ROW: Row = Row::new();
    #[cache_resource("unheard", ttl = 1000)]
    async fn unheard() -> u64 {
        ROW.read()
    }
    let mut server = start!();
    let cache = Cache::builder()
        .namespace("test")
        .max_staleness(Duration::from_millis(1_500))
        .redis(&server.url())
        .build()
        .await
        .unwrap();
    until("contact", || cache.health().is_well());
    assert_eq!(cache.scope(unheard()).await, 1);
    server.kill().unwrap();
    ROW.write();
    let began = Instant::now();
    while cache.scope(unheard()).await == 1 {
        assert!(began.elapsed() < SOON, "served for ever");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");
    // And it is a cache still: what is computed now counts for as long.
    let reads = ROW.reads();
    for _ in 0..50 {
        cache.scope(unheard()).await;
    }
    assert!(ROW.reads() <= reads + 1, "{} then {reads}", ROW.reads());
    server.start_again().unwrap();
    until("contact again", || cache.health().is_well());
}

#[tokio::test]
async fn what_is_computed_from_a_value_is_no_newer_than_that() {
    static ROW: Row = Row::new();
    #[cache_resource("inner", ttl = 1000)]
    async fn inner() -> u64 {
        ROW.read()
    }
    #[cache(ttl = 1000)]
    async fn outer() -> u64 {
        inner().await
    }
    let longest = Duration::from_millis(1_500);
    let mut server = start!();
    let cache = Cache::builder()
        .namespace("test")
        .max_staleness(longest)
        .redis(&server.url())
        .build()
        .await
        .unwrap();
    until("contact", || cache.health().is_well());
    server.kill().unwrap();
    assert_eq!(cache.scope(inner()).await, 1);
    ROW.write();
    // From then on nobody may be given the old one.
    let written = Instant::now();
    tokio::time::sleep(longest * 2 / 3).await;
    assert_eq!(cache.scope(outer()).await, 1, "of a value that counts");
    tokio::time::sleep_until((written + longest + longest / 6).into()).await;
    assert_eq!(cache.scope(outer()).await, 2);
}

#[tokio::test]
async fn a_server_that_does_not_answer_costs_a_time_out_and_then_nothing() {
    static ROW: Row = Row::new();
    #[cache_resource("mute:{id}")]
    async fn mute(id: u64) -> u64 {
        ROW.read() + id
    }
    let server = start!();
    let cache = process(&server).await;
    server.pause().unwrap();
    let mut longest = Duration::ZERO;
    for id in 0..200 {
        let began = Instant::now();
        assert_eq!(cache.scope(mute(id)).await, 1 + id);
        longest = longest.max(began.elapsed());
    }
    // 50 ms, and what a busy machine adds.
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    assert!(cache.health().redis.unwrap().breaker_open);
    server.resume().unwrap();
    until("it is well again", || cache.health().is_well());
    let fetched = cache.stats().total.fetched;
    let other = process(&server).await;
    cache.scope(mute(1_000)).await;
    let began = Instant::now();
    while other.stats().total.fetched == 0 {
        assert!(began.elapsed() < SOON, "caching has not resumed: {fetched}");
        cache.scope(mute(2_000)).await;
        let fresh = 3_000 + began.elapsed().as_millis() as u64;
        cache.scope(mute(fresh)).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        other.scope(mute(fresh)).await;
    }
}

#[tokio::test]
async fn after_a_restart_with_its_data_values_are_good_and_nested_calls_are_kept() {
    static INNER: Row = Row::new();
    static OUTER: Row = Row::new();
    #[cache_resource("inner", ttl = 1000)]
    async fn inner() -> u64 {
        INNER.read()
    }
    #[cache_resource("outer", ttl = 1000)]
    async fn outer() -> u64 {
        OUTER.read() + inner().await
    }
    let mut server = start!("appendonly yes");
    let cache = process(&server).await;
    assert_eq!(cache.scope(inner()).await, 1);
    let connections = cache.health().redis.unwrap().connections;
    server.restart().unwrap();
    until("it is back", || {
        cache.health().is_well() && cache.health().redis.unwrap().connections > connections
    });
    // The restarted server opens a generation, which shares everything with the one before.
    cache.invalidate_tag("nobody's").await.unwrap();
    for _ in 0..3 {
        assert_eq!(cache.scope(outer()).await, 2);
    }
    assert_eq!((INNER.reads(), OUTER.reads()), (1, 1));
}
