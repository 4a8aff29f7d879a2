//! How much room values take, and that there is never more of them than the bound allows.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{Cache, CacheWeight, Memory, RefusalReason, TestCache, blocking, cache};
use futures_util::future::join;
use serde::Serialize;

use crate::runs::{pause, run, runs, start, start_with};

const MINUTE: Duration = Duration::from_secs(60);

fn bytes(test: &TestCache, function: &str) -> u64 {
    test.cache()
        .stats()
        .function(function)
        .map_or(0, |f| f.bytes)
}

#[cache]
fn shared(length: usize) -> Arc<Vec<u8>> {
    Arc::new(vec![0; length])
}

#[cache]
fn nested(length: usize) -> Result<Option<BTreeMap<String, Vec<String>>>, String> {
    Ok(Some(
        [("k".repeat(length), vec!["v".repeat(length); 2])].into(),
    ))
}

#[derive(Clone)]
struct Bitmap(Vec<u8>);

impl CacheWeight for Bitmap {
    fn cache_weight(&self) -> usize {
        size_of::<Self>() + self.0.capacity()
    }
}

#[cache]
fn weighs_itself(length: usize) -> Bitmap {
    Bitmap(Vec::with_capacity(length))
}

/// Says less than `Serialize` would.
#[derive(Clone, Serialize)]
struct Shared {
    text: Arc<str>,
}

impl CacheWeight for Shared {
    fn cache_weight(&self) -> usize {
        16
    }
}

#[cache]
fn weighs_less(length: usize) -> Shared {
    Shared {
        text: "x".repeat(length).into(),
    }
}

#[cache]
fn shared_weighs_itself(length: usize) -> Arc<Bitmap> {
    Arc::new(Bitmap(vec![1; length]))
}

#[cache]
fn many_weigh_themselves(length: usize) -> Result<Option<Vec<Bitmap>>, String> {
    Ok(Some(vec![Bitmap(vec![1; length]); 2]))
}

/// What is around a type that weighs itself hides it from nobody.
#[test]
fn a_weight_of_its_own_counts_inside_of_what_holds_it() {
    let test = start();
    test.enter(|| {
        shared_weighs_itself(10_000);
        many_weigh_themselves(10_000).unwrap();
    });
    for (function, least) in [
        ("shared_weighs_itself", 10_000),
        ("many_weigh_themselves", 20_000),
    ] {
        let bytes = bytes(&test, function);
        assert!(
            (least..least + 1_000).contains(&bytes),
            "{function}: {bytes}"
        );
    }
}

#[test]
fn a_value_counts_what_it_holds_on_to() {
    let test = start();
    test.enter(|| {
        shared(100_000);
        nested(10_000).unwrap();
        let _ = weighs_itself(50_000).0;
        let _ = weighs_less(50_000).text;
    });
    let within = |function: &str, least: u64| {
        let found = bytes(&test, function);
        assert!(
            (least..least + 1_500).contains(&found),
            "{function}: {found}"
        );
    };
    within("shared", 100_000);
    within("nested", 30_000);
    within("weighs_itself", 50_000);
    within("weighs_less", 16);
}

#[cache(err_ttl = 60)]
fn fails_at_length(length: usize) -> Result<u64, String> {
    Err("x".repeat(length))
}

#[test]
fn an_error_counts_what_it_holds_on_to() {
    let test = start();
    test.enter(|| fails_at_length(100_000).unwrap_err());
    assert!(bytes(&test, "fails_at_length") >= 100_000);
}

#[derive(Clone)]
struct Refused(String);

impl CacheWeight for Refused {
    fn cache_weight(&self) -> usize {
        size_of::<Self>() + self.0.capacity()
    }
}

/// Nothing tells how large it is.
#[derive(Clone)]
struct Opaque(String);

#[cache(err_ttl = 60)]
fn fails_with_its_weight(length: usize) -> Result<u64, Refused> {
    Err(Refused("x".repeat(length)))
}

#[cache(err_ttl = 60)]
fn fails_without_a_weight(length: usize) -> Result<u64, Opaque> {
    Err(Opaque("x".repeat(length)))
}

#[test]
fn an_error_is_weighed_as_a_value_is() {
    let test = start();
    test.enter(|| {
        let _ = fails_with_its_weight(100_000).map_err(|e| e.0);
        let _ = fails_without_a_weight(100_000).map_err(|e| e.0);
    });
    assert!(bytes(&test, "fails_with_its_weight") >= 100_000);
    let found = bytes(&test, "fails_without_a_weight");
    assert!((24..1_500).contains(&found), "{found}");
}

#[cache]
fn small(n: u64) -> u64 {
    run();
    n
}

#[cache(tags("a:{n}", "b:{n}"))]
fn long_key(n: u64, text: &str) -> usize {
    text.len()
}

#[cache(capacity = 20)]
fn bounded(n: usize) -> Vec<u8> {
    vec![0; n * 100]
}

#[test]
fn the_bound_is_never_exceeded() {
    const MAX: u64 = 1 << 20;
    let test = start_with(Cache::builder().memory(Memory::new().max_bytes(MAX)));
    let check = |n: u64| {
        let stats = test.cache().stats();
        assert!(
            stats.total.bytes <= MAX,
            "{} bytes after {n}",
            stats.total.bytes
        );
    };
    test.enter(|| {
        for n in 0..3_000 {
            small(n);
            long_key(n, &"x".repeat(n as usize % 1_000));
            bounded(n as usize % 300);
            shared(n as usize % 40_000);
            if n % 50 == 0 {
                check(n);
            }
        }
    });
    check(3_000);
    let stats = test.cache().stats();
    assert!(stats.total.evictions > 100, "the bound was met: {stats}");
    assert!(
        stats.total.bytes > MAX / 4 * 3,
        "and what fits is kept: {stats}"
    );
    assert!(stats.function("bounded").unwrap().entries <= 20);
}

#[test]
fn a_bound_can_be_changed_while_it_holds() {
    let test = start_with(Cache::builder().memory(Memory::new().max_bytes(8 << 20)));
    let total = || test.cache().stats().total;
    test.enter(|| {
        for n in 0..100 {
            shared(20_000 + n);
        }
        assert_eq!(total().entries, 100);
        test.cache().resize(1 << 20);
        assert_eq!(test.cache().stats().max_bytes, 1 << 20);
        let kept = total();
        assert!(kept.bytes <= 1 << 20, "{}", kept.bytes);
        assert!(
            (10..60).contains(&kept.entries),
            "{} of 100 stay",
            kept.entries
        );
        assert_eq!(kept.entries + kept.evictions, 100);
        let found = (0..100)
            .filter(|n| blocking::peek(|| shared(20_000 + n)).unwrap().is_some())
            .count();
        assert_eq!(found as u64, kept.entries);

        test.cache().resize(8 << 20);
        for n in 0..100 {
            shared(20_000 + n);
        }
        assert_eq!(total().entries, 100, "and larger again");

        test.cache().resize(0);
        assert_eq!((total().entries, total().bytes), (0, 0));
        assert_eq!((small(1), small(1)), (1, 1), "no room is no reason to fail");
    });
}

#[cache]
fn unit(n: u64) -> Option<()> {
    run();
    (n > 0).then_some(())
}

#[cache]
fn empty(n: u64) -> [u64; 0] {
    let _ = n;
    run();
    []
}

#[test]
fn values_without_a_size_have_the_weight_of_their_entry() {
    let test = start();
    test.enter(|| {
        for _ in 0..2 {
            assert_eq!((unit(1), empty(1)), (Some(()), []));
        }
        assert_eq!(runs(), 2);
    });
    assert!(bytes(&test, "unit") > 0 && bytes(&test, "empty") > 0);
}

thread_local! {
    static WEIGHED: Cell<usize> = const { Cell::new(0) };
}

/// Counts how often it is weighed.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
struct Item(u64);

impl Serialize for Item {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WEIGHED.set(WEIGHED.get() + 1);
        serializer.serialize_u64(self.0)
    }
}

#[cache]
fn items(count: usize) -> Vec<Item> {
    vec![Item(7); count]
}

#[cache]
fn pairs(count: usize) -> BTreeMap<usize, (Item, String)> {
    (0..count).map(|n| (n, (Item(7), n.to_string()))).collect()
}

#[test]
fn what_is_too_large_is_weighed_no_further_than_it_may_be_large() {
    const MOST: usize = 64 << 10;
    let memory = Memory::new().max_entry_bytes(MOST as u64);
    let test = start_with(Cache::builder().memory(memory));
    test.enter(|| {
        WEIGHED.set(0);
        assert_eq!(items(1_000).len(), 1_000);
        assert_eq!(WEIGHED.replace(0), 1_000);
        assert_eq!(items(1_000_000).len(), 1_000_000);
        assert!(WEIGHED.replace(0) <= MOST / 8 + 1);
        assert_eq!(pairs(100_000).len(), 100_000);
        assert!(WEIGHED.replace(0) <= MOST / 32 + 1);
        let error = blocking::set("items", vec![Item(7); 1_000_000], MINUTE).unwrap_err();
        assert_eq!(error.kind(), cache_core::ErrorKind::TooLarge);
        assert!(WEIGHED.replace(0) <= MOST / 8 + 1);
    });
    let total = test.cache().stats().total;
    assert_eq!((total.entries, total.stores), (1, 1));
    assert_eq!(total.refusals.of(RefusalReason::TooLarge), 3);
}

#[cache(when = |_| false)]
async fn unwanted(count: usize) -> Vec<Item> {
    run();
    pause().await;
    vec![Item(7); count]
}

/// A value that is computed for those who wait, and not for the cache, need not be weighed.
#[test]
fn what_is_not_stored_is_not_weighed() {
    WEIGHED.set(0);
    let both = async { join(unwanted(1_000), unwanted(1_000)).await };
    let (one, other) = block_on(start().run(both));
    assert_eq!((one.len(), other.len()), (1_000, 1_000));
    assert_eq!((runs(), WEIGHED.get()), (1, 0));
}

/// Panics while it is kept: copied, or weighed by its `Serialize` or its own word.
#[derive(PartialEq, Debug)]
struct Fragile(u8);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert_ne!(self.0, 1, "copied");
        Self(self.0)
    }
}

impl Serialize for Fragile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert_ne!(self.0, 2, "serialized");
        serializer.serialize_u8(self.0)
    }
}

#[derive(Clone, PartialEq, Debug)]
struct Weightless(u8);

impl CacheWeight for Weightless {
    fn cache_weight(&self) -> usize {
        panic!("weighed")
    }
}

#[cache]
async fn fragile(which: u8) -> Fragile {
    run();
    pause().await;
    Fragile(which)
}

#[cache]
fn weightless(which: u8) -> Weightless {
    run();
    Weightless(which)
}

#[test]
fn a_value_that_cannot_be_kept_is_returned() {
    let test = start();
    test.enter(|| {
        for _ in 0..2 {
            assert_eq!(block_on(fragile(1)), Fragile(1));
            assert_eq!(block_on(fragile(2)), Fragile(2));
            assert_eq!(weightless(3), Weightless(3));
        }
        assert_eq!(runs(), 6);
        let both = block_on(join(fragile(1), fragile(1)));
        assert_eq!(both, (Fragile(1), Fragile(1)), "nor is it shared");
        assert_eq!(runs(), 8);
        assert_eq!(block_on(fragile(4)), block_on(fragile(4)));
        assert_eq!(runs(), 9);
    });
    let stats = test.cache().stats();
    assert_eq!(stats.total.refusals.of(RefusalReason::Panicked), 8);
    assert_eq!(stats.total.entries, 1);
}
