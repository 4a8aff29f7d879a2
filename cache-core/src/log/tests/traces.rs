//! The traces that the protocol's model prints for designs without one of its rules, `X1` to `X18`, as tests of the real
//! code: each holds, and does not without the rule.
//!
//! | trace | without | where |
//! | --- | --- | --- |
//! | X1 a deletion is published, and a value stored after it | [`Rule::Check`] | `read/compute/tests.rs` |
//! | X2 the same, and a connection lost | [`Rule::CatchUp`] | here |
//! | X3 the stamp is taken when the value is stored | [`Rule::Stamp`] | `read/compute/tests.rs` |
//! | X4 an old computation is joined | [`Rule::Join`] | `read/compute/tests.rs` |
//! | X5 the log is trimmed | [`Rule::Floor`] | here |
//! | X6 failover, X6b restart without data | [`Rule::Generation`] | here |
//! | X7 failover, X17 split brain, and nobody says lost records again | [`Rule::Witness`] | here |
//! | X8 failover, and the only witness dies | [`OnFork::Flush`]: an exception of the other policy | here |
//! | X9 a value does not depend on what it was made of | [`Rule::Union`] | `read/compute/tests.rs` |
//! | X10 a value is made of one that is older than its own stamp | [`Rule::Oldest`] | `read/compute/tests.rs` |
//! | X11 a replica of the database that lags, X12 a writer that dies before it says so | exceptions without a rule | `read/compute/tests.rs` |
//! | X13 a value that began under a hold | holds are not there yet | |
//! | X14 a stamp raised over a generation, and lost records at their old places | [`Rule::Raise`] and [`Rule::Pending`] | here |
//! | X15 the incarnation is not asked, and connections survive a promotion | [`Rule::Incarnation`] | here |
//! | X16 the index forgets | [`Rule::Floor`] | here |
//! | X18 split brain, and lost records at their old places | [`Rule::Pending`] | here |
//!
//! Servers are real. Nothing follows their logs but these tests, step by step, as the model does.

use super::*;
use crate::entry::{Class, Head, Instance as Of, Kept};
use crate::rule::{Rule, without};
use crate::tier::memory::Lookup;

/// Runs a trace: it is to end without a stale value, and with one if it lacks these rules.
#[track_caller]
fn shows(rules: &'static [Rule], stale: impl Fn() -> Option<bool>) {
    let Some(with) = stale() else { return };
    assert!(!with, "the protocol serves a stale value");
    assert_eq!(without(rules, stale), Some(true), "{rules:?} is not missed");
}

/// One process of the application, that hears of the log when it is told to.
pub(super) struct Process {
    pub(super) shared: Shared,
    pub(super) link: Link,
    pub(super) index: Arc<Index>,
    pub(super) runtime: tokio::runtime::Runtime,
    on_fork: OnFork,
}

impl Process {
    pub(super) fn of(server: &Server) -> Self {
        Self::with(server, 1_000, OnFork::Repair)
    }

    fn with(server: &Server, records: usize, on_fork: OnFork) -> Self {
        let start = Position {
            generation: 0,
            sequence: 1,
        };
        let index = Arc::new(Index::new(start, records));
        let (link, shared) = connect(server, &index, on_fork);
        let process = Self {
            shared,
            link,
            index,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap(),
            on_fork,
        };
        process.sync();
        process
    }

    /// Its name for the server means another one now.
    pub(super) fn move_to(&mut self, server: &Server) {
        (self.link, self.shared) = connect(server, &self.index, self.on_fork);
        self.sync();
    }

    fn sync(&self) {
        self.runtime.block_on(self.shared.sync()).unwrap();
    }

    /// Everything that it owes the log.
    pub(super) fn settle(&self) {
        while self.index.pending_count() > 0 {
            // No pause: nobody else says it.
            self.shared.wake.notify_one();
            let pending = self.index.pending();
            self.runtime.block_on(self.shared.flush(pending)).unwrap();
        }
    }

    /// An invalidation that returns `Ok`.
    pub(super) fn invalidate(&self, tag: &str) {
        let matchers = vec![Matcher::Tag(tag.into())];
        self.index.pend(flight::next_id, matchers);
        self.settle();
    }

    /// A computation that begins now.
    pub(super) fn begin(&self) -> Value {
        (self.index.applied(), flight::next_id())
    }

    /// Whether it takes from Redis what another process has computed.
    pub(super) fn takes(&self, (stamp, _): Value, tag: &str) -> bool {
        self.index.check(stamp, 0, &[Dep::tag(tag)]).valid
    }

    /// A value in its memory.
    fn keep(&self, (stamp, ordinal): Value, tag: &str) -> Arc<Kept> {
        let identity = std::any::TypeId::of::<()>();
        let head = Head {
            instance: Arc::new(Of {
                grace: crate::policy::Grace::default(),
                identity,
                stats: Arc::default(),
                ring: None,
                index: Arc::clone(&self.index),
            }),
            key: Lookup::whole(&identity, b"").to_key(),
            class: Class::Value,
            stamp,
            checked: 0,
            expires: u64::MAX,
            deps: Box::new([Dep::tag(tag)]),
            began: 0,
            ordinal,
            cost_ns: 0,
            of_late: false,
        };
        head.with(Arc::new(1_u8), 1)
    }
}

fn connect(server: &Server, index: &Arc<Index>, on_fork: OnFork) -> (Link, Shared) {
    let patient = LinkOptions {
        op_timeout: SOON,
        connect_timeout: SOON,
        ..LinkOptions::default()
    };
    let link = Link::open(&server.url(), patient).unwrap();
    let options = LogOptions {
        on_fork,
        ..LogOptions::default()
    };
    let index = Arc::clone(index);
    let shared = Shared::new(&link, "t", index, Clock::System, Arc::default(), options);
    (link, shared)
}

pub(super) fn server() -> Option<Server> {
    Server::start(&[]).unwrap()
}

/// A primary, and a replica that has everything and hears nothing more.
fn pair() -> Option<(Server, Server)> {
    let primary = server()?;
    let replica = primary.replica().unwrap();
    Some((primary, replica))
}

/// The replica takes over with what it has by now.
pub(super) fn part(primary: &Server, replica: &Server) {
    replica.catch_up(primary).unwrap();
    replica.promote().unwrap();
}

#[test]
fn x2_what_was_said_while_a_connection_was_lost_is_heard_of() {
    shows(&[Rule::CatchUp], || {
        let server = server()?;
        let (a, b) = (Process::of(&server), Process::of(&server));
        let value = a.begin();
        b.invalidate("v");
        b.invalidate("w");
        a.sync();
        Some(a.keep(value, "v").is_valid())
    });
}

#[test]
fn x5_what_the_log_has_forgotten_may_have_been_anything() {
    shows(&[Rule::Floor], || {
        let server = server()?;
        let (a, b) = (Process::of(&server), Process::of(&server));
        let value = a.begin();
        a.invalidate("v");
        a.invalidate("w");
        server
            .command(["XTRIM", "fc:{t}:log", "MAXLEN", "1"])
            .unwrap();
        b.sync();
        Some(b.takes(value, "v"))
    });
}

#[test]
fn x6_what_a_failover_lost_is_not_taken_for_the_present() {
    shows(&[Rule::Generation], || {
        let (old, new) = pair()?;
        let (mut a, mut b) = (Process::of(&old), Process::of(&old));
        let value = a.begin();
        part(&old, &new);
        a.invalidate("v");
        a.move_to(&new);
        a.settle();
        b.move_to(&new);
        Some(b.takes(value, "v"))
    });
}

#[test]
fn x6b_what_an_empty_server_lost_is_not_taken_for_the_present() {
    shows(&[Rule::Generation], || {
        let mut server = server()?;
        let (mut a, mut b) = (Process::of(&server), Process::of(&server));
        let value = a.begin();
        a.invalidate("v");
        server.restart_empty().unwrap();
        a.move_to(&server);
        a.settle();
        b.move_to(&server);
        Some(b.takes(value, "v"))
    });
}

#[test]
fn x7_what_a_failover_lost_is_said_again() {
    shows(&[Rule::Witness], || {
        let (old, new) = pair()?;
        let (mut a, mut b) = (Process::of(&old), Process::of(&old));
        let value = a.begin();
        part(&old, &new);
        a.invalidate("v");
        a.move_to(&new);
        a.settle();
        b.move_to(&new);
        Some(b.takes(value, "v"))
    });
}

#[test]
fn x8_what_only_the_dead_knew_is_lost_unless_everything_is_flushed() {
    let stale = |on_fork| {
        let (old, new) = pair()?;
        let mut a = Process::with(&old, 1_000, on_fork);
        let kept = a.keep(a.begin(), "v");
        part(&old, &new);
        let b = Process::with(&old, 1_000, on_fork);
        b.invalidate("v");
        drop(b);
        a.move_to(&new);
        Some(kept.is_valid())
    };
    let Some(repaired) = stale(OnFork::Repair) else {
        return;
    };
    assert!(
        repaired,
        "the exception is none any more: say so in the guide"
    );
    assert_eq!(stale(OnFork::Flush), Some(false));
}

#[test]
fn x14_a_stamp_stays_in_its_generation() {
    let stale = || {
        let (old, new) = pair()?;
        let (mut a, mut b) = (Process::of(&old), Process::of(&old));
        let inner = a.keep(a.begin(), "v");
        part(&old, &new);
        b.invalidate("v");
        a.move_to(&new);
        a.invalidate("w");
        a.invalidate("w");
        // Nothing at the new server says that it is none, and another one is made of it.
        assert!(inner.is_valid());
        let (stamp, ordinal) = a.begin();
        let outer = (stamp.min(inner.stamp()), ordinal);
        b.move_to(&new);
        Some(b.takes(outer, "v"))
    };
    shows(&[Rule::Raise, Rule::Pending], stale);
    // Each of the two is enough.
    for one in [&[Rule::Raise][..], &[Rule::Pending]] {
        assert_ne!(without(one, stale), Some(true));
    }
}

#[test]
fn x15_a_server_is_asked_who_it_is_at_every_append() {
    shows(&[Rule::Incarnation], || {
        let (old, new) = pair()?;
        let (mut a, mut b) = (Process::of(&old), Process::of(&old));
        let value = a.begin();
        part(&old, &new);
        a.invalidate("v");
        // Who has not seen what was lost fills its place, so that who has seen it misses nothing.
        b.move_to(&new);
        b.invalidate("w");
        a.move_to(&new);
        a.settle();
        b.sync();
        Some(b.takes(value, "v"))
    });
}

#[test]
fn x16_what_the_index_has_forgotten_may_have_been_anything() {
    shows(&[Rule::Floor], || {
        let server = server()?;
        let a = Process::with(&server, 1, OnFork::Repair);
        let b = Process::of(&server);
        let value = a.begin();
        b.invalidate("v");
        a.invalidate("w");
        Some(a.takes(value, "v"))
    });
}

#[test]
fn x17_both_sides_of_a_split_brain_hear_of_each_other() {
    shows(&[Rule::Witness], || {
        let (old, new) = pair()?;
        let (mut a, mut b) = (Process::of(&old), Process::of(&old));
        let value = a.begin();
        part(&old, &new);
        b.move_to(&new);
        a.invalidate("v");
        a.move_to(&new);
        a.settle();
        b.sync();
        Some(b.takes(value, "v"))
    });
}

#[test]
fn x18_what_was_lost_is_later_than_a_value_of_the_new_generation() {
    shows(&[Rule::Pending], || {
        let (old, new) = pair()?;
        let (mut a, mut b) = (Process::of(&old), Process::of(&old));
        part(&old, &new);
        b.move_to(&new);
        let value = b.begin();
        a.invalidate("v");
        a.move_to(&new);
        Some(a.takes(value, "v"))
    });
}
