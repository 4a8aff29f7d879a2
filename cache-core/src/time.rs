//! The clock that entries expire by. It is monotonic: setting the machine's wall clock changes nothing about validity.
//!
//! Points in time are `u64` milliseconds since an origin that is the same for the whole process and means nothing outside it;
//! `u64::MAX` is later than all of them.

use crate::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

/// The point in time that no clock reaches.
#[cfg(test)]
pub(crate) const NEVER: u64 = u64::MAX;

const NANOS_PER_MILLI: u64 = 1_000_000;

/// Where a cache reads the time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The operating system's coarse monotonic clock.
    ///
    /// It moves in steps of the kernel's timer tick (1 to 10 ms on Linux, up to 16 ms elsewhere) and is several times cheaper to read
    /// than `Instant::now`. Nothing is started to keep it.
    #[default]
    System,
    /// A clock that moves only when told to, for tests.
    Manual(ManualClock),
}

impl Clock {
    /// The time in milliseconds, comparable only with other times of the same clock.
    ///
    /// This is on the path of every hit.
    #[inline(always)]
    pub fn now(&self) -> u64 {
        match self {
            Self::System => coarse(),
            Self::Manual(clock) => clock.nanos() / NANOS_PER_MILLI,
        }
    }

    /// The time in nanoseconds, for measuring what a computation cost; only differences mean something, and only among its own.
    pub fn precise(&self) -> u64 {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        match self {
            Self::System => nanos(ORIGIN.get_or_init(Instant::now).elapsed()),
            Self::Manual(clock) => clock.nanos(),
        }
    }
}

/// The time of [`Clock::System`].
#[inline(always)]
pub(crate) fn coarse() -> u64 {
    #[cfg(target_os = "linux")]
    return {
        // The kernel's page without the C library in between, and without a unit of time in between.
        let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
        now.tv_sec as u64 * 1_000 + now.tv_nsec as u64 / NANOS_PER_MILLI
    };
    #[cfg(not(target_os = "linux"))]
    {
        // Not `Instant::now`, which stores what it read in a static: a line written by every hit of every thread.
        let now = coarsetime::Instant::now_without_cache_update();
        coarsetime::Duration::from_ticks(now.as_ticks()).as_millis()
    }
}

/// A clock that stands still until it is advanced; clones are the same clock.
///
/// ```
/// use cache_core::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let hand = ManualClock::new();
/// let clock = Clock::Manual(hand.clone());
/// assert_eq!(clock.now(), 0);
/// hand.advance(Duration::from_secs(5));
/// assert_eq!(clock.now(), 5_000);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that stands at 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock forward; it stops for good some 584 years after its start.
    pub fn advance(&self, by: Duration) {
        // Nanoseconds, so that advances of less than a millisecond add up and `precise` sees them.
        let by = nanos(by);
        let add = |now: u64| Some(now.saturating_add(by));
        // The closure never declines, so there is always a previous value and nothing to tell apart.
        let _ = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
    }

    fn nanos(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// A duration in milliseconds, rounded up: what was asked to live for half a millisecond must not be dead at once.
#[inline]
pub(crate) fn millis(duration: Duration) -> u64 {
    let whole = duration.as_nanos().div_ceil(u128::from(NANOS_PER_MILLI));
    u64::try_from(whole).unwrap_or(u64::MAX)
}

/// The point in time `after` from `now`; `u64::MAX`, which is never, if that is further than a `u64` goes (`Duration::MAX` is).
#[inline]
pub(crate) fn deadline(now: u64, after: Duration) -> u64 {
    now.saturating_add(millis(after))
}

/// Milliseconds since 1970, by a clock that can be set: for names and for people, never to decide whether a value is valid.
pub(crate) fn unix_millis() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(1, |since| u64::try_from(since.as_millis()).unwrap_or(1))
}

/// Fractions for jitter: nothing that an attacker could gain from guessing.
pub(crate) fn fraction() -> f64 {
    use std::hash::BuildHasher;
    let hash = foldhash::fast::RandomState::default().hash_one(Instant::now());
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn the_manual_clock_moves_when_told_and_not_before() {
        let hand = ManualClock::new();
        let clock = Clock::Manual(hand.clone());
        assert_eq!((clock.now(), clock.precise()), (0, 0));
        hand.advance(Duration::from_micros(1_500));
        assert_eq!((clock.now(), clock.precise()), (1, 1_500_000));
        hand.advance(Duration::from_micros(500));
        assert_eq!(clock.now(), 2);
    }

    #[test]
    fn the_manual_clock_saturates_before_never() {
        let hand = ManualClock::new();
        hand.advance(Duration::MAX);
        hand.advance(Duration::MAX);
        let clock = Clock::Manual(hand);
        assert_eq!(clock.precise(), u64::MAX);
        assert!(clock.now() < NEVER);
    }

    #[test]
    fn durations_round_up_and_saturate() {
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::from_micros(1_001)), 2);
        assert_eq!(millis(Duration::from_secs(300)), 300_000);
        assert_eq!(millis(Duration::MAX), u64::MAX);
    }

    #[test]
    fn deadlines_saturate_at_never() {
        assert_eq!(deadline(7, Duration::from_secs(1)), 1_007);
        assert_eq!(deadline(7, Duration::MAX), NEVER);
        assert_eq!(deadline(NEVER, Duration::from_secs(1)), NEVER);
    }

    #[test]
    fn the_system_clock_goes_forward_as_fast_as_a_precise_one() {
        let clock = Clock::System;
        let (start, started) = (clock.now(), Instant::now());
        let precise = clock.precise();
        let mut last = start;
        // Not a wait for somebody: the passing of time is what is tested.
        while last < start + 40 {
            let now = clock.now();
            assert!(now >= last, "went back from {last} to {now}");
            last = now;
        }
        let truth = millis(started.elapsed());
        assert!(
            truth + 20 >= last - start,
            "a coarse {} ms in {truth} ms",
            last - start
        );
        assert!(clock.precise() - precise >= 20 * NANOS_PER_MILLI);
    }
}
