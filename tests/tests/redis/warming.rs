//! A process that starts, and has what was hot before.

use cache_core::{
    Builder, Clock, Freshness, ManualClock, ShelfStats, cache_query, cache_resource, explain,
    invalidate, refresh,
};

use super::trips::Relay;
use super::*;
use tests::redis::Reply;

const LIST: &str = "fc:{test}:hot";

/// How many rows there are, and how often they were read.
struct Rows {
    value: AtomicU64,
    reads: AtomicU64,
}

impl Rows {
    const fn new() -> Self {
        Self {
            value: AtomicU64::new(1),
            reads: AtomicU64::new(0),
        }
    }

    fn read(&self, row: u64) -> u64 {
        self.reads.fetch_add(1, SeqCst);
        1_000 * row + self.value.load(SeqCst)
    }

    fn reads(&self) -> u64 {
        self.reads.load(SeqCst)
    }
}

async fn started_with(url: &str, set: impl FnOnce(Builder) -> Builder) -> Cache {
    let builder = Cache::builder().namespace("test").redis(url).hot_keys(100);
    let Ok(cache) = set(builder).build().await else {
        unreachable!("nothing about it can fail");
    };
    until("contact", || cache.health().is_well());
    cache
}

async fn started(url: &str) -> Cache {
    started_with(url, |builder| builder).await
}

fn shelf(cache: &Cache) -> ShelfStats {
    let redis = cache.stats().redis;
    redis.and_then(|redis| redis.shelf).unwrap_or_default()
}

/// Ends a process, which writes down what it has used.
async fn end(cache: Cache) {
    let left = cache.shutdown(SOON).await;
    assert!(left.is_clean(), "{left:?}");
}

/// A process that has called for the first so many, each twice, and ended.
async fn before<F: Future<Output = u64>>(server: &Server, call: impl Fn(u64) -> F, count: u64) {
    let cache = started(&server.url()).await;
    for n in (0..count).chain(0..count) {
        cache.scope(call(n)).await;
    }
    let expected = usize::try_from(count).unwrap_or(0);
    until("all are stored", || stored(server) == expected);
    end(cache).await;
}

#[tokio::test]
async fn the_first_calls_of_a_process_make_no_trip() {
    static ROWS: Rows = Rows::new();
    #[cache_resource("warm:{n}")]
    async fn row(n: u64) -> u64 {
        ROWS.read(n)
    }
    let server = start!();
    before(&server, row, 50).await;
    assert_eq!(ROWS.reads(), 50);

    let relay = Relay::to(&server);
    let cache = started(&relay.url()).await;
    until("they are fetched", || shelf(&cache).entries == 50);
    let (trips, calls) = server
        .calls_during(|| {
            cache.enter(|| {
                let calls = async {
                    for n in (0..50).chain(0..50) {
                        assert_eq!(row(n).await, 1_000 * n + 1);
                    }
                };
                futures_util::FutureExt::now_or_never(calls)
            })
        })
        .unwrap();
    assert!(trips.is_some(), "nothing was waited for");
    let unasked = ["get", "mget", "set", "append"];
    assert!(
        unasked.iter().all(|name| !calls.contains_key(*name)),
        "{calls:?}"
    );
    assert_eq!(ROWS.reads(), 50);
    let stats = cache.stats();
    let seen = stats.function("row").unwrap();
    assert_eq!((seen.fetched, seen.hits, seen.computed), (50, 50, 0));
    let shelf = shelf(&cache);
    assert_eq!((shelf.fetched, shelf.used, shelf.refused), (50, 50, 0));
    assert_eq!((shelf.entries, shelf.bytes), (0, 0));
    assert!(stats.to_string().contains("fetched ahead: 50, of these 50"));
    assert_eq!(
        relay
            .during(0, cache.scope(async { row(3).await }))
            .await
            .len(),
        0
    );
}

#[tokio::test]
async fn a_trace_says_where_the_value_was() {
    #[cache_resource("traced:{n}")]
    async fn row(n: u64) -> u64 {
        n
    }
    let server = start!();
    before(&server, row, 1).await;
    let cache = started(&server.url()).await;
    until("it is fetched", || shelf(&cache).entries == 1);
    let (_, trace) = cache.scope(explain(row(0))).await;
    assert_eq!(trace.tier, Some("shelf"), "{trace}");
    let (_, trace) = cache.scope(explain(row(0))).await;
    assert_eq!(trace.tier, Some("memory"), "{trace}");
}

#[tokio::test]
async fn what_another_process_has_invalidated_in_between_is_computed() {
    static ROWS: Rows = Rows::new();
    #[cache_resource("changed:{n}")]
    async fn row(n: u64) -> u64 {
        ROWS.read(n)
    }
    let server = start!();
    before(&server, row, 10).await;
    let (cache, other) = (started(&server.url()).await, process(&server).await);
    until("they are fetched", || shelf(&cache).entries == 10);
    ROWS.value.store(2, SeqCst);
    let token = other.scope(invalidate(row(3))).await.unwrap();
    for n in 0..10 {
        let version = cache.scope(cache.at_least(token, row(n))).await % 1_000;
        assert_eq!(version, if n == 3 { 2 } else { 1 });
    }
    let seen = shelf(&cache);
    assert_eq!((seen.used, seen.refused), (9, 1));
}

#[tokio::test]
async fn a_server_that_has_lost_its_log_leaves_nothing_of_it() {
    static ROWS: Rows = Rows::new();
    #[cache_resource("lost:{n}")]
    async fn row(n: u64) -> u64 {
        ROWS.read(n)
    }
    let mut server = start!();
    before(&server, row, 5).await;
    let cache = started(&server.url()).await;
    until("they are fetched", || shelf(&cache).entries == 5);
    let generations = || cache.health().redis.unwrap().generations;
    let seen = generations();
    ROWS.value.store(2, SeqCst);
    server.restart_empty().unwrap();
    until("it is noticed", || generations() > seen);
    for n in 0..5 {
        assert_eq!(cache.scope(row(n)).await, 1_000 * n + 2);
    }
    assert_eq!((shelf(&cache).used, shelf(&cache).refused), (0, 5));
}

#[tokio::test]
async fn it_counts_for_as_long_as_what_is_in_memory() {
    static ROWS: Rows = Rows::new();
    #[cache_query(ttl = 3600)]
    async fn row(n: u64) -> u64 {
        ROWS.read(n)
    }
    let mut server = start!();
    before(&server, row, 2).await;
    let hand = ManualClock::new();
    let clock = Clock::Manual(hand.clone());
    let cache = started_with(&server.url(), |builder| builder.clock(clock)).await;
    until("they are fetched", || shelf(&cache).entries == 2);
    server.kill().unwrap();
    hand.advance(Duration::from_secs(9));
    assert_eq!(cache.scope(row(0)).await, 1);
    assert_eq!((shelf(&cache).used, ROWS.reads()), (1, 2));
    hand.advance(Duration::from_secs(2));
    assert_eq!(cache.scope(row(1)).await, 1_001);
    assert_eq!((shelf(&cache).used, shelf(&cache).refused), (1, 1));
    assert_eq!(ROWS.reads(), 3, "nothing was heard of the log for too long");
}

#[tokio::test]
async fn strict_calls_ask_the_log_first() {
    static ROWS: Rows = Rows::new();
    #[cache_query(ttl = 3600)]
    async fn row(n: u64) -> u64 {
        ROWS.read(n)
    }
    let mut server = start!();
    before(&server, row, 3).await;
    let strict = |builder: Builder| builder.freshness(Freshness::Strict);
    let (cache, other) = (
        started_with(&server.url(), strict).await,
        process(&server).await,
    );
    until("they are fetched", || shelf(&cache).entries == 3);
    for n in 0..2 {
        ROWS.value.fetch_add(1, SeqCst);
        other.scope(invalidate(row(n))).await.unwrap();
        let present = ROWS.value.load(SeqCst);
        assert_eq!(cache.scope(row(n)).await, 1_000 * n + present);
    }
    assert_eq!((shelf(&cache).used, shelf(&cache).refused), (0, 2));
    server.kill().unwrap();
    ROWS.value.fetch_add(1, SeqCst);
    let present = ROWS.value.load(SeqCst);
    assert_eq!(cache.scope(row(2)).await, 2_000 + present, "it computes");
}

#[tokio::test]
async fn a_refresh_is_not_followed_by_what_was_before() {
    static ROWS: Rows = Rows::new();
    #[cache_query(ttl = 3600, capacity = 1)]
    async fn row(n: u64) -> u64 {
        ROWS.read(n)
    }
    let server = start!();
    let cache = started(&server.url()).await;
    for n in [1, 1] {
        cache.scope(row(n)).await;
    }
    until("it is stored", || stored(&server) == 1);
    end(cache).await;
    let cache = started(&server.url()).await;
    until("it is fetched", || shelf(&cache).entries == 1);
    ROWS.value.store(2, SeqCst);
    assert_eq!(cache.scope(refresh(row(1))).await, 1_002);
    // It leaves the memory.
    cache.scope(row(2)).await;
    assert_eq!(shelf(&cache).entries, 0);
}

#[tokio::test]
async fn values_without_a_function_and_elements_of_batches_are_among_them() {
    static ROWS: Rows = Rows::new();
    #[cache_query(each = ids, ttl = 600)]
    async fn rows(ids: Vec<u64>) -> std::collections::HashMap<u64, u64> {
        ids.into_iter().map(|id| (id, ROWS.read(id))).collect()
    }
    let server = start!();
    let cache = started(&server.url()).await;
    cache.set("motd", "closed".to_owned(), SOON).await.unwrap();
    for _ in 0..2 {
        let got: Option<String> = cache.get("motd").await.unwrap();
        assert_eq!(got.as_deref(), Some("closed"));
        cache.scope(rows(vec![1, 2, 3])).await;
    }
    until("all are stored", || stored(&server) == 4);
    end(cache).await;

    let cache = started(&server.url()).await;
    until("they are fetched", || shelf(&cache).entries == 4);
    let ((), calls) = server
        .calls_during(|| {
            let got = futures_util::FutureExt::now_or_never(cache.get::<String>("motd"));
            assert_eq!(got.unwrap().unwrap().as_deref(), Some("closed"));
            let call = || futures_util::FutureExt::now_or_never(rows(vec![3, 2, 1]));
            let got = cache.enter(call).unwrap();
            assert_eq!(got[&2], 2_001);
        })
        .unwrap();
    assert!(!calls.contains_key("mget"), "{calls:?}");
    assert_eq!((shelf(&cache).used, ROWS.reads()), (4, 3));
    assert!(cache.get::<u64>("motd").await.is_err(), "a type");
}

#[tokio::test]
async fn whatever_stands_in_the_place_of_the_list() {
    #[cache_resource("listed:{n}")]
    async fn row(n: u64) -> u64 {
        n
    }
    let server = start!();
    let mut hostile: Vec<Vec<u8>> = vec![
        b"garbage".to_vec(),
        Vec::new(),
        vec![0xFC; 1 << 20],
        vec![0; 8 << 20],
    ];
    before(&server, row, 1).await;
    let Reply::Bytes(ours) = server.command(["GET", LIST]).unwrap() else {
        panic!("no list");
    };
    hostile.push(ours[..ours.len() - 1].to_vec());
    hostile.push([&ours[..], b"x"].concat());
    for bytes in hostile {
        let set: [&[u8]; 3] = [b"SET", LIST.as_bytes(), &bytes];
        server.command(set).unwrap();
        let before = sent(&server).unwrap();
        let cache = started(&server.url()).await;
        for n in [1, 1] {
            assert_eq!(cache.scope(row(n)).await, n);
        }
        assert_eq!((shelf(&cache).fetched, shelf(&cache).entries), (0, 0));
        end(cache).await;
        assert!(
            sent(&server).unwrap() - before < 6 << 20,
            "no more than a list can have"
        );
        let Reply::Bytes(written) = server.command(["GET", LIST]).unwrap() else {
            panic!("no list");
        };
        assert_eq!(written.len(), ours.len(), "it is written anew");
    }
    server.command(["DEL", LIST]).unwrap();
    server.command(["HSET", LIST, "a", "b"]).unwrap();
    let cache = started(&server.url()).await;
    for n in [1, 1] {
        assert_eq!(cache.scope(row(n)).await, n);
    }
    end(cache).await;
    let written = server.command(["GET", LIST]).unwrap();
    assert!(matches!(written, Reply::Bytes(bytes) if bytes.len() == ours.len()));
}

/// How many bytes the server has sent.
fn sent(server: &Server) -> Option<u64> {
    let stats = server.info("stats").ok()?;
    stats.get("total_net_output_bytes")?.parse().ok()
}

/// Names that nobody has values for, and values that are none of ours.
#[tokio::test]
async fn what_is_on_the_list_need_not_be_there() {
    static ROWS: Rows = Rows::new();
    #[cache_resource("gone:{n}")]
    async fn row(n: u64) -> u64 {
        ROWS.read(n)
    }
    let server = start!();
    before(&server, row, 20).await;
    let Reply::Array(names) = server.command(["KEYS", VALUES]).unwrap() else {
        panic!("no names");
    };
    for (at, name) in names.iter().enumerate() {
        let Reply::Bytes(name) = name else { panic!() };
        match at % 3 {
            0 => server.command([&b"DEL"[..], name]).map(drop).unwrap(),
            1 => {
                let set = [&b"SET"[..], name, b"garbage"];
                server.command(set).map(drop).unwrap();
            }
            _ => {}
        }
    }
    let cache = started(&server.url()).await;
    until("they are fetched", || shelf(&cache).fetched == 6);
    for n in 0..20 {
        assert_eq!(cache.scope(row(n)).await, 1_000 * n + 1);
    }
    assert_eq!((shelf(&cache).used, ROWS.reads()), (6, 34));
}

#[tokio::test]
async fn without_a_server_a_process_starts_and_fetches_when_it_is_there() {
    static ROWS: Rows = Rows::new();
    #[cache_resource("away:{n}")]
    async fn row(n: u64) -> u64 {
        ROWS.read(n)
    }
    let mut server = start!();
    before(&server, row, 5).await;
    server.command(["SAVE"]).unwrap();
    server.kill().unwrap();
    let builder = Cache::builder().namespace("test").hot_keys(100);
    let cache = builder.redis(&server.url()).build().await.unwrap();
    assert_eq!(cache.scope(row(99)).await, 99_001);
    server.start_again().unwrap();
    until("they are fetched", || shelf(&cache).entries == 5);
    server.kill().unwrap();
    let began = Instant::now();
    let _ = cache.shutdown(Duration::from_millis(100)).await;
    assert!(began.elapsed() < SOON / 4, "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_list_is_written_without_an_end_too_and_not_where_it_is_off() {
    #[cache_resource("noted:{n}")]
    async fn row(n: u64) -> u64 {
        n
    }
    let server = start!();
    let (cache, off) = (started(&server.url()).await, process(&server).await);
    for n in [1, 1, 2, 2] {
        off.scope(row(n)).await;
    }
    end(off).await;
    assert_eq!(server.command(["GET", LIST]).unwrap(), Reply::Nil);
    for n in [1, 1, 2, 2] {
        cache.scope(row(n)).await;
    }
    until("it is written", || {
        matches!(server.command(["GET", LIST]), Ok(Reply::Bytes(_)))
    });
    let Ok(Reply::Integer(left)) = server.command(["PTTL", LIST]) else {
        panic!("no expiry");
    };
    assert!(left > 6 * 86_400_000, "{left}");
}

#[tokio::test]
async fn a_list_is_encrypted_where_values_are() {
    #[cache_resource("secret:{n}")]
    async fn row(n: u64) -> u64 {
        n
    }
    let server = start!();
    let sealed = |builder: Builder| builder.encryption([(1, [7; 32])]);
    let cache = started_with(&server.url(), sealed).await;
    for n in [1, 1, 2, 2] {
        cache.scope(row(n)).await;
    }
    until("all are stored", || stored(&server) == 2);
    end(cache).await;
    let cache = started_with(&server.url(), sealed).await;
    until("they are fetched", || shelf(&cache).entries == 2);
    let other = started(&server.url()).await;
    other.scope(row(1)).await;
    assert_eq!((shelf(&other).fetched, shelf(&other).entries), (0, 0));
}

#[tokio::test]
async fn a_fleet_has_one_list() {
    #[cache_resource("many:{n}")]
    async fn row(n: u64) -> u64 {
        n
    }
    let server = start!();
    let (a, b) = (started(&server.url()).await, started(&server.url()).await);
    for (cache, range) in [(&a, 0..10), (&b, 5..15)] {
        for n in range.clone().chain(range) {
            cache.scope(row(n)).await;
        }
    }
    until("all are stored", || stored(&server) == 15);
    end(a).await;
    end(b).await;
    let cache = started_with(&server.url(), |builder| builder.hot_keys(5)).await;
    until("they are fetched", || shelf(&cache).entries == 5);
    for n in 5..10 {
        cache.scope(row(n)).await;
    }
    assert_eq!(shelf(&cache).used, 5, "what both have used is the hottest");
}

/// Of two functions of one name, Redis may have the values of either: nobody asks for them, nor takes them unasked.
#[tokio::test]
async fn what_is_not_asked_for_in_redis_is_not_taken_from_there_either() {
    let one = |cache: &Cache| {
        #[cache_query(ttl = 600)]
        async fn twin() -> u64 {
            1
        }
        let cache = cache.clone();
        async move { cache.scope(twin()).await }
    };
    let other = |cache: &Cache| {
        #[cache_query(ttl = 600)]
        async fn twin() -> u64 {
            2
        }
        let cache = cache.clone();
        async move { cache.scope(twin()).await }
    };
    let server = start!();
    let cache = started(&server.url()).await;
    assert_eq!([one(&cache).await, one(&cache).await], [1, 1]);
    until("it is stored", || stored(&server) == 1);
    end(cache).await;
    let cache = started(&server.url()).await;
    until("it is fetched", || shelf(&cache).entries == 1);
    assert_eq!([other(&cache).await, one(&cache).await], [2, 1]);
}
