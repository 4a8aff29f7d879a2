//! What is kept and how much of it: `when`, `min_cost`, `capacity`, `tiers`; and labels: `tags`, `tables`.

use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{
    Finding, MissReason, RefusalReason, TestCache, blocking, cache, cache_query, refresh,
};
use serde::Serialize;

use crate::runs::{run, runs, start};

#[cache(when = |value| *value != 0)]
fn nonzero(value: u64) -> u64 {
    run();
    value
}

#[cache(when = |list| !list.is_empty())]
async fn not_empty(length: usize) -> Result<Option<Vec<u8>>, String> {
    run();
    match length {
        9 => Err("nine".to_owned()),
        8 => Ok(None),
        n => Ok(Some(vec![0; n])),
    }
}

#[test]
fn when_sees_the_value_and_only_the_value() {
    let test = start();
    test.enter(|| {
        for _ in 0..2 {
            nonzero(0);
            nonzero(1);
            for length in [0, 1, 8, 9] {
                let _ = block_on(not_empty(length));
            }
        }
        assert_eq!(runs(), 10, "only `1` and the list of one are kept");
    });
    let stats = test.cache().stats();
    let refusals = stats.function("not_empty").unwrap().refusals;
    assert_eq!(refusals.of(RefusalReason::When), 2);
    assert_eq!(
        (
            refusals.of(RefusalReason::Absent),
            refusals.of(RefusalReason::Failed)
        ),
        (2, 2)
    );
    assert_eq!(
        stats
            .function("nonzero")
            .unwrap()
            .refusals
            .of(RefusalReason::When),
        2
    );
}

#[cache(min_cost = "5ms", skip(test))]
fn costly(test: &TestCache, micros: u64) -> u64 {
    test.advance(Duration::from_micros(micros));
    run()
}

#[test]
fn min_cost_keeps_what_took_at_least_that_long() {
    let test = start();
    test.enter(|| {
        assert_eq!((costly(&test, 4_999), costly(&test, 4_999)), (1, 2));
        assert_eq!(
            (costly(&test, 5_000), costly(&test, 5_000)),
            (3, 3),
            "exactly that long is enough"
        );
    });
    let stats = test.cache().stats();
    assert_eq!(stats.total.refusals.of(RefusalReason::Cheap), 2);
    assert_eq!(
        stats.total.compute_time,
        Duration::from_micros(4_999 * 2 + 5_000)
    );
}

#[cache(capacity = 3)]
fn few(n: u64) -> u64 {
    run();
    n
}

#[cache(capacity = 1)]
async fn one(n: u64) -> u64 {
    run();
    n
}

#[cache]
fn many(n: u64) -> u64 {
    run();
    n
}

#[test]
fn a_capacity_is_exact_and_concerns_one_function() {
    let test = start();
    let entries = |name: &str| test.cache().stats().function(name).map_or(0, |f| f.entries);
    test.enter(|| {
        for n in 0..10 {
            few(n);
            many(n);
            block_on(one(n));
            assert_eq!(entries("few"), (n + 1).min(3));
            assert_eq!(entries("one"), 1);
        }
        let kept = (0..10)
            .filter(|n| blocking::peek(|| few(*n)).unwrap().is_some())
            .count();
        assert_eq!(kept, 3);
        let kept = (0..10)
            .filter(|n| blocking::peek(|| many(*n)).unwrap().is_some())
            .count();
        assert_eq!(kept, 10, "the others stay");

        let last = blocking::peek(|| few(9)).unwrap();
        assert_eq!(last, Some(9), "what came last is there");
        let before = runs();
        blocking::refresh(|| few(9));
        block_on(refresh(one(9)));
        assert_eq!(runs(), before + 2);
        assert_eq!(
            (entries("few"), entries("one")),
            (3, 1),
            "a new value takes the place of its old one"
        );
    });
    let stats = test.cache().stats();
    let few = stats.function("few").unwrap();
    assert_eq!((few.evictions, few.stores), (7, 11));
    assert_eq!(stats.function("many").unwrap().evictions, 0);
}

#[test]
fn what_a_capacity_pushed_out_is_told() {
    let test = start();
    test.enter(|| {
        block_on(one(1));
        block_on(one(2));
        block_on(one(1));
    });
    let stats = test.cache().stats();
    let one = stats.function("one").unwrap();
    assert_eq!(one.misses.of(MissReason::Evicted), 1);
    assert_eq!(one.misses.of(MissReason::Absent), 2);
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Holiday {
    name: &'static str,
}

#[cache(tiers(memory))]
fn holiday(month: u8) -> Option<Holiday> {
    run();
    (month == 12).then_some(Holiday { name: "Christmas" })
}

#[test]
fn what_stays_in_memory_need_not_leave_it() {
    let test = start();
    test.enter(|| {
        assert_eq!(holiday(12), Some(Holiday { name: "Christmas" }));
        assert_eq!((holiday(12).is_some(), runs()), (true, 1));
    });
    let sites = test.cache().sites();
    let site = sites
        .iter()
        .find(|site| site.function == "holiday")
        .unwrap();
    assert!(site.policy.memory_only && site.portable == Some(false));
    let complaint = |finding: &Finding| matches!(finding, Finding::MemoryOnly { function } if function.ends_with("::holiday"));
    assert!(
        !test.cache().audit().findings.iter().any(complaint),
        "it is meant so"
    );
}

#[derive(Clone, Serialize, serde::Deserialize)]
struct Order {
    owner: u64,
    place: (u8, String),
}

#[cache(tags(
    "tenant:{tenant}",
    "owner:{return.owner}",
    "place:{tenant}:{return.place.1}",
    "fixed"
))]
async fn order(tenant: u32, owner: u64) -> Result<Option<Order>, String> {
    run();
    Ok((owner > 0).then(|| Order {
        owner,
        place: (1, "a:b".to_owned()),
    }))
}

#[cache_query(tables(users, orders), tags("extra"))]
fn joined() -> u64 {
    run()
}

#[test]
fn tags_reach_what_carries_them() {
    start().enter(|| {
        let all = || {
            let before = runs();
            let _ = (
                block_on(order(1, 5)),
                block_on(order(1, 6)),
                block_on(order(2, 5)),
            );
            runs() - before
        };
        assert_eq!((all(), all()), (3, 0));
        for (tag, reached) in [
            ("tenant:1", 2),
            ("tenant:2", 1),
            ("tenant:*", 0),
            ("owner:5", 2),
            ("owner:7", 0),
            ("place:2:a%3Ab", 1),
            ("place:2:a:b", 0),
            ("fixed", 3),
            ("fix", 0),
        ] {
            blocking::invalidate_tag(tag).unwrap();
            assert_eq!((all(), all()), (reached, 0), "{tag}");
        }
    });
}

#[test]
fn tables_are_tags() {
    start().enter(|| {
        for (round, tag) in [(1, "table:users"), (2, "table:orders"), (3, "extra")] {
            assert_eq!((joined(), joined()), (round, round));
            blocking::invalidate_tag(tag).unwrap();
        }
        assert_eq!(joined(), 4);
        let mut tags = blocking::key_of(joined).unwrap().tags;
        tags.sort();
        assert_eq!(tags, ["extra", "table:orders", "table:users"]);
    });
}

#[cache(tags("tag:{id}"))]
fn oddly_tagged(id: u64) -> u64 {
    let _ = id;
    run()
}

#[test]
fn a_tag_is_told_as_it_was_written() {
    start().enter(|| {
        assert_eq!(
            blocking::key_of(|| oddly_tagged(1)).unwrap().tags,
            ["tag:1"]
        );
    });
}
