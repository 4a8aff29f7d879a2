//! What a cache tells of itself: statistics, as numbers, as a table and as JSON.

use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{
    Cache, MissReason, RefusalReason, TestCache, Trace, blocking, bypass, cache, cache_query,
    cache_resource, explain, refresh,
};
use futures_util::future::join3;

use crate::runs::{Gate, Hand, pause, run, start, start_with};

#[cache_query("counted:{id}", ttl = 60, skip(test), tags("counted"))]
async fn counted(test: &TestCache, id: u64) -> Result<Option<u64>, String> {
    run();
    pause().await;
    test.advance(Duration::from_millis(2));
    match id {
        0 => Err("zero".to_owned()),
        1 => Ok(None),
        id => Ok(Some(id)),
    }
}

#[cache(capacity = 1, ttl = 60)]
fn narrow(id: u64) -> u64 {
    run() + id
}

fn scenario(test: &TestCache) {
    block_on(test.run(async {
        for _ in 0..2 {
            let _ = counted(test, 0).await; // absent, failed
            let _ = counted(test, 1).await; // absent, absent
        }
        let (a, b, c) = join3(counted(test, 2), counted(test, 2), counted(test, 2)).await;
        assert!(a == Ok(Some(2)) && b == a && c == a);
        for _ in 0..5 {
            let _ = counted(test, 2).await; // hits
        }
        let _ = bypass(counted(test, 2)).await;
        blocking::invalidate_tag("counted").unwrap();
        let _ = counted(test, 2).await; // invalidated
        test.advance(Duration::from_secs(60));
        let _ = counted(test, 2).await; // expired
        narrow(1);
        narrow(2);
        narrow(1); // evicted
        narrow(1);
    }));
}

#[test]
fn the_numbers_are_exact() {
    let test = start();
    scenario(&test);
    let stats = test.cache().stats();
    let f = stats.function("counted").unwrap();
    assert_eq!(f.name, "behaviour::observing::counted");
    assert_eq!(f.hits, 5);
    let misses: Vec<_> = MissReason::ALL
        .iter()
        .map(|why| (why.as_str(), f.misses.of(*why)))
        .collect();
    assert_eq!(
        misses,
        [
            ("absent", 7),
            ("expired", 1),
            ("invalidated", 1),
            ("evicted", 0),
            ("type", 0),
            ("bypass", 1),
            ("unconfirmed", 0)
        ]
    );
    assert_eq!((f.misses.total(), f.calls(), f.coalesced), (10, 15, 2));
    assert!((f.hit_rate() - 5.0 / 15.0).abs() < 1e-9);
    let refusals: Vec<_> = f.refusals.iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(
        refusals,
        [
            (RefusalReason::Failed, 2),
            (RefusalReason::Absent, 2),
            (RefusalReason::Bypass, 1)
        ]
    );
    assert_eq!(
        (f.computed, f.failed, f.stores, f.evictions, f.entries),
        (8, 2, 3, 0, 1)
    );
    assert_eq!(f.compute_time, Duration::from_millis(16));
    assert_eq!(
        f.time_saved,
        Duration::from_millis(14),
        "seven times two milliseconds"
    );
    assert!((64..2_000).contains(&f.bytes), "{}", f.bytes);

    let f = stats.function("observing::narrow").unwrap();
    assert_eq!((f.hits, f.stores, f.evictions, f.entries), (1, 3, 2, 1));
    assert_eq!(
        (
            f.misses.of(MissReason::Absent),
            f.misses.of(MissReason::Evicted)
        ),
        (2, 1)
    );

    assert_eq!(stats.functions.len(), 2);
    assert!(
        stats.functions[0].name.ends_with("counted"),
        "the busiest comes first"
    );
    let total = &stats.total;
    assert_eq!(
        (
            total.hits,
            total.misses.total(),
            total.coalesced,
            total.entries
        ),
        (6, 13, 2, 2)
    );
    assert_eq!(
        total.bytes,
        stats.functions.iter().map(|f| f.bytes).sum::<u64>()
    );
    assert_eq!((stats.invalidations, stats.max_bytes), (1, 128 << 20));
    assert!(stats.function("ounted").is_none() && stats.function("nobody").is_none());
}

#[test]
fn another_cache_counts_for_itself() {
    let (test, other) = (start(), TestCache::new());
    scenario(&test);
    assert_eq!(other.cache().stats().total.calls(), 0);
    assert!(other.cache().stats().functions.is_empty());
}

#[test]
fn statistics_are_a_table() {
    let test = start();
    scenario(&test);
    let table = test.cache().stats().to_string();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 5, "{table}");
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words(lines[0]),
        [
            "function",
            "calls",
            "hit",
            "coalesced",
            "fetched",
            "stores",
            "mean",
            "p99",
            "saved",
            "entries",
            "bytes",
            "misses"
        ]
    );
    let counted = words(lines[1]);
    assert_eq!(
        counted[..10],
        [
            "behaviour::observing::counted",
            "15",
            "33.3%",
            "2",
            "0",
            "3",
            "2.0ms",
            "2.0ms",
            "14.0ms",
            "1"
        ]
    );
    assert!(
        lines[1].ends_with("7 absent, 1 expired, 1 invalidated, 1 bypass"),
        "{table}"
    );
    assert!(words(lines[3])[0] == "total");
    let aligned = lines[0].find("  misses").unwrap();
    for line in &lines[1..4] {
        assert_eq!(&line[aligned..aligned + 2], "  ", "{table}");
    }
    assert!(
        lines[4].starts_with("1 invalidations, ") && lines[4].ends_with("128.0 MiB in use"),
        "{table}"
    );
    assert!(
        TestCache::new()
            .cache()
            .stats()
            .to_string()
            .contains("total")
    );
}

#[test]
fn statistics_are_data() {
    let test = start();
    scenario(&test);
    let json = serde_json::to_value(test.cache().stats()).unwrap();
    let counted = &json["functions"][0];
    assert_eq!(counted["name"], "behaviour::observing::counted");
    assert_eq!(
        (&counted["hits"], &counted["coalesced"]),
        (&5.into(), &2.into())
    );
    assert_eq!(counted["misses"]["invalidated"], 1);
    assert_eq!(counted["misses"]["type"], 0);
    assert_eq!(counted["refusals"]["failed"], 2);
    assert_eq!(json["total"]["hits"], 6);
    assert_eq!(
        (&json["invalidations"], &json["max_bytes"]),
        (&1.into(), &(128 << 20).into())
    );
}

#[test]
fn a_call_is_explained() {
    let test = start();
    block_on(test.run(async {
        let (_, trace) = explain(counted(&test, 2)).await;
        assert_eq!(
            (trace.miss, trace.stored, trace.tier),
            (Some(MissReason::Absent), true, None)
        );
        assert_eq!(
            (trace.cost, trace.refused),
            (Some(Duration::from_millis(2)), None)
        );
        assert_eq!(
            trace.to_string(),
            "query:counted:2: miss (absent), computed in 2.0ms, stored"
        );
        test.advance(Duration::from_secs(3));
        let (_, trace) = explain(counted(&test, 2)).await;
        assert_eq!((trace.tier, trace.miss), (Some("memory"), None));
        assert_eq!(trace.age, Some(Duration::from_millis(3_002)));
        assert_eq!(
            trace.to_string(),
            "query:counted:2: hit in memory, 3.0s old"
        );
        let (_, trace) = explain(counted(&test, 0)).await;
        assert_eq!(trace.refused, Some(RefusalReason::Failed));
        let (_, trace) = explain(async { 1 }).await;
        assert!(!trace.cached);
        assert_eq!(trace.to_string(), "not a cached call");
    }));
}

#[cache(key(id))]
async fn gated(gate: &Gate, other: Option<&Cache>, id: u64) -> u64 {
    gate.pass().await;
    match other {
        Some(other) => other.enter(|| narrow(id)),
        None => id,
    }
}

/// What became of a computation, during which something happened.
fn meanwhile(test: &TestCache, other: Option<&Cache>, happens: impl FnOnce()) -> Trace {
    test.enter(blocking::clear).unwrap();
    let gate = Gate::default();
    let mut call = Hand::new(test.run(explain(gated(&gate, other, 1))));
    assert!(call.poll().is_pending());
    test.enter(happens);
    gate.open();
    match call.poll() {
        std::task::Poll::Ready((_, trace)) => trace,
        std::task::Poll::Pending => unreachable!("the gate is open"),
    }
}

#[test]
fn what_was_not_stored_says_why() {
    let test = start_with(Cache::builder().index_max_records(1));
    let other = TestCache::new();
    let open = Gate::default();
    open.open();
    let refused = [
        meanwhile(&test, None, || {
            assert_eq!(block_on(refresh(gated(&open, None, 1))), 1);
            blocking::clear().unwrap();
        }),
        meanwhile(&test, None, || {
            assert_eq!(block_on(refresh(gated(&open, None, 1))), 1);
        }),
        meanwhile(&test, None, || {
            blocking::invalidate_tag("a").unwrap();
            blocking::invalidate_tag("b").unwrap();
        }),
        meanwhile(&test, Some(other.cache()), || {}),
    ]
    .map(|trace| trace.refused);
    assert_eq!(
        refused,
        [
            Some(RefusalReason::Invalidated),
            Some(RefusalReason::Superseded),
            Some(RefusalReason::Forgotten),
            Some(RefusalReason::Untracked)
        ]
    );
    let stats = test.cache().stats();
    let refusals = stats.function("gated").unwrap().refusals;
    assert_eq!(
        refusals.to_string(),
        "1 invalidated, 1 superseded, 1 forgotten, 1 untracked"
    );
}

/// A reason that is two words to people is one to programs.
#[test]
fn reasons_are_written_as_one_word() {
    let stats = serde_json::to_value(start().cache().stats()).unwrap();
    for (reasons, count) in [("misses", 7), ("refusals", 14)] {
        let reasons = stats["total"][reasons].as_object().unwrap();
        assert_eq!(reasons.len(), count);
        assert!(reasons.keys().all(|key| !key.contains(' ')), "{reasons:?}");
    }
    assert_eq!(RefusalReason::TooLarge.as_str(), "too large");
    assert_eq!(stats["total"]["refusals"]["too_large"], 0);
}

#[cache_resource("bytes:{id}")]
fn bytes(id: u64, length: usize) -> Vec<u8> {
    let _ = id;
    vec![0; length]
}

#[test]
fn entries_and_bytes_follow_what_is_there() {
    let test = start();
    let now = || {
        let total = test.cache().stats().total;
        (total.entries, total.bytes)
    };
    test.enter(|| {
        bytes(1, 10_000);
        let (entries, one) = now();
        assert!(entries == 1 && (10_000..11_000).contains(&one), "{one}");
        bytes(2, 20_000);
        assert_eq!((now().0, now().1), (2, 2 * one + 10_000));
        blocking::refresh(|| bytes(1, 10_000));
        assert_eq!(now(), (2, 2 * one + 10_000), "a new value for an old one");
        blocking::clear().unwrap();
        assert_eq!(now(), (0, 0));
    });
}

struct Users;
struct Orders;

impl Users {
    #[cache(skip(self))]
    fn exists(&self, id: u64) -> bool {
        id > 0
    }
}

impl Orders {
    #[cache(skip(self))]
    fn exists(&self, id: u64) -> bool {
        id > 0
    }
}

trait Counted {
    fn count(&self) -> usize;
}

impl Counted for Users {
    #[cache(skip(self))]
    fn count(&self) -> usize {
        1
    }
}

#[test]
fn methods_are_told_apart_by_their_types() {
    let test = start();
    test.enter(|| {
        assert!(Users.exists(1) && Users.exists(2) && Orders.exists(1));
        assert_eq!(Users.count(), 1);
    });
    let stats = test.cache().stats();
    for (name, calls) in [
        ("Users::exists", 2),
        ("observing::Orders::exists", 1),
        ("Users::count", 1),
        // The busiest.
        ("exists", 2),
    ] {
        assert_eq!(
            stats.function(name).unwrap().calls(),
            calls,
            "{name}\n{stats}"
        );
    }
    let sites = test.cache().sites();
    for path in ["Users::exists", "Orders::exists", "Users::count"] {
        let path = format!("behaviour::observing::{path}");
        assert_eq!(
            sites.iter().filter(|site| site.path == path).count(),
            1,
            "{path}"
        );
    }
    // Not called in this cache.
    let sites = start().cache().sites();
    let unknown = |site: &&cache_core::SiteInfo| site.path == "behaviour::observing::exists";
    assert_eq!(sites.iter().filter(unknown).count(), 2);
}
