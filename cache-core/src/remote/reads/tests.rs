//! Reads from real servers.

use std::pin::Pin;
use std::task::Context;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;

mod failing;
mod waking;

use super::*;
use crate::index::Index;
use crate::link::tests::server::Server;
use crate::link::tests::start;
use crate::link::{LinkOptions, Trip};
use crate::log::LogOptions;
use crate::position::Position;
use crate::sync::block_on;
use crate::time::Clock;

/// Long enough for whatever must happen, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(20);

/// What a time-out may be exceeded by on a machine with other things to do.
const SLACK: Duration = Duration::from_millis(450);

/// One process of the application.
struct Instance {
    link: Link,
    reads: Reads,
}

impl Instance {
    fn of(server: &Server, op_timeout: Duration) -> Self {
        Self::with(server, op_timeout, 1_000)
    }

    fn with(server: &Server, op_timeout: Duration, failures: u32) -> Self {
        let options = LinkOptions {
            op_timeout,
            failures,
            ..LinkOptions::default()
        };
        let link = Link::open(&server.url(), options).unwrap();
        let start = Position {
            generation: 0,
            sequence: 1,
        };
        let log = Log::follow(
            &link,
            "t",
            Arc::new(Index::new(start, 1_000)),
            Clock::System,
            Arc::default(),
            LogOptions::default(),
        );
        let reads = Reads::new(&link, &log, "v/");
        let instance = Self { link, reads };
        // The log has been heard of, without which nothing can be said of a value.
        put(server, key(0), b"0", SOON);
        until("contact", || {
            instance.get(0).is_ok_and(|found| found.is_some())
        });
        until("there is a wire", || instance.link.has_wire());
        instance
    }

    fn get(&self, n: u8) -> Result<Option<Vec<u8>>, LinkError> {
        block_on(self.reads.ask(key(n))).map(|found| found.map(|found| found.envelope().to_vec()))
    }
}

fn key(n: u8) -> KeyDigest {
    KeyDigest::from_bytes([n; 16])
}

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < SOON, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn name(key: KeyDigest) -> Vec<u8> {
    format!("v/{key}").into_bytes()
}

/// Stores what expires so much later.
fn put(server: &Server, key: KeyDigest, envelope: &[u8], lifetime: Duration) {
    let now = scripts::time(match server.command(["TIME"]).unwrap() {
        crate::link::tests::server::Reply::Array(parts) => Value::Array(
            parts
                .into_iter()
                .map(|part| match part {
                    crate::link::tests::server::Reply::Bytes(bytes) => Value::BulkString(bytes),
                    other => panic!("{other:?}"),
                })
                .collect(),
        ),
        other => panic!("{other:?}"),
    });
    let expiry = (now.unwrap() + lifetime).as_millis().to_string();
    let value = [envelope, expiry.as_bytes()].concat();
    server
        .command([b"SET", &name(key)[..], &value, b"PXAT", expiry.as_bytes()])
        .unwrap();
}

#[test]
fn those_who_wait_at_the_same_time_make_few_trips() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    for n in 1..100 {
        put(&server, key(n), &[n], SOON);
    }
    // While the server sleeps, all are asked for.
    let (told, calls) = server
        .calls_during(|| {
            server.pause().unwrap();
            let asked: Vec<Read> = (0..200).map(|n| instance.reads.ask(key(n))).collect();
            server.resume().unwrap();
            block_on(join_all(asked))
        })
        .unwrap();
    for (n, told) in told.into_iter().enumerate() {
        let found = told.unwrap();
        match found {
            Some(found) if n > 0 => {
                assert_eq!(found.envelope(), [n as u8]);
                assert!(
                    found.left <= SOON && !found.left.is_zero(),
                    "{:?}",
                    found.left
                );
            }
            found => assert!(found.is_none() == (n >= 100), "{n}"),
        }
    }
    let trips = calls["mget"];
    assert!((1..=LANES as u64 + 1).contains(&trips), "{calls:?}");
    assert_eq!(calls["time"], trips);
    assert!(
        !calls.contains_key("get") && !calls.contains_key("pttl"),
        "{calls:?}"
    );
}

#[test]
fn trips_bring_fewer_values_of_those_that_are_large() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    let keys: Vec<KeyDigest> = (1..=100).map(key).collect();
    for n in 1..=100 {
        put(&server, key(n), &vec![n; 64 << 10], SOON);
    }
    let trips = || {
        let ask = || block_on(join_all(instance.reads.ask_many(&keys)));
        let (told, calls) = server.calls_during(ask).unwrap();
        assert!(told.into_iter().all(|found| found.unwrap().is_some()));
        calls["mget"]
    };
    // It could not be known before; then eight of them are what one trip may bring.
    assert_eq!(trips(), 1);
    assert!((100 / 8..=100 / 7 + 1).contains(&trips()));
    for n in 1..=100 {
        put(&server, key(n), &[n], SOON);
    }
    assert!(trips() > 1);
    assert_eq!(trips(), 1, "they did not grow again");
}

#[test]
fn many_that_are_asked_for_together_are_one_trip() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    for n in 1..100 {
        put(&server, key(n), &[n], SOON);
    }
    let keys: Vec<KeyDigest> = (0..200).map(key).collect();
    for (keys, trips) in [
        (keys.clone(), 1),
        (keys.repeat(10), 2_000 / BURST as u64 + 1),
    ] {
        let (told, calls) = server
            .calls_during(|| block_on(join_all(instance.reads.ask_many(&keys))))
            .unwrap();
        assert_eq!((calls["mget"], calls["time"]), (trips, trips));
        // Whoever follows the log waits with it, too.
        assert!(calls["xread"] >= trips);
        for (n, told) in told.into_iter().enumerate() {
            let n = (n % 200) as u8;
            let envelope = told.unwrap().map(|found| found.envelope().to_vec());
            assert!(n == 0 || envelope == (n < 100).then(|| vec![n]), "{n}");
        }
    }
    assert!(instance.reads.ask_many(&[]).is_empty());
}

#[test]
fn more_than_a_burst_are_all_answered() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    server.pause().unwrap();
    let asked: Vec<Read> = (0..10 * BURST)
        .map(|_| instance.reads.ask(key(0)))
        .collect();
    server.resume().unwrap();
    for told in block_on(join_all(asked)) {
        assert_eq!(told.unwrap().unwrap().envelope(), b"0");
    }
}

#[test]
fn what_is_no_value_is_none_and_keeps_nobody_else_from_his() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    put(&server, key(1), &[1], SOON);
    put(&server, key(2), &[2], Duration::ZERO);
    let (list, bare) = (name(key(3)), name(key(4)));
    server.command([b"RPUSH", &list[..], b"item"]).unwrap();
    server.command([b"SET", &bare[..], b"no expiry"]).unwrap();
    server.pause().unwrap();
    let asked: Vec<Read> = (0..6).map(|n| instance.reads.ask(key(n))).collect();
    server.resume().unwrap();
    let told: Vec<_> = block_on(join_all(asked))
        .into_iter()
        .map(|told| told.unwrap().map(|found| found.envelope().to_vec()))
        .collect();
    assert_eq!(
        told,
        [
            Some(vec![b'0']),
            Some(vec![1]),
            None,
            None,
            // Something is there: whoever parses it says what is wrong with it.
            Some(b"no expiry".to_vec()),
            None
        ]
    );
}

#[test]
fn nobody_waits_for_longer_than_the_time_out() {
    let server = start!();
    let timeout = Duration::from_millis(200);
    let instance = Instance::of(&server, timeout);
    server.pause().unwrap();
    let began = Instant::now();
    let mut asked = Vec::new();
    // Some are on their way, some wait behind these.
    while began.elapsed() < timeout / 2 {
        asked.push((Instant::now(), instance.reads.ask(key(0))));
        thread::yield_now();
    }
    for (since, read) in asked {
        assert_eq!(block_on(read).err(), Some(LinkError::TimedOut));
        assert!(since.elapsed() < timeout + timeout / 2 + SLACK);
    }
    assert!(began.elapsed() < 2 * timeout + SLACK, "one after another");
    server.resume().unwrap();
    until("it answers", || instance.get(0) == Ok(Some(vec![b'0'])));
}

#[test]
fn who_has_been_told_and_does_not_look_holds_nobody_back() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    let many: Vec<Read> = (0..4 * FEW).map(|_| instance.reads.ask(key(0))).collect();
    let told = || instance.reads.queue.told.load(Ordering::Relaxed);
    until("they are told", || told() == 4 * FEW as isize);
    for _ in 0..3 {
        assert_eq!(instance.get(0), Ok(Some(vec![b'0'])));
    }
    // Whether they look or not, they are not counted for ever; nor those who have not waited for their answer.
    server.pause().unwrap();
    drop(instance.reads.ask(key(0)));
    let last = instance.reads.ask(key(0));
    drop(many);
    server.resume().unwrap();
    assert!(block_on(last).is_ok());
    until("nobody is counted", || told() == 0);
    until("nothing is under way", || {
        lock(&instance.reads.queue.waiting).flying == 0
    });
}

/// Else trips would be small for as long as there are many callers.
#[test]
fn those_who_have_been_told_are_given_up_only_if_nobody_goes_for_a_moment() {
    let server = start!();
    let queue = Arc::clone(&Instance::of(&server, SOON).reads.queue);
    let told = AtomicIsize::new(1_000);
    let mut waiting = Waiting::default();
    let hold = |waiting: &mut Waiting, n: u8| {
        let read = waiting.add(key(n), Instant::now() + SOON, &queue, false);
        assert!(waiting.next(&told, false).is_none());
        assert!(waiting.is_stuck());
        read
    };
    let _one = hold(&mut waiting, 1);
    waiting.alarmed = Some(waiting.begun);
    // His trip begins and ends within the moment, and another is held back.
    assert!(waiting.next(&told, true).is_some());
    waiting.under_way = 0;
    waiting.flying = 0;
    let _other = hold(&mut waiting, 2);
    assert!(!waiting.gives_up(&told));
    assert_eq!((waiting.unheeded, waiting.alarmed), (0, None));
    // That one's own moment.
    waiting.alarmed = Some(waiting.begun);
    assert!(waiting.gives_up(&told));
    assert_eq!(waiting.unheeded, 1_000);
    assert!(waiting.next(&told, false).is_some());
}

#[test]
fn what_nobody_waits_for_is_not_asked_for() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    let (told, calls) = server
        .calls_during(|| {
            server.pause().unwrap();
            // They are on their way.
            let sent: Vec<Read> = (0..LANES).map(|_| instance.reads.ask(key(0))).collect();
            until("they are sent", || {
                lock(&instance.reads.queue.waiting).forming.trips.is_empty()
            });
            drop(
                (0..1_000)
                    .map(|_| instance.reads.ask(key(1)))
                    .collect::<Vec<_>>(),
            );
            server.resume().unwrap();
            assert_eq!(instance.get(0), Ok(Some(vec![b'0'])));
            block_on(join_all(sent))
        })
        .unwrap();
    assert!(told.iter().all(Result::is_ok));
    assert!(calls["mget"] <= LANES as u64 + 2, "{calls:?}");
}

/// Where there is a wire, and where there is none.
#[test]
fn a_trip_asks_for_the_same_in_both_forms() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    for keys in [
        vec![Some(key(1))],
        vec![None, Some(key(2)), None, Some(key(3))],
    ] {
        let mut waiting = lock(&instance.reads.queue.waiting);
        waiting.under_way += 1;
        waiting.flying += keys.len();
        drop(waiting);
        let queue = &instance.reads.queue;
        let going = Going {
            queue: Arc::clone(queue),
            batch: Arc::new(Batch::new(Arc::clone(queue), 0, false)),
            deadlines: vec![Instant::now(); keys.len()],
            keys,
            riders: vec![(key(4), 0)],
            late: 0,
        };
        let mut packed = Vec::new();
        going.commands().pack(&mut packed);
        assert_eq!(going.bytes(), packed);
    }
}

#[test]
fn who_asks_a_closed_link_is_told() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    server.pause().unwrap();
    let waiting = instance.reads.ask(key(0));
    instance.link.close();
    assert!(matches!(block_on(waiting), Err(LinkError::Disconnected(_))));
    until("it is closed", || {
        lock(&instance.reads.queue.waiting).closed
    });
    assert!(matches!(instance.get(0), Err(LinkError::Disconnected(_))));
}

#[test]
fn where_the_log_is_none_nothing_is_said_of_values() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    server.command(["DEL", "fc:{t}:log"]).unwrap();
    server.command(["SET", "fc:{t}:log", "no stream"]).unwrap();
    assert!(matches!(instance.get(0), Err(LinkError::Refused(_))));
}
