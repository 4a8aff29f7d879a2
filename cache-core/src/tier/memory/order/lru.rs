//! Who was not used for the longest time leaves.
//!
//! A list in which each hit moves its entry to the end would be written by every hit of every thread. Here a hit writes when it was into its
//! entry, and the time is the number of entries that came to the shard: it stands still while there are only hits, so that an entry
//! that is used all the time is written once for each that comes.

use super::{Arrival, Order, Patience, Residents, Room, ranks::Ranks};
use crate::tier::memory::{
    engine::{Standing, Token},
    life::{Life, QueueNumber},
};

#[derive(Default)]
pub(super) struct Lru {
    now: u32,
    ranks: Ranks,
}

impl Order for Lru {
    fn enter(&mut self, arrival: &Arrival<'_>) -> Life {
        self.now = self.now.wrapping_add(1);
        arrival.standing.use_at(self.now);
        self.ranks
            .push(arrival.token, self.now, arrival.standing.charge());
        Life::ordered(arrival.due, 0)
    }

    fn used(&self, _: u64, standing: &Standing) {
        standing.use_at(self.now);
    }

    fn leave(&mut self, _: QueueNumber, charge: u32, residents: &dyn Residents) {
        self.ranks.left(charge, residents);
    }

    fn next(&mut self, room: Room, residents: &dyn Residents) -> Option<Token> {
        if room.is_enough() {
            return None;
        }
        let (token, look) = self.ranks.pop(residents, &mut Patience::default())?;
        self.ranks.gone(look.standing.charge());
        Some(token)
    }

    fn tokens(&self) -> Vec<Token> {
        self.ranks.tokens().collect()
    }

    #[cfg(test)]
    fn set_now(&mut self, now: u32) {
        self.now = now;
    }

    #[cfg(test)]
    fn memory_used(&self) -> usize {
        self.ranks.memory_used()
    }
}
