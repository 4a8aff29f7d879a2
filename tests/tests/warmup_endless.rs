//! Start-up calls without end, beside others.

use std::time::Duration;

use cache_core::{TestCache, cache, warmup_cache};

#[warmup_cache(from = 0_u64..)]
#[cache]
fn odd(id: u64) -> u64 {
    2 * id + 1
}

#[warmup_cache(from = 0_u64..)]
#[cache]
fn even(id: u64) -> u64 {
    2 * id
}

#[warmup_cache]
#[cache]
fn once() -> u64 {
    1
}

#[warmup_cache(priority = 1)]
#[cache]
fn before() -> u64 {
    1
}

#[tokio::test]
async fn those_of_one_priority_take_turns() {
    let test = TestCache::new();
    let warmup = test.cache().warmup().concurrency(1);
    let report = warmup.deadline(Duration::from_millis(300)).run().await;
    assert_eq!(report.warmed.named()[0], "warmup_endless::before()");
    let made = |name: &str| {
        let calls = report.warmed.named().iter();
        calls.filter(|call| call.contains(name)).count()
    };
    assert_eq!(made("once"), 1, "{report}");
    assert!(made("odd").abs_diff(made("even")) <= 1, "{report}");
    assert!(made("odd") > 10, "{report}");
    // With the call that was under way, if there was one.
    assert!((2..=3).contains(&report.cancelled.count()), "{report}");
}

#[test]
fn a_report_lists_no_more_than_one_reads() {
    let mut report = cache_core::WarmupReport::default();
    let calls = (0..2_000_000).map(|id| format!("article({id})"));
    report.cancelled.extend(calls);
    let told = report.to_string();
    assert_eq!(told.lines().count(), 22, "{told}");
    assert!(told.ends_with("\n  cancelled: 1999980 more"), "{told}");
    let named = report.cancelled.named().len();
    assert_eq!((named, report.cancelled.count()), (1_000, 2_000_000));
}
