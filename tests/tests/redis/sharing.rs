//! Values and invalidations of one process are there for the others.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cache_core::{
    ErrorKind, blocking, cache, cache_query, cache_resource, explain, invalidate_cache, peek,
    refresh,
};

use super::*;
use futures_util::FutureExt as _;
use tests::redis::Reply;

#[tokio::test]
async fn what_one_computes_the_others_find() {
    static ROW: Row = Row::new();
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct User {
        id: u64,
        name: Option<String>,
    }
    #[cache_resource("users:{id}")]
    async fn user(id: u64) -> Result<Option<Arc<User>>, String> {
        ROW.read();
        let name = (id > 1).then(|| format!("user {id}"));
        Ok((id > 0).then(|| Arc::new(User { id, name })))
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    for id in [0, 1, 2] {
        let computed = a.scope(user(id)).await.unwrap();
        until("it is stored", || stored(&server) == id as usize + 1);
        assert_eq!(b.scope(user(id)).await.unwrap(), computed);
        assert_eq!(ROW.reads(), id + 1);
        let (_, trace) = b.scope(explain(user(id))).await;
        assert_eq!(trace.tier, Some("memory"), "it was put there");
    }
    assert_eq!(b.stats().total.fetched, 3);
}

/// The keys of the values at the server.
fn keys(server: &Server) -> Vec<String> {
    let text = |key: Reply| match key {
        Reply::Bytes(key) => String::from_utf8(key).ok(),
        _ => None,
    };
    match server.command(["KEYS", "fc:{test}/v/*"]) {
        Ok(Reply::Array(keys)) => keys.into_iter().filter_map(text).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn functions_without_a_runtime_share_too() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    fn rate(of: &str) -> u64 {
        ROW.read() + of.len() as u64
    }
    let server = start!();
    let build = || {
        let cache = Cache::builder()
            .namespace("test")
            .redis(&server.url())
            .build_blocking()
            .unwrap();
        until("contact", || cache.health().is_well());
        cache
    };
    let (a, b) = (build(), build());
    assert_eq!(a.enter(|| rate("eur")), 4);
    until("it is stored", || stored(&server) == 1);
    assert_eq!(b.enter(|| rate("eur")), 4);
    assert_eq!(ROW.reads(), 1);
    ROW.write();
    a.enter(|| blocking::invalidate(|| rate("eur"))).unwrap();
    assert_eq!(a.enter(|| rate("eur")), 5);
    until("the other one knows", || b.enter(|| rate("eur")) == 5);
}

#[tokio::test]
async fn what_one_invalidates_nobody_is_served() {
    static ROW: Row = Row::new();
    #[cache_resource("row:{id}", tags("rows"))]
    async fn row(id: u64) -> u64 {
        let _ = id;
        ROW.read()
    }
    #[cache(ttl = 60)]
    async fn derived(id: u64) -> u64 {
        row(id).await * 100
    }
    #[invalidate_cache("resource:row:{id}")]
    async fn by_address(id: u64) -> u64 {
        let _ = id;
        ROW.write()
    }
    #[invalidate_cache("resource:r*")]
    async fn by_pattern() -> u64 {
        ROW.write()
    }
    #[invalidate_cache(tag = "rows")]
    async fn by_tag() -> u64 {
        ROW.write()
    }
    #[invalidate_cache(row(id))]
    async fn by_key(id: u64) -> u64 {
        {
            let _ = id;
            ROW.write()
        }
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    let warm = async || {
        for cache in [&a, &b] {
            cache.scope(derived(7)).await;
        }
    };
    for write in 0..4 {
        warm().await;
        let new = a
            .scope(async {
                match write {
                    0 => by_address(7).await,
                    1 => by_pattern().await,
                    2 => by_tag().await,
                    _ => by_key(7).await,
                }
            })
            .await;
        assert_eq!(a.scope(row(7)).await, new, "write {write}");
        assert_eq!(a.scope(derived(7)).await, 100 * new, "write {write}");
        // The other process hears of it within a network trip; what is in Redis it never takes for valid.
        let began = Instant::now();
        while b.scope(derived(7)).await != 100 * new {
            assert!(began.elapsed() < SOON, "write {write}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let late = process(&server).await;
        assert_eq!(late.scope(derived(7)).await, 100 * new, "write {write}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_was_invalidated_while_it_was_computed_is_nobodys() {
    static ROW: Row = Row::new();
    #[cache_resource("slow")]
    async fn slow() -> u64 {
        let value = ROW.read();
        tokio::time::sleep(Duration::from_millis(100)).await;
        value
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    let load = tokio::spawn({
        let a = a.clone();
        async move { a.scope(slow()).await }
    });
    until("it has read", || ROW.reads() == 1);
    let new = ROW.write();
    b.invalidate_pattern("resource:slow").await.unwrap();
    let _ = load.await.unwrap();
    for cache in [&a, &b, &process(&server).await] {
        let began = Instant::now();
        // A call of another process that began before it heard may be served what that began with.
        while cache.scope(slow()).await != new {
            assert!(began.elapsed() < SOON);
        }
    }
    assert_eq!(b.scope(slow()).await, new);
}

#[tokio::test]
async fn a_refresh_replaces_what_the_others_would_find() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn fresh() -> u64 {
        ROW.read()
    }
    let server = start!();
    let a = process(&server).await;
    a.scope(fresh()).await;
    until("it is stored", || stored(&server) == 1);
    let new = ROW.write();
    assert_eq!(a.scope(refresh(fresh())).await, new);
    let began = Instant::now();
    while process(&server).await.scope(fresh()).await != new {
        assert!(began.elapsed() < SOON, "others find the old one");
    }
    assert_eq!(ROW.reads(), 2);
}

#[tokio::test]
async fn what_cannot_leave_the_process_stays() {
    #[derive(Clone)]
    struct Local(u64);
    #[cache(ttl = 60)]
    async fn local() -> Local {
        Local(7)
    }
    #[cache(ttl = 60, tiers(memory))]
    async fn told_to_stay() -> u64 {
        8
    }
    #[cache(ttl = "never")]
    async fn for_ever() -> u64 {
        9
    }
    #[cache(ttl = 60)]
    async fn shared() -> u64 {
        10
    }
    #[cache_query(ttl = 60, err_ttl = 60)]
    async fn failing() -> Result<u64, String> {
        Err("no".into())
    }
    let server = start!();
    let a = process(&server).await;
    a.scope(async {
        assert_eq!(
            local().await.0 + told_to_stay().await + for_ever().await,
            24
        );
        failing().await.unwrap_err();
    })
    .await;
    // One that may leave. Stores are made in their order: when it is there, so are those before it.
    a.scope(shared()).await;
    until("it is stored", || stored(&server) > 0);
    assert_eq!(stored(&server), 1);
}

#[tokio::test]
async fn bytes_that_are_none_of_ours_are_misses() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn value() -> u64 {
        ROW.read()
    }
    let server = start!();
    let a = process(&server).await;
    a.scope(value()).await;
    until("it is stored", || stored(&server) == 1);
    let key = keys(&server).remove(0);
    for (n, garbage) in ["", "garbage", "\u{fc}\u{1}", "FC"].iter().enumerate() {
        server
            .command(["SET", &key, garbage, "PX", "60000"])
            .unwrap();
        let other = process(&server).await;
        assert_eq!(other.scope(value()).await, 1, "{garbage:?}");
        assert_eq!(ROW.reads(), n as u64 + 2);
        // Stored behind the call, over the garbage.
        let garbage = Reply::Bytes(garbage.as_bytes().to_vec());
        until("it is replaced", || {
            server.command(["GET", &key]).unwrap() != garbage
        });
    }
    server.command(["DEL", &key]).unwrap();
    server.command(["LPUSH", &key, "a list"]).unwrap();
    let other = process(&server).await;
    assert_eq!(other.scope(value()).await, 1);
}

#[tokio::test]
async fn a_url_that_is_none_is_said_without_its_password() {
    for url in [
        "",
        "redis//x",
        "http://user:hunter2@host/",
        "redis://:hunter2@:port/",
    ] {
        let error = Cache::builder().redis(url).build().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let builder = Cache::builder().redis("redis://user:hunter2@127.0.0.1:1/");
    assert!(!format!("{builder:?}").contains("hunter2"));
    let cache = builder.build().await.unwrap();
    assert!(!format!("{cache:?} {:?}", cache.health()).contains("hunter2"));
}

#[tokio::test]
async fn a_hit_costs_no_trip() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn value(n: u64) -> u64 {
        ROW.read() + n
    }
    let server = start!();
    let a = process(&server).await;
    a.scope(value(0)).await;
    until("it is stored", || stored(&server) == 1);
    let health = a.health().redis.unwrap();
    for _ in 0..1_000 {
        a.scope(value(0)).await;
    }
    let after = a.health().redis.unwrap();
    assert!(after.answered - health.answered < 5, "only the heartbeat's");
}

/// An answer that was asked for before is older than what was asked for anew.
#[tokio::test]
async fn a_value_from_redis_does_not_undo_a_refresh() {
    static ROW: Row = Row::new();
    static KEEP: AtomicBool = AtomicBool::new(true);
    #[cache(ttl = 60, when = |_| KEEP.load(SeqCst))]
    async fn rate(of: &str) -> u64 {
        let _ = of;
        ROW.read()
    }
    let server = start!();
    let cache = process(&server).await;
    let refreshed = || cache.scope(refresh(rate("eur")));
    // What is stored, and what is not.
    for keep in [true, false] {
        loop {
            KEEP.store(true, SeqCst);
            let older = ROW.write();
            let writes = || cache.stats().redis.unwrap().writes.count();
            let before = writes();
            assert_eq!(refreshed().await, older);
            until("it is stored", || writes() > before);
            cache.resize(1);
            cache.resize(1 << 20);
            server.pause().unwrap();
            let mut asked = Box::pin(cache.scope(explain(rate("eur"))));
            assert!((&mut asked).now_or_never().is_none());
            KEEP.store(keep, SeqCst);
            let newer = ROW.write();
            assert_eq!(refreshed().await, newer);
            server.resume().unwrap();
            let (value, trace) = asked.await;
            let kept = cache.scope(peek(rate("eur"))).await;
            assert_eq!(kept, keep.then_some(newer), "{trace}");
            if !keep {
                assert_eq!(value, newer, "{trace}");
                break;
            }
            // On a machine that has much else to do the answer came too late.
            if trace.tier == Some("redis") {
                assert_eq!(value, older);
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_task_may_call_what_is_not_async_as_often_as_it_likes() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    fn plain(id: u64) -> u64 {
        ROW.read() + id
    }
    let server = start!();
    let cache = process(&server).await;
    // Without one await between them: a runtime that counts what a task does would have it wait for its next turn.
    cache.enter(|| {
        for id in 0..300 {
            assert_eq!(plain(id), 1 + id);
            blocking::invalidate_tag("nobody's").unwrap();
        }
    });
}

/// Types without a name of their own: nobody in another process could tell which of them is meant.
#[tokio::test]
async fn what_has_no_name_of_its_own_stays_in_its_process() {
    #[cache(ttl = 60, skip(with))]
    async fn applied<F: Fn(u64) -> u64>(to: u64, with: F) -> u64 {
        with(to)
    }
    trait Adds {
        const MORE: u64;
    }
    #[cache(ttl = 60)]
    async fn added<A: Adds>(to: u64) -> u64 {
        to + A::MORE
    }
    let server = start!();
    let a = process(&server).await;
    let of_closures = [
        a.scope(applied(1, |n| n + 10)).await,
        a.scope(applied(1, |n| n + 20)).await,
    ];
    assert_eq!(of_closures, [11, 21]);
    let first = {
        struct Local;
        impl Adds for Local {
            const MORE: u64 = 1;
        }
        a.scope(added::<Local>(1)).await
    };
    let second = {
        struct Local;
        impl Adds for Local {
            const MORE: u64 = 2;
        }
        a.scope(added::<Local>(1)).await
    };
    assert_eq!([first, second], [2, 3]);
    let inner = |n| {
        #[cache(ttl = 60)]
        async fn inner() -> u64 {
            1
        }
        a.scope(async move { inner().await + n })
    };
    let another = |n| {
        #[cache(ttl = 60)]
        async fn inner() -> u64 {
            2
        }
        a.scope(async move { inner().await + n })
    };
    assert_eq!([inner(0).await, another(0).await], [1, 2]);
}

#[tokio::test]
async fn what_a_refresh_has_shown_to_be_gone_is_not_found_again() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn first() -> Option<u64> {
        (ROW.read() == 1).then_some(1)
    }
    let server = start!();
    // Of many, one would see what is on its way to the server.
    for _ in 0..50 {
        ROW.value.store(1, SeqCst);
        let cache = process(&server).await;
        assert_eq!(cache.scope(first()).await, Some(1));
        until("it is stored", || stored(&server) == 1);
        ROW.write();
        let after = cache.scope(async {
            assert_eq!(refresh(first()).await, None);
            first().await
        });
        assert_eq!(after.await, None);
        until("it is removed", || stored(&server) == 0);
    }
}
