//! Start-up calls. All of this binary's are here: every warm-up makes all of them.

use std::cell::Cell;
use std::sync::Mutex;
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{TestCache, WarmupReport, cache, cache_result, warmup_cache};

use futures_util::future::join;

use crate::runs::{Hand, pause, run, runs, start};

thread_local! {
    static UNDER_WAY: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
    /// How slow `even` is.
    static PAUSES: Cell<usize> = const { Cell::new(0) };
}

#[warmup_cache(country = "DE")]
#[warmup_cache(country = "FR")]
#[warmup_cache(country = "IT")]
#[warmup_cache(country = "ES")]
#[warmup_cache(country = "PT")]
#[warmup_cache(country = "PL")]
#[cache(ttl = "1h")]
async fn cities(country: &str) -> Vec<String> {
    run();
    UNDER_WAY.set(UNDER_WAY.get() + 1);
    MOST.set(MOST.get().max(UNDER_WAY.get()));
    for _ in 0..10 {
        pause().await;
    }
    UNDER_WAY.set(UNDER_WAY.get() - 1);
    vec![country.to_lowercase()]
}

#[warmup_cache]
#[cache]
fn sync() -> u64 {
    run()
}

#[derive(Debug)]
struct Undisplayable;

#[warmup_cache]
#[cache_result]
async fn failing() -> Result<u64, String> {
    Err("no such table".to_owned())
}

#[warmup_cache]
#[cache_result]
async fn failing_for_debug() -> Result<u64, Undisplayable> {
    Err(Undisplayable)
}

#[warmup_cache(id = 3)]
#[cache]
async fn panicking(id: u64) -> u64 {
    panic!("job {id} panics on purpose")
}

#[warmup_cache]
async fn untouched() -> u64 {
    1
}

/// Failing as `untouched` is, not as something cached.
#[warmup_cache]
async fn untouched_and_failing() -> Result<u64, String> {
    Err("not even cached".to_owned())
}

#[cache]
async fn inner(id: u64) -> u64 {
    id
}

#[warmup_cache(ids = &[1, 2])]
async fn several(ids: &[u64]) -> u64 {
    let mut sum = 0;
    for id in ids {
        sum += inner(*id).await;
    }
    sum
}

#[warmup_cache(id = 1)]
#[warmup_cache(id = 2)]
#[cache(when = |value| value % 2 == 0)]
async fn even(id: u64) -> u64 {
    for _ in 0..PAUSES.get() {
        pause().await;
    }
    inner(id + 100).await - 100
}

#[warmup_cache]
#[cache_result]
fn nothing() -> Result<Option<u64>, String> {
    Ok(None)
}

const JOBS: usize = 16;

fn names(list: &[String]) -> Vec<&str> {
    let mut names: Vec<_> = list
        .iter()
        .map(|name| {
            name.strip_prefix("behaviour::warmup::")
                .unwrap_or_else(|| panic!("{name}"))
        })
        .collect();
    names.sort_unstable();
    names
}

fn warm(test: &TestCache) -> WarmupReport {
    block_on(test.cache().warmup().run())
}

#[test]
fn a_warm_up_reports_what_came_of_each_call() {
    let test = start();
    let report = warm(&test);
    assert_eq!(
        names(report.warmed.named()),
        [
            "cities(\"DE\")",
            "cities(\"ES\")",
            "cities(\"FR\")",
            "cities(\"IT\")",
            "cities(\"PL\")",
            "cities(\"PT\")",
            "even(2)",
            "several(&[1,2])",
            "sync()"
        ]
    );
    assert_eq!(names(report.untouched.named()), ["untouched()"]);
    assert_eq!(names(report.refused.named()), ["even(1)", "nothing()"]);
    let mut failed = report.failed.named().to_vec();
    failed.sort();
    let failed: Vec<_> = failed
        .iter()
        .map(|(name, why)| (name.as_str(), why.as_str()))
        .collect();
    assert_eq!(
        failed,
        [
            ("behaviour::warmup::failing()", "no such table"),
            ("behaviour::warmup::failing_for_debug()", "Undisplayable"),
            (
                "behaviour::warmup::panicking(3)",
                "panicked: job 3 panics on purpose"
            ),
            (
                "behaviour::warmup::untouched_and_failing()",
                "not even cached"
            ),
        ]
    );
    assert_eq!(
        report.warmed.count()
            + report.untouched.count()
            + report.refused.count()
            + report.failed.count(),
        JOBS
    );

    let text = report.to_string();
    assert!(text.starts_with("9 warmed, 4 failed in "), "{text}");
    assert!(
        text.contains("\n  kept nothing: behaviour::warmup::even(1)"),
        "{text}"
    );
    assert!(
        text.contains("\n  failed: behaviour::warmup::failing(): no such table"),
        "{text}"
    );
    assert!(
        text.contains("\n  touched no cache: behaviour::warmup::untouched()"),
        "{text}"
    );
}

#[test]
fn what_was_warmed_is_there_and_only_in_that_cache() {
    let test = start();
    warm(&test);
    let made = runs();
    test.enter(|| {
        block_on(cities("DE"));
        sync();
        block_on(inner(2));
    });
    assert_eq!(runs(), made, "all hits");
    TestCache::new().enter(|| block_on(cities("DE")));
    assert_eq!(runs(), made + 1);
}

#[test]
fn what_is_there_already_is_warm() {
    let test = start();
    let first = warm(&test);
    let made = runs();
    let second = warm(&test);
    assert_eq!(runs(), made);
    assert_eq!(names(first.warmed.named()), names(second.warmed.named()));
    test.advance(Duration::from_secs(3600));
    warm(&test);
    assert!(runs() > made);
}

#[test]
fn as_many_calls_at_a_time_as_was_said() {
    for (asked, most) in [
        (None, 4),
        (Some(0), 1),
        (Some(1), 1),
        (Some(2), 2),
        (Some(100), 6),
    ] {
        let test = start();
        MOST.set(0);
        let warmup = test.cache().warmup();
        block_on(match asked {
            None => warmup.run(),
            Some(calls) => warmup.concurrency(calls).run(),
        });
        assert_eq!(MOST.get(), most, "{asked:?}");
        assert_eq!(UNDER_WAY.get(), 0);
    }
}

#[test]
fn progress_is_told_after_each_call() {
    let test = start();
    let told = Mutex::new(Vec::new());
    let report = block_on(
        test.cache()
            .warmup()
            .progress(|through, of| told.lock().unwrap().push((through, of)))
            .run(),
    );
    assert_eq!(
        told.into_inner().unwrap(),
        (1..=JOBS).map(|n| (n, JOBS)).collect::<Vec<_>>()
    );
    assert_eq!(report.warmed.count(), 9);
}

#[test]
fn a_warm_up_that_is_dropped_leaves_what_it_stored() {
    let test = start();
    let mut warming = Hand::new(test.cache().warmup().concurrency(1).run());
    for _ in 0..40 {
        assert!(warming.poll().is_pending());
    }
    drop(warming);
    UNDER_WAY.set(0);
    let stored = test.cache().stats().total.stores;
    assert!((1..11).contains(&stored), "{stored}");
    assert_eq!(warm(&test).warmed.count(), 9, "and blocks nobody");
}

#[test]
fn who_waits_for_a_value_that_is_not_kept_is_not_warm() {
    let test = start();
    PAUSES.set(100);
    let warming = test.cache().warmup().concurrency(JOBS).run();
    let (values, report) = block_on(join(join(test.run(even(1)), test.run(even(2))), warming));
    assert_eq!(values, (1, 2));
    assert_eq!(test.cache().stats().total.coalesced, 2);
    assert!(names(report.warmed.named()).contains(&"even(2)"));
    assert_eq!(names(report.refused.named()), ["even(1)", "nothing()"]);
}
