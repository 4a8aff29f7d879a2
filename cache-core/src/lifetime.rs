//! How long a value is fresh whose function leaves it to what is seen: `ttl = adaptive("30s", "1h")`.
//!
//! A call is answered well if nobody computed for it and the value is the one that the source has. The others cost: each
//! computation one, and each stale answer one. Of a value that is asked for `r` times a second, and changes λ times a second at
//! random, a lifetime `T` is followed by a pause of 1/r until the next call, has one computation, and in it about r · λ · T² ∕ 2
//! stale answers. What that costs a second, (1 + r λ T² ∕ 2) ∕ (T + 1/r), is least where r λ T² ∕ 2 + λ T = 1:
//!
//! > T = (√(1 + 2 r ∕ λ) − 1) ∕ r
//!
//! That is √(2 ∕ (r λ)) for what is asked for often, and 1/λ for what is not. A lifetime in proportion to the time between changes, as
//! of the Alex protocol (Cate, "Alex — a global filesystem", 1992), would be for values that are asked for the more the more
//! they change; that the best one grows more slowly is found in Cho, Garcia-Molina, "Effective Page Refresh Policies for Web Crawlers",
//! ACM TODS 28(4), 2003.
//!
//! Both rates are estimated from computations alone; hits are not looked at:
//!
//! * λ as the most likely number of changes by time, of what is only known to have changed or not between two looks at irregular
//!   times (Cho, Garcia-Molina, "Estimating Frequency of Change", ACM TOIT 3(3), 2003, §5.2). That maximum is the fixed point of
//!   changes ∕ time up to the first change in each interval, where the latter is expected to be 1/λ − t ∕ (e^(λt) − 1) in an
//!   interval of t that saw a change, and t in one that did not; here each interval is taken with the estimate that it finds.
//! * r from the pauses between the end of a lifetime and the call that finds it over: calls at random have the same pause before them
//!   wherever one begins to wait. By the mean of their logarithms, so that one night does not count as a thousand calls.
//!
//! With each new change what was seen of the value before counts a sixteenth less, and with the third change in a row, and each that
//! follows at once, half as much: the best lifetime of what changes seldom is a small part of the time between its changes, so that
//! they come in a row where the rate has risen. With each new pause those before count an eighth less.
//!
//! What is known of all values of the function together counts as one change and one pause of each: a value that is new, or has left the
//! table, begins with what the others do, and one that was never seen to change is soon looked at seldom where none does. It is believed
//! only as far as what was seen of the value itself does not say something else altogether.
//!
//! Nothing is learnt from a value that was invalidated, and is computed for that: that it has changed was said.

use std::time::Duration;

use crate::time;

mod seen;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;

pub(crate) use seen::{Last, Lifetimes, Sighting, Since};

/// What was seen before counts as much with each change, ...
const PER_CHANGE: f64 = 15.0 / 16.0;

/// ... as much with the third one in a row, and each that follows at once, ...
const PER_CHANGE_IN_A_ROW: f64 = 0.5;

/// ... and as much with each pause.
const PER_PAUSE: f64 = 7.0 / 8.0;

/// As many changes, and pauses, of all values count as seen of each.
const ALL: f64 = 1.0;

/// So many times as long as between the changes that were seen of a value itself, and the fewer times the more they were, it is at most
/// between those of what is known before: among many values that never change, or after a long time without a change, one that does would
/// not be told from them.
const FURTHER: f64 = 16.0;

/// As many, of a value that changes once in the longest lifetime, as seen of all.
const NONE: f64 = 0.1;

/// After so many changes, or pauses, of all values the earlier ones count half.
const HALF_LIFE: f64 = 256.0;

/// The mean of the negative logarithm of what is distributed exponentially, with a mean of one: Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// No pause is shorter than the clock can tell, in milliseconds.
const SHORTEST: f64 = 0.5;

/// Between which lifetimes one is chosen, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    least: u64,
    most: u64,
}

impl Bounds {
    pub(crate) fn new(least: Duration, most: Duration) -> Self {
        let least = time::millis(least).max(1);
        Self {
            least,
            most: time::millis(most).max(least),
        }
    }

    /// What is believed of values of which nothing was seen: such that the first lifetime is in the middle, √(least · most).
    fn belief(self) -> Rates {
        Rates {
            changes: 1.0 / self.most as f64,
            calls: 2.0 / self.least as f64,
        }
    }

    /// The best lifetime, in milliseconds.
    fn best(self, Rates { changes, calls }: Rates) -> u64 {
        let best = ((1.0 + 2.0 * calls / changes).sqrt() - 1.0) / calls;
        // Not `clamp`, which a number that is none would pass.
        (best.min(self.most as f64).max(self.least as f64)) as u64
    }
}

/// By the millisecond.
#[derive(Clone, Copy, Debug)]
struct Rates {
    changes: f64,
    calls: f64,
}

/// What was seen of a value, or of all of a function, as far as it counts.
#[derive(Clone, Copy, Debug, Default)]
struct Habits {
    changes: f32,
    /// For how long there was none, in milliseconds.
    unchanged: f32,
    pauses: f32,
    /// The sum of their logarithms.
    pause_logs: f32,
    /// How many looks in a row, the last ones, have seen a change.
    row: u8,
}

impl Habits {
    /// The rates, where `weight` changes and pauses of `before` count as seen.
    fn rates(&self, before: Rates, weight: f64) -> Rates {
        let changes = f64::from(self.changes) + weight;
        let mut known = 1.0 / before.changes;
        if self.changes > 0.0 {
            let seen = f64::from(self.unchanged / self.changes);
            known = known.min(seen * FURTHER / f64::from(self.changes));
        }
        let unchanged = f64::from(self.unchanged) + weight * known;
        let log = f64::from(self.pause_logs) - weight * (before.calls.ln() + EULER);
        let pause = log / (f64::from(self.pauses) + weight) + EULER;
        Rates {
            changes: changes / unchanged,
            calls: (-pause).exp(),
        }
    }

    /// Two looks so far apart have seen a change, or none, of a value that was thought to change at this rate.
    fn looked(&mut self, apart: f64, changed: bool, rate: f64) {
        if !changed {
            self.row = 0;
            self.unchanged += apart as f32;
            return;
        }
        let expected = rate * apart;
        // Of what changes seldom nobody knows when it did; the formula is then a difference of large numbers.
        let until = if expected < 1e-3 {
            apart / 2.0
        } else {
            1.0 / rate - apart / expected.exp_m1()
        };
        self.row = self.row.saturating_add(1);
        self.changes += 1.0;
        self.unchanged += until as f32;
    }

    /// A call has come so long after the end of a lifetime.
    fn called(&mut self, pause: f64) {
        self.pauses += 1.0;
        self.pause_logs += pause.max(SHORTEST).ln() as f32;
    }

    /// Counts the changes so far, and the time without, as this share of themselves.
    fn fade_changes(&mut self, share: f64) {
        self.changes *= share as f32;
        self.unchanged *= share as f32;
    }

    fn fade_pauses(&mut self, share: f64) {
        self.pauses *= share as f32;
        self.pause_logs *= share as f32;
    }
}

/// What was seen of all values of a function, and between which bounds they are.
#[derive(Clone, Copy, Debug)]
struct Rule {
    bounds: Bounds,
    all: Habits,
}

impl Rule {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            all: Habits::default(),
        }
    }

    fn rates(&self, of: &Habits) -> Rates {
        let all = self.all.rates(self.bounds.belief(), NONE);
        of.rates(all, ALL)
    }

    /// How long a value with these habits is fresh, in milliseconds.
    fn lifetime(&self, of: &Habits) -> u64 {
        self.bounds.best(self.rates(of))
    }

    /// Two looks at a value, so many milliseconds apart.
    fn looked(&mut self, of: &mut Habits, apart: f64, changed: bool) {
        let rate = self.rates(of).changes;
        of.looked(apart, changed, rate);
        self.all.looked(apart, changed, rate);
        if changed {
            of.fade_changes(if of.row < 3 {
                PER_CHANGE
            } else {
                PER_CHANGE_IN_A_ROW
            });
        }
        if f64::from(self.all.changes) > HALF_LIFE {
            self.all.fade_changes(0.5);
        }
    }

    /// A call so many milliseconds after the end of a lifetime.
    fn called(&mut self, of: &mut Habits, pause: f64) {
        of.called(pause);
        self.all.called(pause);
        of.fade_pauses(PER_PAUSE);
        if f64::from(self.all.pauses) > HALF_LIFE {
            self.all.fade_pauses(0.5);
        }
    }
}
