//! What other caches got wrong: one test per item of a list, by its number.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::task::Poll;
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{
    EventKind, MissReason, RefusalReason, blocking, cache, cache_query, cache_resource,
    invalidate_cache, refresh,
};
use serde::Serialize;

use crate::runs::{Gate, Hand, run, runs, start};

#[cache]
async fn single(id: u64) -> u64 {
    let _ = id;
    run()
}

#[cache]
fn single_sync(id: u64) -> u64 {
    let _ = id;
    run()
}

#[test]
fn regression_01_two_calls_in_a_row_run_the_body_once() {
    start().enter(|| {
        assert_eq!((block_on(single(1)), block_on(single(1))), (1, 1));
        assert_eq!((single_sync(1), single_sync(1)), (2, 2));
    });
}

#[cache(none_ttl = 10, err_ttl = "5s")]
fn outcome(kind: u8) -> Result<Option<u64>, u64> {
    match (kind, run()) {
        (0, _) => Ok(None),
        (1, n) => Err(n),
        (_, n) => Ok(Some(n)),
    }
}

#[cache]
fn outcome_by_default(kind: u8) -> Result<Option<u64>, u64> {
    match (kind, run()) {
        (0, _) => Ok(None),
        (_, n) => Err(n),
    }
}

#[test]
fn regression_02_none_and_err_are_hits_where_they_have_a_ttl() {
    let test = start();
    test.enter(|| {
        assert_eq!((outcome(0), outcome(0)), (Ok(None), Ok(None)));
        assert_eq!(runs(), 1, "`None` is a hit");
        assert_eq!((outcome(1), outcome(1)), (Err(2), Err(2)));
        test.advance(Duration::from_secs(5));
        assert_eq!(outcome(1), Err(3), "`err_ttl` is over");
        assert_eq!((outcome(0), runs()), (Ok(None), 3), "`none_ttl` is not");
        test.advance(Duration::from_secs(5));
        assert_eq!((outcome(0), runs()), (Ok(None), 4), "now it is");
        assert_eq!((outcome_by_default(0), outcome_by_default(0)), (Ok(None), Ok(None)));
        assert_eq!(runs(), 6, "without `none_ttl` it is not kept");
        assert_eq!((outcome_by_default(1), outcome_by_default(1)), (Err(7), Err(8)));
    });
}

#[cache]
async fn early(text: &str) -> Result<u64, std::num::ParseIntError> {
    let n = run();
    if text.is_empty() {
        return Ok(n);
    }
    let parsed: u64 = text.parse()?;
    Ok(parsed + n)
}

#[cache("early:{id}")]
fn victim(id: u64) -> u64 {
    let _ = id;
    run()
}

#[invalidate_cache("early:{id}")]
async fn write(id: u64, text: &str) -> Result<u64, std::num::ParseIntError> {
    if text.is_empty() {
        return Ok(0);
    }
    Ok(text.parse::<u64>()? + id)
}

#[invalidate_cache("early:{id}")]
fn write_sync(id: u64, text: &str) -> Result<u64, std::num::ParseIntError> {
    if text.is_empty() {
        return Ok(0);
    }
    Ok(text.parse::<u64>()? + id)
}

#[test]
fn regression_03_early_returns_and_question_marks_store_and_invalidate() {
    start().enter(|| {
        assert_eq!((block_on(early("")), block_on(early(""))), (Ok(1), Ok(1)));
        assert_eq!((block_on(early("5")), block_on(early("5"))), (Ok(7), Ok(7)));
        assert!(block_on(early("x")).is_err() && block_on(early("x")).is_err());
        assert_eq!(runs(), 4, "what `?` gave is not stored");

        assert_eq!(victim(1), 5);
        assert!(block_on(write(1, "x")).is_err() && write_sync(1, "x").is_err());
        assert_eq!(victim(1), 5, "`?` left with an error, which invalidates nothing");
        assert_eq!(block_on(write(1, "")), Ok(0));
        assert_eq!(victim(1), 6, "an early `return` invalidates");
        assert_eq!(write_sync(1, ""), Ok(0));
        assert_eq!(victim(1), 7, "in a sync function, too");
        assert_eq!(block_on(write(1, "2")), Ok(3));
        assert_eq!(victim(1), 8);
    });
}

#[cache(skip(gate))]
async fn gated(gate: &Gate, id: u64) -> u64 {
    let _ = id;
    let n = run();
    gate.pass().await;
    n
}

#[test]
fn regression_05_dropping_the_leader_releases_the_waiters() {
    start().enter(|| {
        let gate = Gate::default();
        let mut leader = Hand::new(gated(&gate, 1));
        let mut waiters: Vec<_> = (0..3).map(|_| Hand::new(gated(&gate, 1))).collect();
        assert!(leader.poll().is_pending());
        assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
        assert_eq!(runs(), 1, "the others wait");

        drop(leader);
        assert!(waiters.iter().any(|waiter| waiter.wakes() > 0));
        gate.open();
        for _ in 0..3 {
            waiters.retain_mut(|waiter| match waiter.poll() {
                Poll::Pending => true,
                Poll::Ready(value) => {
                    assert_eq!(value, 2, "one of them computed, for all");
                    false
                }
            });
        }
        assert!(waiters.is_empty() && runs() == 2);
    });
}

mod here {
    use super::*;

    #[cache]
    pub(super) fn same(id: u64) -> String {
        format!("here {id}")
    }
}

mod there {
    use super::*;

    #[cache]
    pub(super) fn same(id: u64) -> String {
        format!("there {id}")
    }
}

#[cache]
fn instance<T: 'static>(id: u64) -> String {
    format!("{} {id}", std::any::type_name::<T>())
}

#[test]
fn regression_07_same_name_in_two_modules_and_two_instances_of_one_generic() {
    start().enter(|| {
        for _ in 0..2 {
            assert_eq!((here::same(1), there::same(1)), ("here 1".into(), "there 1".into()));
            assert_eq!((instance::<u8>(1), instance::<u16>(1)), ("u8 1".into(), "u16 1".into()));
        }
        let keys = [
            blocking::key_of(|| here::same(1)),
            blocking::key_of(|| there::same(1)),
            blocking::key_of(|| instance::<u8>(1)),
            blocking::key_of(|| instance::<u16>(1)),
        ];
        let digests: HashSet<_> = keys.into_iter().map(|key| key.unwrap().digest).collect();
        assert_eq!(digests.len(), 4, "outside of this process, too");
    });
}

#[cache]
fn f(n: u64) -> u64 {
    let _ = n;
    run()
}

#[cache]
fn f1(n: u64) -> u64 {
    let _ = n;
    run()
}

#[cache]
fn texts(a: &str, b: &str) -> u64 {
    let _ = (a, b);
    run()
}

#[cache("texts:{a}:{b}")]
fn texts_with_template(a: &str, b: &str) -> u64 {
    let _ = (a, b);
    run()
}

#[derive(Clone, Serialize)]
struct Secret(&'static str);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cache]
fn secret(secret: Secret) -> u64 {
    let _ = secret;
    run()
}

#[cache("secrets:{secret}")]
fn shown_secret(secret: Secret) -> u64 {
    let _ = secret;
    run()
}

#[test]
fn regression_08_no_two_argument_lists_collide() {
    start().enter(|| {
        for _ in 0..2 {
            assert_eq!((f1(2), f(12)), (1, 2));
            assert_eq!((texts("a", "bc"), texts("ab", "c"), texts("a:b", "c"), texts("a", "b:c")), (3, 4, 5, 6));
            assert_eq!((texts_with_template("a:b", "c"), texts_with_template("a", "b:c")), (7, 8));
            assert_eq!((secret(Secret("x")), secret(Secret("y"))), (9, 10));
            assert_eq!((shown_secret(Secret("x")), shown_secret(Secret("y"))), (11, 12));
        }
    });
}

#[test]
fn regression_12_a_load_that_an_invalidation_interrupts_is_never_served() {
    let test = start();
    test.enter(|| {
        let gate = Gate::default();
        let mut load = Hand::new(gated(&gate, 2));
        assert!(load.poll().is_pending());
        blocking::invalidate_pattern("gated:*").unwrap();
        let mut later = Hand::new(gated(&gate, 2));
        assert!(later.poll().is_pending());
        assert_eq!(runs(), 2, "who comes after the invalidation does not wait for the old load");
        gate.open();
        assert_eq!(load.poll(), Poll::Ready(1), "who came before may be told what was so then");
        assert_eq!(later.poll(), Poll::Ready(2));
        assert_eq!(block_on(gated(&gate, 2)), 2);
    });
    assert_eq!(test.count("gated:*", |kind| kind == EventKind::Refused(RefusalReason::Invalidated)), 1);
}

#[test]
fn regression_12_the_old_load_ends_last() {
    start().enter(|| {
        let (old_gate, new_gate) = (Gate::default(), Gate::default());
        let mut load = Hand::new(gated(&old_gate, 3));
        assert!(load.poll().is_pending());
        blocking::invalidate_pattern("gated:*").unwrap();
        new_gate.open();
        assert_eq!(block_on(gated(&new_gate, 3)), 2);
        old_gate.open();
        assert_eq!(load.poll(), Poll::Ready(1));
        assert_eq!(block_on(gated(&new_gate, 3)), 2, "the old load has not replaced the new value");
    });
}

/// Documented.
#[must_use]
#[cache(skip(sizes))]
#[inline(never)]
fn everything<'a, T, const N: usize>(
    name: &'a str,
    (left, _): (u8, f64),
    sizes: [T; N],
) -> Option<String>
where
    T: Copy + Into<u64> + 'a,
{
    run();
    let total: u64 = sizes.iter().map(|size| (*size).into()).sum();
    Some(format!("{name} {left} {total}"))
}

#[async_trait::async_trait]
trait Loads {
    async fn load(&self, id: u64) -> Result<String, String>;
}

#[derive(Serialize)]
struct Loader<'a>(&'a str);

#[async_trait::async_trait]
impl Loads for Loader<'_> {
    #[cache_query]
    async fn load(&self, id: u64) -> Result<String, String> {
        run();
        Ok(format!("{} {id}", self.0))
    }
}

#[test]
fn regression_13_what_surrounds_a_function_survives() {
    start().enter(|| {
        for _ in 0..2 {
            assert_eq!(everything("a", (1, 0.5), [2_u8, 3]).as_deref(), Some("a 1 5"));
            assert_eq!(everything("a", (1, 0.5), [4_u16, 4]).as_deref(), Some("a 1 8"));
            let (a, b): (Box<dyn Loads>, Box<dyn Loads>) = (Box::new(Loader("a")), Box::new(Loader("b")));
            assert_eq!(block_on(a.load(1)).as_deref(), Ok("a 1"));
            assert_eq!(block_on(b.load(1)).as_deref(), Ok("b 1"));
        }
        assert_eq!(runs(), 4);
    });
}

#[cache]
async fn down(n: u64) -> u64 {
    run();
    if n == 0 { 0 } else { 1 + Box::pin(down(n - 1)).await }
}

#[cache]
async fn itself(n: u64) -> u64 {
    if run() > 2 { n } else { 1 + Box::pin(itself(n)).await }
}

#[cache]
fn itself_sync(n: u64) -> u64 {
    if run() > 2 { n } else { 1 + itself_sync(n) }
}

#[cache]
fn ping(n: u64) -> u64 {
    if run() > 3 { n } else { 1 + pong(n) }
}

#[cache]
fn pong(n: u64) -> u64 {
    run();
    1 + ping(n)
}

#[test]
fn regression_20_recursion_does_not_wait_for_itself() {
    start().enter(|| {
        assert_eq!((block_on(down(50)), runs()), (50, 51));
        assert_eq!((block_on(down(51)), runs()), (51, 52), "the inner ones are hits");
    });
    start().enter(|| assert_eq!(block_on(itself(7)), 9, "the very same call"));
    start().enter(|| assert_eq!(itself_sync(7), 9));
    start().enter(|| assert_eq!(ping(7), 11, "in a circle"));
}

#[cache_resource("twice:{id}", tags("twice"))]
fn twice(id: u64) -> u64 {
    let _ = id;
    run()
}

#[test]
fn regression_21_a_duplicated_invalidation_is_harmless() {
    let test = start();
    test.enter(|| {
        assert_eq!(twice(1), 1);
        for _ in 0..3 {
            blocking::invalidate(|| twice(1)).unwrap();
            blocking::invalidate_pattern("resource:twice:1").unwrap();
            blocking::invalidate_tag("twice").unwrap();
        }
        assert_eq!((twice(1), twice(1)), (2, 2));
        assert_eq!((twice(2), twice(2)), (3, 3));
    });
    assert_eq!(test.cache().stats().invalidations, 9);
}

#[test]
fn regression_22_an_invalidation_during_a_refresh_wins() {
    start().enter(|| {
        let gate = Gate::default();
        gate.open();
        assert_eq!(block_on(gated(&gate, 4)), 1);
        let gate = Gate::default();
        let mut renewal = Hand::new(refresh(gated(&gate, 4)));
        assert!(renewal.poll().is_pending());
        assert_eq!(block_on(gated(&gate, 4)), 1, "the old value is served meanwhile");
        blocking::invalidate_pattern("gated:*").unwrap();
        gate.open();
        assert_eq!(renewal.poll(), Poll::Ready(2));
        assert_eq!(block_on(gated(&gate, 4)), 3, "what was read before the invalidation is not kept");
    });
}

#[test]
fn regression_23_no_clock_decides_about_validity() {
    // All of it in one and the same millisecond: only the order counts.
    let test = start();
    test.enter(|| {
        for round in 1..=5 {
            assert_eq!((twice(1), twice(1)), (round, round));
            blocking::invalidate_tag("twice").unwrap();
        }
    });
    // The wall clock, which can be set back, names a generation of the log and is asked for nothing else.
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../cache-core/src");
    let mut asks = Vec::new();
    let mut folders = vec![sources];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let count = text.matches("SystemTime").count() + text.matches("Clock::now_since_epoch").count();
                asks.extend(std::iter::repeat_n(path.file_name().unwrap().to_owned(), count));
            }
        }
    }
    assert_eq!(asks, ["cache.rs"], "a new use of the wall clock: does validity depend on it?");
}

#[cache]
fn of_map(map: HashMap<String, u64>) -> u64 {
    let _ = map;
    run()
}

#[cache]
fn of_set(set: &HashSet<u64>) -> u64 {
    let _ = set;
    run()
}

#[cache]
fn of_nested(list: Vec<HashMap<u64, HashMap<String, u64>>>) -> u64 {
    let _ = list;
    run()
}

#[test]
fn regression_24_a_map_in_another_order_is_the_same_key() {
    start().enter(|| {
        // Every map has a seed of its own, hence an order of its own.
        for _ in 0..10 {
            assert_eq!(of_map((0..100).map(|n| (n.to_string(), n)).collect()), 1);
            assert_eq!(of_map((0..100).rev().map(|n| (n.to_string(), n)).collect()), 1);
        }
        for _ in 0..10 {
            assert_eq!(of_set(&(0..100).rev().collect()), 2);
            assert_eq!(of_set(&(0..100).collect()), 2);
        }
        let inner = |n: u64| (0..10).map(|k| (k.to_string(), n)).collect::<HashMap<_, _>>();
        for _ in 0..10 {
            assert_eq!(of_nested(vec![(0..10).map(|n| (n, inner(n))).collect()]), 3);
        }
        assert_eq!(of_map((0..100).map(|n| (n.to_string(), n + 1)).collect()), 4, "other values");
        assert_eq!(of_set(&(0..101).collect()), 5);
    });
}

#[cache("large:{id}")]
fn large(id: u64, bytes: usize) -> Vec<u8> {
    let _ = id;
    run();
    vec![7; bytes]
}

#[test]
fn regression_25_what_is_too_large_is_returned_and_not_stored() {
    let test = start();
    test.enter(|| {
        for _ in 0..2 {
            assert_eq!(large(1, 50 << 20).len(), 50 << 20);
        }
        assert_eq!(runs(), 2);
    });
    let refused = EventKind::Refused(RefusalReason::TooLarge);
    assert_eq!(test.count("large:1", |kind| kind == refused), 2);
    test.assert_stored("large:1", 0);
    let stats = test.cache().stats();
    let function = stats.function("large").unwrap();
    assert_eq!(function.refusals.of(RefusalReason::TooLarge), 2);
    assert_eq!((function.stores, function.entries, function.bytes), (0, 0, 0));
    assert_eq!(function.misses.of(MissReason::Absent), 2);
}
