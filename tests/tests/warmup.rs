//! Start-up calls in order, from lists, with an end, and again and again. All of this binary's are here: every warm-up makes all of
//! them.

#![expect(clippy::unwrap_used, reason = "of what tests have in common")]

use std::future::pending;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cache_core::__private::block_on;
use cache_core::{Cache, TestCache, WarmupReport, cache, warmup_cache};
use futures_util::future::{Either, join, select};
use tests::redis::Server;
use tokio::runtime::{Builder, Runtime};

/// Long enough for whatever must happen, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(20);

/// What was called, in order; a test's own while it holds this.
static CALLED: Mutex<Vec<String>> = Mutex::new(Vec::new());
static ALONE: Mutex<()> = Mutex::new(());

fn called(call: String) {
    CALLED.lock().unwrap().push(call);
}

#[warmup_cache(from = cities().await, priority = 5)]
#[cache]
async fn weather(city: &str) -> usize {
    called(format!("weather {city}"));
    city.len()
}

async fn cities() -> Vec<String> {
    vec!["Berlin".into(), "Rome".into()]
}

#[warmup_cache(base = "eur", from = [("usd", 1_u8), ("chf", 2)], priority = 7)]
#[cache]
fn rate(base: &str, quote: &'static str, days: u8) -> u64 {
    called(format!("rate {base} {quote} {days}"));
    1
}

#[warmup_cache(from = (1..=3_u64).inspect(|n| assert!(*n < 3, "no third")), priority = 6)]
#[cache]
async fn odd(n: u64) -> Result<u64, String> {
    called(format!("odd {n}"));
    if n == 2 {
        Err("two is even".into())
    } else {
        Ok(n)
    }
}

#[warmup_cache(from = Vec::<u64>::new(), priority = 10)]
#[cache]
async fn never(n: u64) -> u64 {
    called("never".into());
    n
}

static STUCK: AtomicU64 = AtomicU64::new(0);

#[warmup_cache(every = "20ms")]
#[cache]
async fn stuck() -> u64 {
    if STUCK.load(SeqCst) > 0 {
        STUCK.fetch_add(1, SeqCst);
        pending::<()>().await;
    }
    1
}

static COUNTED: AtomicU64 = AtomicU64::new(0);
const OFTEN: Duration = Duration::from_millis(30);

#[warmup_cache(every = OFTEN, priority = 1)]
#[cache(ttl = "1h")]
async fn count() -> u64 {
    COUNTED.fetch_add(1, SeqCst) + 1
}

fn names(list: &[String]) -> Vec<&str> {
    list.iter()
        .map(|name| name.strip_prefix("warmup::").unwrap_or(name))
        .collect()
}

fn alone() -> std::sync::MutexGuard<'static, ()> {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    CALLED.lock().unwrap().clear();
    STUCK.store(0, SeqCst);
    COUNTED.store(0, SeqCst);
    alone
}

#[test]
fn the_higher_the_priority_the_sooner_and_each_item_is_a_call() {
    let _alone = alone();
    let test = TestCache::new();
    let told = Mutex::new(Vec::new());
    let warmup = test.cache().warmup().concurrency(1);
    let progress = |through, of| told.lock().unwrap().push((through, of));
    let report = block_on(warmup.progress(progress).run());
    assert_eq!(
        *CALLED.lock().unwrap(),
        [
            "rate eur usd 1",
            "rate eur chf 2",
            "odd 1",
            "odd 2",
            "weather Berlin",
            "weather Rome"
        ]
    );
    assert_eq!(
        names(report.warmed.named()),
        [
            "rate(\"eur\",from[(\"usd\",1_u8),(\"chf\",2)])[0]",
            "rate(\"eur\",from[(\"usd\",1_u8),(\"chf\",2)])[1]",
            "odd(from(1..=3_u64).inspect(|n|assert!(*n<3,\"no third\")))[0]",
            "weather(from cities().await)[0]",
            "weather(from cities().await)[1]",
            "count()",
            "stuck()",
        ]
    );
    let failed: Vec<_> = report
        .failed
        .named()
        .iter()
        .map(|(_, why)| why.as_str())
        .collect();
    assert_eq!(failed, ["two is even", "panicked: no third"]);
    assert!(report.failed.named()[0].0.ends_with("[1]"), "{report}");
    let told = told.into_inner().unwrap();
    assert_eq!(told.last(), Some(&(9, 9)), "{told:?}");
    // What was warmed is there.
    test.enter(|| block_on(weather("Rome")));
    assert_eq!(CALLED.lock().unwrap().len(), 6);
}

#[test]
fn what_is_not_through_at_the_deadline_is_given_up() {
    let _alone = alone();
    STUCK.store(1, SeqCst);
    let test = TestCache::new();
    let warmup = test.cache().warmup().concurrency(1);
    let began = Instant::now();
    let report = block_on(warmup.deadline(Duration::from_millis(300)).run());
    assert!(began.elapsed() < SOON);
    assert_eq!(names(report.cancelled.named()), ["stuck()"], "{report}");
    assert!(
        report
            .to_string()
            .contains("\n  cancelled: warmup::stuck()"),
        "{report}"
    );
    assert_eq!(report.warmed.count(), 6);

    let report = block_on(
        test.cache()
            .warmup()
            .deadline(Duration::ZERO)
            .concurrency(1)
            .run(),
    );
    assert_eq!(report.cancelled.count(), 6, "{report}");
    assert!(report.warmed.is_empty(), "{report}");
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// Repeats until so.
fn repeat(cache: &Cache, mut told: impl FnMut(&WarmupReport), mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    let repeating = cache.warmup().repeat(|report| told(&report));
    let waiting = async {
        while !so() {
            assert!(began.elapsed() < SOON, "waited in vain");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    runtime().block_on(async {
        let (repeating, waiting) = (std::pin::pin!(repeating), std::pin::pin!(waiting));
        assert!(matches!(select(repeating, waiting).await, Either::Right(_)));
    });
}

#[test]
fn what_has_an_interval_is_made_again_although_it_is_there() {
    let _alone = alone();
    let test = TestCache::new();
    let mut reports = 0;
    let told = |report: &WarmupReport| {
        assert_eq!(report.warmed.count(), 1, "{report}");
        reports += 1;
    };
    repeat(test.cache(), told, || COUNTED.load(SeqCst) == 3);
    assert!(reports >= 2);
    let made = COUNTED.load(SeqCst);
    assert_eq!(test.enter(|| block_on(count())), made, "it was replaced");
}

#[test]
fn what_hangs_disables_neither_itself_nor_others() {
    let _alone = alone();
    let test = TestCache::new();
    STUCK.store(1, SeqCst);
    let mut cancelled = 0;
    let told = |report: &WarmupReport| cancelled += report.cancelled.count();
    repeat(test.cache(), told, || {
        COUNTED.load(SeqCst) >= 3 && STUCK.load(SeqCst) >= 4
    });
    assert!(cancelled >= 2);
}

#[test]
fn of_several_processes_one_makes_the_call() {
    let Some(server) = Server::start(&[]).unwrap() else {
        return;
    };
    let _alone = alone();
    runtime().block_on(fleet(&server));
}

async fn fleet(server: &Server) {
    let process = async || {
        // An answer that comes too late would mean that everybody calls.
        let builder = Cache::builder().namespace("test").op_timeout(SOON);
        let builder = builder.redis(&server.url());
        let cache = builder.build().await.unwrap();
        let began = Instant::now();
        while !cache.health().is_well() {
            assert!(began.elapsed() < SOON, "no contact");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        cache
    };
    let (a, b) = (process().await, process().await);
    let began = Instant::now();
    let repeat = |cache: Cache| async move { cache.warmup().repeat(|_| ()).await };
    let both = join(repeat(a), repeat(b));
    let end = async {
        while COUNTED.load(SeqCst) < 10 {
            assert!(began.elapsed() < SOON, "waited in vain");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    select(std::pin::pin!(both), std::pin::pin!(end)).await;
    // Each turn lasts for 0.9 of the interval; both by themselves would have made twice as many.
    let turns = began.elapsed().as_secs_f64() / (0.9 * OFTEN.as_secs_f64());
    let made = COUNTED.load(SeqCst) as f64;
    assert!(made <= turns + 1.0, "{made} calls in {turns} turns");
}
