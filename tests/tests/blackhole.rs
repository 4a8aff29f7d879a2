//! A way to the server on which packets are lost, all of them, without a word: neither an end of connections nor a refusal of new ones.
//!
//! A program of its own, as its threads are in networks of their own. That takes rights; without them it says so, and tests nothing.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "a network of one's own is asked for by hand")]
#![expect(clippy::unwrap_used, reason = "what tests share is a test, too")]

use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use cache_core::{Cache, ErrorKind, blocking, cache};
use tests::redis::Server;

const SOON: Duration = Duration::from_secs(20);

static ROW: AtomicU64 = AtomicU64::new(1);

#[cache(ttl = 1000)]
fn row(id: u64) -> u64 {
    let _ = id;
    ROW.load(SeqCst)
}

/// Takes this thread, and what it starts, into a network that has nothing in it.
fn leave_network() -> io::Result<()> {
    // SAFETY: it has no arguments in memory, and changes nothing but what sockets of this thread can reach.
    match unsafe { libc::unshare(libc::CLONE_NEWNET) } {
        0 => ip("link set lo up"),
        _ => Err(io::Error::last_os_error()),
    }
}

fn ip(words: &str) -> io::Result<()> {
    let ran = Command::new("ip").args(words.split(' ')).output()?;
    match ran.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&ran.stderr))),
    }
}

/// Where packets to the server go: to nobody's card, or to the server's.
fn lose_packets(lose: bool) {
    ip(match lose {
        true => "neigh replace 10.83.0.1 lladdr 02:00:00:00:00:83 dev cache1 nud permanent",
        false => "neigh del 10.83.0.1 dev cache1",
    })
    .unwrap();
}

#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < SOON, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn process(url: &str) -> Cache {
    let builder = Cache::builder().namespace("test").redis(url);
    let cache = builder.build_blocking().unwrap();
    until("contact", || cache.health().is_well());
    cache
}

#[test]
fn lost_packets_cost_a_time_out_and_then_nothing() {
    let networks = leave_network().and_then(|()| ip("link add cache0 type veth peer name cache1"));
    if let Err(error) = networks {
        eprintln!(
            "skipped, a network of its own is not to be had ({error}): a test that loses packets"
        );
        return;
    }
    ip("addr add 10.83.0.1/24 dev cache0").unwrap();
    ip("link set cache0 up").unwrap();
    let Some(server) = Server::start(&["bind 0.0.0.0", "protected-mode no"]).unwrap() else {
        return;
    };
    let near = process(&server.url());
    let url = server.url().replace("127.0.0.1", "10.83.0.1");
    let (told, card) = std::sync::mpsc::channel();
    let far = thread::scope(|scope| {
        let far = scope.spawn(|| {
            leave_network().unwrap();
            // SAFETY: it only tells who this is.
            told.send(unsafe { libc::gettid() }).unwrap();
            until("the card is here", || {
                ip("addr add 10.83.0.2/24 dev cache1").is_ok()
            });
            ip("link set cache1 up").unwrap();
            is_cut_off(&process(&url), &near);
        });
        ip(&format!("link set cache1 netns {}", card.recv().unwrap())).unwrap();
        far.join()
    });
    far.unwrap();
}

fn is_cut_off(far: &Cache, near: &Cache) {
    for id in [1, 2] {
        assert_eq!(far.enter(|| row(id)), 1);
    }
    until("they are stored", || {
        near.enter(|| row(1) + row(2));
        near.stats().total.fetched == 2
    });
    assert_eq!(far.enter(|| row(3)), 1);

    lose_packets(true);
    let (mut longest, began) = (Duration::ZERO, Instant::now());
    let mut calls = 0;
    while !far.health().redis.unwrap().breaker_open {
        assert!(began.elapsed() < SOON, "the breaker does not open");
        let began = Instant::now();
        calls += 1;
        assert_eq!(far.enter(|| row(1_000 + calls)), 1);
        longest = longest.max(began.elapsed());
    }
    // 50 ms, and what a busy machine adds.
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    let mut took: Vec<_> = (0..1_000)
        .map(|id| {
            let began = Instant::now();
            assert_eq!(far.enter(|| row(2_000 + id)), 1);
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    println!(
        "{calls} calls, {longest:?} at most; then a miss in {:?}, in the middle",
        took[500]
    );
    assert!(took[500] < Duration::from_millis(1), "{took:?}");

    ROW.store(2, SeqCst);
    near.enter(|| blocking::invalidate(|| row(1))).unwrap();
    let told = far.enter(|| blocking::invalidate(|| row(2))).unwrap_err();
    assert_eq!(told.kind(), ErrorKind::NotLogged);
    assert_eq!(far.enter(|| row(2)), 2, "it has taken effect here");
    assert_eq!(near.enter(|| row(2)), 1, "nobody could tell it");

    lose_packets(false);
    until("it is well again", || far.health().is_well());
    assert_eq!((far.enter(|| row(1)), far.enter(|| row(2))), (2, 2));
    until("the other one is told", || near.enter(|| row(2)) == 2);
    let fetched = near.stats().total.fetched;
    let mut id = 10_000;
    until("values are shared again", || {
        id += 1;
        far.enter(|| row(id));
        thread::sleep(Duration::from_millis(5));
        near.enter(|| row(id)) == 2 && near.stats().total.fetched > fetched
    });
}
