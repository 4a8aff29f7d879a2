//! First in, first out.

use std::collections::VecDeque;

use super::{Residents, SLACK, SWEPT};
use crate::tier::memory::engine::Token;

/// Tokens in the order of their arrival, some of them stale.
#[derive(Default)]
pub(super) struct Queue {
    /// Up to `kept` those that were not stale when they were looked at, then, before `swept`, what is left of those that were looked at, then
    /// the others. In place: to make room elsewhere, with the shard locked, could keep everybody waiting for as long as the allocator
    /// takes to tidy up after a million entries, some 200 ms.
    tokens: VecDeque<Token>,
    kept: usize,
    swept: usize,
    /// Of entries that are there.
    pub(super) live: usize,
    pub(super) weight: u64,
}

impl Queue {
    /// An entry comes, as the last.
    pub(super) fn push(&mut self, token: Token, charge: u32) {
        self.tokens.push_back(token);
        self.live += 1;
        self.weight += u64::from(charge);
    }

    /// The first token, which is [put back](Self::again) or [gone](Self::gone) if it is not stale.
    pub(super) fn pop(&mut self) -> Option<Token> {
        if self.kept == 0 {
            self.tokens.drain(..self.swept);
            self.swept = 0;
        } else {
            self.kept -= 1;
            self.swept -= 1;
        }
        self.tokens.pop_front()
    }

    /// Puts what was the first behind the last.
    pub(super) fn again(&mut self, token: Token) {
        self.tokens.push_back(token);
    }

    /// An entry has gone.
    pub(super) fn gone(&mut self, charge: u32) {
        self.live -= 1;
        self.weight -= u64::from(charge);
    }

    /// An entry has gone, and left its token.
    pub(super) fn left(&mut self, charge: u32, residents: &dyn Residents) {
        self.gone(charge);
        if self.tokens.len() - self.swept + self.kept > 2 * self.live + SLACK {
            self.sweep(residents);
        }
    }

    /// Looks at a few, in their order.
    fn sweep(&mut self, residents: &dyn Residents) {
        for _ in 0..SWEPT {
            let Some(token) = self.tokens.get(self.swept).copied() else {
                self.tokens.truncate(self.kept);
                (self.kept, self.swept) = (0, 0);
                return;
            };
            self.swept += 1;
            if residents.look(&token).is_some()
                && let Some(place) = self.tokens.get_mut(self.kept)
            {
                *place = token;
                self.kept += 1;
            }
        }
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = Token> {
        let (kept, rest) = (self.tokens.iter().take(self.kept), self.tokens.iter());
        kept.chain(rest.skip(self.swept)).copied()
    }

    #[cfg(test)]
    pub(super) fn memory_used(&self) -> usize {
        self.tokens.capacity() * size_of::<Token>()
    }
}
