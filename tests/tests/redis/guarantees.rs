//! What may be chosen about freshness, and about servers that lose what they have acknowledged.

#![expect(clippy::unwrap_used, reason = "what tests share is a test, too")]

use cache_core::{
    Builder, ErrorKind, Freshness, OnFork, Token, at_least, blocking, cache, explain, invalidate,
    invalidate_tag, peek,
};

use super::*;

async fn with(server: &Server, set: impl FnOnce(Builder) -> Builder) -> Cache {
    let builder = Cache::builder().namespace("test").redis(&server.url());
    let cache = set(builder).build().await.unwrap();
    until("contact", || cache.health().is_well());
    cache
}

/// One that hears of nothing by itself: whatever it knows, it has asked for.
pub(super) async fn deaf(server: &Server, set: impl FnOnce(Builder) -> Builder) -> (Cache, Mute) {
    let wire = Mute::to(server);
    let builder = Cache::builder().namespace("test").redis(&wire.url());
    let cache = set(builder).build().await.unwrap();
    until("contact", || cache.health().is_well());
    (cache, wire)
}

#[tokio::test]
async fn a_strict_hit_is_never_older_than_its_call() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60, tags("strict"))]
    async fn row() -> u64 {
        ROW.read()
    }
    let server = start!();
    let a = with(&server, |builder| builder.freshness(Freshness::Strict)).await;
    let b = process(&server).await;
    assert_eq!(a.scope(row()).await, 1);
    let trips = a.health().redis.unwrap().answered;
    let (value, trace) = a.scope(explain(row())).await;
    assert_eq!((value, trace.tier), (1, Some("memory")));
    assert!(a.health().redis.unwrap().answered > trips, "asked nobody");
    let total = a.stats().total;
    assert_eq!((total.hits, ROW.reads()), (1, 1));
    // Nobody waits for the news to arrive.
    for version in 2..200 {
        ROW.write();
        b.scope(invalidate_tag("strict")).await.unwrap();
        assert_eq!(a.scope(row()).await, version);
    }
    assert_eq!(a.scope(peek(row())).await, Some(199));
}

#[tokio::test]
async fn a_strict_get_is_never_older_than_its_call() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let mut server = start!();
    let a = with(&server, |builder| builder.freshness(Freshness::Strict)).await;
    let b = process(&server).await;
    for version in 1..200 {
        b.set("row", version, HOUR).await.unwrap();
        assert_eq!(a.get::<u64>("row").await.unwrap(), Some(version));
        b.set("row", version + 1_000, HOUR).await.unwrap();
        let many = a.get_many::<u64>(&["row", "none"]).await.unwrap();
        assert_eq!(many, [Some(version + 1_000), None]);
    }
    b.remove("row").await.unwrap();
    assert_eq!(a.get::<u64>("row").await.unwrap(), None);
    a.set("row", 7_u64, HOUR).await.unwrap();
    server.kill().unwrap();
    // Nobody knows whether it is still there.
    assert_eq!(a.get::<u64>("row").await.unwrap(), None);
    let many = a.get_many::<u64>(&["row"]).await.unwrap();
    assert_eq!(many, [None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strict_hits_at_the_same_time_share_a_trip() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn row() -> u64 {
        ROW.read()
    }
    let server = start!();
    let a = with(&server, |builder| builder.freshness(Freshness::Strict)).await;
    a.scope(row()).await;
    let before = a.health().redis.unwrap().answered;
    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let a = a.clone();
            tokio::spawn(async move { a.scope(row()).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 1);
    }
    let trips = a.health().redis.unwrap().answered - before;
    assert!(trips < 500, "{trips} trips");
    assert_eq!(ROW.reads(), 1);
}

#[tokio::test]
async fn without_the_log_strict_calls_compute() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn row() -> u64 {
        ROW.read()
    }
    let mut server = start!();
    let a = with(&server, |builder| builder.freshness(Freshness::Strict)).await;
    assert_eq!(a.scope(row()).await, 1);
    server.kill().unwrap();
    ROW.write();
    assert_eq!(a.scope(row()).await, 2);
    ROW.write();
    assert_eq!(a.scope(row()).await, 3);
    server.start_again().unwrap();
    until("contact", || a.health().is_well());
    a.scope(row()).await;
    let reads = ROW.reads();
    a.scope(row()).await;
    assert_eq!(ROW.reads(), reads, "a hit again");
}

#[tokio::test]
async fn a_token_brings_the_news_with_it() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn row() -> u64 {
        ROW.read()
    }
    let server = start!();
    let b = process(&server).await;
    let (a, wire) = deaf(&server, |builder| builder).await;
    for version in 2..50 {
        a.scope(row()).await;
        ROW.write();
        let token = b.scope(invalidate(row())).await.unwrap();
        let text = token.to_string();
        let token: Token = text.parse().unwrap();
        assert_eq!(a.scope(at_least(token, row())).await, version);
    }
    // A log that does not answer, and a place that it does not have.
    let reads = ROW.reads();
    for text in ["-", "1-1", "9007199254740991-0"] {
        let token: Token = text.parse().unwrap();
        a.scope(at_least(token, row())).await;
    }
    assert_eq!(ROW.reads(), reads + 3, "nobody knows");
    drop(wire);
    let token = b.scope(invalidate(row())).await.unwrap();
    let reads = ROW.reads();
    a.scope(at_least(token, row())).await;
    assert_eq!(ROW.reads(), reads + 1);
    assert!(
        "not a token"
            .parse::<Token>()
            .is_err_and(|error| error.kind() == ErrorKind::Token)
    );
}

#[tokio::test]
async fn an_invalidation_waits_for_as_many_replicas_as_it_should() {
    let server = start!();
    let a = with(&server, |builder| builder.ack_replicas(1)).await;
    let alone = a.invalidate_tag("x").await;
    assert!(alone.is_err_and(|error| error.kind() == ErrorKind::NotLogged));
    let replica = server.replica().unwrap();
    until("a replica has it", || {
        a.enter(|| blocking::invalidate_tag("x")).is_ok()
    });
    // It has every acknowledged one.
    let token = a.invalidate_tag("y").await.unwrap();
    let id = token.to_string();
    let found = replica.command(["XRANGE", "fc:{test}:log", &id, &id]);
    assert!(matches!(found.unwrap(), tests::redis::Reply::Array(all) if all.len() == 1));
    until("nothing is owed", || a.health().is_well());
}

/// A record that the replicas do not have is in the log all the same, once, and everything else goes on.
#[tokio::test]
async fn without_its_replica_a_process_shares_and_hears_as_before() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60, tags("alone"))]
    async fn row(id: u64) -> u64 {
        ROW.read() + id
    }
    let server = start!();
    let a = with(&server, |builder| builder.ack_replicas(1)).await;
    let b = process(&server).await;
    let log = || server.command(["XLEN", "fc:{test}:log"]).unwrap();
    let tests::redis::Reply::Integer(before) = log() else {
        unreachable!()
    };
    for n in 1..=3 {
        let told = a.invalidate_tag("x").await;
        assert!(told.is_err_and(|error| error.kind() == ErrorKind::NotLogged));
        assert_eq!(log(), tests::redis::Reply::Integer(before + n));
        assert!(a.health().is_well(), "{:?}", a.health());
    }
    assert_eq!(b.scope(row(1)).await, 2);
    until("it is stored", || {
        server.command(["KEYS", VALUES]).unwrap() != tests::redis::Reply::Array(Vec::new())
    });
    assert_eq!(a.scope(row(1)).await, 2);
    assert_eq!(ROW.reads(), 1, "Redis was not asked");
    ROW.write();
    b.invalidate_tag("alone").await.unwrap();
    let began = Instant::now();
    while a.scope(row(1)).await != 3 {
        assert!(began.elapsed() < SOON, "it hears nothing");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn to_flush_is_to_trust_nothing_from_before_a_promotion() {
    for (policy, kept) in [(OnFork::Repair, true), (OnFork::Flush, false)] {
        static ROW: Row = Row::new();
        #[cache(ttl = 60)]
        async fn row() -> u64 {
            ROW.read()
        }
        let mut server = start!();
        let a = with(&server, |builder| builder.on_fork(policy)).await;
        let opened = a.invalidate_tag("x").await.unwrap().position().unwrap();
        a.scope(row()).await;
        let reads = ROW.reads();
        server.restart().unwrap();
        until("the new generation", || {
            a.enter(|| blocking::invalidate_tag("x"))
                .is_ok_and(|token| token.position().unwrap().generation > opened.generation)
        });
        until("contact", || a.health().is_well());
        a.scope(row()).await;
        assert_eq!(ROW.reads() == reads, kept, "{policy:?}");
    }
}

/// A way to a server that does not let the tail through: what blocks for longer than this.
pub(super) struct Mute(
    std::net::SocketAddr,
    std::sync::Arc<std::sync::atomic::AtomicBool>,
);

impl Mute {
    fn to(server: &Server) -> Self {
        use std::io::{Read, Write};
        use std::net::{TcpListener, TcpStream};
        let address = server
            .url()
            .trim_start_matches("redis://")
            .trim_end_matches('/')
            .to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let here = listener.local_addr().unwrap();
        let cut = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let is_cut = std::sync::Arc::clone(&cut);
        std::thread::spawn(move || {
            for inner in listener.incoming().flatten() {
                let Ok(outer) = TcpStream::connect(&address) else {
                    continue;
                };
                let pairs = [
                    (inner.try_clone(), outer.try_clone(), true),
                    (outer.try_clone(), inner.try_clone(), false),
                ];
                for (from, to, asks) in pairs {
                    let (Ok(mut from), Ok(mut to)) = (from, to) else {
                        continue;
                    };
                    let is_cut = std::sync::Arc::clone(&is_cut);
                    std::thread::spawn(move || {
                        let mut bytes = vec![0; 1 << 16];
                        while let Ok(count @ 1..) = from.read(&mut bytes) {
                            let tail =
                                asks && bytes[..count].windows(5).any(|word| word == b"BLOCK");
                            if tail || is_cut.load(SeqCst) || to.write_all(&bytes[..count]).is_err()
                            {
                                break;
                            }
                        }
                    });
                }
            }
        });
        Self(here, cut)
    }

    fn url(&self) -> String {
        format!("redis://{}/", self.0)
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        self.1.store(true, SeqCst);
    }
}
