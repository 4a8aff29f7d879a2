//! A list that grows, and in which nothing is ever moved or taken out: what is there is found without a lock.

use std::sync::OnceLock;

/// How many places the first part has; each has twice as many as the one before it.
const FIRST: usize = 8;

/// So many that there are places for all numbers of 32 bits.
const PARTS: usize = 30;

/// See the module.
pub(super) struct Roll<T>([OnceLock<Box<[OnceLock<T>]>>; PARTS]);

impl<T> Default for Roll<T> {
    fn default() -> Self {
        Self([const { OnceLock::new() }; PARTS])
    }
}

/// The part, and the place in it.
fn place(number: u32) -> (usize, usize) {
    let number = number as usize + FIRST;
    let part = (number / FIRST).ilog2();
    (part as usize, number - (FIRST << part))
}

impl<T> Roll<T> {
    /// What stands at a place, if anything does.
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        let (part, at) = place(number);
        self.0[part].get()?[at].get()
    }

    /// The same; what `make` gives, if nothing does.
    pub(super) fn get_or_put(&self, number: u32, make: impl FnOnce() -> T) -> &T {
        let (part, at) = place(number);
        let places = || (0..FIRST << part).map(|_| OnceLock::new()).collect();
        self.0[part].get_or_init(places)[at].get_or_init(make)
    }

    /// All there is, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        let parts = self.0.iter().filter_map(OnceLock::get);
        parts.flat_map(|part| part.iter().filter_map(OnceLock::get))
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_a_place_of_its_own() {
        assert_eq!(
            [0, 7, 8, 23, 24].map(place),
            [(0, 0), (0, 7), (1, 0), (1, 15), (2, 0)]
        );
        assert_eq!(place(u32::MAX).0, PARTS - 1);
        let roll = Roll::default();
        for number in (0..1_000).rev().step_by(2) {
            assert_eq!(roll.get(number), None);
            assert_eq!(roll.get_or_put(number, || number), &number);
            assert_eq!(roll.get_or_put(number, || 0), &number);
        }
        assert!(roll.iter().copied().eq((0..1_000).skip(1).step_by(2)));
    }

    #[test]
    fn of_many_who_put_at_the_same_time_one_does() {
        let roll = &Roll::default();
        let seen: Vec<u32> = std::thread::scope(|scope| {
            let put = |n| scope.spawn(move || *roll.get_or_put(100, || n));
            let threads: Vec<_> = (0..8).map(put).collect();
            let joined = threads.into_iter().map(|thread| thread.join().unwrap());
            joined.collect()
        });
        assert!(seen.iter().all(|one| Some(one) == roll.get(100)));
    }
}
