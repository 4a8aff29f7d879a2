//! Values without a function are everybody's: what one process has put the others get, and nobody an older one.

use cache_core::{ErrorKind, FetchMiss, blocking, cache, explain, peek, refresh};

use super::*;
use tests::redis::Reply;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_one_process_puts_the_others_get() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!(b.get::<u64>("n").await.unwrap(), None);
    for n in 0..20_u64 {
        a.set("n", n, MINUTE).await.unwrap();
        assert_eq!(a.get("n").await.unwrap(), Some(n));
        // What is in its memory it may not know to be old yet; what it asks Redis for is the new one.
        let other = process(&server).await;
        assert_eq!(got(&other, "n").await, n);
        until_got(&b, "n", Some(n)).await;
    }
    assert!(b.stats().function("values").unwrap().fetched > 0);
    let hits = b.stats().total.hits;
    assert_eq!(b.get("n").await.unwrap(), Some(19_u64));
    assert_eq!(b.stats().total.hits, hits + 1, "from memory by now");
    a.remove("n").await.unwrap();
    let other = process(&server).await;
    assert_eq!(other.get::<u64>("n").await.unwrap(), None);
    until_got::<u64>(&b, "n", None).await;
    a.set_many([("x", 1_u64), ("y", 2), ("x", 3)], MINUTE)
        .await
        .unwrap();
    let many = other.get_many::<u64>(&["y", "z", "x"]).await.unwrap();
    assert_eq!(many, [Some(2), None, Some(3)]);
}

/// What a process gets; a trip that takes too long on a busy machine is none.
async fn got(cache: &Cache, address: &str) -> u64 {
    let began = Instant::now();
    loop {
        if let Ok(Some(value)) = cache.get(address).await {
            return value;
        }
        assert!(began.elapsed() < SOON, "there is no value");
    }
}

async fn until_got<T: cache_core::CacheValue + serde::de::DeserializeOwned + PartialEq>(
    cache: &Cache,
    address: &str,
    value: Option<T>,
) {
    let began = Instant::now();
    while cache.get::<T>(address).await.ok().as_ref() != Some(&value) {
        assert!(began.elapsed() < SOON, "the old one is served for ever");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn without_a_runtime_it_is_the_same() {
    let server = start!();
    let build = || {
        let builder = Cache::builder().namespace("test").redis(&server.url());
        let cache = builder.build_blocking().unwrap();
        until("contact", || cache.health().is_well());
        cache
    };
    let (a, b) = (build(), build());
    a.enter(|| blocking::set("n", "text".to_owned(), MINUTE))
        .unwrap();
    let got = b.enter(|| blocking::get::<String>("n")).unwrap();
    assert_eq!(got.as_deref(), Some("text"));
    let many = b.enter(|| blocking::get_many::<String>(&["m", "n"]));
    assert_eq!(many.unwrap(), [None, Some("text".to_owned())]);
}

/// The hole that there was: what is computed from a value was shared, the value was not.
#[tokio::test]
async fn what_is_computed_from_a_value_is_as_new_as_the_value_everywhere() {
    #[cache(ttl = 1000)]
    async fn doubled() -> Option<u64> {
        let n: Option<u64> = cache_core::get("n").await.unwrap();
        Some(2 * n.unwrap_or(500))
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!(a.scope(doubled()).await, Some(1_000), "there is none yet");
    for n in 1..10_u64 {
        let (writer, reader) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
        writer.set("n", n, MINUTE).await.unwrap();
        assert_eq!(writer.scope(doubled()).await, Some(2 * n));
        let began = Instant::now();
        while reader.scope(doubled()).await != Some(2 * n) {
            assert!(began.elapsed() < SOON);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let fresh = process(&server).await;
        assert_eq!(fresh.scope(doubled()).await, Some(2 * n));
    }
}

/// While a value is being put there is none, and what is made of that must not outlive the moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_computed_while_a_value_is_put_does_not_stay() {
    #[cache(ttl = 1000)]
    async fn seen() -> Option<u64> {
        Some(cache_core::get("seen").await.unwrap().unwrap_or(0))
    }
    let server = start!();
    let (a, b) = (patient(&server).await, patient(&server).await);
    let done = std::sync::Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = [&a, &b]
        .map(|cache| {
            let (cache, done) = (cache.clone(), std::sync::Arc::clone(&done));
            tokio::spawn(async move {
                while done.load(SeqCst) == 0 {
                    cache.scope(seen()).await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .into();
    for n in 1..150_u64 {
        a.set("seen", n, MINUTE).await.unwrap();
        assert_eq!(a.scope(seen()).await, Some(n));
    }
    done.store(1, SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
    for cache in [&a, &b, &patient(&server).await] {
        let began = Instant::now();
        while cache.scope(seen()).await != Some(149) {
            assert!(began.elapsed() < SOON);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A process that waits as long as it takes, for what is not about time.
async fn patient(server: &Server) -> Cache {
    let builder = Cache::builder().namespace("test").op_timeout(SOON);
    let Ok(cache) = builder.redis(&server.url()).build().await else {
        unreachable!("nothing about it can fail");
    };
    until("contact", || cache.health().is_well());
    cache
}

#[tokio::test]
async fn what_is_computed_while_nobody_answers_does_not_stay() {
    #[cache(ttl = 1000)]
    async fn seen() -> u64 {
        cache_core::get("seen").await.unwrap().unwrap_or(0)
    }
    #[cache(ttl = 1000)]
    async fn seen_by_way_of_another() -> u64 {
        seen().await
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    a.set("seen", 1_u64, MINUTE).await.unwrap();
    server.pause().unwrap();
    for _ in 0..20 {
        assert_eq!(b.scope(seen_by_way_of_another()).await, 0);
    }
    server.resume().unwrap();
    until("it is well again", || b.health().is_well());
    // Not to be there is not the same as not to be had.
    let began = Instant::now();
    while b.scope(seen_by_way_of_another()).await != 1 {
        assert!(began.elapsed() < SOON, "what nobody had said is kept");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // That there is none is something to be kept.
    #[cache(ttl = 1000)]
    async fn none() -> u64 {
        cache_core::get("none").await.unwrap().unwrap_or(0)
    }
    assert_eq!(b.scope(none()).await, 0);
    let (_, trace) = b.scope(explain(none())).await;
    assert_eq!(trace.tier, Some("memory"));
}

/// Two processes put at the same time, each many at once: in the end all have the same, and it is the last of one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_values_put_at_the_same_time_all_get_the_same_one() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    for round in 0..60_u64 {
        let put = |cache: &Cache, who: u64| {
            let cache = cache.clone();
            tokio::spawn(async move {
                let many = (0..8).map(|n| {
                    let value = round * 1_000 + who * 100 + n;
                    let cache = &cache;
                    async move { cache.set("race", value, MINUTE).await }
                });
                for put in futures_util::future::join_all(many).await {
                    put.unwrap();
                }
            })
        };
        let (one, other) = (put(&a, 1), put(&b, 2));
        one.await.unwrap();
        other.await.unwrap();
        let last = got(&process(&server).await, "race").await;
        assert!(
            last == round * 1_000 + 107 || last == round * 1_000 + 207,
            "{last} was undone, and is back"
        );
        for cache in [&a, &b] {
            until_got(cache, "race", Some(last)).await;
        }
    }
}

#[tokio::test]
async fn a_value_that_is_put_while_redis_is_away_is_here_and_nothing_older_anywhere() {
    let mut server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    a.set("n", 1_u64, MINUTE).await.unwrap();
    assert_eq!(b.get::<u64>("n").await.unwrap(), Some(1));
    server.kill().unwrap();
    let error = a.set("n", 2_u64, MINUTE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotLogged, "{error}");
    assert_eq!(a.get::<u64>("n").await.unwrap(), Some(2));
    assert_eq!(b.get::<u64>("n").await.unwrap(), Some(1), "untold");
    server.start_again().unwrap();
    until("it is told", || {
        a.health().is_well() && b.health().is_well()
    });
    // What was put here alone cannot be told from what another has put meanwhile.
    for cache in [&a, &process(&server).await] {
        assert_eq!(cache.get::<u64>("n").await.unwrap(), None);
    }
    // It is in the log; the other process has it from there a moment later.
    until_got(&b, "n", None::<u64>).await;
    b.set("n", 3_u64, MINUTE).await.unwrap();
    until_got(&a, "n", Some(3_u64)).await;
}

#[tokio::test]
async fn a_server_that_loses_everything_brings_no_older_value_back() {
    let mut server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    a.set("n", 1_u64, MINUTE).await.unwrap();
    assert_eq!(b.get::<u64>("n").await.unwrap(), Some(1));
    a.set("n", 2_u64, MINUTE).await.unwrap();
    server.restart_empty().unwrap();
    for _ in 0..200 {
        assert_ne!(a.get::<u64>("n").await.unwrap(), Some(1));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    until("contact", || a.health().is_well() && b.health().is_well());
    assert_ne!(b.get::<u64>("n").await.unwrap(), Some(1));
    b.set("n", 3_u64, MINUTE).await.unwrap();
    until_got(&a, "n", Some(3_u64)).await;
}

/// The server is stopped between the two halves of a `set`, and what was sent may still come.
#[tokio::test]
async fn a_server_that_stops_while_a_value_is_put_undoes_nothing() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    let mut last = 0;
    for n in 1..12_u64 {
        let cache = a.clone();
        let putting = tokio::spawn(async move { cache.set("n", n, MINUTE).await });
        if n % 3 == 0 {
            server.pause().unwrap();
            tokio::time::sleep(Duration::from_millis(5 * n)).await;
            server.resume().unwrap();
        }
        if putting.await.unwrap().is_ok() {
            last = n;
        }
        let got = a.get::<u64>("n").await.unwrap();
        assert!(got.is_none_or(|got| got >= last), "{got:?} after {last}");
    }
    until("contact", || a.health().is_well() && b.health().is_well());
    b.set("n", 100_u64, MINUTE).await.unwrap();
    for _ in 0..100 {
        let got = b.get::<u64>("n").await.unwrap();
        assert_eq!(got, Some(100));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    until_got(&a, "n", Some(100_u64)).await;
}

#[tokio::test]
async fn what_redis_has_of_another_type_or_of_nobody_is_a_counted_miss() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    a.set("n", 7_u64, MINUTE).await.unwrap();
    assert_eq!(b.get::<String>("n").await.unwrap(), None);
    assert_eq!(b.stats().redis.unwrap().misses.of(FetchMiss::Type), 1);
    assert_eq!(got(&b, "n").await, 7, "it is there");
    let error = b.get::<String>("n").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Type, "in memory it is an error");
    let Reply::Array(keys) = server.command(["KEYS", "fc:{test}/v/*"]).unwrap() else {
        unreachable!()
    };
    let [Reply::Bytes(key)] = &keys[..] else {
        unreachable!("{keys:?}")
    };
    let c = process(&server).await;
    for garbage in ["", "garbage", "\u{fc}\u{1}"] {
        let garbage = garbage.as_bytes();
        let set: [&[u8]; 5] = [b"SET", key, garbage, b"PX", b"60000"];
        server.command(set).unwrap();
        assert_eq!(c.get::<u64>("n").await.unwrap(), None);
    }
    server.command([b"DEL", &key[..]]).unwrap();
    server.command([b"LPUSH", &key[..], b"a list"]).unwrap();
    assert_eq!(c.get::<u64>("n").await.unwrap(), None);
    server.command([b"DEL", &key[..]]).unwrap();
    // The log may be written, and values may not.
    let acl = ["ACL", "SETUSER", "default", "resetkeys", "~fc:{test}:*"];
    server.command(acl).unwrap();
    let error = c.set("n", 8_u64, MINUTE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotShared, "{error}");
    assert_eq!(c.get::<u64>("n").await.unwrap(), None, "nor is it here");
    server
        .command(["ACL", "SETUSER", "default", "allkeys"])
        .unwrap();
    until_got::<u64>(&a, "n", None).await;
}

#[tokio::test]
async fn a_value_lives_as_long_in_redis_as_here() {
    let server = start!();
    let a = process(&server).await;
    for (ttl, most) in [
        (Duration::from_millis(300), 300),
        (MINUTE, 60_000),
        (Duration::MAX, 30 * 24 * 3_600_000),
    ] {
        a.set("n", 1_u64, ttl).await.unwrap();
        let Reply::Array(keys) = server.command(["KEYS", "fc:{test}/v/*"]).unwrap() else {
            unreachable!()
        };
        let [Reply::Bytes(key)] = &keys[..] else {
            unreachable!("{keys:?}")
        };
        let left = server.command([b"PTTL", &key[..]]).unwrap();
        let Reply::Integer(left) = left else {
            unreachable!("{left:?}")
        };
        assert!(left > 0 && left <= most, "{left} of {most}");
    }
    // And what another has taken over lives no longer than what is left.
    a.set("short", 1_u64, Duration::from_millis(400))
        .await
        .unwrap();
    let b = process(&server).await;
    let got = b.get::<u64>("short").await.unwrap();
    let began = Instant::now();
    if got.is_some() {
        while b.get::<u64>("short").await.unwrap().is_some() {
            assert!(began.elapsed() < Duration::from_secs(5));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_value_costs_three_trips_to_put_and_one_to_get() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    a.set("warm", 1_u64, MINUTE).await.unwrap();
    let before = a.health().redis.unwrap().answered;
    a.set("n", 1_u64, MINUTE).await.unwrap();
    let put = a.health().redis.unwrap().answered - before;
    // An append is followed by one look for more.
    assert!((3..=7).contains(&put), "{put}");
    let before = b.health().redis.unwrap().answered;
    b.get::<u64>("n").await.unwrap();
    let got = b.health().redis.unwrap().answered - before;
    assert!((1..=3).contains(&got), "{got}, heartbeats included");
}

#[tokio::test]
async fn a_peek_does_not_keep_a_refresh_from_its_value() {
    static ROW: Row = Row::new();
    static GATE: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(1);
    #[cache(ttl = 60)]
    async fn value() -> u64 {
        GATE.acquire().await.unwrap().forget();
        ROW.read()
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!(a.scope(value()).await, 1);
    until("it is stored", || stored(&server) == 1);
    ROW.write();
    let refreshing = b.clone();
    let refreshing = tokio::spawn(async move { refreshing.scope(refresh(value())).await });
    tokio::task::yield_now().await;
    assert_eq!(b.scope(peek(value())).await, Some(1));
    GATE.add_permits(1);
    assert_eq!(refreshing.await.unwrap(), 2);
    assert_eq!(b.scope(value()).await, 2);
}

#[tokio::test]
async fn a_peek_asks_redis_too_and_runs_nothing() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn value(n: u64) -> u64 {
        ROW.read() + n
    }
    #[cache(ttl = 60)]
    fn sync_value(n: u64) -> u64 {
        ROW.read() + n
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!(b.scope(peek(value(0))).await, None);
    assert_eq!(ROW.reads(), 0);
    a.scope(value(0)).await;
    a.enter(|| sync_value(0));
    let peeked = tokio::time::timeout(SOON, async {
        while b.scope(peek(value(0))).await.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        b.scope(peek(value(0))).await
    });
    assert_eq!(peeked.await.unwrap(), Some(1));
    let began = Instant::now();
    while b.enter(|| blocking::peek(|| sync_value(0))).unwrap() != Some(1) {
        assert!(began.elapsed() < SOON);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(ROW.reads(), 2, "no body was run");
    let total = b.stats().total;
    assert_eq!((total.calls(), total.computed), (0, 0), "it is no call");
    assert_eq!(b.enter(|| blocking::peek(|| sync_value(1))).unwrap(), None);
    assert_eq!(ROW.reads(), 2);
}
