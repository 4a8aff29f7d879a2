//! When a value is refreshed before it expires.
//!
//! Each hit in the last part of a lifetime begins a refresh with the probability
//!
//! > exp(−left ∕ (cost + part ∕ 8))
//!
//! of what is left of the lifetime, what the value has cost, and the length of that part. It is that of XFetch (Vattani, Chierichetti,
//! Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015, §4), exp(−left ∕ (β · cost)) with β = 1, which is best against
//! stampedes where there are many calls, but begins no refresh of a cheap value before its last moments, and none of one that is asked for
//! now and then. So a share of the part is added: it is 1 at the end of a lifetime, and e⁻⁸, one in three thousand, at the beginning
//! of the part for a value that costs nothing. Who draws knows nothing of the others, so that a fleet does not refresh in step.

use super::Cache;
use crate::entry::Kept;
use crate::time;

/// How many times its own length fits into the part.
const SHARES: f64 = 8.0;

impl Cache {
    /// Whether a hit begins a refresh of an entry that is fresh, and was due to be looked at since then.
    pub(super) fn draws(&self, entry: &Kept, due: u64) -> bool {
        let end = entry.fresh_until();
        let left = end.saturating_sub(self.now());
        let chance = chance(left, end.saturating_sub(due), entry.cost_ns());
        time::fraction() < chance
    }
}

/// For how long, in milliseconds, each call would have begun a refresh, in place of some for a longer time, up to when so much of the
/// lifetime was `left`. A refresh at random comes as long after the beginning of the part, counted so, as a call after any point in time.
pub(crate) fn waited(left: u64, part: u64, cost_ns: u64) -> f64 {
    let scale = scale(part, cost_ns);
    if scale <= 0.0 {
        return 0.0;
    }
    let share = |left: u64| (-(left as f64) / scale).exp();
    scale * (share(left) - share(part)).max(0.0)
}

fn scale(part: u64, cost_ns: u64) -> f64 {
    cost_ns as f64 / 1e6 + part as f64 / SHARES
}

/// The probability of a refresh; times are in milliseconds.
fn chance(left: u64, part: u64, cost_ns: u64) -> f64 {
    let scale = scale(part, cost_ns);
    // Nothing over nothing is none: what has no part is not refreshed ahead.
    (-(left as f64) / scale).exp()
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::{chance, waited};

    const MILLI: u64 = 1_000_000;

    #[test]
    fn it_grows_with_the_nearness_of_the_end_and_with_the_cost() {
        assert!((chance(60_000, 60_000, 0) - (-8_f64).exp()).abs() < 1e-9);
        assert!((chance(0, 60_000, 0) - 1.0).abs() < 1e-9);
        let by_left = [50_000, 10_000, 1_000, 1].map(|left| chance(left, 60_000, MILLI));
        assert!(by_left.is_sorted(), "{by_left:?}");
        let by_cost = [0, MILLI, 100 * MILLI, 10_000 * MILLI];
        let by_cost = by_cost.map(|cost| chance(10_000, 60_000, cost));
        assert!(
            by_cost.is_sorted() && by_cost[3] > 2.0 * by_cost[0],
            "{by_cost:?}"
        );
        assert!(
            by_cost
                .iter()
                .chain(&by_left)
                .all(|p| (0.0..=1.0).contains(p))
        );
    }

    #[test]
    fn what_was_waited_is_the_sum_of_the_chances() {
        let steps = (0..60_000)
            .rev()
            .map(|left| chance(left, 60_000, 500 * MILLI));
        let mut sum = 0.0;
        for (left, chance) in (0..60_000).rev().zip(steps) {
            sum += chance;
            let waited = waited(left, 60_000, 500 * MILLI);
            assert!(
                (waited - sum).abs() <= 1.0 + 1e-3 * sum,
                "{left}: {waited} {sum}"
            );
        }
        assert_eq!(waited(0, 0, 0), 0.0);
    }

    #[test]
    fn without_a_part_there_is_none() {
        assert!(chance(1, 0, 0) < 1e-9);
    }
}
