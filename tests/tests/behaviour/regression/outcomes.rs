//! What comes of a body: `None`, `Err`, an early return, too much of it.

use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{EventKind, MissReason, RefusalReason, cache, invalidate_cache};

use crate::runs::{run, runs, start};

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
        assert_eq!(
            (outcome_by_default(0), outcome_by_default(0)),
            (Ok(None), Ok(None))
        );
        assert_eq!(runs(), 6, "without `none_ttl` it is not kept");
        assert_eq!(
            (outcome_by_default(1), outcome_by_default(1)),
            (Err(7), Err(8))
        );
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
        assert_eq!(
            victim(1),
            5,
            "`?` left with an error, which invalidates nothing"
        );
        assert_eq!(block_on(write(1, "")), Ok(0));
        assert_eq!(victim(1), 6, "an early `return` invalidates");
        assert_eq!(write_sync(1, ""), Ok(0));
        assert_eq!(victim(1), 7, "in a sync function, too");
        assert_eq!(block_on(write(1, "2")), Ok(3));
        assert_eq!(victim(1), 8);
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
    assert_eq!(
        (function.stores, function.entries, function.bytes),
        (0, 0, 0)
    );
    assert_eq!(function.misses.of(MissReason::Absent), 2);
}
