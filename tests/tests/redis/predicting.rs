//! Values that are asked for soon after another one come along with it.

use cache_core::{Builder, Memory, ShelfStats, cache_resource, invalidate};

use super::trips::Relay;
use super::*;

/// Nothing is kept, so that each call asks.
fn forgetful(builder: Builder) -> Builder {
    builder
        .memory(Memory::new().max_entry_bytes(1))
        .lease(Duration::ZERO)
}

async fn predicting(url: &str) -> Cache {
    let builder = forgetful(Cache::builder()).namespace("test").redis(url);
    let Ok(cache) = builder.predict(true).build().await else {
        unreachable!("nothing about it can fail");
    };
    until("contact", || cache.health().is_well());
    cache
}

fn shelf(cache: &Cache) -> ShelfStats {
    let redis = cache.stats().redis;
    redis.and_then(|redis| redis.shelf).unwrap_or_default()
}

static VERSION: AtomicU64 = AtomicU64::new(1);

#[cache_resource("page:{n}")]
async fn page(n: u64) -> u64 {
    n
}

#[cache_resource("reviews:{n}")]
async fn reviews(n: u64) -> u64 {
    1_000 * n + VERSION.load(SeqCst)
}

/// Somewhere among so many: the same in each run.
fn somewhere(at: u64, among: u64) -> u64 {
    // SplitMix64 (Steele, Lea, Flood 2014).
    let mixed = at.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ mixed >> 31) & (among - 1)
}

#[tokio::test]
async fn what_usually_follows_makes_no_trip() {
    let server = start!();
    let relay = Relay::to(&server);
    let (cache, other) = (predicting(&relay.url()).await, process(&server).await);
    let session = |n| async move { (page(n).await, reviews(n).await) };
    for n in 0..16 {
        cache.scope(session(n)).await;
    }
    until("all are stored", || stored(&server) == 32);
    for at in 0..400 {
        let n = somewhere(at, 16);
        assert_eq!(cache.scope(session(n)).await, (n, 1_000 * n + 1));
    }
    for n in [3, 11, 7] {
        let trips = relay.during(1, cache.scope(session(n))).await;
        assert_eq!(trips, ["MGET TIME XREAD"]);
    }
    let seen = shelf(&cache);
    assert!(seen.pays && seen.predicted_used > 100, "{seen:?}");
    assert!(seen.fetched <= seen.predicted, "{seen:?}");
    // Of 32 values and one task.
    assert!((1..48 << 10).contains(&seen.learnt_bytes), "{seen:?}");
    assert_eq!(cache.stats().total.computed, 32);

    // What came along is judged when it is asked for.
    cache.scope(page(5)).await;
    VERSION.store(2, SeqCst);
    let token = other.scope(invalidate(reviews(5))).await.unwrap();
    let refused = shelf(&cache).refused;
    let present = cache.scope(cache.at_least(token, reviews(5))).await;
    assert_eq!(present, 5_002);
    assert_eq!(shelf(&cache).refused, refused + 1);
    VERSION.store(1, SeqCst);
}

#[tokio::test]
async fn where_nothing_follows_nothing_is_fetched_and_others_learn_nothing() {
    #[cache_resource("any:{n}")]
    async fn any(n: u64) -> u64 {
        n
    }
    let server = start!();
    let cache = predicting(&server.url()).await;
    let builder = forgetful(Cache::builder()).namespace("test");
    let off = builder.redis(&server.url()).build().await.unwrap();
    until("contact", || off.health().is_well());
    for at in 0..2_000 {
        let n = somewhere(at, 64);
        assert_eq!(cache.scope(any(n)).await, n);
        assert_eq!(off.scope(any(n)).await, n);
    }
    let seen = shelf(&cache);
    assert!(seen.predicted < 100, "{seen:?}");
    assert!(off.stats().redis.unwrap().shelf.is_none());
}

/// A visitor who looks at a page again and again and then does something else each time.
#[tokio::test]
async fn what_ceases_to_follow_ceases_to_be_fetched() {
    #[cache_resource("first:{n}")]
    async fn first(n: u64) -> u64 {
        n
    }
    #[cache_resource("then:{n}")]
    async fn then(n: u64) -> u64 {
        n
    }
    let server = start!();
    let mut server = server;
    let cache = predicting(&server.url()).await;
    for at in 0..64 {
        let n = somewhere(at, 8);
        cache.scope(async { first(n).await + then(n).await }).await;
    }
    assert!(shelf(&cache).predicted > 8);
    for at in 0..4_000 {
        cache.scope(first(somewhere(at, 8))).await;
    }
    let before = shelf(&cache).predicted;
    for at in 0..1_000 {
        cache.scope(first(somewhere(at, 8))).await;
    }
    let after = shelf(&cache).predicted;
    assert!(after - before < 100, "{before} {after}");
    // And without a server nothing waits for what does not come.
    server.kill().unwrap();
    for n in 0..8 {
        assert_eq!(cache.scope(then(n)).await, n);
    }
}
