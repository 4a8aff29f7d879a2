//! What was fetched before it was asked for, and invalidated in between, is not served: as the traces of the protocol's model, with the
//! check and without it.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use crate::link::tests::server::{Reply, Server};
use crate::rule::{Rule, without};
use crate::sync::block_on;
use crate::{Cache, cache};

static ROW: AtomicU64 = AtomicU64::new(0);

#[cache(ttl = 600, tags("row"))]
async fn row() -> u64 {
    ROW.load(SeqCst)
}

#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn process(server: &Server, name: &str) -> Cache {
    let builder = Cache::builder().namespace(name).redis(&server.url());
    let cache = builder.hot_keys(10).build_blocking().unwrap();
    until("contact", || cache.health().is_well());
    cache
}

/// Whether a process that starts, has fetched the value, and has heard of an invalidation since, is served the present one.
fn is_served_the_present_one(server: &Server, name: &str, pattern: &str) -> bool {
    let writer = process(server, name);
    let call = || block_on(row());
    let version = writer.enter(call);
    writer.enter(call);
    until("it is stored", || {
        let name = format!("fc:{{{name}}}/v/*");
        server.command(["KEYS", &name]).unwrap() != Reply::Array(Vec::new())
    });
    let old = writer.shutdown_blocking(Duration::from_secs(5));
    assert!(old.is_clean(), "{old:?}");

    let other = process(server, name);
    let started = process(server, name);
    let shelved = || started.stats().redis.unwrap().shelf.unwrap();
    until("it is fetched", || shelved().entries == 1);
    ROW.store(version + 1, SeqCst);
    let applied = started.0.index.applied();
    block_on(other.invalidate_pattern(pattern)).unwrap();
    until("it is heard of", || started.0.index.applied() > applied);
    let served = started.enter(call);
    assert_eq!(shelved().entries, 0);
    assert!(served == version || served == version + 1);
    assert_eq!(shelved().used == 1, served == version);
    served == version + 1
}

#[test]
fn what_was_invalidated_in_between_is_not_served() {
    let Some(server) = Server::start(&[]).unwrap() else {
        return;
    };
    for pattern in ["tag:row", "*row*", "*"] {
        let served = |name: &str| is_served_the_present_one(&server, name, pattern);
        assert!(served("with"), "{pattern}");
        let without = without(&[Rule::Check], || served("without"));
        assert!(!without, "{pattern} is not missed");
        server.command(["FLUSHALL"]).unwrap();
    }
}

/// The same where nobody else has heard of it: the log has not answered.
#[test]
fn what_was_invalidated_here_is_not_served_although_the_log_does_not_know() {
    let Some(mut server) = Server::start(&[]).unwrap() else {
        return;
    };
    let mut served = |name: &str| {
        let writer = process(&server, name);
        let version = writer.enter(|| block_on(row()));
        writer.enter(|| block_on(row()));
        until("it is stored", || {
            let name = format!("fc:{{{name}}}/v/*");
            server.command(["KEYS", &name]).unwrap() != Reply::Array(Vec::new())
        });
        assert!(writer.shutdown_blocking(Duration::from_secs(5)).is_clean());
        let started = process(&server, name);
        let shelved = || started.stats().redis.unwrap().shelf.unwrap();
        until("it is fetched", || shelved().entries == 1);
        server.kill().unwrap();
        ROW.store(version + 1, SeqCst);
        block_on(started.invalidate_tag("row")).unwrap_err();
        let served = started.enter(|| block_on(row()));
        server.start_again().unwrap();
        served == version + 1
    };
    assert!(served("a"));
    assert!(!without(&[Rule::Pending], || served("b")), "not missed");
}
