//! Records, and which of them matches a dependency last.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasher;

use super::globs::{Globs, MAX_GLOBS};
use super::{Dep, Matcher, raise};
use crate::deps::{ADDRESS, PREFIX, TAG, hash, key_hash};
use crate::position::Position;

/// So many records are gone through one by one, before the maps are asked.
const FEW: usize = 8;

/// One invalidation.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) position: Position,
    /// Where it stood in a generation that lost it.
    #[cfg_attr(
        not(feature = "redis"),
        expect(dead_code, reason = "for a log that lives elsewhere")
    )]
    pub(crate) origin: Option<Position>,
    pub(crate) matchers: Box<[Matcher]>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Records {
    /// Hashes of digests, addresses and tags. A collision invalidates too much, never too little.
    pub(super) exact: HashMap<u64, Position, foldhash::fast::RandomState>,
    pub(super) prefixes: BTreeMap<usize, HashMap<u64, Position, foldhash::fast::RandomState>>,
    pub(super) globs: Globs,
    all: Position,
    /// In the order of their positions.
    history: VecDeque<Record>,
    /// Of each of them its hash in `exact`, if that is all it says.
    hashes: VecDeque<Option<u64>>,
    /// How many matchers they have.
    remembered: usize,
    /// The position of the last that was forgotten.
    forgotten: Position,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            exact: HashMap::default(),
            prefixes: BTreeMap::new(),
            globs: Globs::new(MAX_GLOBS),
            all: Position::ZERO,
            history: VecDeque::new(),
            hashes: VecDeque::new(),
            remembered: 0,
            forgotten: Position::ZERO,
        }
    }
}

impl Records {
    /// The records, oldest first.
    #[cfg_attr(
        not(any(test, feature = "redis")),
        expect(dead_code, reason = "for a log that lives elsewhere")
    )]
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.history.iter()
    }

    /// How many matchers they have in all.
    pub(super) fn matchers(&self) -> usize {
        self.remembered
    }

    /// Whether every record after this position is there.
    #[cfg_attr(
        not(feature = "redis"),
        expect(dead_code, reason = "for a log that lives elsewhere")
    )]
    pub(super) fn complete_after(&self, position: Position) -> bool {
        self.forgotten <= position
    }

    /// Adds the newest record.
    pub(super) fn say(&mut self, record: Record) {
        let position = record.position;
        for matcher in &record.matchers {
            match matcher {
                Matcher::Prefix(prefix) => self.raise_prefix(prefix, position),
                Matcher::Glob(pattern) => {
                    if let Some(oldest) = self.globs.say(pattern, position) {
                        self.raise_prefix(oldest.pattern.literal_prefix(), oldest.at);
                    }
                }
                Matcher::All => raise(&mut self.all, position),
                Matcher::Key(..) | Matcher::Address(_) | Matcher::Tag(_) => {
                    if let Some(hash) = exact_hash(matcher) {
                        raise(self.exact.entry(hash).or_default(), position);
                    }
                }
            }
        }
        self.remembered += record.matchers.len();
        self.hashes.push_back(match &*record.matchers {
            [matcher] => exact_hash(matcher),
            _ => None,
        });
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

    /// Forgets the oldest record. Its position, unless later records say all of it again.
    pub(super) fn forget(&mut self) -> Option<Position> {
        let record = self.history.pop_front()?;
        self.hashes.pop_front();
        let at = record.position;
        self.remembered -= record.matchers.len();
        let mut superseded = true;
        for matcher in &record.matchers {
            superseded &= match matcher {
                Matcher::Key(..) | Matcher::Address(_) | Matcher::Tag(_) => {
                    exact_hash(matcher).is_none_or(|hash| drop_exact(&mut self.exact, hash, at))
                }
                Matcher::Prefix(prefix) => self.drop_prefix(prefix, at),
                Matcher::Glob(pattern) => {
                    // It may have become a prefix, and have been said again since: both are to go.
                    let as_prefix = self.drop_prefix(pattern.literal_prefix(), at);
                    self.globs.forget(pattern, at) || as_prefix
                }
                Matcher::All => self.all > at,
            };
        }
        raise(&mut self.forgotten, at);
        (!superseded).then_some(at)
    }

    /// Whether a record after `stamp` matches one of the dependencies.
    pub(super) fn any_since(&self, stamp: Position, deps: &[Dep]) -> bool {
        self.any_of_few(stamp, deps)
            .unwrap_or_else(|| deps.iter().any(|dep| self.newest(dep, stamp) > stamp))
    }

    /// The same, if it can be told from the last few records: what is in use was found valid not long ago, and the maps are
    /// large.
    fn any_of_few(&self, stamp: Position, deps: &[Dep]) -> Option<bool> {
        let said = self.history.iter().zip(&self.hashes);
        for (record, hash) in said.rev().take(FEW) {
            if record.position <= stamp {
                return Some(false);
            }
            for dep in deps {
                if dep.hashes()?.contains(&(*hash)?) {
                    return Some(true);
                }
            }
        }
        None
    }

    /// The newest record that matches one dependency; nothing that is later than `stamp` if none does since.
    pub(super) fn newest(&self, dep: &Dep, stamp: Position) -> Position {
        let mut newest = self.all;
        match dep {
            Dep::Entry {
                key, address_hash, ..
            } => {
                raise(&mut newest, self.exact_at(key_hash(key)));
                raise(&mut newest, self.exact_at(*address_hash));
                self.raise_by_pattern(&mut newest, dep.seen(), stamp);
            }
            Dep::Tag {
                hash, address_hash, ..
            } => {
                raise(&mut newest, self.exact_at(*hash));
                // A pattern without wildcards, `tag:tenant:7`.
                raise(&mut newest, self.exact_at(*address_hash));
                self.raise_by_pattern(&mut newest, dep.seen(), stamp);
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

/// Of a key, an address or a tag.
pub(super) fn exact_hash(matcher: &Matcher) -> Option<u64> {
    match matcher {
        Matcher::Key(key, _) => Some(key_hash(key)),
        Matcher::Address(address) => Some(hash(ADDRESS, address.as_bytes())),
        Matcher::Tag(tag) => Some(hash(TAG, tag.as_bytes())),
        Matcher::Prefix(_) | Matcher::Glob(_) | Matcher::All => None,
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
