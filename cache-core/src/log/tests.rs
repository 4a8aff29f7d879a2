//! Instances that follow the log of real servers.

mod appending;
mod asking;
mod traces;

use std::pin::Pin;
use std::task::Context;
use std::thread;

use super::*;
use crate::deps::Dep;
use crate::link::LinkOptions;
use crate::link::tests::{server::Server, start};
use crate::matcher;
use crate::position::Position;

/// Long enough for whatever must happen, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(20);

/// One process of the application.
struct Instance {
    log: Log,
    index: Arc<Index>,
    trusted_until: Arc<AtomicU64>,
    link: Link,
}

/// A value that began to be computed here.
type Value = (Position, u64);

impl Instance {
    fn of(server: &Server) -> Self {
        Self::with(&server.url(), LogOptions::default())
    }

    fn with(url: &str, options: LogOptions) -> Self {
        let link = LinkOptions {
            op_timeout: Duration::from_secs(2),
            probe_interval: Duration::from_millis(50),
            ..LinkOptions::default()
        };
        let link = Link::open(url, link).unwrap();
        let start = Position {
            generation: 0,
            sequence: 1,
        };
        let index = Arc::new(Index::new(start, 1_000));
        let trusted_until = Arc::default();
        let log = Log::follow(
            &link,
            "t",
            Arc::clone(&index),
            Clock::System,
            Arc::clone(&trusted_until),
            LogOptions {
                heartbeat: Duration::from_millis(200),
                ..options
            },
        );
        Self {
            log,
            index,
            trusted_until,
            link,
        }
    }

    fn try_invalidate(&self, tag: &str) -> Result<Position, LinkError> {
        wait(self.log.append(vec![Matcher::Tag(tag.into())]))
    }

    fn invalidate(&self, tag: &str) -> Position {
        self.try_invalidate(tag).unwrap()
    }

    fn begin(&self) -> Value {
        let stamp = self.index.applied();
        (stamp, flight::next_id())
    }

    fn serves(&self, (stamp, ordinal): Value, tag: &str) -> bool {
        self.index.check(stamp, ordinal, &[Dep::tag(tag)]).valid
    }

    /// Waits until it has heard of the log.
    fn contact(&self) {
        until("contact with the log", || {
            self.trusted_until.load(Ordering::Relaxed) > 0 && self.index.applied().generation > 0
        });
    }

    fn reached(&self, position: Position) {
        until("a position is reached", || self.index.applied() >= position);
    }
}

fn wait<F: Future>(future: F) -> F::Output {
    crate::private::block_on(future)
}

#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !so() {
        assert!(began.elapsed() < SOON, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn what_one_invalidates_is_invalid_for_all() {
    let server = start!();
    let (a, b) = (Instance::of(&server), Instance::of(&server));
    a.contact();
    b.contact();
    let (at_a, at_b) = (a.begin(), b.begin());
    assert!(a.serves(at_a, "x") && b.serves(at_b, "x"));
    let position = a.invalidate("x");
    assert!(!a.serves(at_a, "x"), "at once where it was said");
    assert_eq!(a.log.pending(), 0);
    b.reached(position);
    assert_eq!(
        (a.index.records(), b.index.records()),
        (1, 1),
        "counted once"
    );
    assert!(!b.serves(at_b, "x") && b.serves(at_b, "y"));
    assert!(b.serves(b.begin(), "x"));
}

#[test]
fn an_instance_that_comes_late_knows_what_was_said() {
    let server = start!();
    let a = Instance::of(&server);
    a.contact();
    let before = a.begin().0;
    let position = a.invalidate("x");
    let b = Instance::of(&server);
    b.reached(position);
    assert!(!b.serves((before, 0), "x"), "a value of the first one's");
    assert!(b.serves((before, 0), "y"));
}

#[test]
fn many_at_once_are_few_records() {
    let server = start!();
    let a = Instance::of(&server);
    a.contact();
    let before = a.index.applied();
    let appends: Vec<_> = (0..1_000)
        .map(|n| {
            a.log
                .append(vec![Matcher::Tag(format!("{n}").as_str().into())])
        })
        .collect();
    let positions: Vec<_> = appends
        .into_iter()
        .map(|append| wait(append).unwrap())
        .collect();
    let records = positions.last().unwrap().sequence - before.sequence;
    assert!(records < 500, "{records} records");
    assert!(positions.is_sorted());
    assert_eq!(a.log.pending(), 0);
}

#[test]
fn an_append_that_is_dropped_goes_on() {
    let server = start!();
    let (a, b) = (Instance::of(&server), Instance::of(&server));
    a.contact();
    b.contact();
    let at_b = b.begin();
    drop(a.log.append(vec![Matcher::Tag("x".into())]));
    until("the record arrives", || !b.serves(at_b, "x"));
}

#[test]
fn without_a_server_it_stays_pending_and_is_said_when_there_is_one() {
    let mut server = start!();
    let (a, b) = (Instance::of(&server), Instance::of(&server));
    a.contact();
    b.contact();
    server.kill().unwrap();
    let (at_a, at_b) = (a.begin(), b.begin());
    assert!(a.try_invalidate("x").is_err());
    assert!(!a.serves(at_a, "x") && a.serves(a.begin(), "x"));
    assert_eq!(a.log.pending(), 1);
    assert!(b.serves(at_b, "x"), "nobody has told it");
    server.start_again().unwrap();
    until("it is said", || !b.serves(at_b, "x"));
    until("it is no longer pending", || a.log.pending() == 0);
    assert!(!a.serves(at_a, "x"));
}

#[test]
fn a_server_that_has_forgotten_everything_makes_all_values_invalid() {
    let mut server = start!();
    let (a, b) = (Instance::of(&server), Instance::of(&server));
    a.contact();
    b.contact();
    b.reached(a.invalidate("x"));
    let (at_a, at_b) = (a.begin(), b.begin());
    let old = a.index.applied().generation;
    server.kill().unwrap();
    server.restart_empty().unwrap();
    for instance in [&a, &b] {
        until("the new generation is seen", || {
            instance.index.applied().generation > old
        });
    }
    assert!(!a.serves(at_a, "y") && !b.serves(at_b, "y"));
    // What the old log said is said again, once or twice, and then known to all.
    until("nothing is pending", || {
        a.log.pending() + b.log.pending() == 0
    });
    let c = Instance::of(&server);
    c.reached(a.index.applied());
    assert!(c.serves(c.begin(), "x"));
}

#[test]
fn what_a_promotion_loses_is_said_again() {
    let primary = start!();
    let replica = primary.replica().unwrap();
    let a = Instance::of(&primary);
    a.contact();
    let first = a.invalidate("w");
    replica.catch_up(&primary).unwrap();
    // The replica hears nothing from now on.
    replica.promote().unwrap();
    let lost = a.invalidate("x");
    let value = a.begin();
    // `a` moves over, as it does when a name points elsewhere.
    let moved = Instance::over(&replica, &a);
    let reader = Instance::of(&replica);
    until("the new generation is seen", || {
        moved.index.applied().generation > lost.generation
    });
    // An old value that a reader computed at the new server, before the write.
    let stale = (
        Position {
            sequence: 0,
            ..moved.index.applied()
        },
        0,
    );
    assert!(moved.serves(value, "y"), "what was shared is still good");
    assert!(!moved.serves(stale, "x"));
    until("it is said again", || moved.log.pending() == 0);
    until("others know", || !reader.serves((first, 0), "x"));
    assert!(reader.serves((first, 0), "y"));
}

impl Instance {
    /// The same process, after its name for the server has come to mean another one.
    fn over(server: &Server, before: &Self) -> Self {
        let new = Self::of(server);
        let index = Arc::clone(&before.index);
        let trusted_until = Arc::default();
        let log = Log::follow(
            &new.link,
            "t",
            Arc::clone(&index),
            Clock::System,
            Arc::clone(&trusted_until),
            LogOptions {
                heartbeat: Duration::from_millis(200),
                ..LogOptions::default()
            },
        );
        Self {
            log,
            index,
            trusted_until,
            link: new.link,
        }
    }
}

#[test]
fn what_was_trimmed_meanwhile_raises_the_floor() {
    let server = start!();
    let b = Instance::of(&server);
    b.contact();
    let at_b = b.begin();
    // Kept out while much is said.
    let index = Arc::clone(&b.index);
    drop(b);
    let a = Instance::with(
        &server.url(),
        LogOptions {
            length: 10,
            ..LogOptions::default()
        },
    );
    a.contact();
    for n in 0..500 {
        a.invalidate(&format!("{n}"));
    }
    let back = Instance::of(&server);
    let late = Instance {
        log: Log::follow(
            &back.link,
            "t",
            Arc::clone(&index),
            Clock::System,
            Arc::default(),
            LogOptions::default(),
        ),
        index,
        trusted_until: Arc::default(),
        link: back.link.clone(),
    };
    late.reached(a.index.applied());
    assert!(!late.serves(at_b, "y"), "who knows what was among them");
    assert!(late.serves(late.begin(), "y"));
}

#[test]
fn trust_ends_when_the_log_is_silent() {
    let mut server = start!();
    let a = Instance::of(&server);
    a.contact();
    let clock = Clock::System;
    assert!(a.trusted_until.load(Ordering::Relaxed) > clock.now());
    server.kill().unwrap();
    let until_now = a.trusted_until.load(Ordering::Relaxed);
    thread::sleep(Duration::from_millis(300));
    assert!(a.trusted_until.load(Ordering::Relaxed) <= until_now + 250);
    server.start_again().unwrap();
    until("contact again", || {
        a.trusted_until.load(Ordering::Relaxed) > until_now + 250
    });
}

#[test]
fn something_else_under_the_logs_key_fails_no_more_than_an_outage() {
    let server = start!();
    server
        .command(["SET", "fc:{t}:log", "not a stream"])
        .unwrap();
    let a = Instance::of(&server);
    let value = a.begin();
    assert!(a.try_invalidate("x").is_err());
    assert!(!a.serves(value, "x") && a.serves(value, "y"));
    assert_eq!(a.log.pending(), 1);
    server.command(["DEL", "fc:{t}:log"]).unwrap();
    until("it is said", || a.log.pending() == 0);
}

#[test]
fn a_server_that_turns_out_to_be_a_replica_is_left() {
    let primary = start!();
    let replica = primary.replica().unwrap();
    let a = Instance::of(&replica);
    let value = a.begin();
    assert!(a.try_invalidate("x").is_err());
    assert!(!a.serves(value, "x"));
    let connections = a.link.health().connections;
    until("it tries again by name", || {
        a.link.health().connections > connections + 1
    });
    assert_eq!(
        a.trusted_until.load(Ordering::Relaxed),
        0,
        "nothing of it counts"
    );
    replica.promote().unwrap();
    until("it is said", || a.log.pending() == 0);
}

#[test]
fn much_that_was_lost_keeps_nobody_waiting() {
    let primary = start!();
    let replica = primary.replica().unwrap();
    let a = Instance::of(&primary);
    a.contact();
    let first = a.invalidate("w");
    replica.catch_up(&primary).unwrap();
    replica.promote().unwrap();
    for n in 0..300 {
        a.invalidate(&format!("lost {n}"));
    }
    let moved = Instance::over(&replica, &a);
    until("the new generation is seen", || {
        moved.index.applied().generation > first.generation
    });
    let began = std::time::Instant::now();
    moved.invalidate("urgent");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    until("all is said again", || moved.log.pending() == 0);
    let other = Instance::of(&replica);
    other.reached(moved.index.applied());
    assert!((0..300).all(|n| !other.serves((first, 0), &format!("lost {n}"))));
}
