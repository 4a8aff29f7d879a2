//! Bodies of a function that have begun behind its calls, and that nobody can give up, by when they began.

use std::process;
use std::time::{Duration, Instant};

use crate::sync::{Mutex, lock};

/// See the module. Those of the process that this one was forked from do not count here, where nobody runs them.
#[derive(Debug, Default)]
pub(crate) struct Begun(Mutex<(u32, Vec<Instant>)>);

impl Begun {
    /// One more begins, if fewer than so many have that are younger than this, and fewer than four times as many in all: those that never
    /// end are not to keep all others from beginning, nor to become ever more.
    pub(crate) fn begin(&self, most: usize, age: Duration) -> Option<Instant> {
        let (process, now) = (process::id(), Instant::now());
        let mut begun = lock(&self.0);
        if begun.0 != process {
            *begun = (process, Vec::new());
        }
        let young = |since: &&Instant| now.duration_since(**since) < age;
        let full = begun.1.iter().filter(young).count() >= most || begun.1.len() >= 4 * most;
        if full {
            return None;
        }
        begun.1.push(now);
        Some(now)
    }

    /// One that began then is over.
    pub(crate) fn end(&self, since: Instant) {
        let mut begun = lock(&self.0);
        if let Some(at) = begun.1.iter().position(|other| *other == since) {
            begun.1.swap_remove(at);
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn the_old_make_room_for_the_young_up_to_a_bound() {
        let begun = Begun::default();
        let ever = Duration::MAX;
        let first = begun.begin(2, ever).unwrap();
        assert!(begun.begin(2, ever).is_some() && begun.begin(2, ever).is_none());
        begun.end(first);
        assert!(begun.begin(2, ever).is_some() && begun.begin(2, ever).is_none());
        let more = std::iter::from_fn(|| begun.begin(2, Duration::ZERO));
        assert_eq!(more.count(), 6, "eight in all");
    }

    #[test]
    fn those_of_another_process_do_not_count() {
        let another = process::id() + 1;
        let begun = Begun(Mutex::new((another, vec![Instant::now(); 8])));
        let mine = begun.begin(1, Duration::MAX).unwrap();
        assert!(begun.begin(1, Duration::MAX).is_none());
        begun.end(mine);
        assert!(begun.begin(1, Duration::MAX).is_some());
    }
}
