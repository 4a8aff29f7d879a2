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

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasher;

use crate::deps::{ADDRESS, PREFIX, TAG, hash, key_hash};
use crate::matcher::Matcher;
use crate::position::Position;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{RwLock, read, write};

mod globs;
pub(crate) use crate::deps::{Dep, DepSet, Deps};
use globs::{Globs, MAX_GLOBS};

/// One invalidation.
#[derive(Clone, Debug)]
struct Record {
    position: Position,
    matchers: Box<[Matcher]>,
}

/// What an index says about a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub(crate) valid: bool,
    /// The version at which this was found.
    pub(crate) version: u64,
    /// Up to where the log had been applied.
    pub(crate) applied: Position,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Index {
    /// One more for each change: a value checked at the present version needs no other check.
    version: AtomicU64,
    max_matchers: usize,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    floor: Position,
    applied: Position,
    /// Hashes of digests, addresses and tags. A collision invalidates too much, never too little.
    exact: HashMap<u64, Position, foldhash::fast::RandomState>,
    prefixes: BTreeMap<usize, HashMap<u64, Position, foldhash::fast::RandomState>>,
    globs: Globs,
    all: Position,
    history: VecDeque<Record>,
    /// How many matchers they have.
    remembered: usize,
}

impl Index {
    /// An index whose log begins at `start`.
    pub(crate) fn new(start: Position, max_matchers: usize) -> Self {
        Self {
            version: AtomicU64::new(1),
            max_matchers: max_matchers.max(1),
            state: RwLock::new(State {
                floor: start,
                applied: start,
                exact: HashMap::default(),
                prefixes: BTreeMap::new(),
                globs: Globs::new(MAX_GLOBS),
                all: Position::ZERO,
                history: VecDeque::new(),
                remembered: 0,
            }),
        }
    }

    /// The number of changes so far. A value whose last check was at this version is valid.
    #[inline(always)]
    pub(crate) fn version(&self) -> u64 {
        // Acquire, with the release in `append`: whoever sees the version sees the record.
        self.version.load(Ordering::Acquire)
    }

    /// Up to where the log has been applied: the stamp of a computation that begins now.
    pub(crate) fn applied(&self) -> Position {
        read(&self.state).applied
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
            matchers: matchers.into_boxed_slice(),
        });
        while state.remembered > self.max_matchers {
            state.forget();
        }
        // Under the lock and after the maps: a check that sees the new version sees the new record.
        self.version.fetch_add(1, Ordering::Release);
        position
    }

    /// Whether a value that began at `stamp` and depends on `deps` may be served.
    pub(crate) fn check(&self, stamp: Position, deps: &[Dep]) -> Verdict {
        let state = read(&self.state);
        let valid = stamp != Position::ZERO
            && state.floor <= stamp
            && stamp <= state.applied
            && deps.iter().all(|dep| state.newest(dep, stamp) <= stamp);
        Verdict {
            valid,
            version: self.version.load(Ordering::Relaxed),
            applied: state.applied,
        }
    }
}

fn raise(at: &mut Position, to: Position) {
    *at = (*at).max(to);
}

impl State {
    fn apply(&mut self, record: Record) {
        let position = record.position;
        for matcher in &record.matchers {
            match matcher {
                Matcher::Key(key, _) => {
                    raise(self.exact.entry(key_hash(key)).or_default(), position)
                }
                Matcher::Address(address) => {
                    raise(
                        self.exact
                            .entry(hash(ADDRESS, address.as_bytes()))
                            .or_default(),
                        position,
                    );
                }
                Matcher::Tag(tag) => {
                    raise(
                        self.exact.entry(hash(TAG, tag.as_bytes())).or_default(),
                        position,
                    );
                }
                Matcher::Prefix(prefix) => self.raise_prefix(prefix, position),
                Matcher::Glob(pattern) => {
                    if let Some(oldest) = self.globs.say(pattern, position) {
                        self.raise_prefix(oldest.pattern.literal_prefix(), oldest.at);
                    }
                }
                Matcher::All => raise(&mut self.all, position),
            }
        }
        self.applied = position;
        self.remembered += record.matchers.len();
        self.history.push_back(record);
    }

    fn raise_prefix(&mut self, prefix: &str, position: Position) {
        let of_this_length = self.prefixes.entry(prefix.len()).or_default();
        let hash = hash(PREFIX, prefix.as_bytes());
        raise(of_this_length.entry(hash).or_default(), position);
    }

    /// Removes what `at` says; whether something newer says it too.
    fn drop_prefix(&mut self, prefix: &str, at: Position) -> bool {
        let Some(map) = self.prefixes.get_mut(&prefix.len()) else {
            return false;
        };
        let newer = drop_exact(map, hash(PREFIX, prefix.as_bytes()), at);
        if map.is_empty() {
            self.prefixes.remove(&prefix.len());
        }
        newer
    }

    /// Forgets the oldest record. What a later record says again needs no floor.
    fn forget(&mut self) {
        let Some(record) = self.history.pop_front() else {
            return;
        };
        let at = record.position;
        self.remembered -= record.matchers.len();
        let mut superseded = true;
        for matcher in &record.matchers {
            superseded &= match matcher {
                Matcher::Key(key, _) => drop_exact(&mut self.exact, key_hash(key), at),
                Matcher::Address(text) => {
                    drop_exact(&mut self.exact, hash(ADDRESS, text.as_bytes()), at)
                }
                Matcher::Tag(text) => drop_exact(&mut self.exact, hash(TAG, text.as_bytes()), at),
                Matcher::Prefix(prefix) => self.drop_prefix(prefix, at),
                Matcher::Glob(pattern) => {
                    // It may have become a prefix, and have been said again since: both are to go.
                    let as_prefix = self.drop_prefix(pattern.literal_prefix(), at);
                    self.globs.forget(pattern, at) || as_prefix
                }
                Matcher::All => self.all > at,
            };
        }
        if !superseded {
            raise(&mut self.floor, at);
        }
    }

    /// The newest record that matches one dependency; nothing that is later than `stamp` if none does since.
    fn newest(&self, dep: &Dep, stamp: Position) -> Position {
        let mut newest = self.all;
        match dep {
            Dep::Entry {
                key,
                address_hash,
                address,
            } => {
                raise(&mut newest, self.exact_at(key_hash(key)));
                raise(&mut newest, self.exact_at(*address_hash));
                self.raise_by_pattern(&mut newest, address, stamp);
            }
            Dep::Tag {
                hash,
                address_hash,
                address,
            } => {
                raise(&mut newest, self.exact_at(*hash));
                // A pattern without wildcards, `tag:tenant:7`.
                raise(&mut newest, self.exact_at(*address_hash));
                self.raise_by_pattern(&mut newest, address, stamp);
            }
            Dep::Prefix(prefix) => {
                // Many dependencies in one: read what happened since, rather than keep a second index by text.
                let later = self
                    .history
                    .iter()
                    .rev()
                    .take_while(|record| record.position > stamp);
                if let Some(hit) = later
                    .into_iter()
                    .find(|r| r.matchers.iter().any(|m| touches(m, prefix)))
                {
                    raise(&mut newest, hit.position);
                }
            }
        }
        newest
    }

    #[inline]
    fn exact_at(&self, hash: u64) -> Position {
        self.exact.get(&hash).copied().unwrap_or_default()
    }

    fn raise_by_pattern(&self, newest: &mut Position, address: &str, stamp: Position) {
        for (length, map) in &self.prefixes {
            let Some(head) = address.as_bytes().get(..*length) else {
                break;
            };
            if let Some(at) = map.get(&hash(PREFIX, head)) {
                raise(newest, *at);
            }
        }
        *newest = self.globs.newest(address, (*newest).max(stamp));
    }
}

/// Removes what `at` says; whether something newer says it too.
fn drop_exact<S: BuildHasher>(
    map: &mut HashMap<u64, Position, S>,
    hash: u64,
    at: Position,
) -> bool {
    if map.get(&hash).is_some_and(|newest| *newest > at) {
        return true;
    }
    map.remove(&hash);
    false
}

/// Whether a matcher can match an address, or a tag behind `tag:`, that begins with `prefix`; too often rather than too
/// rarely.
fn touches(matcher: &Matcher, prefix: &str) -> bool {
    match matcher {
        Matcher::Key(_, address) | Matcher::Address(address) => address.starts_with(prefix),
        Matcher::Tag(tag) => match prefix.strip_prefix("tag:") {
            Some(head) => tag.starts_with(head),
            None => "tag:".starts_with(prefix),
        },
        Matcher::Prefix(other) => other.starts_with(prefix) || prefix.starts_with(&**other),
        Matcher::Glob(pattern) => {
            let literal = pattern.literal_prefix();
            literal.starts_with(prefix) || prefix.starts_with(literal)
        }
        Matcher::All => true,
    }
}

#[cfg(test)]
mod tests;
