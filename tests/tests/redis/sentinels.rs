//! Sentinels name the server, and another one after a failover.

#![expect(clippy::unwrap_used, reason = "what tests share is a test, too")]

use cache_core::{ErrorKind, cache_resource};
use tests::redis::Reply;

use super::*;

/// A server, its replica, and three who watch them.
struct Watched {
    primary: Server,
    replica: Server,
    sentinels: Vec<Server>,
}

impl Watched {
    fn start() -> Option<Self> {
        let primary = Server::start(&["repl-ping-replica-period 1"]).unwrap()?;
        let replica = primary.replica().unwrap();
        let sentinels = (0..3).map(|_| {
            let sentinel = Server::start(&[
                &format!("sentinel monitor main 127.0.0.1 {} 2", port(&primary)),
                "sentinel down-after-milliseconds main 500",
                "sentinel failover-timeout main 3000",
                "sentinel parallel-syncs main 1",
            ]);
            sentinel.unwrap()
        });
        let watched = Self {
            sentinels: sentinels.collect::<Option<_>>()?,
            primary,
            replica,
        };
        for sentinel in &watched.sentinels {
            until("the sentinels know of all", || {
                let known = sentinel.info("sentinel").unwrap();
                known["master0"].contains("slaves=1,sentinels=3")
            });
        }
        Some(watched)
    }

    fn url(&self) -> String {
        let hosts: Vec<_> = self
            .sentinels
            .iter()
            .map(|s| format!("127.0.0.1:{}", port(s)))
            .collect();
        format!("redis+sentinel://{}/main/2", hosts.join(","))
    }

    /// Whether all sentinels name this server.
    fn named(&self, server: &Server) -> bool {
        let port = Reply::Bytes(port(server).into_bytes());
        self.sentinels.iter().all(|sentinel| {
            let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"];
            matches!(sentinel.command(ask), Ok(Reply::Array(named)) if named.get(1) == Some(&port))
        })
    }
}

fn is_primary(server: &Server) -> bool {
    server
        .info("replication")
        .is_ok_and(|info| info["role"] == "master")
}

#[tokio::test]
async fn a_failover_is_followed_and_nothing_old_comes_back() {
    static ROW: Row = Row::new();
    #[cache_resource("row:{id}", ttl = 1000)]
    async fn row(id: u64) -> u64 {
        let _ = id;
        ROW.read()
    }
    let Some(mut watched) = Watched::start() else {
        return;
    };
    let (a, b) = (
        process_at(&watched.url()).await,
        process_at(&watched.url()).await,
    );
    share(&a, &b).await.unwrap();
    assert!(
        watched
            .primary
            .info("keyspace")
            .unwrap()
            .contains_key("db2")
    );
    assert_eq!((a.scope(row(1)).await, b.scope(row(1)).await), (1, 1));

    // The last that the primary hears does not reach its replica.
    watched.replica.catch_up(&watched.primary).unwrap();
    watched.replica.pause().unwrap();
    ROW.write();
    a.invalidate_pattern("resource:row:*").await.unwrap();
    watched.primary.kill().unwrap();
    watched.replica.resume().unwrap();
    // Nobody is there: calls go on, and what is said is kept.
    let value = ROW.write();
    let error = a.invalidate_pattern("resource:row:*").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotLogged);
    assert_eq!(a.scope(row(1)).await, value);
    until("the replica is promoted", || is_primary(&watched.replica));
    for cache in [&a, &b] {
        until("contact", || cache.health().is_well());
    }
    let began = Instant::now();
    while b.scope(row(1)).await != value {
        assert!(began.elapsed() < SOON, "what was lost is not said again");
    }
    assert_eq!(a.scope(row(1)).await, value);
    share(&a, &b).await.unwrap();

    // The old one comes back, with what it had: as a primary, until it is told.
    until("all sentinels know", || watched.named(&watched.replica));
    watched.primary.start_again().unwrap();
    let late = process_at(&watched.url()).await;
    assert_eq!(late.scope(row(1)).await, value);
    until("it is a replica", || !is_primary(&watched.primary));
    share(&late, &a).await.unwrap();

    // And on request, with the old one alive: its connections do not break by themselves.
    watched.primary.catch_up(&watched.replica).unwrap();
    let sentinel = &watched.sentinels[0];
    until("it fails over again", || {
        sentinel.command(["SENTINEL", "FAILOVER", "main"]).is_ok() || is_primary(&watched.primary)
    });
    until("it is promoted", || is_primary(&watched.primary));
    until("the other one follows", || !is_primary(&watched.replica));
    for cache in [&a, &b, &late] {
        until("contact", || cache.health().is_well());
    }
    share(&a, &late).await.unwrap();
    share(&late, &b).await.unwrap();
    assert_eq!(late.scope(row(1)).await, value);
}

#[tokio::test]
async fn sentinels_may_be_away_or_know_nothing() {
    let Some(mut watched) = Watched::start() else {
        return;
    };
    let unknown = watched.url().replace("/main/", "/other/");
    let cache = Cache::builder().redis(&unknown).build().await.unwrap();
    works(&cache).await.unwrap();
    says(&cache, "knows of no service `other`");
    // One that knows is enough.
    watched.sentinels[0].kill().unwrap();
    watched.sentinels[1].pause().unwrap();
    let cache = process_at(&watched.url()).await;
    works(&cache).await.unwrap();
    // A server is no sentinel.
    let wrong = watched.primary.url().replace("redis:", "redis+sentinel:");
    let cache = Cache::builder()
        .redis(&format!("{wrong}main"))
        .build()
        .await
        .unwrap();
    works(&cache).await.unwrap();
    says(&cache, "SENTINEL");
}
