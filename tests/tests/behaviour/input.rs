//! Input that nobody should give: arguments that cannot be keys, names that cannot be written, set-ups that cannot work.

use std::fmt;
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{
    Cache, ErrorKind, EventKind, Memory, MissReason, RefusalReason, blocking, cache,
    cache_resource, invalidate_cache, key_of,
};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use crate::runs::{run, runs, start};

/// Fails to be written if it is 0.
#[derive(Clone, Copy)]
struct Fragile(u64);

impl Serialize for Fragile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == 0 {
            return Err(S::Error::custom("zero has no key"));
        }
        serializer.serialize_u64(self.0)
    }
}

#[cache("fragile:{n}")]
fn unkeyable(n: u64, fragile: Fragile) -> u64 {
    let _ = (n, fragile);
    run()
}

#[cache]
async fn unkeyable_async(fragile: Fragile) -> Result<u64, String> {
    let _ = fragile;
    Ok(run())
}

#[test]
fn an_argument_that_cannot_be_a_key_runs_the_body_and_stores_nothing() {
    let test = start();
    test.enter(|| {
        assert_eq!((unkeyable(1, Fragile(0)), unkeyable(1, Fragile(0))), (1, 2));
        assert_eq!((unkeyable(1, Fragile(1)), unkeyable(1, Fragile(1))), (3, 3));
        let ask = || block_on(unkeyable_async(Fragile(0)));
        assert_eq!((ask(), ask()), (Ok(4), Ok(5)));
        assert_eq!(blocking::refresh(|| unkeyable(1, Fragile(0))), 6);
        assert_eq!(blocking::bypass(|| unkeyable(1, Fragile(0))), 7);
        assert_eq!(blocking::peek(|| unkeyable(1, Fragile(0))).unwrap(), None);
        assert_eq!(runs(), 7);
    });
    let told = test.count("*zero has no key*", |kind| kind == EventKind::Unkeyable);
    assert!(told >= 6, "each of them is told, with the reason: {told}");
    let stats = test.cache().stats();
    let f = stats.function("unkeyable").unwrap();
    assert_eq!((f.stores, f.entries, f.hits), (1, 1, 1));
    assert_eq!(
        (
            f.misses.of(MissReason::Bypass),
            f.refusals.of(RefusalReason::Bypass)
        ),
        (4, 4)
    );
}

#[test]
fn a_key_that_cannot_be_made_is_an_error_where_it_is_asked_for() {
    let test = start();
    test.enter(|| {
        let error = blocking::key_of(|| unkeyable(1, Fragile(0))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Key, "{error}");
        let error = block_on(key_of(unkeyable_async(Fragile(0)))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Key, "{error}");
        let error = blocking::invalidate(|| unkeyable(1, Fragile(0))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    });
    assert_eq!(test.cache().stats().invalidations, 0);
}

#[invalidate_cache(unkeyable(1, fragile), unkeyable_async(fragile), "fragile:2")]
fn write_typed(fragile: Fragile) {
    let _ = fragile;
}

#[test]
fn a_typed_target_that_cannot_be_a_key_is_told_and_the_others_work() {
    let test = start();
    test.enter(|| {
        unkeyable(2, Fragile(1));
        write_typed(Fragile(0));
        unkeyable(2, Fragile(1));
        assert_eq!(runs(), 2);
    });
    assert_eq!(test.count("*", |kind| kind == EventKind::NotInvalidated), 2);
}

#[cache]
fn around(n: u64, fragile: Fragile) -> u64 {
    let _ = n;
    unkeyable(7, fragile);
    run()
}

/// Cannot be displayed if it is 0, and begins all the same.
#[derive(Clone, Copy, Serialize)]
struct Silent(u64);

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("silent-")?;
        if self.0 == 0 {
            Err(fmt::Error)
        } else {
            write!(f, "{}", self.0)
        }
    }
}

#[cache_resource("silent:{s}")]
fn unnamed(s: Silent) -> u64 {
    let _ = s;
    run()
}

#[cache("tagged", tags("silent:{s}"))]
fn untagged(s: Silent) -> u64 {
    let _ = s;
    run()
}

#[cache("tagged-late", tags("late:{s}:{return}"))]
fn untagged_late(s: Silent) -> u64 {
    let _ = s;
    run()
}

#[cache("tagged-value", tags("value:{return.0}"))]
fn untagged_by_value(s: Silent) -> (Silent, u64) {
    (s, run())
}

#[test]
fn what_cannot_be_named_is_not_stored() {
    let test = start();
    test.enter(|| {
        let zero = Silent(0);
        assert_eq!((unnamed(zero), unnamed(zero)), (1, 2));
        assert_eq!((untagged(zero), untagged(zero)), (3, 4));
        assert_eq!((untagged_late(zero), untagged_late(zero)), (5, 6));
        assert_eq!(
            (untagged_by_value(zero).1, untagged_by_value(zero).1),
            (7, 8)
        );
        assert_eq!((unnamed(Silent(1)), unnamed(Silent(1))), (9, 9));
        assert_eq!((untagged(Silent(1)), untagged(Silent(1))), (10, 10));
        assert_eq!(
            (untagged_late(Silent(1)), untagged_late(Silent(1))),
            (11, 11)
        );
        assert_eq!(
            (
                untagged_by_value(Silent(1)).1,
                untagged_by_value(Silent(1)).1
            ),
            (12, 12)
        );
    });
    assert_eq!(
        test.count("*Display*", |kind| kind == EventKind::Unkeyable),
        4
    );
    assert_eq!(test.cache().stats().total.stores, 4);
}

#[cache]
fn around_unnamed(n: u64) -> u64 {
    unnamed(Silent(n));
    run()
}

#[cache]
fn around_untagged_late(n: u64) -> u64 {
    untagged_late(Silent(n));
    run()
}

#[cache]
fn around_keyless(n: u64) -> u64 {
    let _ = n;
    block_on(unkeyable_async(Fragile(0))).unwrap_or_default();
    run()
}

#[test]
fn what_was_computed_from_what_cannot_be_named_is_not_stored() {
    start().enter(|| {
        assert_eq!((around_unnamed(0), around_unnamed(0)), (2, 4));
        assert_eq!((around_untagged_late(0), around_untagged_late(0)), (6, 8));
        assert_eq!((around_unnamed(1), around_unnamed(1)), (10, 10));
        assert_eq!((around_keyless(1), around_keyless(1)), (12, 14));
    });
}

#[cache_resource("loud:{n}", tags("loud:{n}"))]
fn loud(n: u64) -> u64 {
    let _ = n;
    run()
}

#[cache_resource("quiet:{n}", tags("quiet:{n}"))]
fn quiet(n: u64) -> u64 {
    let _ = n;
    run()
}

#[invalidate_cache("resource:loud:{s}")]
fn write_unnamed(s: Silent) {
    let _ = s;
}

#[invalidate_cache("resource:loud:{s}:{return}")]
fn write_unnamed_late(s: Silent) -> u64 {
    s.0
}

#[invalidate_cache("{s}:x")]
fn write_unnamed_at_once(s: Silent) {
    let _ = s;
}

#[invalidate_cache(tag = "loud:{s}")]
fn write_untagged(s: Silent) {
    let _ = s;
}

#[invalidate_cache(tag = "loud:{s}:{return}")]
fn write_untagged_late(s: Silent) -> u64 {
    s.0
}

#[test]
fn an_invalidation_that_cannot_be_written_reaches_more_and_never_less() {
    start().enter(|| {
        let ask = || {
            let before = runs();
            (loud(1) > before, quiet(1) > before)
        };
        ask();
        write_unnamed(Silent(0));
        assert_eq!(
            ask(),
            (true, false),
            "what is before the argument still counts"
        );
        write_unnamed_late(Silent(0));
        assert!(ask().0, "whenever the text is made");
        write_unnamed_at_once(Silent(0));
        assert_eq!(ask(), (true, true));
        write_untagged(Silent(0));
        assert!(ask().0);
        write_untagged_late(Silent(0));
        assert!(ask().0);
        write_unnamed(Silent(1));
        write_unnamed_late(Silent(1));
        write_unnamed_at_once(Silent(1));
        assert_eq!(ask(), (false, false));
    });
}

#[test]
fn a_set_up_that_cannot_work_is_an_error() {
    let kind = |builder: cache_core::Builder| {
        let error = builder.build_blocking().unwrap_err();
        (error.kind(), error.to_string())
    };
    let (found, text) = kind(Cache::builder().ttl("[", Duration::from_secs(1)));
    assert!(
        found == ErrorKind::Config && text.contains("help:"),
        "{text}"
    );
    let (found, text) = kind(Cache::builder().ttl("", Duration::from_secs(1)));
    assert!(found == ErrorKind::Config && text.contains("`*`"), "{text}");
    let (found, text) = kind(Cache::builder().ttl("a:*", Duration::ZERO));
    assert!(
        found == ErrorKind::Config && text.contains("`a:*`"),
        "{text}"
    );
    let (found, text) = kind(Cache::builder().memory(Memory::new().max_bytes(0)));
    assert!(
        found == ErrorKind::Config && text.contains("max_bytes"),
        "{text}"
    );
    let (found, text) = kind(Cache::builder().memory(Memory::new().max_entry_bytes(0)));
    assert!(
        found == ErrorKind::Config && text.contains("max_entry_bytes"),
        "{text}"
    );
    let error = block_on(Cache::builder().ttl("[", Duration::MAX).build()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let (_, text) = kind(
        Cache::builder()
            .ttl("\\", Duration::MAX)
            .ttl("[", Duration::MAX),
    );
    assert!(
        text.contains("backslash"),
        "the first mistake is told: {text}"
    );
}

#[test]
fn bounds_of_nothing_but_one_are_bounds() {
    let builder = Cache::builder()
        .memory(Memory::new().max_bytes(1))
        .max_deps(0)
        .index_max_records(0)
        .wait_max(Duration::ZERO);
    let test = crate::runs::start_with(builder);
    test.enter(|| {
        assert_eq!((loud(1), loud(1)), (1, 2), "nothing fits, nothing fails");
        blocking::invalidate_tag("loud:1").unwrap();
        assert_eq!(around(1, Fragile(1)), 4);
        assert_eq!(test.cache().stats().total.entries, 0);
    });
}

#[cache("{text}")]
fn by_text(text: &str, bytes: Vec<u8>) -> u64 {
    let _ = (text, bytes);
    run()
}

#[test]
fn a_long_key_is_a_key() {
    let test = start();
    test.enter(|| {
        let (a, b) = ("x".repeat(10_000), "x".repeat(9_999) + "y");
        assert_eq!((by_text(&a, vec![]), by_text(&b, vec![])), (1, 2));
        assert_eq!((by_text(&a, vec![]), by_text(&b, vec![])), (1, 2));
        assert_eq!(by_text(&a, vec![0; 10_000]), 3);
        assert_eq!(by_text(&a, vec![0; 10_000]), 3);
        blocking::invalidate_pattern("*y").unwrap();
        assert_eq!((by_text(&a, vec![]), by_text(&b, vec![])), (1, 4));
    });
    assert!(
        test.cache().stats().total.bytes > 30_000,
        "keys take room, too"
    );
}

#[test]
fn a_key_larger_than_an_entry_may_be_is_computed_for() {
    let test = start();
    test.enter(|| {
        let text = "x".repeat(5 << 20);
        assert_eq!((by_text(&text, vec![]), by_text(&text, vec![])), (1, 2));
    });
    let stats = test.cache().stats();
    assert_eq!(stats.total.refusals.of(RefusalReason::TooLarge), 2);
}
