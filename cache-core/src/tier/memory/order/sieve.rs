//! SIEVE (Zhang et al., "SIEVE is simpler than LRU: an efficient turn-key eviction algorithm for web caches", NSDI 2024).
//!
//! All entries stand in the order of their arrival, and a hand goes from the oldest to the newest: who was used since it last came by stays
//! where it is, who was not leaves. What is between the oldest and the hand is one queue here, what is before the hand is another, and
//! passing an entry takes it from this to that. When nobody is before the hand, both change places: it begins anew.

use super::{Arrival, Order, Patience, Residents, Room, queue::Queue};
use crate::tier::memory::{
    engine::Token,
    life::{Life, QueueNumber},
};

#[derive(Default)]
pub(super) struct Sieve {
    queues: [Queue; 2],
    /// Which of them is before the hand.
    ahead: QueueNumber,
    /// Who others leave for just now. Nobody has come by it: it is as if it came when they have left.
    arriving: Option<Token>,
}

impl Sieve {
    fn queue(&mut self, number: QueueNumber) -> &mut Queue {
        &mut self.queues[usize::from(number & 1)]
    }

    /// Goes back to the oldest if the newest was passed.
    fn turn(&mut self, residents: &dyn Residents) {
        let behind = self.ahead ^ 1;
        let found = self.arriving.and_then(|token| residents.look(&token));
        let arriving = found.filter(|look| look.life.queue() == self.ahead);
        let rest = self.queue(self.ahead).live - usize::from(arriving.is_some());
        if rest > 0 || arriving.is_some() && self.queue(behind).live == 0 {
            return;
        }
        // It is the newest there, too.
        if let (Some(token), Some(look)) = (self.arriving, arriving) {
            let charge = look.standing.charge();
            let stale = |first: &Token| *first != token;
            while self
                .queue(self.ahead)
                .pop()
                .is_some_and(|first| stale(&first))
            {}
            self.queue(self.ahead).gone(charge);
            self.queue(behind).push(token, charge);
            look.life.go(behind);
        }
        self.ahead = behind;
    }
}

impl Order for Sieve {
    fn enter(&mut self, arrival: &Arrival<'_>) -> Life {
        self.arriving = Some(arrival.token);
        self.queue(self.ahead)
            .push(arrival.token, arrival.standing.charge());
        Life::new(arrival.due, self.ahead)
    }

    fn leave(&mut self, queue: QueueNumber, charge: u32, residents: &dyn Residents) {
        self.queue(queue).left(charge, residents);
        self.turn(residents);
    }

    fn next(&mut self, room: Room, residents: &dyn Residents) -> Option<Token> {
        if room.is_enough() {
            self.turn(residents);
            self.arriving = None;
            return None;
        }
        let mut patience = Patience::default();
        loop {
            self.turn(residents);
            let token = self.queue(self.ahead).pop()?;
            let Some(look) = residents.look(&token) else {
                continue;
            };
            let charge = look.standing.charge();
            self.queue(self.ahead).gone(charge);
            let behind = self.ahead ^ 1;
            if look.life.is_used() && patience.lasts() {
                look.life.go(behind);
                look.life.forget();
                self.queue(behind).push(token, charge);
            } else {
                return Some(token);
            }
        }
    }

    fn tokens(&self) -> Vec<Token> {
        self.queues.iter().flat_map(Queue::tokens).collect()
    }

    #[cfg(test)]
    fn memory_used(&self) -> usize {
        self.queues.iter().map(Queue::memory_used).sum()
    }
}
