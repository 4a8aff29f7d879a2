//! By the time of the last use.

use super::{Look, Patience, Residents, SLACK, SWEPT};
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

    /// Whether this one was used before that one. Times go round: what is half of them apart is in no order, and does no harm.
    fn is_before(self, other: Self) -> bool {
        (self.used.wrapping_sub(other.used) as i32) < 0
    }

    fn token(self) -> Token {
        let Self { hash, ticket, .. } = self;
        Token { hash, ticket }
    }
}

/// Tokens by the last use of their entries, as far as it is known: a use writes into the entry alone, and counts when its token comes up.
#[derive(Default)]
pub(super) struct Ranks {
    /// A heap: none was used before the one in the middle of its number. In a vector of our own, to be swept in place, as a
    /// [queue](super::queue::Queue) is and for the same reason.
    heap: Vec<Ranked>,
    /// Those behind this place were looked at, on this round.
    unswept: usize,
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
        self.heap.push(Ranked::new(token, used));
        self.rise(self.heap.len() - 1);
        self.live += 1;
        self.weight += u64::from(charge);
    }

    /// Takes out the token of the entry that was not used for the longest time, which is then [gone](Self::gone). It is the right one unless more
    /// have been used that seemed older than there is patience for.
    pub(super) fn pop<'r>(
        &mut self,
        residents: &'r dyn Residents,
        patience: &mut Patience,
    ) -> Option<(Token, Look<'r>)> {
        let mut oldest: Option<Ranked> = None;
        loop {
            let first = *self.heap.first()?;
            let Some(look) = self.look(first, residents) else {
                self.take(0);
                continue;
            };
            let used = look.standing.used();
            if used == first.used {
                self.take(0);
                return Some((first.token(), look));
            }
            if let Some(first) = self.heap.first_mut() {
                first.used = used;
            }
            let first = Ranked { used, ..first };
            self.sink(0);
            if oldest.is_none_or(|oldest| first.is_before(oldest)) {
                oldest = Some(first);
            }
            if !patience.lasts() {
                let token = oldest?.token();
                // Wherever it is by now; whoever is put back has no second one.
                let at = self
                    .heap
                    .iter()
                    .position(|ranked| ranked.token() == token)?;
                self.take(at);
                return residents.look(&token).map(|look| (token, look));
            }
        }
    }

    fn look<'r>(&self, ranked: Ranked, residents: &'r dyn Residents) -> Option<Look<'r>> {
        let found = residents.look(&ranked.token());
        found.filter(|look| look.life.queue() == self.number)
    }

    /// Takes out the one at this place.
    fn take(&mut self, at: usize) {
        self.heap.swap_remove(at);
        if at < self.heap.len() {
            self.sink(at);
            self.rise(at);
        }
    }

    fn is_before(&self, at: usize, other: usize) -> bool {
        let both = self.heap.get(at).zip(self.heap.get(other));
        both.is_some_and(|(one, other)| one.is_before(*other))
    }

    /// Moves toward the first what was used before those there.
    fn rise(&mut self, mut at: usize) {
        while at > 0 && self.is_before(at, (at - 1) / 2) {
            self.heap.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    /// Moves away from the first what was used after those there.
    fn sink(&mut self, mut at: usize) {
        loop {
            let mut first = 2 * at + 1;
            if self.is_before(first + 1, first) {
                first += 1;
            }
            if !self.is_before(first, at) {
                return;
            }
            self.heap.swap(at, first);
            at = first;
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
        if self.heap.len() > 2 * self.live + SLACK {
            self.sweep(residents);
        }
    }

    /// Looks at a few, the last first: what takes the place of one that is taken out was looked at before.
    fn sweep(&mut self, residents: &dyn Residents) {
        if self.unswept == 0 {
            self.unswept = self.heap.len();
        }
        for _ in 0..SWEPT {
            self.unswept = self.unswept.min(self.heap.len()).saturating_sub(1);
            let Some(ranked) = self.heap.get(self.unswept).copied() else {
                return;
            };
            if self.look(ranked, residents).is_none() {
                self.take(self.unswept);
            }
        }
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = Token> {
        self.heap.iter().map(|ranked| ranked.token())
    }

    #[cfg(test)]
    pub(super) fn memory_used(&self) -> usize {
        self.heap.capacity() * size_of::<Ranked>()
    }
}
