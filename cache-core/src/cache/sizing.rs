//! How much memory there should be.

use super::Cache;
use crate::config::Adaptive;
use crate::curve::Use;
use crate::entry::Kept;
use crate::stats::{MemoryCurve, MissReason};
use crate::sync::{Mutex, lock};
use crate::tier::memory::{MemoryTier, Resident};

/// It goes down by one part in so many, at most.
const DOWN: u64 = 8;

/// So little difference in the hit rate, or in the size as a share of it, is none.
const NEARLY: f64 = 0.01;

/// What a step changes of what is known of how much better the tier does than the curve says.
const SHARE: f64 = 0.125;

/// How the tier does beside its curve, which is that of another.
#[derive(Debug, Default)]
pub(super) struct Lead(Mutex<Measured>);

#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    /// Hits and calls, up to the last step.
    before: (u64, u64),
    /// By how much its hit rate is the higher.
    lead: f64,
}

impl Lead {
    /// After so many hits and calls, where the curve says this hit rate.
    fn measure(&self, (hits, calls): (u64, u64), said: f64) -> f64 {
        let mut measured = lock(&self.0);
        let (before, of) = measured.before;
        measured.before = (hits, calls);
        let (hits, calls) = (hits.saturating_sub(before), calls.saturating_sub(of));
        if calls > 0 {
            let lead = hits as f64 / calls as f64 - said;
            measured.lead += SHARE * (lead - measured.lead);
        }
        // Where it does worse it was given more memory, and has not filled it yet.
        measured.lead.max(0.0)
    }
}

/// The least size that gives this hit rate, between two points as if they were joined by a line.
fn least(curve: &MemoryCurve, enough: f64) -> Option<u64> {
    let at = curve.points.iter().position(|(_, rate)| *rate >= enough)?;
    let (bytes, rate) = curve.points[at];
    let (below, less) = at.checked_sub(1).map_or((0, 0.0), |at| curve.points[at]);
    let share = if rate > less {
        (enough - less) / (rate - less)
    } else {
        1.0
    };
    Some(below + ((bytes - below) as f64 * share.clamp(0.0, 1.0)) as u64)
}

impl Cache {
    /// A hit.
    pub(crate) fn watch_use(&self, entry: &Kept) {
        if entry.is_watched()
            && let Some(curve) = &self.0.curve
        {
            curve.used(entry.hash(), Use::Sized, || self.calls());
        }
    }

    /// A miss of a key with this hash.
    pub(crate) fn watch_miss(&self, hash: u64, why: MissReason) {
        let Some(curve) = &self.0.curve else { return };
        let of = match why {
            MissReason::Absent | MissReason::Evicted => Use::Sized,
            // Its body runs in any case.
            MissReason::Bypass => return,
            _ => Use::Never,
        };
        curve.used(hash, of, || self.calls());
    }

    /// An entry that is about to be stored.
    pub(super) fn watch_store(&self, entry: &Kept) {
        let Some(curve) = &self.0.curve else { return };
        if curve.has(entry.hash()) {
            entry.watch();
            let weight = entry.weight() + MemoryTier::<Kept>::OVERHEAD;
            curve.stored(entry.hash(), weight);
        }
        // Not with a use, which is looked at under a lock of the tier's.
        if let Some(adaptive) = self.0.config.sizing.adaptive
            && curve.is_due()
        {
            self.adapt(adaptive);
        }
    }

    /// Takes a step toward the size that the curve says.
    fn adapt(&self, to: Adaptive) {
        let Some(curve) = self.memory_curve() else {
            return;
        };
        let present = self.0.memory.max_bytes();
        let said = curve.hit_rate_with(present);
        let lead = self.0.lead.measure((self.hits(), self.calls()), said);
        let best = curve.hit_rate_with(to.most);
        let enough = (to.hit_rate - lead).min(best - NEARLY);
        let wanted = least(&curve, enough).map_or(to.most, |bytes| bytes.clamp(to.least, to.most));
        let next = wanted.max(present - present / DOWN);
        if next.abs_diff(present) as f64 > NEARLY * present as f64 {
            self.resize(next);
        }
    }

    /// What the hit rate would be with more memory, or with less, as far as it is known.
    pub(super) fn memory_curve(&self) -> Option<MemoryCurve> {
        self.0.curve.as_ref()?.rates(self.calls())
    }

    /// All hits so far.
    fn hits(&self) -> u64 {
        let seats = self.0.seats.iter();
        seats.map(|seat| seat.counters.hits()).sum()
    }

    /// All calls that looked for something, so far.
    fn calls(&self) -> u64 {
        let seats = self.0.seats.iter();
        seats.map(|seat| seat.counters.looks()).sum()
    }
}
