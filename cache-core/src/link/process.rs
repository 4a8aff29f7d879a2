//! Which process this is: a fork has all memory of its parent, and none of its threads.

use std::cell::Cell;
use std::process;
use std::time::{Duration, Instant};

/// Within so short a time nobody forks and goes on: the smallest processes take four times as long for it.
const SHORT: Duration = Duration::from_micros(10);

thread_local! {
    /// What this thread was told, and when it has last asked.
    static KNOWN: Cell<Option<(u32, Instant)>> = const { Cell::new(None) };
}

/// The number of the process at this moment. The system is asked only by a thread that has not asked just now: a call of it takes as
/// long as a tenth of a hit in Redis, and who waits for others' trips has to know.
pub(super) fn id_at(now: Instant) -> u32 {
    let known = KNOWN.get().filter(|(_, asked)| is_recent(*asked, now));
    let id = known.map_or_else(process::id, |(id, _)| id);
    KNOWN.set(Some((id, now)));
    id
}

fn is_recent(asked: Instant, now: Instant) -> bool {
    now.checked_duration_since(asked)
        .is_some_and(|since| since < SHORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_long_ago_does_not_count() {
        let now = Instant::now();
        let before = |micros| now.checked_sub(Duration::from_micros(micros)).unwrap();
        assert!(is_recent(now, now) && is_recent(before(9), now));
        assert!(!is_recent(before(10), now) && !is_recent(now, before(1)));
        KNOWN.set(Some((u32::MAX, before(9))));
        assert_eq!(id_at(now), u32::MAX);
        KNOWN.set(Some((u32::MAX, before(10))));
        assert_eq!(id_at(now), process::id());
    }
}
