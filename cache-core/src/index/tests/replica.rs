//! A log that lives elsewhere. `X…` are traces of the protocol's model; `log/tests/traces.rs` has all of them, with real servers.

use super::super::replica::{Logged, OnFork, Page, Said};
use super::*;

/// A place in a generation.
fn pos(generation: u64, sequence: u64) -> Position {
    Position {
        generation,
        sequence,
    }
}

fn invalid(at: Position, tag: &str) -> Logged {
    let said = Said::Invalid {
        matchers: Box::new([Matcher::Tag(tag.into())]),
        origin: None,
    };
    Logged { position: at, said }
}

fn again(at: Position, tag: &str, origin: Position) -> Logged {
    let said = Said::Invalid {
        matchers: Box::new([Matcher::Tag(tag.into())]),
        origin: Some(origin),
    };
    Logged { position: at, said }
}

fn opened(generation: u64, ancestor: Option<Position>) -> Logged {
    Logged {
        position: pos(generation, 0),
        said: Said::Opened { ancestor },
    }
}

/// A server's log.
#[derive(Clone)]
struct Log(Vec<Logged>);

impl Log {
    /// What it answers to an instance.
    fn page(&self, index: &Index, count: usize) -> Page {
        let after = index.applied();
        let later = self.0.iter().filter(|record| record.position > after);
        Page {
            first: self.0.first().cloned(),
            tip: self
                .0
                .last()
                .map_or(Position::ZERO, |record| record.position),
            records: later.take(count).cloned().collect(),
        }
    }
}

/// An instance of the application.
struct Instance {
    index: Index,
    ordinal: std::cell::Cell<u64>,
    on_fork: OnFork,
}

impl Instance {
    fn new() -> Self {
        Self {
            index: Index::new(pos(0, 1), 1_000),
            ordinal: std::cell::Cell::new(0),
            on_fork: OnFork::Repair,
        }
    }

    fn next(&self) -> u64 {
        self.ordinal.set(self.ordinal.get() + 1);
        self.ordinal.get()
    }

    fn sync(&self, log: &Log) -> bool {
        let page = log.page(&self.index, usize::MAX);
        self.index.absorb(page, self.on_fork, || self.next())
    }

    /// A value that begins to be computed now.
    fn begin(&self) -> (Position, u64) {
        (self.index.applied(), self.next())
    }

    fn serves(&self, (stamp, ordinal): (Position, u64), tag: &str) -> bool {
        self.index.check(stamp, ordinal, &[Dep::tag(tag)]).valid
    }

    fn pending(&self) -> Vec<(Option<Position>, String)> {
        let text = |pending: super::super::replica::Pending| {
            let texts: Vec<_> = pending
                .matchers
                .iter()
                .map(|m| m.text().to_string())
                .collect();
            (pending.origin, texts.join(" "))
        };
        self.index.pending().into_iter().map(text).collect()
    }
}

#[test]
fn a_value_is_invalid_once_the_log_says_so() {
    let instance = Instance::new();
    let mut log = Log(vec![opened(5, None)]);
    instance.sync(&log);
    let value = instance.begin();
    assert!(instance.serves(value, "a"));
    log.0
        .extend([invalid(pos(5, 1), "b"), invalid(pos(5, 2), "a")]);
    let page = log.page(&instance.index, 1);
    assert!(
        instance.index.absorb(page, OnFork::Repair, || 0),
        "more to come"
    );
    assert!(instance.serves(value, "a") && !instance.serves(value, "b"));
    assert!(!instance.sync(&log));
    assert!(!instance.serves(value, "a"));
    assert!(instance.serves(instance.begin(), "a"));
    let version = instance.index.version();
    instance.sync(&log);
    assert_eq!(instance.index.version(), version, "nothing new");
}

#[test]
fn before_the_first_contact_values_are_kept_and_after_it_they_are_not() {
    let instance = Instance::new();
    let value = instance.begin();
    assert!(instance.serves(value, "a"));
    // Whatever the log says: it may have forgotten what was invalidated meanwhile.
    instance.sync(&Log(vec![opened(5, None)]));
    assert!(!instance.serves(value, "a"));
    assert!(instance.pending().is_empty());
}

#[test]
fn what_a_log_has_forgotten_is_a_gap_x5() {
    let instance = Instance::new();
    let mut log = Log(vec![opened(5, None), invalid(pos(5, 1), "b")]);
    instance.sync(&log);
    let value = instance.begin();
    // `a` was invalidated at 2, which is trimmed by now.
    log.0 = vec![invalid(pos(5, 3), "c")];
    instance.sync(&log);
    assert!(!instance.serves(value, "a"));
    assert!(instance.serves(instance.begin(), "a"));
    assert!(
        instance.pending().is_empty(),
        "nothing is lost within a generation"
    );
}

#[test]
fn a_log_that_is_trimmed_behind_us_is_no_gap() {
    let instance = Instance::new();
    let mut log = Log((0..4).map(|n| invalid(pos(5, n), "b")).collect());
    log.0[0] = opened(5, None);
    instance.sync(&log);
    let value = instance.begin();
    log.0 = vec![invalid(pos(5, 4), "b")];
    instance.sync(&log);
    assert!(instance.serves(value, "a"));
}

#[test]
fn a_new_log_shares_nothing_with_the_old_one_x6() {
    let instance = Instance::new();
    instance.sync(&Log(vec![opened(5, None), invalid(pos(5, 1), "b")]));
    let value = instance.begin();
    // Emptied; and somebody's `a` may have been among what it had.
    instance.sync(&Log(vec![opened(6, None)]));
    assert!(!instance.serves(value, "a"));
    assert_eq!(instance.pending(), [(Some(pos(5, 1)), "tag:b".to_owned())]);
    assert!(instance.serves(instance.begin(), "a"));
}

/// A primary that had one record more than the replica that was promoted.
fn promoted() -> (Log, Log) {
    let shared = vec![opened(5, None), invalid(pos(5, 1), "b")];
    let mut old = Log(shared.clone());
    old.0.push(invalid(pos(5, 2), "a"));
    let mut new = Log(shared);
    new.0.push(opened(6, Some(pos(5, 1))));
    (old, new)
}

#[test]
fn what_a_promotion_lost_is_said_again_x7() {
    let (old, new) = promoted();
    let witness = Instance::new();
    witness.sync(&old);
    witness.sync(&new);
    assert_eq!(witness.pending(), [(Some(pos(5, 2)), "tag:a".to_owned())]);
}

#[test]
fn what_a_promotion_lost_is_later_than_every_value_x18() {
    let (old, mut new) = promoted();
    let witness = Instance::new();
    // A value of the new generation, made by an instance that has never heard of the lost record, from before the write.
    let elsewhere = (pos(6, 0), 0);
    witness.sync(&old);
    witness.sync(&new);
    assert!(witness.index.applied() >= elsewhere.0);
    assert!(!witness.serves(elsewhere, "a"));
    assert!(witness.serves(elsewhere, "c"));
    assert!(
        witness.serves(witness.begin(), "a"),
        "what begins now has seen the write"
    );
    // Another witness says it first: ours need not.
    new.0.push(again(pos(6, 1), "a", pos(5, 2)));
    witness.sync(&new);
    assert!(witness.pending().is_empty());
    assert!(!witness.serves(elsewhere, "a"));
}

#[test]
fn what_was_lost_twice_keeps_its_first_place() {
    let (old, mut new) = promoted();
    let witness = Instance::new();
    witness.sync(&old);
    new.0.push(again(pos(6, 1), "a", pos(5, 2)));
    witness.sync(&new);
    assert!(witness.pending().is_empty());
    // The next promotion loses it again.
    let mut third = Log(new.0[..3].to_vec());
    third.0.push(opened(7, Some(pos(6, 0))));
    witness.sync(&third);
    assert_eq!(witness.pending(), [(Some(pos(5, 2)), "tag:a".to_owned())]);
}

#[test]
fn an_instance_that_knows_of_no_loss_says_nothing() {
    let (_, new) = promoted();
    let other = Instance::new();
    other.sync(&Log(new.0[..2].to_vec()));
    let value = other.begin();
    other.sync(&new);
    assert!(other.pending().is_empty());
    assert!(other.serves(value, "a"));
}

#[test]
fn a_generation_that_began_unseen_may_have_lost_anything() {
    let witness = Instance::new();
    witness.sync(&Log(vec![opened(5, None), invalid(pos(5, 1), "a")]));
    witness.sync(&Log(vec![invalid(pos(6, 9), "b")]));
    assert_eq!(witness.pending(), [(None, "*".to_owned())]);
    let newcomer = Instance::new();
    newcomer.sync(&Log(vec![invalid(pos(6, 9), "b")]));
    assert!(newcomer.pending().is_empty());
}

#[test]
fn who_has_forgotten_what_was_lost_says_everything() {
    let mut witness = Instance::new();
    witness.index = Index::new(pos(0, 1), 1);
    let (mut old, mut new) = promoted();
    old.0.push(invalid(pos(5, 3), "c"));
    witness.sync(&old);
    new.0.truncate(1);
    new.0.push(opened(6, Some(pos(5, 0))));
    witness.sync(&new);
    assert_eq!(witness.pending(), [(None, "*".to_owned())]);
}

#[test]
fn to_flush_is_to_trust_no_older_value() {
    let (old, new) = promoted();
    let mut instance = Instance::new();
    instance.on_fork = OnFork::Flush;
    instance.sync(&Log(old.0[..2].to_vec()));
    let value = instance.begin();
    instance.sync(&new);
    assert!(!instance.serves(value, "c"));
    let mut witness = Instance::new();
    witness.on_fork = OnFork::Flush;
    witness.sync(&old);
    witness.sync(&new);
    assert_eq!(witness.pending().len(), 1, "and is said again all the same");
}

#[test]
fn what_is_pending_is_later_than_what_had_begun() {
    let instance = Instance::new();
    instance.sync(&Log(vec![opened(5, None)]));
    let before = instance.begin();
    let version = instance.index.version();
    let ordinal = instance
        .index
        .pend(|| instance.next(), vec![Matcher::Tag("a".into())]);
    assert_ne!(
        instance.index.version(),
        version,
        "every hit is checked again"
    );
    let after = instance.begin();
    assert!(!instance.serves(before, "a") && instance.serves(before, "b"));
    assert!(instance.serves(after, "a"));
    let remote = (instance.index.applied(), 0);
    assert!(
        !instance.serves(remote, "a"),
        "a value from elsewhere has no ordinal"
    );
    // The log has it: its place there decides.
    instance.sync(&Log(vec![opened(5, None), invalid(pos(5, 1), "a")]));
    instance.index.settle_up_to(ordinal);
    assert!(instance.pending().is_empty());
    assert!(!instance.serves(before, "a") && !instance.serves(after, "a"));
}

#[test]
fn too_much_pending_is_everything() {
    let instance = Instance::new();
    instance.sync(&Log(vec![opened(5, None)]));
    let before = instance.begin();
    for n in 0..10_001 {
        let matchers = vec![Matcher::Tag(format!("{n}").as_str().into())];
        instance.index.pend(|| instance.next(), matchers);
    }
    assert_eq!(instance.pending(), [(None, "*".to_owned())]);
    assert!(!instance.serves(before, "other"));
    assert!(instance.serves(instance.begin(), "other"));
}

#[test]
fn records_that_come_twice_or_late_change_nothing() {
    let instance = Instance::new();
    let log = Log(vec![opened(5, None), invalid(pos(5, 1), "a")]);
    instance.sync(&log);
    let value = instance.begin();
    let mut page = log.page(&instance.index, 9);
    page.records = log.0.clone();
    instance.index.absorb(page, OnFork::Repair, || 0);
    assert!(instance.serves(value, "a"));
    assert_eq!(instance.index.applied(), pos(5, 1));
    instance.index.absorb(Page::default(), OnFork::Repair, || 0);
    assert_eq!(instance.index.applied(), pos(5, 1));
}

#[test]
fn of_many_lost_records_only_that_there_were_many_is_said_again() {
    let instance = Instance::new();
    let mut log = Log(vec![opened(5, None)]);
    log.0
        .extend((1..=101).map(|n| invalid(pos(5, n), &n.to_string())));
    instance.sync(&log);
    instance.sync(&Log(vec![log.0[0].clone(), opened(6, Some(pos(5, 0)))]));
    assert_eq!(instance.pending(), [(None, "*".to_owned())]);
}

#[test]
fn who_listens_hears_what_others_say_and_of_what_may_be_lost() {
    let instance = Instance::new();
    let listener = instance.index.listen();
    let heard = || {
        let mut heard = Vec::new();
        while let Some(said) = listener.take() {
            heard.push((said.at, said.matcher.text().to_string()));
        }
        heard
    };
    let said = |at, text: &str| (at, text.to_owned());
    let unknown = || said(Position::ZERO, "*");
    let mut log = Log(vec![opened(5, None)]);
    instance.sync(&log);
    assert_eq!(heard(), [unknown()], "the first contact");
    log.0.push(invalid(pos(5, 1), "a"));
    instance.sync(&log);
    instance.sync(&log);
    assert_eq!(heard(), [said(pos(5, 1), "tag:a")]);
    // One's own, at once and where the log has it.
    let ordinal = instance
        .index
        .pend(|| instance.next(), vec![Matcher::Tag("b".into())]);
    assert_eq!(heard(), [said(pos(0, ordinal), "tag:b")]);
    log.0.push(invalid(pos(5, 2), "b"));
    instance.sync(&log);
    assert_eq!(heard(), [said(pos(5, 2), "tag:b")]);
    // Records are missing.
    let gap = Log(vec![invalid(pos(5, 7), "c")]);
    instance.sync(&gap);
    assert_eq!(heard(), [unknown(), said(pos(5, 7), "tag:c")]);
    // The server is another one, and lacks what was said last.
    instance.sync(&Log(vec![opened(6, Some(pos(5, 2)))]));
    let again = heard();
    assert!(again.contains(&unknown()), "{again:?}");
}
