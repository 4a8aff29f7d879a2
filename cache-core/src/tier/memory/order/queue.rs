//! First in, first out.

use std::{collections::VecDeque, mem};

use super::{Residents, SLACK, SWEPT};
use crate::tier::memory::engine::Token;

/// Tokens in the order of their arrival, some of them stale.
#[derive(Default)]
pub(super) struct Queue {
    /// The oldest, not stale when they were looked at.
    swept: VecDeque<Token>,
    tokens: VecDeque<Token>,
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
        self.swept.pop_front().or_else(|| self.tokens.pop_front())
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
        // A few at a time, and in their order.
        if self.swept.len() + self.tokens.len() > 2 * self.live + SLACK {
            for _ in 0..SWEPT {
                let Some(token) = self.tokens.pop_front() else {
                    self.tokens = mem::take(&mut self.swept);
                    break;
                };
                if residents.look(&token).is_some() {
                    self.swept.push_back(token);
                }
            }
        }
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = Token> {
        self.swept.iter().chain(&self.tokens).copied()
    }

    #[cfg(test)]
    pub(super) fn memory_used(&self) -> usize {
        (self.swept.capacity() + self.tokens.capacity()) * size_of::<Token>()
    }
}
