//! S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023), by weight instead of by number.
//!
//! New entries queue in a small probation queue. What is used there moves on to the main queue, in which each use is good for one more
//! turn; the rest leaves, and is remembered by its hash: whoever comes back before as many others have left as there are entries goes to
//! the main queue at once. While there is room nobody leaves: the oldest on probation moves on, used or not.

use std::mem;

use super::{Arrival, EXPECTED_WEIGHT, Order, Patience, Residents, Room, queue::Queue};
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
        let mut patience = Patience::default();
        loop {
            // One alone on probation stays for as long as there is anything else.
            let too_many =
                self.probation.live > 1 && self.probation.weight > room.limit / PROBATION;
            if room.is_enough() && !(too_many && patience.lasts()) {
                return None;
            }
            let on_probation = too_many || self.main.live == 0;
            let queue = self.queue(if on_probation { NEW } else { MAIN });
            let token = queue.pop()?;
            let Some(look) = residents.look(&token) else {
                continue;
            };
            let charge = look.standing.charge();
            if !on_probation && patience.lasts() && look.life.spend() {
                queue.again(token);
                continue;
            }
            queue.gone(charge);
            if on_probation && (room.is_enough() || look.life.is_used() && patience.lasts()) {
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
    before: Before,
}

/// What was remembered when there were more places, or fewer.
#[derive(Default)]
struct Before {
    places: Box<[u32]>,
    /// How many had left so far, and how many did in a part of the time.
    count: u64,
    part: u64,
    /// How many of the new places have had what was there before.
    carried: usize,
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

    /// So many places. What is remembered is [carried](Self::carry) there afterwards.
    fn resize(&mut self, len: usize) {
        if len != self.places.len() {
            let part = self.part();
            let places = mem::replace(&mut self.places, vec![0; len].into());
            self.before = Before {
                places,
                part,
                count: self.count,
                carried: 0,
            };
        }
    }

    /// Takes a few along, as far as there are places; whether it has taken all. Those of more are where their parts of the space were, of
    /// several that fall into one the first stays, and what was remembered since is not replaced.
    fn carry(&mut self) -> bool {
        let part = self.part();
        let (before, len) = (&mut self.before, self.places.len());
        let few = self.places.iter_mut().enumerate();
        for (at, place) in few.skip(before.carried).take(CARRIED) {
            // Products of two numbers below 2²⁹.
            let (at, many, len) = (at as u64, before.places.len() as u64, len as u64);
            let parts = (at * many / len) as usize..((at + 1) * many).div_ceil(len) as usize;
            let there = before.places.get(parts).unwrap_or_default().iter();
            if *place == 0 {
                let found = there.copied().find(|place| *place != 0);
                *place = found.map_or(0, |place| before.timed(place, part));
            }
        }
        before.carried += CARRIED;
        let done = before.places.is_empty() || before.carried >= len;
        if done {
            self.before = Before::default();
        }
        done
    }
}

impl Before {
    /// The same place with the time in other parts.
    fn timed(&self, place: u32, part: u64) -> u32 {
        let now = (self.count / self.part) as u16;
        let since = u64::from(now.wrapping_sub(place as u16)) * self.part / part;
        let since = since.min(u64::from(u16::MAX)) as u16;
        place & !0xffff | u32::from(((self.count / part) as u16).wrapping_sub(since))
    }
}

/// The part of a hash that shows neither in its place here nor in its shard; never 0.
fn fingerprint(hash: u64) -> u32 {
    (hash >> 48) as u32 | 1
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
            .filter(|hash| {
                left.place(*hash)
                    .is_some_and(|place| *place >> 16 == fingerprint(*hash))
            })
            .collect();
        left.resize(to);
        while !left.carry() {}
        assert_eq!((left.places.len(), left.before.places.len()), (to, 0));
        let most = usize::MAX;
        let kept = known.iter().filter(|hash| left.takes(**hash, most)).count();
        assert!(
            known.iter().all(|hash| !left.takes(*hash, most)),
            "taken twice"
        );
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
