//! The index as a copy of a log that lives elsewhere: what the log says is applied in its order, gaps raise the floor, and
//! what a new generation of it has lost is said again.
//!
//! The protocol is checked by an explicit-state model; the names of its traces (X5, X18, …) stand at the tests.

use super::records::Record;
use super::{EVERYBODY, Index, Matcher, Records, State, of_ordinal, raise};
use crate::position::Position;
use crate::rule::{Rule, holds};
use crate::sync::{read, write};

/// One record of the log as it is written there.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) position: Position,
    pub(crate) said: Said,
}

/// What a record of the log says.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// Something is invalid; `origin` is where it stood in a generation that lost it.
    Invalid {
        matchers: Box<[Matcher]>,
        origin: Option<Position>,
    },
    /// A generation begins here. It has everything up to `ancestor` in common with the one before, or nothing.
    Opened { ancestor: Option<Position> },
}

/// What a log answers to whoever has applied it up to some position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// The oldest record that the log still has.
    pub(crate) first: Option<Logged>,
    /// The position of its newest record.
    pub(crate) tip: Position,
    /// The records after the asker's position, oldest first; perhaps not all.
    pub(crate) records: Vec<Logged>,
}

/// What happens when the log's server may have lost invalidations that it had acknowledged: a replica that was promoted before it
/// had them, or a restart with old data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFork {
    /// Whoever has seen them says them again. Until one of them has reached the new server, others may serve what they name.
    #[default]
    Repair,
    /// They are said again, and every value from before is invalid: also one whose invalidation nobody alive has seen.
    Flush,
}

/// An invalidation that the log does not have yet.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) ordinal: u64,
    pub(crate) origin: Option<Position>,
    pub(crate) matchers: Vec<Matcher>,
}

impl Index {
    /// Applies a page of the log. `ordinals` numbers what the log turns out to have lost. Whether there is more to ask for.
    pub(crate) fn absorb(
        &self,
        page: Page,
        on_fork: OnFork,
        mut ordinals: impl FnMut() -> u64,
    ) -> bool {
        let mut state = write(&self.state);
        let before = (state.applied, state.floor);
        state.mind_the_gap(&page, &mut ordinals);
        if page.records.len() > 1 && !holds(Rule::CatchUp) {
            state.applied = state.applied.max(page.tip);
        }
        for record in page.records {
            if record.position > state.applied {
                state.follow(record, on_fork, &mut ordinals);
            }
        }
        state.fit(self.max_matchers);
        if (state.applied, state.floor) != before {
            self.changed(&mut state);
        }
        let more = state.applied < page.tip;
        let woken = state.audience.hear();
        drop(state);
        woken.wake();
        more
    }

    /// Invalidates at once, here, what is on its way to the log: every value whose computation began before this. Its
    /// number, to [settle](Self::settle_up_to) it by.
    pub(crate) fn pend(&self, ordinals: impl FnOnce() -> u64, matchers: Vec<Matcher>) -> u64 {
        let mut state = write(&self.state);
        // Drawn under the lock: they are kept in order.
        let ordinal = ordinals();
        state.pend(ordinal, None, matchers.into_boxed_slice());
        self.changed(&mut state);
        let woken = state.audience.hear();
        drop(state);
        woken.wake();
        ordinal
    }

    /// Forgets what was pending here up to this ordinal, as the log has it now; not what another server's log has lost.
    pub(crate) fn settle_up_to(&self, ordinal: u64) {
        // No change of what was found valid: that is so with less pending, too.
        let settled =
            |record: &Record| record.position.sequence <= ordinal && record.origin.is_none();
        write(&self.state).drop_pending(settled);
    }

    /// Whether nothing is missing between what has been applied and these records, which are the next that the log has.
    pub(crate) fn follows(&self, records: &[Logged]) -> bool {
        let applied = self.applied();
        let Some(next) = records.iter().find(|record| record.position > applied) else {
            return true;
        };
        match &next.said {
            Said::Opened { ancestor } => ancestor.unwrap_or_default() <= applied,
            Said::Invalid { .. } => {
                next.position.generation == applied.generation
                    && next.position.sequence == applied.sequence + 1
            }
        }
    }

    /// How many invalidations the log does not have yet.
    pub(crate) fn pending_count(&self) -> usize {
        read(&self.state).pending.iter().count()
    }

    /// What the log does not have yet, oldest first.
    pub(crate) fn pending(&self) -> Vec<Pending> {
        let pending = |record: &Record| Pending {
            ordinal: record.position.sequence,
            origin: record.origin,
            matchers: record.matchers.to_vec(),
        };
        read(&self.state).pending.iter().map(pending).collect()
    }
}

impl State {
    /// If the log has forgotten records that were not applied yet, older values may be invalid and nobody knows.
    fn mind_the_gap(&mut self, page: &Page, ordinals: &mut impl FnMut() -> u64) {
        let Some(first) = &page.first else { return };
        let before_first = match (&first.said, first.position.sequence.checked_sub(1)) {
            (Said::Opened { ancestor }, _) => ancestor.unwrap_or_default(),
            (Said::Invalid { .. }, Some(sequence)) => Position {
                sequence,
                ..first.position
            },
            // Only the record that opens a generation is its number 0.
            (Said::Invalid { .. }, None) => first.position,
        };
        if before_first <= self.applied {
            return;
        }
        if first.position.generation != self.applied.generation
            && self.applied.generation > 0
            && (self.logged.matchers() > 0 || !self.logged.complete_after(Position::ZERO))
        {
            // A generation may have begun unseen, and this may be the only witness of what it lost.
            self.pend(ordinals(), None, Box::new([Matcher::All]));
        }
        if holds(Rule::Floor) {
            raise(&mut self.floor, before_first);
        }
        self.applied = before_first;
        self.unknown();
    }

    /// Everything may have changed.
    fn unknown(&mut self) {
        self.audience.say_unknown();
        self.concerned = EVERYBODY;
    }

    fn follow(&mut self, record: Logged, on_fork: OnFork, ordinals: &mut impl FnMut() -> u64) {
        let position = record.position;
        match record.said {
            Said::Invalid { matchers, origin } => {
                if origin.is_some() {
                    self.drop_pending(|pending| pending.origin == origin);
                }
                self.apply(Record {
                    position,
                    origin,
                    matchers,
                });
            }
            Said::Opened { ancestor } => {
                if holds(Rule::Witness) {
                    self.lose(ancestor, position, ordinals);
                }
                if on_fork == OnFork::Flush || ancestor.is_none() {
                    raise(&mut self.floor, position);
                }
                self.applied = position;
                self.unknown();
            }
        }
    }

    /// What stood between `ancestor` and a new generation is lost there. From now on it is later than every value: a value
    /// of the new generation that does not know of it may have a later stamp (model X18).
    fn lose(
        &mut self,
        ancestor: Option<Position>,
        opened: Position,
        ordinals: &mut impl FnMut() -> u64,
    ) {
        let shared = ancestor.unwrap_or_default();
        let everything = Box::new([Matcher::All]);
        if !self.logged.complete_after(shared) {
            return self.pend(ordinals(), None, everything);
        }
        let lost: Vec<Record> = self
            .logged
            .iter()
            .filter(|record| record.position > shared && record.position < opened)
            .cloned()
            .collect();
        if lost.len() > MAX_LOST {
            return self.pend(ordinals(), None, everything);
        }
        for record in lost {
            let origin = record.origin.or(Some(record.position));
            self.pend(ordinals(), origin, record.matchers);
        }
    }

    fn pend(&mut self, ordinal: u64, origin: Option<Position>, matchers: Box<[Matcher]>) {
        let position = of_ordinal(ordinal);
        self.audience.say(position, &matchers);
        self.concern(&matchers);
        self.pending.say(Record {
            position,
            origin,
            matchers,
        });
        if self.pending.matchers() > MAX_PENDING {
            // One record in place of all, and later than each of them.
            self.concerned = EVERYBODY;
            self.pending = Records::default();
            self.pending.say(Record {
                position,
                origin: None,
                matchers: Box::new([Matcher::All]),
            });
        }
    }

    /// Forgets some of what is pending.
    fn drop_pending(&mut self, which: impl Fn(&Record) -> bool) {
        if !self.pending.iter().any(&which) {
            return;
        }
        let kept: Vec<Record> = self
            .pending
            .iter()
            .filter(|record| !which(record))
            .cloned()
            .collect();
        self.pending = Records::default();
        kept.into_iter().for_each(|record| self.pending.say(record));
    }
}

/// How many lost records are said again one by one, each in a trip of its own; instead of more, everything is.
const MAX_LOST: usize = 100;

/// How many matchers may be pending; beyond, everything is.
const MAX_PENDING: usize = 10_000;
