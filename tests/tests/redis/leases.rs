//! Of all processes that miss a value one computes it, and what becomes of that one delays nobody for long.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what the tests share is a test, too"
)]

use std::sync::atomic::AtomicBool;
use std::thread;

use cache_core::{cache, cache_query, cache_resource};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use super::*;
use tests::redis::Reply;

/// Longer than any test waits.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A process that waits for others for so long, and whose leases last so long.
async fn waiting(server: &Server, wait_max: Duration, lease: Duration) -> Cache {
    let cache = Cache::builder()
        .namespace("test")
        .redis(&server.url())
        .wait_max(wait_max)
        .lease(lease)
        .build()
        .await
        .unwrap();
    until("contact", || cache.health().is_well());
    cache
}

pub(crate) async fn patient(server: &Server) -> Cache {
    waiting(server, LONG, LONG).await
}

/// The leases at the server.
pub(crate) fn leases(server: &Server) -> Vec<Vec<u8>> {
    let Reply::Array(keys) = server.command(["KEYS", "fc:{test}/l/*"]).unwrap() else {
        panic!("no list of keys");
    };
    let bytes = |key| match key {
        Reply::Bytes(key) => key,
        other => panic!("{other:?}"),
    };
    keys.into_iter().map(bytes).collect()
}

/// How often somebody has asked for a lease, or stored a value.
fn asked(server: &Server) -> u64 {
    let calls = server.info("commandstats").unwrap();
    calls.get("cmdstat_set").map_or(0, |line| {
        let count = line.strip_prefix("calls=").unwrap();
        count.split(',').next().unwrap().parse().unwrap()
    })
}

fn spawn<T: Send + 'static>(
    cache: &Cache,
    call: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let cache = cache.clone();
    tokio::spawn(async move { cache.scope(call).await })
}

/// Spawns a call that finds a lease taken, and waits.
fn wait_behind<T: Send + 'static>(
    server: &Server,
    cache: &Cache,
    call: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let before = asked(server);
    let call = spawn(cache, call);
    until("it waits", || asked(server) > before);
    call
}

async fn soon<T>(call: JoinHandle<T>) -> T {
    let ended = tokio::time::timeout(SOON, call).await;
    ended.expect("it waits still").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_in_four_processes_computes_once() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn crowded(n: u64) -> u64 {
        let value = ROW.read();
        tokio::time::sleep(Duration::from_millis(100)).await;
        value + n
    }
    let server = start!();
    let mut caches = Vec::new();
    for _ in 0..4 {
        caches.push(patient(&server).await);
    }
    let calls: Vec<_> = (0..800)
        .map(|n| spawn(&caches[n % 4], crowded(1)))
        .collect();
    for call in calls {
        assert_eq!(soon(call).await, 2);
    }
    let failed: u64 = caches
        .iter()
        .map(|cache| cache.health().redis.unwrap().failed)
        .sum();
    // Whoever hears nothing from Redis computes.
    assert!(ROW.reads() <= 1 + failed, "{} of {failed}", ROW.reads());
    until("all is given back", || leases(&server).is_empty());
}

#[test]
fn threads_without_a_runtime_wait_too() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    fn threaded() -> u64 {
        thread::sleep(Duration::from_millis(100));
        ROW.read()
    }
    let server = start!();
    let caches: Vec<_> = (0..3)
        .map(|_| futures_util::FutureExt::now_or_never(patient(&server)).unwrap())
        .collect();
    thread::scope(|scope| {
        for cache in &caches {
            scope.spawn(|| assert_eq!(cache.enter(threaded), 1));
        }
    });
    let failed: u64 = caches
        .iter()
        .map(|cache| cache.health().redis.unwrap().failed)
        .sum();
    assert!(ROW.reads() <= 1 + failed, "{} of {failed}", ROW.reads());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_has_nothing_to_give_delays_nobody() {
    static FIRST: AtomicBool = AtomicBool::new(true);
    static BEGUN: Row = Row::new();
    static GATE: Notify = Notify::const_new();
    #[cache_query(ttl = 60, when = |value| *value > 0)]
    async fn ends(how: &'static str) -> Result<u64, String> {
        if !FIRST.swap(false, SeqCst) {
            return Ok(1);
        }
        BEGUN.read();
        GATE.notified().await;
        match how {
            "panics" => panic!("as it should"),
            "fails" => Err("as it should".to_owned()),
            _ => Ok(0),
        }
    }
    let server = start!();
    let (a, b) = (patient(&server).await, patient(&server).await);
    for (n, how) in ["is dropped", "panics", "fails", "is refused"]
        .into_iter()
        .enumerate()
    {
        FIRST.store(true, SeqCst);
        let leader = spawn(&a, ends(how));
        until("it computes", || BEGUN.reads() == n as u64 + 1);
        assert_eq!(leases(&server).len(), 1, "{how}");
        let other = wait_behind(&server, &b, ends(how));
        if how == "is dropped" {
            leader.abort();
        } else {
            GATE.notify_one();
        }
        let _ = leader.await;
        assert_eq!(soon(other).await, Ok(1), "{how}");
        until("all is given back", || leases(&server).is_empty());
    }
}

/// Else each would wait for all those before him.
#[tokio::test(flavor = "multi_thread")]
async fn those_who_wait_for_a_source_that_is_down_ask_it_together() {
    static BEGUN: Row = Row::new();
    static GATE: Semaphore = Semaphore::const_new(0);
    #[cache_query(ttl = 60, when = |value| *value > 0)]
    async fn down(how: &'static str) -> Result<u64, String> {
        BEGUN.read();
        GATE.acquire().await.unwrap().forget();
        match how {
            "panics" => panic!("as it should"),
            "fails" => Err("as it should".to_owned()),
            "is refused" => Ok(0),
            _ => Ok(1),
        }
    }
    const OTHERS: usize = 4;
    let server = start!();
    let leading = patient(&server).await;
    let mut caches = Vec::new();
    for _ in 0..OTHERS {
        caches.push(patient(&server).await);
    }
    let mut begun = 0;
    for how in ["fails", "panics", "is refused", "is dropped", "is well"] {
        let together = ["fails", "panics", "is refused"].contains(&how);
        let leader = spawn(&leading, down(how));
        until("it computes", || BEGUN.reads() == begun + 1);
        let others: Vec<_> = caches
            .iter()
            .map(|cache| wait_behind(&server, cache, down(how)))
            .collect();
        assert_eq!(BEGUN.reads(), begun + 1, "{how}");
        if how == "is dropped" {
            leader.abort();
        } else {
            GATE.add_permits(1);
        }
        let _ = leader.await;
        begun += 1;
        if together {
            // Nobody has been let through yet.
            begun += OTHERS as u64;
            until("all compute", || BEGUN.reads() == begun);
        } else if how == "is dropped" {
            begun += 1;
            until("one computes", || BEGUN.reads() == begun);
        }
        GATE.add_permits(if together { OTHERS } else { 1 });
        for other in others {
            let ended = tokio::time::timeout(SOON, other).await;
            let _ = ended.expect("it waits still");
        }
        assert_eq!(BEGUN.reads(), begun, "{how}");
        until("all is given back", || leases(&server).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_and_is_dropped_leaves_nothing() {
    static BEGUN: Row = Row::new();
    #[cache(ttl = 60)]
    async fn stuck() -> u64 {
        BEGUN.read();
        std::future::pending().await
    }
    let server = start!();
    let (a, b) = (patient(&server).await, patient(&server).await);
    let leader = spawn(&a, stuck());
    until("it computes", || BEGUN.reads() == 1);
    let other = wait_behind(&server, &b, stuck());
    other.abort();
    let _ = other.await;
    assert_eq!(leases(&server).len(), 1, "the leader's");
    leader.abort();
    until("it is given back", || leases(&server).is_empty());
    assert_eq!(BEGUN.reads(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_gone_without_a_word_delays_others_for_a_while_only() {
    static BEGUN: Row = Row::new();
    static STUCK: AtomicBool = AtomicBool::new(true);
    #[cache(ttl = 60)]
    async fn killed(n: u64) -> u64 {
        BEGUN.read();
        if STUCK.load(SeqCst) {
            std::future::pending().await
        }
        n
    }
    let server = start!();
    let a = patient(&server).await;
    let leader = spawn(&a, killed(1));
    until("it computes", || BEGUN.reads() == 1);
    let lease = leases(&server).remove(0);
    let Reply::Bytes(held) = server.command([&b"GET"[..], &lease]).unwrap() else {
        panic!("no lease");
    };
    leader.abort();
    until("it is given back", || leases(&server).is_empty());
    STUCK.store(false, SeqCst);
    // As a process leaves it that is killed.
    let leave = |lifetime: &str| {
        let set = [&b"SET"[..], &lease, &held, b"PX", lifetime.as_bytes()];
        server.command(set).unwrap();
    };
    leave("60000");
    let impatient = waiting(&server, Duration::from_millis(300), LONG).await;
    let began = Instant::now();
    assert_eq!(soon(spawn(&impatient, killed(1))).await, 1);
    assert!(
        began.elapsed() >= Duration::from_millis(250),
        "it has waited"
    );
    until("it is stored", || {
        server.command(["KEYS", "fc:{test}/v/*"]).unwrap() != Reply::Array(Vec::new())
    });

    server.command(["FLUSHALL"]).unwrap();
    until("all know", || {
        [&a, &impatient].iter().all(|c| c.health().is_well())
    });
    let patient = patient(&server).await;
    leave("300");
    assert_eq!(soon(spawn(&patient, killed(1))).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_value_that_is_dead_already() {
    static ROW: Row = Row::new();
    static GATE: Notify = Notify::const_new();
    #[cache_resource("dead:{id}")]
    async fn dead(id: u64) -> u64 {
        let value = ROW.read();
        if value == 1 {
            GATE.notified().await;
        }
        value + id
    }
    let server = start!();
    let (a, b, c) = (
        patient(&server).await,
        patient(&server).await,
        patient(&server).await,
    );
    let leader = spawn(&a, dead(1));
    until("it computes", || ROW.reads() == 1);
    let other = wait_behind(&server, &b, dead(1));
    ROW.write();
    c.invalidate_pattern("resource:dead:*").await.unwrap();
    assert_eq!(soon(other).await, 3, "it began anew");
    assert_eq!(c.scope(dead(1)).await, 3);
    GATE.notify_one();
    assert_eq!(soon(leader).await, 2, "it has what it has read");
    until("a has heard of it", || {
        leases(&server).is_empty() && ROW.reads() <= 3
    });
    assert_eq!(patient(&server).await.scope(dead(1)).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_server_that_is_away() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn away() -> u64 {
        let reads = ROW.read();
        if ROW.reads() == 1 {
            std::future::pending().await
        }
        reads
    }
    let server = start!();
    let (a, b) = (patient(&server).await, patient(&server).await);
    let leader = spawn(&a, away());
    until("it computes", || ROW.reads() == 1);
    let other = wait_behind(&server, &b, away());
    server.pause().unwrap();
    assert_eq!(soon(other).await, 1);
    server.resume().unwrap();
    leader.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_miss_costs_three_trips_and_a_hit_in_redis_one() {
    #[cache(ttl = 60)]
    async fn counted(n: u64) -> u64 {
        n
    }
    const CALLS: u64 = 100;
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    let without = waiting(&server, LONG, Duration::ZERO).await;
    // Something else is said to the server now and then.
    let slack = 20;
    let trips = async |cache: &Cache, first: u64| {
        let answered = || cache.health().redis.unwrap().answered;
        let before = answered();
        for n in first..first + CALLS {
            assert_eq!(cache.scope(counted(n)).await, n);
        }
        answered() - before
    };
    let missed = trips(&a, 0).await;
    assert!(missed >= 2 * CALLS, "{missed}");
    assert!(missed <= 3 * CALLS + slack, "{missed}");
    until("all is stored", || leases(&server).is_empty());
    let found = trips(&b, 0).await;
    assert_eq!(b.stats().total.fetched, CALLS);
    assert!(found <= CALLS + slack, "{found}");
    let alone = trips(&without, CALLS).await;
    assert!(alone <= 2 * CALLS + slack, "{alone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_lasts_as_long_as_the_computation() {
    static ROW: Row = Row::new();
    const LEASE: Duration = Duration::from_millis(600);
    #[cache(ttl = 60)]
    async fn row() -> u64 {
        let value = ROW.read();
        tokio::time::sleep(3 * LEASE).await;
        value
    }
    let server = start!();
    let (a, b) = (
        waiting(&server, SOON, LEASE).await,
        waiting(&server, SOON, LEASE).await,
    );
    let first = spawn(&a, row());
    until("it computes", || ROW.reads() == 1);
    assert_eq!(b.scope(row()).await, 1);
    assert_eq!(first.await.unwrap(), 1);
    assert_eq!(ROW.reads(), 1, "the other one has waited");
    until("it is given back", || leases(&server).is_empty());
}
