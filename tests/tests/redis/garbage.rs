//! Anybody can write anything into the keys of the cache: it costs a miss, or the log for a while, and is said.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "what tests share is a test, too"
)]

use cache_core::{ErrorKind, Memory, cache};
use tokio::task::JoinHandle;

use super::trips::Relay;
use super::*;
use tests::redis::Reply;

/// Other types than the cache's own, as what stands under `KEY`, of each one with an end and one without.
const TYPES: &[&str] = &[
    "LPUSH KEY x",
    "LPUSH KEY x; PEXPIRE KEY 60000",
    "HSET KEY inc x",
    "SADD KEY x",
    "ZADD KEY 1 x",
    "XADD KEY 1-1 t i",
    "SET KEY x",
    "SET KEY ''",
];

fn put(server: &Server, key: &[u8], wrong: &str) {
    // Between two commands the cache may have made a log of its own there.
    until(&format!("{wrong} is there"), || {
        server.command([b"DEL", key]).unwrap();
        wrong.split("; ").all(|command| {
            let parts = command.split(' ').map(|part| match part {
                "KEY" => key,
                "''" => b"",
                part => part.as_bytes(),
            });
            server.command(parts).is_ok()
        })
    });
}

fn keys(server: &Server, pattern: &str) -> Vec<Vec<u8>> {
    let Reply::Array(keys) = server.command(["KEYS", pattern]).unwrap() else {
        panic!("no list of keys");
    };
    let bytes = |key| match key {
        Reply::Bytes(key) => key,
        other => panic!("{other:?}"),
    };
    keys.into_iter().map(bytes).collect()
}

fn get(server: &Server, key: &[u8]) -> Vec<u8> {
    match server.command([b"GET", key]).unwrap() {
        Reply::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_stands_in_the_place_of_a_value_is_a_miss_and_is_replaced() {
    static ROW: Row = Row::new();
    static OTHER: Row = Row::new();
    #[cache(ttl = 60)]
    async fn value() -> u64 {
        ROW.read()
    }
    #[cache(ttl = 60)]
    async fn other() -> String {
        OTHER.read().to_string()
    }
    let server = start!();
    let a = process(&server).await;
    a.scope(value()).await;
    until("it is stored", || keys(&server, VALUES).len() == 1);
    let key = keys(&server, VALUES).remove(0);
    let good = get(&server, &key);
    a.scope(other()).await;
    until("it is stored", || keys(&server, VALUES).len() == 2);
    let second = keys(&server, VALUES).into_iter().find(|k| *k != key);
    let foreign = get(&server, &second.unwrap());

    let mut wrong: Vec<(Vec<u8>, bool)> = vec![
        (vec![0xff; 200], true),
        (vec![0xff; 200], false),
        (vec![0; 200], true),
        (foreign, true),
        // When it expires is behind it, in 13 digits: long ago, and never removed.
        ([&good[..good.len() - 13], b"1000000000000"].concat(), false),
        ([&good[..good.len() - 13], b"+000000000000"].concat(), true),
        ([&good[..], b"x"].concat(), true),
    ];
    for length in [1, 4, 19, 20, 40, good.len() - 1] {
        wrong.push((good[..length].to_vec(), true));
    }
    for at in [0, 1, 2, 3, 30, good.len() - 5, good.len() - 1] {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        wrong.push((bytes, true));
    }
    let mut reads = 1;
    let mut check = async |what: String| {
        reads += 1;
        let (miss, hit) = (process(&server).await, process(&server).await);
        assert_eq!(miss.scope(value()).await, 1, "{what}");
        assert_eq!(ROW.reads(), reads, "{what}");
        until(&format!("it is replaced: {what}"), || {
            matches!(server.command([b"GET", &key[..]]), Ok(Reply::Bytes(bytes)) if bytes.len() == good.len())
                && matches!(server.command([b"PTTL", &key[..]]), Ok(Reply::Integer(left)) if left > 0)
        });
        assert_eq!(hit.scope(value()).await, 1, "{what}");
        assert_eq!(ROW.reads(), reads, "not found by others: {what}");
        assert_eq!(hit.stats().total.fetched, 1);
    };
    for (bytes, ends) in wrong {
        let command: &[&[u8]] = &[b"SET", &key, &bytes, b"PX", b"60000"];
        let command = if ends { command } else { &command[..3] };
        server.command(command).unwrap();
        check(format!("{bytes:?}")).await;
    }
    for wrong in TYPES {
        put(&server, &key, wrong);
        check(format!("{wrong:?}")).await;
    }
}

#[tokio::test]
async fn what_stands_in_the_place_of_a_lease_delays_nobody_twice() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn value(n: u64) -> u64 {
        ROW.read() + n
    }
    let server = start!();
    let short = Duration::from_millis(300);
    let mut number = 0;
    // As long as a lease, and without an end: nobody's who could give it back.
    let held = format!("SET KEY {}", "x".repeat(32));
    for &wrong in TYPES.iter().chain([&&*held]) {
        number += 1;
        let process = async || {
            let builder = Cache::builder().namespace("test").redis(&server.url());
            let cache = builder.wait_max(short).build().await.unwrap();
            until("contact", || cache.health().is_well());
            cache
        };
        let (first, second) = (process().await, process().await);
        // The name of the lease, from the name of the value.
        server.command(["FLUSHALL"]).unwrap();
        until("contact", || first.health().is_well());
        first.scope(value(number)).await;
        until("it is stored", || keys(&server, VALUES).len() == 1);
        let key = String::from_utf8(keys(&server, VALUES).remove(0)).unwrap();
        server.command(["DEL", &key]).unwrap();
        let lease = key.replacen("/v/", "/l/", 1).into_bytes();
        put(&server, &lease, wrong);
        assert_eq!(second.scope(value(number)).await, 1 + number, "{wrong:?}");
        until(&format!("it is stored: {wrong:?}"), || {
            keys(&server, VALUES).len() == 1
        });
        let ends = |key: &[u8]| server.command([b"PTTL", key]).unwrap() != Reply::Integer(-1);
        until(&format!("it is gone or will be: {wrong:?}"), || {
            ends(&lease)
        });
    }
}

/// With something wrong in the place of the log or what belongs to it: before a process comes, and while it is there.
async fn broken(server: &Server, key: &str, wrong: &str, heals: bool) {
    server.command(["FLUSHALL"]).unwrap();
    let there = process(server).await;
    put(server, key.as_bytes(), wrong);
    let late = Cache::builder().namespace("test").redis(&server.url());
    let late = late.build().await.unwrap();
    for cache in [&there, &late] {
        works(cache).await.unwrap();
        let told = cache.invalidate_tag("a tag").await;
        if heals {
            until(&format!("it is well: {wrong:?}"), || {
                cache.health().is_well()
            });
            continue;
        }
        let error = told.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotLogged, "{wrong:?}");
        assert!(error.to_string().contains(key), "{wrong:?}: {error}");
        assert!(!cache.health().is_well());
    }
    // Neither asks again and again.
    let window = Duration::from_secs(1);
    let (_, calls) = server.calls_during(|| std::thread::sleep(window)).unwrap();
    let calls = calls.get("evalsha").copied().unwrap_or_default();
    assert!(calls <= 30, "{calls} a second: {wrong:?}");
    if !heals {
        server.command(["DEL", key]).unwrap();
    }
    for cache in [&there, &late] {
        until(&format!("it is well again: {wrong:?}"), || {
            cache.health().is_well()
        });
        works(cache).await.unwrap();
    }
}

#[tokio::test]
async fn another_type_in_the_place_of_the_log_is_said_and_stops_no_call() {
    let server = start!();
    for wrong in TYPES.iter().filter(|wrong| !wrong.starts_with('X')) {
        broken(&server, "fc:{test}:log", wrong, false).await;
    }
}

#[tokio::test]
async fn another_type_in_the_place_of_what_belongs_to_the_log_is_said_and_stops_no_call() {
    let server = start!();
    for wrong in TYPES.iter().filter(|wrong| !wrong.starts_with("HSET")) {
        broken(&server, "fc:{test}:meta", wrong, false).await;
    }
}

#[tokio::test]
async fn records_that_are_none_of_ours_are_overcome() {
    let server = start!();
    let log = "fc:{test}:log";
    for wrong in [
        "XADD KEY * x y",
        "XADD KEY 9000000000000000-7 x y",
        "XADD KEY 9000000000000000-7 t i m K\u{ff}\u{ff}x s '' o ''",
        "XADD KEY 9000000000000000-7 t o m '' s '' o x",
        "XADD KEY 9000000000000000-0 t o m '' s '' o 9999999999999999-9",
        "XADD KEY 1-1 x y; XDEL KEY 1-1",
    ] {
        broken(&server, log, wrong, true).await;
    }
    // Nothing can follow these.
    for wrong in [
        "XADD KEY 18446744073709551615-18446744073709551615 x y",
        "XADD KEY 18446744073709551614-0 t o m '' s '' o ''",
        "XADD KEY 9007199254740993-1 t i m A s '' o ''",
    ] {
        broken(&server, log, wrong, false).await;
    }
}

#[tokio::test]
async fn numbers_of_generations_that_are_none_are_overcome() {
    let server = start!();
    for number in [
        "y",
        "1e300",
        "nan",
        "inf",
        "-inf",
        "-7",
        "0.5",
        "18446744073709551615",
        "''",
    ] {
        let wrong = format!("HSET KEY inc x gen {number}");
        broken(&server, "fc:{test}:meta", &wrong, true).await;
    }
    broken(&server, "fc:{test}:meta", "HSET KEY x y", true).await;
}

#[tokio::test]
async fn nothing_stays_in_memory_for_longer_than_it_was_computed_for() {
    static ROW: Row = Row::new();
    #[cache(ttl = "200ms")]
    async fn brief() -> u64 {
        ROW.read()
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    a.scope(brief()).await;
    until("it is stored", || keys(&server, VALUES).len() == 1);
    let key = keys(&server, VALUES).remove(0);
    let good = get(&server, &key);
    let for_ever = [&good[..good.len() - 13], b"9999999999999"].concat();
    server.command([b"SET", &key[..], &for_ever[..]]).unwrap();
    let began = Instant::now();
    while b.stats().total.fetched < 2 {
        assert_eq!(b.scope(brief()).await, 1);
        assert!(began.elapsed() < SOON, "it is still there");
    }
}

/// All that comes after it would be the answer to something else, for as long as there is somebody who asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_answers_are_of_other_questions_is_left() {
    #[cache(ttl = 60)]
    async fn value(n: u64) -> u64 {
        n
    }
    const COUNT: u64 = 300;
    let server = start!();
    let relay = Relay::to(&server);
    let forgetful = Memory::new().max_entry_bytes(1);
    let cache = relay.process(Duration::ZERO, forgetful).await;
    let fetched = || cache.stats().total.fetched;
    let asking = (0..COUNT).map(|n| {
        let cache = cache.clone();
        tokio::spawn(async move {
            loop {
                assert_eq!(cache.scope(value(n)).await, n);
                // What is not found is there at once.
                tokio::task::yield_now().await;
            }
        })
    });
    let asking: Vec<_> = asking.collect();
    until("they are found", || fetched() > 10 * COUNT);
    for _ in 0..3 {
        relay.stray.store(true, SeqCst);
        until("something else is said", || !relay.stray.load(SeqCst));
        let before = fetched();
        until("they are found again", || fetched() > before + 10 * COUNT);
    }
    asking.iter().for_each(JoinHandle::abort);
}
