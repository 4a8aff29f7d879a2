//! The end of a cache: what was begun is brought to an end in time or reported, and nothing is left.
//!
//! A program of its own, and its tests one after the other: they count the threads of the process.

#![expect(clippy::unwrap_used, reason = "of what tests have in common")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use std::{fs, thread};

use cache_core::{Cache, ErrorKind, cache};
use tests::redis::{Reply, Server};

const SOON: Duration = Duration::from_secs(20);
const MINUTE: Duration = Duration::from_secs(60);

static ONE_BY_ONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_BY_ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The threads of this process that keep a connection.
fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.trim() == "cache-io")
        .count()
}

/// Clients of the server, but for the test itself.
fn clients(server: &Server) -> usize {
    let info = server.info("clients").unwrap();
    info["connected_clients"].parse::<usize>().unwrap() - 1
}

#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < SOON, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn open(server: &Server) -> Cache {
    let builder = Cache::builder().namespace("test").redis(&server.url());
    let cache = builder.build_blocking().unwrap();
    until("contact", || cache.health().is_well());
    cache
}

fn stored(server: &Server) -> usize {
    match server.command(["KEYS", "fc:{test}/v/*"]).unwrap() {
        Reply::Array(keys) => keys.len(),
        _ => 0,
    }
}

#[cache(ttl = 60)]
fn shared(n: u64) -> Arc<Vec<u64>> {
    Arc::new(vec![n; 1_000])
}

fn server() -> Option<Server> {
    Server::start(&[]).unwrap()
}

#[test]
fn what_waits_is_stored_before_the_end() {
    let _alone = alone();
    let Some(server) = server() else { return };
    let cache = open(&server);
    cache.enter(|| (0..500).for_each(|n| drop(shared(n))));
    let told = cache.invalidate_tag("t");
    let left = cache.shutdown_blocking(SOON);
    assert!(left.is_clean(), "{left:?}");
    assert_eq!(stored(&server), 500);
    drop(told);
    until("nothing is left", || {
        (threads(), clients(&server)) == (0, 0)
    });
    // And again, which does nothing.
    assert!(cache.shutdown_blocking(SOON).is_clean());
}

#[test]
fn what_cannot_be_told_in_time_is_reported_and_nobody_waits_for_ever() {
    let _alone = alone();
    let Some(server) = server() else { return };
    let cache = open(&server);
    server.pause().unwrap();
    let error = cache_core::__private::block_on(cache.invalidate_tag("t")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotLogged);
    cache.enter(|| (0..50).for_each(|n| drop(shared(n))));
    let began = Instant::now();
    let left = cache.shutdown_blocking(Duration::from_millis(200));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(left.pending, 1, "{left:?}");
    assert!(!left.is_clean());
    until("the thread is gone", || threads() == 0);
    server.resume().unwrap();
    // It goes on in memory, and says what it cannot do.
    assert_eq!(cache.enter(|| shared(7)).len(), 1_000);
    let began = Instant::now();
    let error = cache_core::__private::block_on(cache.invalidate_tag("t")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotLogged);
    let error = cache_core::__private::block_on(cache.set("n", 1_u64, MINUTE)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotLogged);
    let got = cache_core::__private::block_on(cache.get::<u64>("n"));
    assert_eq!(got.unwrap(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(!cache.health().is_well());
    until("its connections are gone", || clients(&server) == 0);
}

#[test]
fn a_shutdown_while_everybody_calls_fails_nobody() {
    let _alone = alone();
    let Some(server) = server() else { return };
    let cache = open(&server);
    thread::scope(|scope| {
        for part in 0..4 {
            let cache = &cache;
            scope.spawn(move || {
                for n in 0..500 {
                    let n = part * 10_000 + n;
                    assert_eq!(cache.enter(|| shared(n))[0], n);
                    let _ = cache_core::__private::block_on(cache.invalidate_tag("t"));
                }
            });
        }
        scope.spawn(|| cache.shutdown_blocking(Duration::from_millis(100)));
    });
    until("the thread is gone", || threads() == 0);
}

#[test]
fn it_can_be_awaited() {
    let _alone = alone();
    let Some(server) = server() else { return };
    let cache = open(&server);
    cache.enter(|| drop(shared(1)));
    assert!(cache_core::__private::block_on(cache.shutdown(SOON)).is_clean());
    assert_eq!(stored(&server), 1);
    let memory = Cache::builder().build_blocking().unwrap();
    assert!(
        memory.shutdown_blocking(SOON).is_clean(),
        "there is nothing"
    );
}

#[test]
fn dropping_everything_leaves_nothing() {
    let _alone = alone();
    let Some(server) = server() else { return };
    let mut values: Vec<Weak<Vec<u64>>> = Vec::new();
    for round in 0..20 {
        let cache = open(&server);
        assert_eq!(threads(), 1);
        let value = cache.enter(|| shared(round));
        values.push(Arc::downgrade(&value));
        drop(value);
        assert!(values[values.len() - 1].upgrade().is_some(), "it is kept");
        drop(cache);
        until("the thread is gone", || threads() == 0);
        until("the connections are gone", || clients(&server) == 0);
    }
    assert!(values.iter().all(|value| value.upgrade().is_none()));
    assert_eq!(stored(&server), 20, "what waited was stored all the same");
}
