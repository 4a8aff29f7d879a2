//! Hits while 1,000 invalidations a second are applied. None of them matches, so that every hit
//! stays a hit, but each makes every entry re-validate once.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::ours;
use crate::rounds::{Row, median, time};

const INTERVAL: Duration = Duration::from_millis(1);

/// The median of stormy to quiet time of the same round.
pub(crate) fn stormy_to_quiet<A: Sync + Copy>(row: Row<A>, calls: &[A], rounds: usize) -> f64 {
    // Long enough that some ten invalidations fall into one measurement.
    let calls = calls.repeat(8);
    let ratios = (0..rounds).map(|_| {
        let quiet = time(row.run, &calls, 1);
        let stop = AtomicBool::new(false);
        let stormy = std::thread::scope(|scope| {
            scope.spawn(|| blow(&stop));
            let stormy = time(row.run, &calls, 1);
            stop.store(true, Relaxed);
            stormy
        });
        stormy / quiet
    });
    median(ratios.collect())
}

/// Invalidates at a steady pace, catching up where the scheduler was late.
fn blow(stop: &AtomicBool) {
    let begin = Instant::now();
    for n in 0.. {
        if stop.load(Relaxed) {
            return;
        }
        ours::invalidate_other(n);
        let next = INTERVAL * (n as u32 + 1);
        std::thread::sleep(next.saturating_sub(begin.elapsed()));
    }
}
