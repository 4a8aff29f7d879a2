//! Start-up calls that nobody asks for, each time in a process of their own.

#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests, the functions beside them too"
)]

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use cache_core::{Builder, Cache, ErrorKind, EventKind, cache, warmup_cache};
use tests::parts::{is, is_any, play};

/// Long enough for whatever must happen, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(20);

static MADE: AtomicU64 = AtomicU64::new(0);

#[warmup_cache(id = 1)]
#[warmup_cache(id = 2)]
#[cache]
fn plain(id: u64) -> u64 {
    MADE.fetch_add(1, SeqCst);
    id
}

#[warmup_cache(id = 3)]
#[cache]
async fn of_tokio(id: u64) -> u64 {
    tokio::time::sleep(Duration::from_millis(1)).await;
    MADE.fetch_add(1, SeqCst);
    id
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
fn not_where_it_is_off() {
    if !is("not_where_it_is_off") {
        return;
    }
    let runtime = runtime();
    let (builder, told) = told(Builder::from_env().warmup_on_startup(false));
    let cache = runtime.block_on(builder.install()).unwrap();
    let report = runtime.block_on(cache.warmup().run());
    assert_eq!(report.warmed.len(), 3, "{report}");
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
    assert_eq!(report.warmed.len(), 3, "{report}");
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
