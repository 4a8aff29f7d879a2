//! Whether it pays to fetch what nobody has asked for yet.
//!
//! Each value that is fetched so costs one, and each that is used is worth five: where fewer than one in five is used there comes to be
//! nothing left. Then one in sixteen is fetched all the same, to see whether that is still so; whatever is used of these earns the next.

use crate::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// What one that is used is worth, in values fetched.
const WORTH: i64 = 5;

/// What there is at the beginning.
const START: i64 = 256;

/// More is not remembered, or what has ceased to pay would go on for long.
const MOST: i64 = 1_024;

/// One in so many is fetched where it does not pay.
const PROBE: u64 = 16;

/// See the module.
pub(super) struct Credit {
    left: AtomicI64,
    refused: AtomicU64,
}

impl Default for Credit {
    fn default() -> Self {
        Self {
            left: AtomicI64::new(START),
            refused: AtomicU64::new(0),
        }
    }
}

impl Credit {
    /// Whether one more is to be fetched.
    pub(super) fn spend(&self) -> bool {
        let less = |left: i64| (left > 0).then_some(left - 1);
        let paid = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        paid.is_ok() || self.refused.fetch_add(1, Ordering::Relaxed) % PROBE == PROBE - 1
    }

    /// One was used.
    pub(super) fn earn(&self) {
        let more = |left: i64| Some((left + WORTH).min(MOST));
        let _ = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Whether it pays, as far as has been seen.
    pub(super) fn pays(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many are fetched, if each of these is used.
    fn fetched(credit: &Credit, count: u64, used: impl Fn(u64) -> bool) -> u64 {
        let mut fetched = 0;
        for _ in 0..count {
            if credit.spend() {
                fetched += 1;
                if used(fetched) {
                    credit.earn();
                }
            }
        }
        fetched
    }

    #[test]
    fn what_is_used_one_time_in_five_is_fetched_and_what_is_not_hardly() {
        let credit = Credit::default();
        assert_eq!(fetched(&credit, 10_000, |n| n % 4 == 0), 10_000);
        assert!(credit.pays());
        let few = fetched(&credit, 100_000, |n| n % 10 == 0);
        assert!((6_000..20_000).contains(&few), "{few}");
        let none = fetched(&credit, 16_000, |_| false);
        assert!((1_000..1_010).contains(&none), "{none}");
        assert!(!credit.pays());
        // It is seen when it pays again.
        let again = fetched(&credit, 10_000, |_| true);
        assert!(again > 9_900, "{again}");
    }
}
