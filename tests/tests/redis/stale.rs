//! What is no longer fresh, in Redis and in the memory of several processes.

use std::sync::atomic::AtomicBool;

use cache_core::{MissReason, RefusalReason, cache, cache_resource, explain, peek, refresh};

use super::*;

/// How long what is stored here is fresh.
const BRIEF: Duration = Duration::from_millis(300);

/// Waits until a value has expired in a process.
async fn outlived(cache: &Cache, call: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while cache.scope(peek(call())).await.is_some() {
        assert!(began.elapsed() < SOON, "it does not expire");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_another_process_has_computed_stands_in_for_a_failure() {
    static ROW: Row = Row::new();
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cache_resource("excused:{id}", ttl = BRIEF, stale_if_error = "1h")]
    async fn excused(id: u64) -> Result<u64, String> {
        let _ = id;
        let value = ROW.read();
        if FAILS.load(SeqCst) {
            return Err("as it should".to_owned());
        }
        Ok(value)
    }
    let server = start!();
    let (a, b, c) = (
        process(&server).await,
        process(&server).await,
        process(&server).await,
    );
    assert_eq!(a.scope(excused(1)).await, Ok(1));
    until("it is stored", || stored(&server) == 1);
    outlived(&a, async || excused(1).await.is_ok()).await;
    FAILS.store(true, SeqCst);
    // It is in Redis still, and known to be late by who finds it there.
    let began = Instant::now();
    let mut found = None;
    while found.is_none() {
        let (value, trace) = b.scope(explain(excused(1))).await;
        assert_eq!(value, Ok(1));
        found = trace.stale;
        assert!(began.elapsed() < SOON, "it is fresh for ever");
    }
    assert!(found < Some(SOON), "{found:?}");
    assert_eq!(b.stats().total.stale, 1);
    // Now it is in memory there, and nobody asks again for a while.
    let (reads, fetched) = (ROW.reads(), b.stats().redis.map(|redis| redis.hits));
    assert_eq!(b.scope(excused(1)).await, Ok(1));
    assert_eq!(ROW.reads(), reads);
    assert_eq!(b.stats().redis.map(|redis| redis.hits), fetched);
    assert_eq!(b.scope(peek(excused(1))).await, None);
    assert_eq!(c.scope(peek(excused(1))).await, None, "nor is it shown");

    // An invalidation ends it for all.
    c.invalidate_pattern("resource:excused:*").await.unwrap();
    assert!(c.scope(excused(1)).await.is_err());
    until("b has heard of it", || {
        futures_util::FutureExt::now_or_never(b.scope(peek(excused(1)))).is_some()
            && b.health().is_well()
    });
    while b.scope(excused(1)).await.is_ok() {
        assert!(began.elapsed() < 2 * SOON, "it is served for ever");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    FAILS.store(false, SeqCst);
    assert_eq!(a.scope(excused(1)).await, Ok(1));
}

#[tokio::test]
async fn what_is_kept_in_redis_alone_stands_in_too() {
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cache(ttl = BRIEF, stale_if_error = "1h", tiers(redis))]
    async fn far(id: u64) -> Result<u64, String> {
        if FAILS.load(SeqCst) {
            return Err("as it should".to_owned());
        }
        Ok(id)
    }
    let server = start!();
    let a = process(&server).await;
    assert_eq!(a.scope(far(1)).await, Ok(1));
    until("it is stored", || stored(&server) == 1);
    FAILS.store(true, SeqCst);
    let began = Instant::now();
    while a.stats().total.stale == 0 {
        assert_eq!(a.scope(far(1)).await, Ok(1));
        assert!(began.elapsed() < SOON, "it is fresh for ever");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_comes_too_late_to_be_of_use_is_not_said_to_be_in_redis() {
    #[cache(ttl = "1ms", tiers(redis))]
    async fn slow(id: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        id
    }
    let server = start!();
    let a = process(&server).await;
    assert_eq!(a.scope(slow(1)).await, 1);
    let total = a.stats().total;
    assert_eq!(total.refusals.of(RefusalReason::Expired), 1);
    assert_eq!(total.stores, 0);
}

#[tokio::test]
async fn what_comes_too_late_is_there_for_others_to_fall_back_on() {
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cache(ttl = "1ms", stale_if_error = "1h", tiers(redis))]
    async fn slower(id: u64) -> Result<u64, String> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if FAILS.load(SeqCst) {
            return Err("as it should".to_owned());
        }
        Ok(id)
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!(a.scope(slower(1)).await, Ok(1));
    until("it is stored", || stored(&server) == 1);
    FAILS.store(true, SeqCst);
    let (value, trace) = b.scope(explain(slower(1))).await;
    assert_eq!(value, Ok(1));
    assert!(trace.stale >= Some(Duration::from_millis(19)), "{trace:?}");
}

/// Redis has what was computed before, and that is fresh by a `ttl` of its own.
#[tokio::test]
async fn a_refresh_that_comes_too_late_leaves_nothing_older() {
    static ROW: Row = Row::new();
    fn lifetime(value: u64) -> Duration {
        Duration::from_millis(if value == 1 { 3_600_000 } else { 1 })
    }
    #[cache_resource("dwindling:{id}", ttl = |value: &u64| lifetime(*value), stale_if_error = "1h")]
    async fn dwindling(id: u64) -> Result<u64, String> {
        let _ = id;
        let value = ROW.read();
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(value)
    }
    let server = start!();
    let a = process(&server).await;
    assert_eq!(a.scope(dwindling(1)).await, Ok(1));
    until("it is stored", || stored(&server) == 1);
    assert_eq!(ROW.write(), 2);
    assert_eq!(a.scope(refresh(dwindling(1))).await, Ok(2));
    assert_eq!(a.scope(dwindling(1)).await, Ok(2), "what was there before");
}

/// What never expires has no place in Redis, and neither has what it took the place of.
#[tokio::test]
async fn a_refresh_that_cannot_be_shared_leaves_nothing_older() {
    static ROW: Row = Row::new();
    fn lifetime(value: u64) -> Duration {
        match value {
            1 => Duration::from_secs(3_600),
            _ => Duration::MAX,
        }
    }
    #[cache_resource("lasting:{id}", ttl = |value: &u64| lifetime(*value))]
    async fn lasting(id: u64) -> u64 {
        let _ = id;
        ROW.read()
    }
    let server = start!();
    let a = process(&server).await;
    assert_eq!(a.scope(lasting(1)).await, 1);
    until("it is stored", || stored(&server) == 1);
    assert_eq!(ROW.write(), 2);
    assert_eq!(a.scope(refresh(lasting(1))).await, 2);
    assert_eq!(a.scope(lasting(1)).await, 2, "here");
    until("it is removed", || stored(&server) == 0);
    let b = process(&server).await;
    assert_eq!(b.scope(lasting(1)).await, 2, "elsewhere");
}

/// What stands in Redis, as text.
fn values(server: &Server) -> String {
    let Ok(tests::redis::Reply::Array(names)) = server.command(["KEYS", VALUES]) else {
        return String::new();
    };
    let names = names.into_iter().filter_map(|name| match name {
        tests::redis::Reply::Bytes(name) => Some(name),
        _ => None,
    });
    let mut names: Vec<Vec<u8>> = names.collect();
    names.sort();
    let values = names.iter().map(|name| server.command([&b"GET"[..], name]));
    values.map(|value| format!("{value:?}")).collect()
}

/// It lasts for a second; then what it took the place of is not there any more.
#[tokio::test]
async fn what_is_made_of_a_late_value_takes_the_place_of_what_was_before() {
    static ROW: Row = Row::new();
    static FAILS: AtomicBool = AtomicBool::new(false);
    #[cache_resource("part:{id}", ttl = BRIEF, stale_if_error = "1h")]
    async fn part(id: u64) -> Result<u64, String> {
        if FAILS.load(SeqCst) {
            return Err("as it should".to_owned());
        }
        Ok(id)
    }
    #[cache_resource("whole:{id}", ttl = "1h")]
    async fn whole(id: u64) -> Result<u64, String> {
        part(id).await?;
        Ok(ROW.read())
    }
    #[cache_resource("larger:{id}", ttl = "1h")]
    async fn larger(id: u64) -> Result<u64, String> {
        whole(id).await
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!(a.scope(whole(1)).await, Ok(1));
    until("they are stored", || stored(&server) == 2);
    ROW.write();
    outlived(&a, async || part(1).await.is_ok()).await;
    FAILS.store(true, SeqCst);
    let before = values(&server);
    assert_eq!(a.scope(refresh(whole(1))).await, Ok(2));
    until("it has taken its place", || values(&server) != before);
    // Who finds it in Redis knows what it is of.
    assert_eq!(b.scope(larger(1)).await, Ok(2));
    let began = Instant::now();
    ROW.write();
    FAILS.store(false, SeqCst);
    while began.elapsed() < Duration::from_millis(1_300) {
        for cache in [&a, &b] {
            assert_ne!(cache.scope(whole(1)).await, Ok(1), "what was before");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(b.scope(larger(1)).await, Ok(3));
    assert_eq!(a.scope(whole(1)).await, Ok(3));
}

/// There is no memory where those would find it who come while the first one refreshes.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_late_in_redis_alone_is_given_to_all_at_once() {
    static HANGS: AtomicBool = AtomicBool::new(false);
    static BEGUN: Row = Row::new();
    #[cache(ttl = BRIEF, stale_while_revalidate = "1h", tiers(redis))]
    async fn distant(id: u64) -> u64 {
        BEGUN.read();
        if HANGS.load(SeqCst) {
            std::future::pending().await
        }
        id
    }
    let server = start!();
    let a = process(&server).await;
    assert_eq!(a.scope(distant(1)).await, 1);
    until("it is stored", || stored(&server) == 1);
    outlived(&a, async || distant(1).await > 0).await;
    HANGS.store(true, SeqCst);
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let a = a.clone();
            tokio::spawn(async move { a.scope(distant(1)).await })
        })
        .collect();
    for call in calls {
        let ended = tokio::time::timeout(SOON, call).await;
        assert_eq!(ended.unwrap().unwrap(), 1);
    }
    // Behind them, when it has the lease.
    until("one refreshes", || BEGUN.reads() == 2);
    let stats = a.stats().total;
    assert_eq!((stats.stale, stats.refreshes), (20, 1));
}

#[tokio::test]
async fn what_is_no_longer_fresh_is_in_nobodys_way() {
    static ROW: Row = Row::new();
    #[cache(ttl = BRIEF, stale_if_error = "1h")]
    async fn renewed(id: u64) -> Result<u64, String> {
        Ok(ROW.read() + id)
    }
    #[cache(ttl = BRIEF)]
    async fn plain(id: u64) -> u64 {
        ROW.read() + id
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!(a.scope(renewed(1)).await, Ok(2));
    assert_eq!(a.scope(plain(1)).await, 2);
    until("they are stored", || stored(&server) == 2);
    until("what falls back on nothing leaves", || stored(&server) == 1);
    outlived(&a, async || renewed(1).await.is_ok()).await;
    ROW.write();
    assert_eq!(b.scope(renewed(1)).await, Ok(3));
    let began = Instant::now();
    // A third process is given the new one, where it is stored in place of the old one.
    while process(&server).await.scope(peek(renewed(1))).await != Some(Ok(3)) {
        assert!(began.elapsed() < SOON, "it is not stored");
        b.scope(renewed(1)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_refreshes_and_the_others_serve_what_is_late() {
    static ROW: Row = Row::new();
    static GATE: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(1);
    #[cache(ttl = BRIEF, stale_while_revalidate = "1h")]
    async fn row(id: u64) -> u64 {
        let value = ROW.read();
        if let Ok(permit) = GATE.acquire().await {
            permit.forget();
        }
        value + id
    }
    let server = start!();
    let mut caches = Vec::new();
    for _ in 0..4 {
        let cache = Cache::builder()
            .namespace("test")
            .redis(&server.url())
            .wait_max(SOON)
            .lease(SOON)
            .build()
            .await;
        let Ok(cache) = cache else {
            unreachable!("nothing about it can fail");
        };
        until("contact", || cache.health().is_well());
        caches.push(cache);
    }
    assert_eq!(caches[0].scope(row(0)).await, 1);
    until("it is stored", || stored(&server) == 1);
    for cache in &caches {
        assert_eq!(cache.scope(row(0)).await, 1);
    }
    outlived(&caches[0], async || row(0).await > 0).await;
    ROW.write();
    // All of them find it late, and one has the lease.
    for _ in 0..20 {
        for cache in &caches {
            assert_eq!(cache.scope(row(0)).await, 1, "it waits for nobody");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ROW.reads(), 2, "one at a time");
    let refreshes: u64 = caches.iter().map(|c| c.stats().total.refreshes).sum();
    assert_eq!(refreshes, 4);
    GATE.add_permits(1_000);
    let began = Instant::now();
    for cache in &caches {
        while cache.scope(row(0)).await != 2 {
            assert!(began.elapsed() < SOON, "it stays late");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test]
async fn what_is_found_late_in_redis_is_served_and_refreshed() {
    static ROW: Row = Row::new();
    #[cache(ttl = BRIEF, stale_while_revalidate = "1h")]
    async fn row(id: u64) -> u64 {
        ROW.read() + id
    }
    #[cache(ttl = BRIEF, stale_while_revalidate = "1h", tiers(redis))]
    async fn far(id: u64) -> u64 {
        ROW.read() + id
    }
    let server = start!();
    let a = process(&server).await;
    assert_eq!(a.scope(row(0)).await, 1);
    assert_eq!(a.scope(far(0)).await, 1);
    until("they are stored", || stored(&server) == 2);
    outlived(&a, async || row(0).await > 0).await;
    outlived(&a, async || far(0).await > 0).await;
    ROW.write();
    let b = process(&server).await;
    let (value, trace) = b.scope(explain(row(0))).await;
    assert_eq!((value, trace.tier), (1, Some("redis")));
    assert!(trace.stale.is_some());
    let (value, trace) = b.scope(explain(far(0))).await;
    assert_eq!((value, trace.tier), (1, Some("redis")));
    assert!(trace.stale.is_some());
    assert_eq!(b.stats().total.refreshes, 2);
    let began = Instant::now();
    while b.scope(row(0)).await != 2 || b.scope(far(0)).await != 2 {
        assert!(began.elapsed() < SOON, "they stay late");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_ahead_of_one_process_is_the_others_too() {
    static ROW: Row = Row::new();
    #[cache(ttl = 2, refresh_ahead = "50%")]
    async fn row(id: u64) -> u64 {
        ROW.read() + id
    }
    let server = start!();
    let mut caches = Vec::new();
    for _ in 0..4 {
        caches.push(process(&server).await);
    }
    let (began, mut reads) = (Instant::now(), 0);
    let expired = |cache: &Cache| cache.stats().total.misses.of(MissReason::Expired);
    while began.elapsed() < Duration::from_secs(5) {
        for cache in &caches {
            cache.scope(row(0)).await;
            reads += 1;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let waited: u64 = caches.iter().map(expired).sum();
    // Between one and two seconds after each other, in all processes together.
    assert!((3..=8).contains(&ROW.reads()), "{} of {reads}", ROW.reads());
    assert!(waited <= 4, "{waited} have found it expired");
}
