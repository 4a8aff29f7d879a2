//! By the time of the last use.

use std::{cmp::Ordering, collections::BinaryHeap, mem};

use super::{Look, PATIENCE, Residents, SLACK, SWEPT};
use crate::tier::memory::{engine::Token, life::QueueNumber};

/// A token, and when its entry was used as far as was known when it was put here.
#[derive(Clone, Copy)]
struct Ranked {
    hash: u64,
    ticket: u32,
    used: u32,
}

impl Ranked {
    fn new(Token { hash, ticket }: Token, used: u32) -> Self {
        Self { hash, ticket, used }
    }

    fn token(self) -> Token {
        let Self { hash, ticket, .. } = self;
        Token { hash, ticket }
    }
}

/// The greatest was not used for the longest time. Times go round: what is half of them apart is in no order, and does no harm.
impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.used.wrapping_sub(self.used) as i32).cmp(&0)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

/// Tokens by the last use of their entries, as far as it is known: a use writes into the entry alone, and counts when its token comes up.
#[derive(Default)]
pub(super) struct Ranks {
    /// Not stale when they were looked at.
    swept: BinaryHeap<Ranked>,
    tokens: BinaryHeap<Ranked>,
    /// Of entries that are there.
    pub(super) live: usize,
    /// Whose queue is another has left this one.
    number: QueueNumber,
    pub(super) weight: u64,
}

impl Ranks {
    /// Those of this queue.
    pub(super) fn numbered(number: QueueNumber) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    /// An entry comes that was used then.
    pub(super) fn push(&mut self, token: Token, used: u32, charge: u32) {
        self.tokens.push(Ranked::new(token, used));
        self.live += 1;
        self.weight += u64::from(charge);
    }

    /// Takes out the token of the entry that was not used for the longest time, which is then [gone](Self::gone). It is the right one unless more
    /// than [`PATIENCE`] have been used that seemed older.
    pub(super) fn pop<'r>(&mut self, residents: &'r dyn Residents) -> Option<(Token, Look<'r>)> {
        let mut looks = 0;
        let mut oldest: Option<Ranked> = None;
        loop {
            let ranked = self.first()?;
            let Some(look) = self.look(ranked, residents) else {
                continue;
            };
            let used = look.standing.used();
            if used == ranked.used {
                return Some((ranked.token(), look));
            }
            let ranked = Ranked { used, ..ranked };
            if oldest.is_none_or(|oldest| ranked > oldest) {
                oldest = Some(ranked);
            }
            looks += 1;
            if let Some(oldest) = oldest.filter(|_| looks > PATIENCE) {
                // All that were looked at go back, with this one's token a second time: stale, when it has left.
                self.tokens.push(ranked);
                let token = oldest.token();
                return residents.look(&token).map(|look| (token, look));
            }
            self.tokens.push(ranked);
        }
    }

    fn look<'r>(&self, ranked: Ranked, residents: &'r dyn Residents) -> Option<Look<'r>> {
        let found = residents.look(&ranked.token());
        found.filter(|look| look.life.queue() == self.number)
    }

    fn first(&mut self) -> Option<Ranked> {
        if self.swept.peek() > self.tokens.peek() {
            self.swept.pop()
        } else {
            self.tokens.pop()
        }
    }

    /// An entry has gone.
    pub(super) fn gone(&mut self, charge: u32) {
        self.live -= 1;
        self.weight -= u64::from(charge);
    }

    /// An entry has gone, and left its token.
    pub(super) fn left(&mut self, charge: u32, residents: &dyn Residents) {
        self.gone(charge);
        if self.swept.len() + self.tokens.len() > 2 * self.live + SLACK {
            for _ in 0..SWEPT {
                let Some(ranked) = self.tokens.pop() else {
                    self.tokens = mem::take(&mut self.swept);
                    break;
                };
                if self.look(ranked, residents).is_some() {
                    self.swept.push(ranked);
                }
            }
        }
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = Token> {
        self.swept
            .iter()
            .chain(&self.tokens)
            .map(|ranked| ranked.token())
    }

    #[cfg(test)]
    pub(super) fn memory_used(&self) -> usize {
        (self.swept.capacity() + self.tokens.capacity()) * size_of::<Ranked>()
    }
}
