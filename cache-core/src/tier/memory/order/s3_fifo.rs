//! S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023), by weight instead of by number.
//!
//! New entries queue in a small probation queue. What is used there moves on to the main queue, in which each use is good for one more
//! turn; the rest leaves, and is remembered by its hash: whoever comes back before as many others have left as there are entries goes to
//! the main queue at once. While there is room nobody leaves: the oldest on probation moves on, used or not.

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

    fn entries(&self) -> usize {
        self.probation.live + self.main.live
    }
}

impl Order for S3Fifo {
    fn enter(&mut self, arrival: &Arrival<'_>) -> Life {
        let token = arrival.token;
        let number = match arrival.before {
            // As good as who was there before.
            Some(number) => number,
            None if self.left.takes(token.hash, self.entries()) => MAIN,
            None => NEW,
        };
        self.queue(number).push(token, arrival.standing.charge());
        Life::new(arrival.due, number)
    }

    fn leave(&mut self, queue: QueueNumber, charge: u32, residents: &dyn Residents) {
        self.queue(queue).left(charge, residents);
    }

    fn next(&mut self, room: Room, residents: &dyn Residents) -> Option<Token> {
        let mut spared = 0;
        loop {
            // One alone on probation stays for as long as there is anything else.
            let too_many =
                self.probation.live > 1 && self.probation.weight > room.limit / PROBATION;
            if room.is_enough() && !too_many {
                return None;
            }
            let on_probation = too_many || self.main.live == 0;
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
            if on_probation && (look.life.is_used() || room.is_enough()) {
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

/// Into so many parts the time is divided in which as many leave as there are places: a time is said again when sixteen times as many
/// have left, and hardly a place is then as it was.
const PARTS: u64 = 1 << 12;

/// What left probation unused, and when: a place for each part of the space of the lower halves of their hashes, with parts of the upper
/// half, and the time.
#[derive(Default)]
struct Left {
    places: Box<[u32]>,
    /// How many have left so far.
    count: u64,
}

impl Left {
    fn remember(&mut self, hash: u64) {
        self.count += 1;
        let now = self.now();
        if let Some(place) = self.place(hash) {
            *place = fingerprint(hash) << 16 | u32::from(now);
        }
    }

    /// Whether this hash left probation, and no more than so many have since; forgets it.
    fn takes(&mut self, hash: u64, most: usize) -> bool {
        let (now, part) = (self.now(), self.part());
        let is_it = |place: &&mut u32| **place >> 16 == fingerprint(hash);
        let Some(place) = self.place(hash).filter(is_it) else {
            return false;
        };
        let left = mem::take(place) as u16;
        u64::from(now.wrapping_sub(left)) * part <= most as u64
    }

    /// How many leave in a part of the time.
    fn part(&self) -> u64 {
        (self.places.len() as u64 / PARTS).max(1)
    }

    fn now(&self) -> u16 {
        (self.count / self.part()) as u16
    }

    fn place(&mut self, hash: u64) -> Option<&mut u32> {
        let at = (u64::from(hash as u32) * self.places.len() as u64) >> 32;
        self.places.get_mut(at as usize)
    }

    /// Keeps what there is, as far as there are places: those of more are where their parts of the space were, and of several that fall
    /// into one the first stays.
    fn resize(&mut self, len: usize) {
        let (now, part) = (self.now(), self.part());
        if len == self.places.len() {
            return;
        }
        let old = mem::replace(&mut self.places, vec![0; len].into());
        if old.is_empty() {
            return;
        }
        let (new_now, new_part) = (self.now(), self.part());
        let timed = |place: u32| {
            let since = u64::from(now.wrapping_sub(place as u16)) * part / new_part;
            let since = since.min(u64::from(u16::MAX)) as u16;
            place & !0xffff | u32::from(new_now.wrapping_sub(since))
        };
        for (at, place) in self.places.iter_mut().enumerate() {
            // Both numbers are below 2²⁹.
            let from = at * old.len() / len;
            let to = ((at + 1) * old.len()).div_ceil(len);
            let there = old.get(from..to).unwrap_or_default();
            let kept = there.iter().copied().find(|place| *place != 0);
            *place = kept.map_or(0, timed);
        }
    }
}

/// The part of a hash that shows neither in its place here nor in its shard; never 0.
fn fingerprint(hash: u64) -> u32 {
    (hash >> 48) as u32 | 1
}
