//! S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023), by weight instead of by number.
//!
//! New entries queue in a small probation queue. What is used there moves on to the main queue, in which each use is good for one more
//! turn; the rest leaves, and is remembered by its hash: whoever comes back soon enough goes to the main queue at once.

use std::mem;

use super::{Arrival, EXPECTED_WEIGHT, Order, PATIENCE, Residents, Room, queue::Queue};
use crate::tier::memory::{
    engine::Token,
    life::{Life, QueueNumber},
};

/// The share of a shard that is on probation: one part in so many.
const PROBATION: u64 = 10;

/// The numbers of the queues.
const NEW: QueueNumber = 0;
const MAIN: QueueNumber = 1;

#[derive(Default)]
pub(super) struct S3Fifo {
    probation: Queue,
    main: Queue,
    left: Left,
}

impl S3Fifo {
    fn queue(&mut self, number: QueueNumber) -> &mut Queue {
        if number == MAIN {
            &mut self.main
        } else {
            &mut self.probation
        }
    }
}

impl Order for S3Fifo {
    fn enter(&mut self, arrival: &Arrival<'_>) -> Life {
        let token = arrival.token;
        let number = match arrival.before {
            // As good as who was there before.
            Some(number) => number,
            None if self.left.takes(token.hash) => MAIN,
            None => NEW,
        };
        self.queue(number).push(token, arrival.standing.charge());
        Life::new(arrival.due, number)
    }

    fn leave(&mut self, queue: QueueNumber, charge: u32, residents: &dyn Residents) {
        self.queue(queue).left(charge, residents);
    }

    fn next(&mut self, room: Room, residents: &dyn Residents) -> Option<Token> {
        if room.is_enough() {
            return None;
        }
        let mut spared = 0;
        loop {
            // One alone on probation stays for as long as there is anything else.
            let on_probation = self.main.live == 0
                || self.probation.live > 1 && self.probation.weight > room.limit / PROBATION;
            let queue = self.queue(if on_probation { NEW } else { MAIN });
            let token = queue.pop()?;
            let Some(look) = residents.look(&token) else {
                continue;
            };
            let charge = look.standing.charge();
            if !on_probation && spared < PATIENCE && look.life.spend() {
                spared += 1;
                queue.again(token);
                continue;
            }
            queue.gone(charge);
            if on_probation && look.life.is_used() {
                look.life.go(MAIN);
                look.life.forget();
                self.main.push(token, charge);
                continue;
            }
            if on_probation {
                self.left.remember(token.hash);
            }
            return Some(token);
        }
    }

    fn tokens(&self) -> Vec<Token> {
        self.probation.tokens().chain(self.main.tokens()).collect()
    }

    fn fit(&mut self, bytes: u64) -> u64 {
        // 256 Mi of them cost a GiB of address space, and memory only as they are used.
        let remembered = (bytes / EXPECTED_WEIGHT).min(1 << 28);
        self.left.resize(remembered as usize);
        remembered * size_of::<u32>() as u64
    }

    #[cfg(test)]
    fn memory_used(&self) -> usize {
        self.probation.memory_used() + self.main.memory_used()
    }
}

/// Parts of the hashes of what left probation unused: one for each part of the space of their lower halves.
#[derive(Default)]
struct Left(Box<[u32]>);

impl Left {
    fn remember(&mut self, hash: u64) {
        if let Some(place) = self.place(hash) {
            *place = fingerprint(hash);
        }
    }

    /// Whether this hash left probation not long ago; forgets it.
    fn takes(&mut self, hash: u64) -> bool {
        self.place(hash)
            .is_some_and(|place| *place == fingerprint(hash) && mem::take(place) != 0)
    }

    fn place(&mut self, hash: u64) -> Option<&mut u32> {
        let at = (u64::from(hash as u32) * self.0.len() as u64) >> 32;
        self.0.get_mut(at as usize)
    }

    /// Keeps what there is, as far as there are places: those of more are where their parts of the space were, and of several that fall
    /// into one the first stays.
    fn resize(&mut self, len: usize) {
        if len == self.0.len() {
            return;
        }
        let (old, new) = (mem::take(&mut self.0), vec![0; len].into());
        self.0 = new;
        if old.is_empty() {
            return;
        }
        for (at, place) in self.0.iter_mut().enumerate() {
            // Both numbers are below 2²⁹.
            let from = at * old.len() / len;
            let to = ((at + 1) * old.len()).div_ceil(len);
            let there = old.get(from..to).unwrap_or_default();
            *place = there.iter().copied().find(|print| *print != 0).unwrap_or(0);
        }
    }
}

/// The part of a hash that its place among the remembered ones does not show; never 0.
fn fingerprint(hash: u64) -> u32 {
    (hash >> 32) as u32 | 1
}
