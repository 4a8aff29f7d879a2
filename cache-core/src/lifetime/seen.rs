//! What is remembered of a function's values: a bounded table, as a value has often left the memory when it is computed again.

use std::time::Duration;

use hashbrown::HashMap;

use super::{Bounds, Habits, Rule};
use crate::position::Position;
use crate::sync::{Mutex, lock};

/// So many keys are remembered from one turn of the tables to the next: those of the last one or two turns, in at most 1.4 MiB.
const TURN: usize = 7_000;

/// In two tables of 8,192 places each, of which an eighth is free, with a byte beside each.
const _: () = assert!(
    TURN <= 8_192 / 8 * 7 && 2 * 8_192 * (size_of::<(u64, Record)>() + 1) <= (14 << 20) / 10
);

/// The lifetimes of one function's values in one cache.
#[derive(Debug)]
pub(crate) struct Lifetimes(Mutex<Seen>);

#[derive(Debug)]
struct Seen {
    rule: Rule,
    /// By the hash of the key: what was seen since the last turn, ...
    young: Table,
    /// ... and before.
    old: Table,
}

type Table = HashMap<u64, Record, foldhash::fast::RandomState>;

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    habits: Habits,
    last: Option<Last>,
}

/// A value that was computed, or came from another process. Times are in milliseconds of the cache's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting {
    /// A hash of it.
    pub(crate) content: u64,
    /// When its computation began.
    pub(crate) at: u64,
    /// What an index is asked, to know whether it has been invalidated since.
    pub(crate) stamp: Position,
    pub(crate) ordinal: u64,
}

/// The one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last {
    pub(crate) seen: Sighting,
    /// When it ceased to be fresh.
    pub(crate) until: u64,
}

/// What has become of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Since {
    /// It was invalidated: the one that is seen now tells nothing.
    Invalidated,
    /// It was not, and nobody asked for it for so many milliseconds after its end, if that is known.
    Over(Option<f64>),
}

/// The sum of what is remembered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    pub(crate) keys: u64,
    /// Of the present lifetimes, in milliseconds.
    pub(crate) mean: u64,
    /// The memory that all of it takes.
    pub(crate) bytes: u64,
}

impl Lifetimes {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self(Mutex::new(Seen {
            rule: Rule::new(bounds),
            young: Table::default(),
            old: Table::default(),
        }))
    }

    /// Learns from a value of the key with this hash, which ceases to be fresh when `until` says, and how long a value of that key should be.
    pub(crate) fn learn(
        &self,
        hash: u64,
        seen: Sighting,
        since: impl FnOnce(&Last) -> Since,
        until: impl FnOnce(Duration) -> u64,
    ) -> Duration {
        let mut state = lock(&self.0);
        let mut record = state.get(hash);
        let last = record.last.filter(|last| last.seen.at < seen.at);
        if let Some(last) = last
            && let Since::Over(pause) = since(&last)
        {
            let apart = (seen.at - last.seen.at) as f64;
            let changed = last.seen.content != seen.content;
            state.rule.looked(&mut record.habits, apart, changed);
            if let Some(pause) = pause {
                state.rule.called(&mut record.habits, pause);
            }
        }
        let lifetime = Duration::from_millis(state.rule.lifetime(&record.habits));
        // Of computations side by side the one that began later has seen more.
        if last.is_some() || record.last.is_none() {
            record.last = Some(Last {
                seen,
                until: until(lifetime),
            });
            state.put(hash, record);
        }
        lifetime
    }

    /// How long a value should be fresh of which nothing can be learnt.
    pub(crate) fn usual(&self, hash: u64) -> Duration {
        let state = lock(&self.0);
        Duration::from_millis(state.rule.lifetime(&state.get(hash).habits))
    }

    /// Whether a value whose computation began then was seen already, or nearly.
    #[cfg(feature = "redis")]
    pub(crate) fn knows(&self, hash: u64, at: u64) -> bool {
        let state = lock(&self.0);
        let last = state.get(hash).last;
        // When another process began is known as well as the clocks of two machines agree.
        last.is_some_and(|last| at < last.seen.at + state.rule.bounds.least / 2)
    }

    #[cfg(test)]
    pub(super) fn has(&self, hash: u64) -> bool {
        lock(&self.0).get(hash).last.is_some()
    }

    pub(crate) fn summary(&self) -> Summary {
        let state = lock(&self.0);
        let records = state.young.values().chain(state.old.values());
        let (mut keys, mut sum) = (0_u64, 0_u64);
        for last in records.filter_map(|record| record.last) {
            keys += 1;
            sum = sum.saturating_add(last.until.saturating_sub(last.seen.at));
        }
        Summary {
            keys,
            mean: sum.checked_div(keys).unwrap_or(0),
            bytes: (state.young.allocation_size() + state.old.allocation_size()) as u64,
        }
    }
}

impl Seen {
    fn get(&self, hash: u64) -> Record {
        let found = self.young.get(&hash).or_else(|| self.old.get(&hash));
        found.copied().unwrap_or_default()
    }

    fn put(&mut self, hash: u64, record: Record) {
        if self.young.len() >= TURN && !self.young.contains_key(&hash) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&hash);
        self.young.insert(hash, record);
    }
}
