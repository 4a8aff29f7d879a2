//! What a configuration decides: how long values are fresh, and what it must not be.

use std::time::Duration;

use cache_core::{Cache, ErrorKind, TestCache, cache, cache_result};

use crate::runs::{run, start, start_with};

#[cache("static:{id}")]
fn fixed(id: u64) -> u64 {
    let _ = id;
    run()
}

#[cache("ml:{id}")]
fn learnt(id: u64) -> u64 {
    let _ = id;
    run()
}

#[cache("other:{id}")]
fn other(id: u64) -> u64 {
    let _ = id;
    run()
}

#[cache("static:own:{id}", ttl = 5)]
fn own(id: u64) -> u64 {
    let _ = id;
    run()
}

#[cache_result("{id}")]
fn fallible(id: u64) -> Result<u64, ()> {
    let _ = id;
    Ok(run())
}

/// For how many seconds a function's value is fresh.
#[track_caller]
fn lives(test: &TestCache, seconds: u64, call: fn(u64) -> u64) {
    test.enter(|| {
        let value = call(1);
        test.advance(Duration::from_millis(seconds * 1_000 - 1));
        assert_eq!(call(1), value, "gone before {seconds} s");
        test.advance(Duration::from_millis(2));
        assert_ne!(call(1), value, "there after {seconds} s");
    });
}

#[test]
fn addresses_have_customary_lifetimes() {
    let test = start();
    lives(&test, 86_400, fixed);
    lives(&test, 3_600, learnt);
    lives(&test, 300, other);
    lives(&test, 5, own);
}

#[test]
fn what_is_more_particular_counts_more() {
    let builder = Cache::builder()
        .ttl_default(Duration::from_secs(60))
        .ttl("static:*", Duration::from_secs(10))
        .ttl("*:*", Duration::from_secs(20));
    let test = start_with(builder);
    lives(&test, 10, fixed);
    lives(&test, 20, learnt);
    lives(&test, 5, own);
    let test = start_with(Cache::builder().ttl_default(Duration::from_secs(60)));
    lives(&test, 86_400, fixed);
    lives(&test, 60, other);
    lives(&test, 60, |id| fallible(id).unwrap_or(0));
}

#[test]
fn patterns_of_what_is_called_later_come_first() {
    let path = std::env::temp_dir().join(format!("cache-patterns-{}.toml", std::process::id()));
    std::fs::write(&path, "[ttl.patterns]\n\"other:*\" = 30\n\"*\" = 40\n").unwrap();
    let before = Cache::builder()
        .ttl("ml:*", Duration::from_secs(10))
        .config_file(&path);
    let after = Cache::builder()
        .config_file(&path)
        .ttl("ml:*", Duration::from_secs(10))
        .ttl("*", Duration::from_secs(20));
    std::fs::remove_file(&path).unwrap();
    let test = start_with(before);
    lives(&test, 40, learnt);
    lives(&test, 30, other);
    let test = start_with(after);
    lives(&test, 10, learnt);
    lives(&test, 20, other);
}

#[test]
fn everything_that_cannot_work_is_told_at_once() {
    let error = Cache::builder()
        .namespace("a b")
        .ttl("[", Duration::MAX)
        .ttl_default(Duration::ZERO)
        .wait_max(Duration::MAX)
        .redis("redis://127.0.0.1/")
        .op_timeout(Duration::ZERO)
        .connect_timeout(Duration::MAX)
        .breaker(0, Duration::ZERO)
        .lease(Duration::MAX)
        .build_blocking()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    for part in [
        "9 mistakes",
        "namespace",
        "`ttl_default` is zero",
        "`wait_max` is longer than a day",
        "`op_timeout` is zero",
        "`connect_timeout` is longer",
        "`breaker_failures` is 0",
        "`breaker_probe` is zero",
        "`lease` is longer",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
