//! Functions that say where their values are kept.

use cache_core::{
    RefusalReason, TestCache, blocking, cache, cache_resource, explain, peek, refresh,
};

use super::guarantees::deaf;
use super::*;
use tokio::sync::Semaphore;
use tokio::time::timeout;

#[tokio::test]
async fn what_is_kept_in_redis_alone_is_fetched_at_each_call() {
    static ROW: Row = Row::new();
    #[cache_resource("far:{id}", tiers(redis))]
    async fn far(id: u64) -> Option<u64> {
        (id == 1).then(|| ROW.read())
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!(a.scope(far(1)).await, Some(1));
    until("it is stored", || stored(&server) == 1);
    let asked = || server.info("commandstats").unwrap()["cmdstat_mget"].clone();
    for cache in [&a, &b, &a] {
        let before = asked();
        let (value, trace) = cache.scope(explain(far(1))).await;
        assert_eq!((value, trace.tier), (Some(1), Some("redis")));
        assert_ne!(asked(), before, "Redis was not asked");
    }
    assert_eq!(ROW.reads(), 1);
    for cache in [&a, &b] {
        assert_eq!(cache.stats().total.entries, 0, "it is in memory");
    }
    // What is written there is nobody's from then on.
    ROW.write();
    a.invalidate_pattern("resource:far:*").await.unwrap();
    assert_eq!(
        (a.scope(far(1)).await, b.scope(far(1)).await),
        (Some(2), Some(2))
    );
    ROW.write();
    assert_eq!(b.scope(refresh(far(1))).await, Some(3));
    let began = Instant::now();
    while a.scope(far(1)).await != Some(3) {
        assert!(began.elapsed() < SOON, "the refresh is not shared");
    }
    // That there is none is kept, too.
    assert_eq!(a.scope(far(2)).await, None);
    let fetched = b.stats().total.fetched;
    until("it is stored", || stored(&server) >= 2);
    assert_eq!(b.scope(far(2)).await, None);
    assert_eq!(b.stats().total.fetched, fetched + 1);
    assert_eq!(a.stats().total.refusals.total(), 0);
}

#[tokio::test]
async fn nobody_joins_an_older_computation_of_what_is_in_redis_alone() {
    static ROW: Row = Row::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cache_resource("joined:{id}", tiers(redis))]
    async fn joined(id: u64) -> u64 {
        let read = ROW.read() + id;
        GATE.acquire().await.unwrap().forget();
        read
    }
    let server = start!();
    // The one that has not heard of what the other invalidates.
    let ((a, _wire), b) = (
        deaf(&server, |builder| builder).await,
        process(&server).await,
    );
    let call = || {
        let a = a.clone();
        tokio::spawn(async move { a.scope(joined(0)).await })
    };
    let old = call();
    let run = async |times| {
        while ROW.reads() < times {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, run(1)).await.unwrap();
    let value = ROW.write();
    b.invalidate_pattern("resource:joined:*").await.unwrap();
    let new = call();
    // Or else it has joined the old one.
    let _ = timeout(Duration::from_secs(1), run(2)).await;
    GATE.add_permits(2);
    assert_eq!((old.await.unwrap(), new.await.unwrap()), (1, value));
}

#[tokio::test]
async fn a_peek_looks_where_they_are() {
    static ROW: Row = Row::new();
    #[cache_resource("peeked:{id}", tiers(redis))]
    async fn peeked(id: u64) -> Option<u64> {
        (id == 1).then(|| ROW.read())
    }
    #[cache(tiers(redis))]
    fn peeked_at(id: u64) -> u64 {
        ROW.read() + id
    }
    let mut server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!(b.scope(peek(peeked(1))).await, None);
    assert_eq!(a.scope(peeked(1)).await, Some(1));
    assert_eq!(a.scope(peeked(2)).await, None);
    assert_eq!(a.enter(|| peeked_at(1)), 2);
    until("they are stored", || stored(&server) == 3);
    for cache in [&a, &b] {
        assert_eq!(cache.scope(peek(peeked(1))).await, Some(Some(1)));
        assert_eq!(cache.scope(peek(peeked(2))).await, Some(None));
        assert_eq!(cache.scope(peek(peeked(3))).await, None);
        let at = cache.enter(|| blocking::peek(|| peeked_at(1)));
        assert_eq!(at.unwrap(), Some(2));
        assert_eq!(cache.stats().total.entries, 0, "it is in memory");
    }
    ROW.write();
    a.invalidate_pattern("resource:peeked:*").await.unwrap();
    for cache in [&a, &b] {
        assert_eq!(cache.scope(peek(peeked(1))).await, None);
    }
    server.kill().unwrap();
    let at = b.enter(|| blocking::peek(|| peeked_at(1)));
    assert_eq!(at.unwrap(), None);
    assert_eq!(ROW.reads(), 2);
}

#[tokio::test]
async fn of_concurrent_callers_one_asks() {
    static ROW: Row = Row::new();
    #[cache(tiers(redis))]
    async fn crowded() -> u64 {
        tokio::task::yield_now().await;
        ROW.read()
    }
    let server = start!();
    let cache = process(&server).await;
    let crowd = (0..100).map(|_| cache.scope(crowded()));
    let values = futures_util::future::join_all(crowd).await;
    assert_eq!(values, [1; 100]);
    assert_eq!(ROW.reads(), 1);
    // Whoever came too late to wait has asked Redis.
    let total = cache.stats().total;
    assert_eq!(total.coalesced + total.fetched, 99);
    assert_eq!(total.entries, 0);
}

#[tokio::test]
async fn without_redis_nothing_is_kept() {
    static ROW: Row = Row::new();
    #[cache(tiers(redis))]
    fn nowhere(id: u64) -> u64 {
        let _ = id;
        ROW.read()
    }
    let test = TestCache::new();
    test.enter(|| {
        nowhere(1);
        nowhere(1);
    });
    assert_eq!(ROW.reads(), 2);
    let total = test.cache().stats().total;
    assert_eq!(total.refusals.of(RefusalReason::NoTier), 2);
    assert_eq!(total.entries, 0);

    let mut server = start!();
    let cache = process(&server).await;
    cache.enter(|| nowhere(1));
    until("it is stored", || stored(&server) == 1);
    cache.enter(|| nowhere(1));
    assert_eq!(ROW.reads(), 3);
    server.kill().unwrap();
    for n in 0..20 {
        cache.enter(|| nowhere(1));
        assert_eq!(ROW.reads(), 4 + n, "the body runs, and nothing fails");
    }
    server.start_again().unwrap();
    let began = Instant::now();
    loop {
        let reads = ROW.reads();
        cache.enter(|| nowhere(2));
        if ROW.reads() == reads {
            break;
        }
        assert!(began.elapsed() < SOON, "nothing is shared again");
    }
}

#[tokio::test]
async fn a_warm_up_of_what_others_have_computed_has_warmed() {
    use cache_core::warmup_cache;
    #[warmup_cache(id = 1)]
    #[cache(ttl = 60)]
    async fn both(id: u64) -> u64 {
        id
    }
    #[warmup_cache(id = 1)]
    #[cache(tiers(redis))]
    async fn far(id: u64) -> u64 {
        id
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert!(a.warmup().run().await.refused.is_empty());
    until("they are stored", || stored(&server) == 2);
    let report = b.warmup().run().await;
    assert_eq!(
        (report.warmed.count(), report.refused.count()),
        (2, 0),
        "{report}"
    );
    assert_eq!(b.stats().total.fetched, 2);
}
