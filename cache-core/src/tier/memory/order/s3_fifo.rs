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

/// So many places are looked at at a time.
const CARRIED: usize = 1_024;

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

    fn carry(&mut self) -> bool {
        self.left.carry()
    }

    #[cfg(test)]
    fn memory_used(&self) -> usize {
        self.probation.memory_used() + self.main.memory_used()
    }
}

/// Parts of the hashes of what left probation unused: one for each part of the space of their lower halves.
#[derive(Default)]
struct Left {
    places: Box<[u32]>,
    /// As they were when there were more of them, or fewer.
    before: Box<[u32]>,
    /// How many places have had what was there before.
    carried: usize,
}

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
        let at = (u64::from(hash as u32) * self.places.len() as u64) >> 32;
        self.places.get_mut(at as usize)
    }

    /// So many places. What is remembered is [carried](Self::carry) there afterwards.
    fn resize(&mut self, len: usize) {
        if len != self.places.len() {
            let places = vec![0; len].into();
            self.before = mem::replace(&mut self.places, places);
            self.carried = 0;
        }
    }

    /// Takes a few along, as far as there are places; whether it has taken all. Those of more are where their parts of the space were, of
    /// several that fall into one the first stays, and what was remembered since is not replaced.
    fn carry(&mut self) -> bool {
        let (places, before) = (self.places.len(), self.before.len());
        let few = self.places.iter_mut().enumerate();
        for (at, place) in few.skip(self.carried).take(CARRIED) {
            // Both numbers are below 2²⁹.
            let from = at * before / places;
            let to = ((at + 1) * before).div_ceil(places);
            let mut there = self.before.get(from..to).unwrap_or_default().iter();
            if *place == 0 {
                *place = there.find(|print| **print != 0).copied().unwrap_or(0);
            }
        }
        self.carried += CARRIED;
        let done = before == 0 || self.carried >= places;
        if done {
            self.before = Box::default();
        }
        done
    }
}

/// The part of a hash that its place among the remembered ones does not show; never 0.
fn fingerprint(hash: u64) -> u32 {
    (hash >> 32) as u32 | 1
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    /// How many of those that are remembered are when there are places for another number of them.
    fn kept(from: usize, to: usize) -> usize {
        let hashes = || (1..=from as u64 / 2).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut left = Left::default();
        left.resize(from);
        hashes().for_each(|hash| left.remember(hash));
        let known: Vec<u64> = hashes()
            .filter(|hash| left.place(*hash).copied() == Some(fingerprint(*hash)))
            .collect();
        left.resize(to);
        while !left.carry() {}
        assert_eq!((left.places.len(), left.before.len()), (to, 0));
        let kept = known.iter().filter(|hash| left.takes(**hash)).count();
        assert!(known.iter().all(|hash| !left.takes(*hash)), "taken twice");
        100 * kept / known.len()
    }

    #[test]
    fn what_left_is_remembered_when_there_is_more_room_or_less() {
        for (from, to, percent) in [
            (10_000, 10_000, 100),
            (10_000, 20_000, 100),
            (10_000, 17_000, 75),
            (10_000, 9_000, 75),
            (10_000, 5_000, 70),
            (10_000, 0, 0),
        ] {
            let kept = kept(from, to);
            assert!(kept >= percent, "{kept} % from {from} to {to}");
        }
    }
}
