//! Batches: what they ask of Redis, and what of it is each element's.

#![expect(clippy::unwrap_used, reason = "what the tests share is a test, too")]

use std::collections::HashMap;
use std::sync::Mutex;

use cache_core::{Memory, cache_query, explain, invalidate, peek};

use super::trips::Relay;
use super::*;

/// What the body was asked for.
static ASKED: Mutex<Vec<Vec<u64>>> = Mutex::new(Vec::new());

#[cache_query("rows:{of}:{ids}", each = ids, none_ttl = 60)]
async fn rows(of: &str, ids: &[u64]) -> Result<HashMap<u64, String>, String> {
    Ok(there(of, ids))
}

/// There is none of id 0.
fn there(of: &str, ids: &[u64]) -> HashMap<u64, String> {
    if of == "counted" {
        ASKED.lock().unwrap().push(ids.to_vec());
    }
    let ids = ids.iter().filter(|id| **id > 0);
    ids.map(|id| (*id, format!("{of} {id}"))).collect()
}

fn ids(range: std::ops::Range<u64>) -> Vec<u64> {
    range.collect()
}

/// Runs what is counted at the server, on a thread that may wait.
async fn calls<T>(
    server: &Server,
    work: impl Future<Output = T>,
) -> (T, std::collections::BTreeMap<String, u64>) {
    let runtime = tokio::runtime::Handle::current();
    let work = || tokio::task::block_in_place(|| runtime.block_on(work));
    server.calls_during(work).unwrap()
}

#[tokio::test]
async fn every_element_of_a_large_batch_is_stored() {
    let server = start!();
    let a = process(&server).await;
    // Nothing leaves while it is computed.
    server.pause().unwrap();
    a.scope(rows("many", &ids(1..5_001))).await.unwrap();
    server.resume().unwrap();
    until("they are stored", || stored(&server) == 5_000);
    assert_eq!(a.stats().redis.unwrap().dropped, 0);
}

/// 1,000 ids of which 50 are nowhere: one look at the memory, one trip, one run of the body.
#[tokio::test(flavor = "multi_thread")]
async fn one_trip_for_what_is_missing() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    let asked = || std::mem::take(&mut *ASKED.lock().unwrap());
    let all = ids(1..1_001);
    let there: Vec<u64> = all.iter().copied().filter(|id| id % 20 != 7).collect();
    let missing: Vec<u64> = all.iter().copied().filter(|id| id % 20 == 7).collect();
    a.scope(rows("counted", &there)).await.unwrap();
    until("they are stored", || stored(&server) == 950);
    asked();

    // In memory is all that there is.
    let (found, trips) = calls(&server, a.scope(rows("counted", &all))).await;
    assert_eq!(found.unwrap().len(), 1_000);
    assert_eq!(trips.get("mget"), Some(&1), "{trips:?}");
    assert_eq!(asked(), std::slice::from_ref(&missing));
    until("they are stored", || stored(&server) == 1_000);
    // No lease was asked for.
    assert_eq!(
        server.info("commandstats").unwrap().get("cmdstat_setnx"),
        None
    );

    // All of it is in Redis, for another process.
    let (found, trips) = calls(&server, b.scope(rows("counted", &all))).await;
    let found = found.unwrap();
    assert!(all.iter().all(|id| found[id] == format!("counted {id}")));
    assert_eq!(trips.get("mget"), Some(&2), "of up to 512 each: {trips:?}");
    assert_eq!(
        (b.stats().total.fetched, b.stats().total.computed),
        (1_000, 0)
    );
    let (_, trips) = calls(&server, b.scope(rows("counted", &all))).await;
    assert_eq!(trips.get("mget"), None, "{trips:?}");
    assert_eq!(asked(), [[0_u64; 0]; 0]);
}

#[tokio::test]
async fn what_is_promised() {
    let server = start!();
    let relay = Relay::to(&server);
    let cache = relay.process(SOON, Memory::new()).await;
    // The first of each script may have to send it.
    relay.during(2, cache.scope(rows("x", &[1]))).await;
    until("it is stored", || stored(&server) == 1);
    let other = relay.process(SOON, Memory::new()).await;
    let found = relay.during(1, other.scope(rows("x", &[1]))).await;
    assert_eq!(found, ["MGET TIME XREAD"]);
    // No lease: what one process computes would keep the others' elements waiting.
    let trips = relay.during(2, cache.scope(rows("x", &[1, 2, 3]))).await;
    assert_eq!(trips[0], "MGET TIME XREAD");
    assert!(
        trips[1..].iter().all(|trip| trip.starts_with("store")),
        "{trips:?}"
    );
    // In one trip or in two.
    until("they are stored", || stored(&server) == 3);
    let looked = relay
        .during(1, other.scope(peek(rows("x", &[1, 2, 4]))))
        .await;
    assert_eq!(looked, ["MGET TIME XREAD"]);
}

#[tokio::test]
async fn elements_are_shared_and_invalidated_alone() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    a.scope(rows("y", &[0, 1, 2])).await.unwrap();
    until("they are stored", || stored(&server) == 3);
    // Also that there is none.
    let (found, trace) = b.scope(explain(rows("y", &[2, 0]))).await;
    assert_eq!((found.unwrap().len(), trace.tier), (1, Some("redis")));
    let found = b.scope(peek(rows("y", &[0, 1, 2]))).await;
    assert_eq!(found.unwrap().unwrap().len(), 2);
    assert_eq!(b.scope(peek(rows("y", &[1, 5]))).await, None);
    assert_eq!(b.stats().total.computed, 0);

    let told = b.scope(invalidate(rows("y", &[2, 7]))).await.unwrap();
    a.at_least(told, rows("y", &[0, 1, 2])).await.unwrap();
    assert_eq!(a.stats().total.computed, 4, "2 alone");
    let told = a.invalidate_pattern("query:rows:y:1").await.unwrap();
    b.at_least(told, rows("y", &[0, 1, 2])).await.unwrap();
    assert_eq!(b.stats().total.computed, 1, "1 alone");
}

#[tokio::test]
async fn without_redis_it_is_as_in_memory() {
    let mut server = start!();
    let cache = process(&server).await;
    cache.scope(rows("z", &[1, 2])).await.unwrap();
    server.kill().unwrap();
    for _ in 0..2 {
        let found = cache.scope(rows("z", &[1, 2, 3, 4])).await.unwrap();
        assert_eq!(found.len(), 4);
    }
    assert_eq!(cache.stats().total.computed, 4);
}
