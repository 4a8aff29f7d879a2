//! What was invalidated, and when: the part of the log that decides whether a value is still valid.
//!
//! Every invalidation is a [`Record`] with a [`Position`]. A value carries the position up to which the log had been
//! applied when its computation **began** (its stamp), and what it depends on. It is valid as long as no record
//! matches its dependencies at a later position. Nothing is ever searched for and deleted: an invalidation costs the
//! same whatever it matches, and a value that was being computed while it happened is as dead as one that was stored.
//!
//! Bounded: records of at most `max_matchers` matchers together are remembered. Forgetting one raises the floor to its position, below
//! which every stamp is invalid: forgetting costs misses, never a stale value. Of patterns that are no prefixes few are
//! kept, and the oldest of too many becomes its prefix: the same again, for the addresses that begin so.

use crate::matcher::Matcher;
use crate::position::Position;
use crate::rule::{Rule, holds};
use crate::sync::atomic::Ordering;
use crate::sync::{RwLock, StaticU64, read, write};

mod audience;
mod changes;
mod globs;
mod records;
#[cfg(feature = "redis")]
mod replica;
pub(crate) use crate::deps::{Dep, DepSet, Deps};
use audience::Audience;
pub(crate) use audience::{Heard, Listener};
use changes::{Changes, EVERYBODY, marks_of};
pub(crate) use changes::{checked, is_at};
use records::{Record, Records};
#[cfg(feature = "redis")]
pub use replica::OnFork;
#[cfg(feature = "redis")]
pub(crate) use replica::{Logged, Page, Pending, Said};

/// What an index says about a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub(crate) valid: bool,
    /// Whether records since the stamp are forgotten: nobody knows.
    pub(crate) forgotten: bool,
    /// The version at which this was found.
    pub(crate) version: u64,
    /// Up to where the log had been applied.
    pub(crate) applied: Position,
}

impl Verdict {
    /// The stamp of a value that was found valid with this one: no record matches it up to where the log had been applied.
    pub(crate) fn raised(&self, stamp: Position) -> Position {
        // Only within one generation: a stamp must not jump over records that another generation lost.
        if self.applied.generation != stamp.generation && holds(Rule::Raise) {
            return stamp;
        }
        Position {
            sequence: stamp.sequence.max(self.applied.sequence),
            ..stamp
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Index {
    /// Tells the indexes of a process apart.
    number: u64,
    /// A value checked at the version of the last one needs no other check.
    changes: Changes,
    max_matchers: usize,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    floor: Position,
    applied: Position,
    /// How many records have been applied.
    records: u64,
    /// What the log has, up to `applied`.
    logged: Records,
    /// What no log has yet, by ordinal in place of a position: it is later than every value that began before it.
    pending: Records,
    audience: Audience,
    /// Whom the change may concern that is being made, by their marks.
    concerned: u64,
    /// How many matchers were said since a change concerned everybody.
    since: usize,
}

impl Index {
    /// An index whose log begins at `start`.
    pub(crate) fn new(start: Position, max_matchers: usize) -> Self {
        static NEXT: StaticU64 = StaticU64::new(1);
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            changes: Changes::new(),
            max_matchers: max_matchers.max(1),
            state: RwLock::new(State {
                floor: start,
                applied: start,
                records: 0,
                logged: Records::default(),
                pending: Records::default(),
                audience: Audience::default(),
                concerned: 0,
                since: 0,
            }),
        }
    }

    /// Its number among the indexes of this process.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Another one after each change. A value whose last check was at this version is valid.
    #[inline(always)]
    pub(crate) fn version(&self) -> u64 {
        self.changes.version()
    }

    /// What a value is to remember instead that was [`checked`], if that is enough to tell that it is valid.
    pub(crate) fn pass(&self, checked: u64) -> Option<u64> {
        self.changes.pass(checked)
    }

    /// How many records have been applied.
    pub(crate) fn records(&self) -> u64 {
        read(&self.state).records
    }

    /// Up to where the log has been applied: the stamp of a computation that begins now.
    pub(crate) fn applied(&self) -> Position {
        read(&self.state).applied
    }

    /// Whether what stands there is known to have been applied. Of another generation nobody can say: it may have lost it.
    pub(crate) fn has_reached(&self, at: Position) -> bool {
        let applied = self.applied();
        applied.generation == at.generation && applied >= at
    }

    /// Matchers for one record: more than are remembered are everything, and need no room until they are appended.
    pub(crate) fn fit(&self, matchers: &mut Vec<Matcher>) {
        if matchers.len() > self.max_matchers {
            *matchers = vec![Matcher::All];
        }
    }

    /// Appends one record to the log of this process and applies it.
    pub(crate) fn append(&self, matchers: Vec<Matcher>) -> Position {
        let mut state = write(&self.state);
        let position = Position {
            generation: state.applied.generation,
            sequence: state.applied.sequence.saturating_add(1),
        };
        state.apply(Record {
            position,
            origin: None,
            matchers: matchers.into_boxed_slice(),
        });
        state.fit(self.max_matchers);
        self.changed(&mut state);
        let woken = state.audience.hear();
        drop(state);
        woken.wake();
        position
    }

    /// Hears of all that is invalidated from now on.
    pub(crate) fn listen(&self) -> Listener {
        write(&self.state).audience.join()
    }

    /// One more change. Under the lock and after the maps: a check that sees the new version sees what changed.
    fn changed(&self, state: &mut State) {
        let mut marks = std::mem::take(&mut state.concerned);
        // Only a check raises a stamp: who is never concerned has to keep up with the floor all the same.
        if state.since > self.max_matchers / 4 {
            marks = EVERYBODY;
        }
        if marks == EVERYBODY {
            state.since = 0;
        }
        self.changes.add(marks);
    }

    /// Whether a value may be served that began at `stamp`, as the computation of this `ordinal`, and depends on `deps`.
    pub(crate) fn check(&self, stamp: Position, ordinal: u64, deps: &[Dep]) -> Verdict {
        let state = read(&self.state);
        let forgotten = stamp < state.floor;
        let ordinal = of_ordinal(ordinal);
        // Seldom anything: only while a log elsewhere has not answered.
        let pending = state.pending.matchers() > 0 && holds(Rule::Pending);
        let sound = stamp != Position::ZERO
            && !forgotten
            && stamp <= state.applied
            && !state.logged.any_since(stamp, deps)
            && !(pending && state.pending.any_since(ordinal, deps));
        Verdict {
            valid: sound || !holds(Rule::Check),
            forgotten,
            version: self.version(),
            applied: state.applied,
        }
    }
}

/// Where a record stands among those that are pending.
pub(crate) fn of_ordinal(ordinal: u64) -> Position {
    Position {
        generation: 0,
        sequence: ordinal,
    }
}

impl State {
    fn apply(&mut self, record: Record) {
        self.applied = record.position;
        self.records += 1;
        self.audience.say(record.position, &record.matchers);
        self.concern(&record.matchers);
        self.logged.say(record);
    }

    /// The change that is being made concerns whom these match.
    fn concern(&mut self, matchers: &[Matcher]) {
        self.concerned |= marks_of(matchers);
        self.since = self.since.saturating_add(matchers.len());
    }

    /// Forgets the oldest records beyond so many matchers. What a later record says again needs no floor.
    fn fit(&mut self, max_matchers: usize) {
        while self.logged.matchers() > max_matchers {
            if let Some(at) = self.logged.forget()
                && holds(Rule::Floor)
            {
                raise(&mut self.floor, at);
            }
        }
    }
}

fn raise(at: &mut Position, to: Position) {
    *at = (*at).max(to);
}

#[cfg(test)]
mod tests;
