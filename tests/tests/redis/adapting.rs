//! `ttl = adaptive(..)` in several processes.

use cache_core::{blocking, cache, invalidate, refresh};

use super::*;

/// Where a lifetime between a millisecond and an hour begins: at the root of their product.
const MIDDLE: Duration = Duration::from_millis(1_897);

/// How long the one value that a process knows is fresh, where it was computed there last.
fn lifetime(process: &Cache) -> Duration {
    let stats = process.stats();
    let ttl = stats.functions.first().and_then(|row| row.adaptive_ttl);
    assert_eq!(ttl.map(|ttl| ttl.keys), Some(1));
    ttl.map(|ttl| ttl.mean).unwrap_or_default()
}

#[tokio::test]
async fn a_process_learns_from_what_another_has_computed() {
    static ROW: Row = Row::new();
    #[cache(ttl = adaptive("1ms", "1h"), tiers(redis))]
    async fn restless() -> u64 {
        ROW.read()
    }
    let server = start!();
    let (a, b, c) = (
        process(&server).await,
        process(&server).await,
        process(&server).await,
    );
    let mut seen = 0;
    let began = Instant::now();
    // One that was not fresh for long enough to be found was computed.
    while b.stats().total.fetched < 25 {
        let fresh = ROW.write();
        assert_eq!(a.scope(refresh(restless())).await, fresh);
        while seen < fresh {
            seen = b.scope(restless()).await;
            assert!(began.elapsed() < SOON, "{seen} for {fresh}, {}", b.stats());
        }
    }
    // Which teaches nothing.
    b.scope(invalidate(restless())).await.unwrap();
    b.scope(restless()).await;
    assert!(lifetime(&b) < MIDDLE / 4, "{:?}", lifetime(&b));
    c.scope(invalidate(restless())).await.unwrap();
    c.scope(restless()).await;
    let known_nothing = lifetime(&c);
    assert!(known_nothing > MIDDLE / 2, "{known_nothing:?}");
}

#[tokio::test]
async fn a_value_stays_for_the_time_that_was_chosen() {
    static ROW: Row = Row::new();
    #[cache(ttl = adaptive("1h", "2h"))]
    fn calm() -> u64 {
        ROW.read()
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!(a.enter(calm), 1);
    until("it is stored", || stored(&server) == 1);
    assert_eq!(b.enter(calm), 1);
    assert_eq!(ROW.reads(), 1);
    assert_eq!(b.enter(|| blocking::refresh(calm)), 1);
    assert_eq!(ROW.reads(), 2);
    for process in [&a, &b] {
        let lifetime = lifetime(process).as_secs();
        assert!((3_500..=7_200).contains(&lifetime), "{lifetime}");
    }
}
