//! First in, first out: what a hit records is of no account.

use super::{Arrival, Order, Residents, Room, queue::Queue};
use crate::tier::memory::{
    engine::Token,
    life::{Life, QueueNumber},
};

#[derive(Default)]
pub(super) struct Fifo(Queue);

impl Order for Fifo {
    fn enter(&mut self, arrival: &Arrival<'_>) -> Life {
        self.0.push(arrival.token, arrival.standing.charge());
        Life::new(arrival.due, 0)
    }

    fn leave(&mut self, _: QueueNumber, charge: u32, residents: &dyn Residents) {
        self.0.left(charge, residents);
    }

    fn next(&mut self, room: Room, residents: &dyn Residents) -> Option<Token> {
        if room.is_enough() {
            return None;
        }
        loop {
            let token = self.0.pop()?;
            if let Some(look) = residents.look(&token) {
                self.0.gone(look.standing.charge());
                return Some(token);
            }
        }
    }

    fn tokens(&self) -> Vec<Token> {
        self.0.tokens().collect()
    }

    #[cfg(test)]
    fn memory_used(&self) -> usize {
        self.0.memory_used()
    }
}
