//! Patterns that are no prefixes. They cannot be looked up, only tried one by one, so there are few of them.

use std::collections::VecDeque;

use crate::deps::hash;
use crate::pattern::Pattern;
use crate::position::Position;
use crate::sync::Arc;

/// How many patterns a check tries at most, some 20 ns each.
pub(super) const MAX_GLOBS: usize = 256;

const GLOB: u8 = 5;

/// The patterns that were said last.
#[derive(Debug)]
pub(super) struct Globs {
    /// Each pattern once, the newest last.
    said: VecDeque<Glob>,
    max: usize,
}

#[derive(Debug)]
pub(super) struct Glob {
    hash: u64,
    pub(super) pattern: Arc<Pattern>,
    pub(super) at: Position,
}

impl Globs {
    pub(super) fn new(max: usize) -> Self {
        Self {
            said: VecDeque::new(),
            max: max.max(1),
        }
    }

    /// Adds a pattern, as the newest. One too many, and the oldest is handed back.
    pub(super) fn say(&mut self, pattern: &Arc<Pattern>, at: Position) -> Option<Glob> {
        let hash = hash(GLOB, pattern.as_str().as_bytes());
        if let Some(earlier) = self.find(hash, pattern) {
            self.said.remove(earlier);
        }
        self.said.push_back(Glob {
            hash,
            pattern: Arc::clone(pattern),
            at,
        });
        if self.said.len() > self.max {
            return self.said.pop_front();
        }
        None
    }

    /// Removes what was said at `at`; whether it was said again.
    pub(super) fn forget(&mut self, pattern: &Pattern, at: Position) -> bool {
        let hash = hash(GLOB, pattern.as_str().as_bytes());
        let Some(place) = self.find(hash, pattern) else {
            return false;
        };
        if self.said.get(place).is_some_and(|glob| glob.at > at) {
            return true;
        }
        self.said.remove(place);
        false
    }

    /// Where the newest pattern after `since` was said that matches; `since` if there is none.
    pub(super) fn newest(&self, address: &str, since: Position) -> Position {
        self.said
            .iter()
            .rev()
            .take_while(|glob| glob.at > since)
            .find(|glob| glob.pattern.matches(address))
            .map_or(since, |glob| glob.at)
    }

    fn find(&self, hash: u64, pattern: &Pattern) -> Option<usize> {
        self.said
            .iter()
            .position(|glob| glob.hash == hash && *glob.pattern == *pattern)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.said.len()
    }
}
