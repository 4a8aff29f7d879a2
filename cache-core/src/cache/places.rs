//! Places for what goes on behind calls, so many of them. Those that are taken in the process that this one was forked from are free here,
//! where nobody is in them.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// The process in the upper half, and how many it has taken in the lower one.
#[derive(Debug, Default)]
pub(crate) struct Places(AtomicU64);

/// The process that has taken one.
#[derive(Debug)]
pub(crate) struct Taken(u32);

fn parts(state: u64) -> (u32, u32) {
    ((state >> 32) as u32, state as u32)
}

fn state(process: u32, count: u32) -> u64 {
    u64::from(process) << 32 | u64::from(count)
}

impl Places {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// How many are taken.
    #[cfg(test)]
    fn taken(&self) -> u32 {
        let (of, count) = parts(self.0.load(Ordering::Relaxed));
        if of == process::id() { count } else { 0 }
    }

    /// Takes one, if not that many are taken. To be given back.
    pub(crate) fn take(&self, most: u32) -> Option<Taken> {
        let process = process::id();
        let more = |before| {
            let (of, count) = parts(before);
            let count = if of == process { count } else { 0 };
            (count < most).then(|| state(process, count + 1))
        };
        let taken = self
            .0
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, more);
        taken.ok().map(|_| Taken(process))
    }

    /// Who took it before a fork is in no place of this process.
    pub(crate) fn give_back(&self, &Taken(process): &Taken) {
        let less = |before| {
            let (of, count) = parts(before);
            (of == process).then(|| state(of, count.saturating_sub(1)))
        };
        let _ = self
            .0
            .fetch_update(Ordering::Release, Ordering::Relaxed, less);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many() {
        let places = Places::new();
        let taken: Vec<_> = (0..3).map_while(|_| places.take(2)).collect();
        assert_eq!((taken.len(), places.taken()), (2, 2));
        places.give_back(&taken[0]);
        assert_eq!(places.taken(), 1);
        assert!(places.take(2).is_some() && places.take(2).is_none());
    }

    #[test]
    fn those_of_another_process_are_free() {
        let another = process::id() + 1;
        let places = Places(AtomicU64::new(state(another, 2)));
        assert_eq!(places.taken(), 0);
        let mine = places.take(2).unwrap();
        // As it is where a body forks that has one.
        places.give_back(&Taken(another));
        assert_eq!(places.taken(), 1);
        places.give_back(&mine);
        assert_eq!(places.taken(), 0);
    }
}
