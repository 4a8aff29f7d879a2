//! Start-up calls that nobody asks for, each time in a process of their own.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests, the functions beside them too"
)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use cache_core::{Builder, Cache, ErrorKind, EventKind, cache, warmup_cache};
use tests::parts::{is, is_any, play};

/// Long enough for whatever must happen, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(20);

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(60);

static MADE: AtomicU64 = AtomicU64::new(0);

/// What holds the calls up, if a test does.
static HELD: Mutex<Option<Arc<Barrier>>> = Mutex::new(None);

fn hold() -> Arc<Barrier> {
    let barrier = Arc::new(Barrier::new(2));
    *HELD.lock().unwrap() = Some(Arc::clone(&barrier));
    barrier
}

fn held() -> Option<Arc<Barrier>> {
    HELD.lock().unwrap().clone()
}

#[warmup_cache(id = 1, priority = 1)]
#[warmup_cache(id = 2, priority = 1)]
#[cache]
fn plain(id: u64) -> u64 {
    if let Some(barrier) = held() {
        // Begins, and ends.
        barrier.wait();
        barrier.wait();
    }
    MADE.fetch_add(1, SeqCst);
    id
}

#[warmup_cache(id = 3)]
#[cache]
async fn of_tokio(id: u64) -> u64 {
    if let Some(barrier) = held() {
        let _leaving = Leaving;
        BEGUN.fetch_add(1, SeqCst);
        if LAST_HOLDS.load(SeqCst) {
            barrier.wait();
            barrier.wait();
        }
        std::future::pending().await
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    MADE.fetch_add(1, SeqCst);
    id
}

/// Whether the last call holds its thread before it waits.
static LAST_HOLDS: AtomicBool = AtomicBool::new(false);

static BEGUN: AtomicU64 = AtomicU64::new(0);
static LEFT: AtomicU64 = AtomicU64::new(0);

struct Leaving;

impl Drop for Leaving {
    fn drop(&mut self) {
        LEFT.fetch_add(1, SeqCst);
    }
}

/// A builder that tells of what came of start-up calls.
fn told(builder: Builder) -> (Builder, Receiver<String>) {
    let (tell, told) = channel();
    let builder = builder.on_event(move |event| {
        if event.kind == EventKind::WarmedUp {
            tell.send(event.address.to_string()).unwrap();
        }
    });
    (builder, told)
}

#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < SOON, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_time().build().unwrap()
}

#[test]
fn each_in_its_process() {
    if is_any() {
        return;
    }
    let on = [("CACHE_WARMUP_ON_STARTUP", "1")];
    play("by_the_environment_on_a_runtime", &on);
    play("without_a_runtime", &[]);
    play("not_where_it_is_off", &on);
    play("not_by_build", &on);
    play("a_shutdown_drops_what_is_under_way", &[]);
    play("a_shutdown_lets_nothing_begin", &[]);
    play("a_shutdown_names_what_held_its_thread", &[]);
    play("a_shutdown_names_what_waits_for_redis", &[]);
    play(
        "nonsense_is_refused",
        &[("CACHE_WARMUP_ON_STARTUP", "perhaps")],
    );
}

#[test]
fn by_the_environment_on_a_runtime() {
    if !is("by_the_environment_on_a_runtime") {
        return;
    }
    let runtime = runtime();
    let (builder, told) = told(Builder::from_env());
    let cache = runtime.block_on(builder.install()).unwrap();
    let report = told.recv_timeout(SOON).unwrap();
    assert!(report.starts_with("3 warmed, 0 failed"), "{report}");
    assert_eq!((MADE.load(SeqCst), cache.stats().total.stores), (3, 3));
    assert_eq!(runtime.block_on(of_tokio(3)) + plain(1), 4);
    assert_eq!(MADE.load(SeqCst), 3);
}

#[test]
fn without_a_runtime() {
    if !is("without_a_runtime") {
        return;
    }
    let (builder, told) = told(Cache::builder().warmup_on_startup(true));
    builder.install_blocking().unwrap();
    let report = told.recv_timeout(SOON).unwrap();
    assert!(report.starts_with("2 warmed, 1 failed"), "{report}");
    assert!(report.contains("of_tokio(3): panicked: "), "{report}");
    assert_eq!(MADE.load(SeqCst), 2);
}

#[test]
fn a_shutdown_drops_what_is_under_way() {
    if !is("a_shutdown_drops_what_is_under_way") {
        return;
    }
    let barrier = hold();
    let runtime = runtime();
    let (builder, told) = told(Cache::builder().warmup_on_startup(true));
    let cache = runtime.block_on(builder.install()).unwrap();
    // Those that hold the thread up come first.
    for _ in 0..4 {
        barrier.wait();
    }
    until("those are over", || MADE.load(SeqCst) == 2);
    until("the other one is under way", || BEGUN.load(SeqCst) == 1);
    assert_eq!(LEFT.load(SeqCst), 0);
    let began = Instant::now();
    assert!(runtime.block_on(cache.shutdown(LONG)).is_clean());
    assert!(began.elapsed() < LONG, "nothing is waited for");
    assert_eq!(LEFT.load(SeqCst), 1);
    let report = told.recv_timeout(SOON).unwrap();
    assert!(report.starts_with("2 warmed, 0 failed"), "{report}");
    assert!(
        report.contains("cancelled: startup::of_tokio(3)"),
        "{report}"
    );
}

#[test]
fn a_shutdown_lets_nothing_begin() {
    if !is("a_shutdown_lets_nothing_begin") {
        return;
    }
    let barrier = hold();
    let (builder, told) = told(Cache::builder().warmup_on_startup(true));
    let cache = builder.install_blocking().unwrap();
    barrier.wait();
    // The first one cannot be dropped.
    let began = Instant::now();
    let within = Duration::from_millis(50);
    let _ = cache.shutdown_blocking(within);
    assert!((within..LONG).contains(&began.elapsed()));
    barrier.wait();
    let report = told.recv_timeout(SOON).unwrap();
    assert!(report.starts_with("1 warmed, 0 failed"), "{report}");
    assert_eq!((MADE.load(SeqCst), BEGUN.load(SeqCst)), (1, 0));
    assert!(cache.shutdown_blocking(LONG).is_clean());
}

#[test]
fn a_shutdown_names_what_held_its_thread() {
    if !is("a_shutdown_names_what_held_its_thread") {
        return;
    }
    let barrier = hold();
    LAST_HOLDS.store(true, SeqCst);
    let (builder, told) = told(Cache::builder().warmup_on_startup(true));
    let cache = builder.install_blocking().unwrap();
    // Those before, and the beginning of this.
    for _ in 0..5 {
        barrier.wait();
    }
    let _ = cache.shutdown_blocking(Duration::from_millis(50));
    barrier.wait();
    let report = told.recv_timeout(SOON).unwrap();
    assert!(
        report.contains("cancelled: startup::of_tokio(3)"),
        "{report}"
    );
}

#[test]
fn a_shutdown_names_what_waits_for_redis() {
    if !is("a_shutdown_names_what_waits_for_redis") {
        return;
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("redis://{}/", nobody.local_addr().unwrap());
    let builder = Cache::builder().redis(at.as_str());
    let builder = builder.connect_timeout(LONG).warmup_on_startup(true);
    let (builder, told) = told(builder);
    let runtime = runtime();
    let cache = runtime.block_on(builder.install()).unwrap();
    let _ = runtime.block_on(cache.shutdown(Duration::from_millis(50)));
    let report = told.recv_timeout(SOON).unwrap();
    assert!(report.starts_with("0 warmed"), "{report}");
    assert_eq!(report.matches("cancelled: ").count(), 3, "{report}");
}

#[test]
fn not_where_it_is_off() {
    if !is("not_where_it_is_off") {
        return;
    }
    let runtime = runtime();
    let (builder, told) = told(Builder::from_env().warmup_on_startup(false));
    let cache = runtime.block_on(builder.install()).unwrap();
    let report = runtime.block_on(cache.warmup().run());
    assert_eq!(report.warmed.count(), 3, "{report}");
    assert!(told.try_recv().is_err());
    assert_eq!(MADE.load(SeqCst), 3, "once");
}

#[test]
fn not_by_build() {
    if !is("not_by_build") {
        return;
    }
    let runtime = runtime();
    let (builder, told) = told(Builder::from_env());
    let cache = runtime.block_on(builder.build()).unwrap();
    let report = runtime.block_on(cache.warmup().run());
    assert_eq!(report.warmed.count(), 3, "{report}");
    assert!(told.try_recv().is_err());
}

#[test]
fn nonsense_is_refused() {
    if !is("nonsense_is_refused") {
        return;
    }
    let error = Builder::from_env().install_blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(
        text.contains("`CACHE_WARMUP_ON_STARTUP` is `perhaps`, which is neither yes nor no"),
        "{text}"
    );
}
