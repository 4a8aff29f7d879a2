//! How much memory there should be.

use super::Cache;
use crate::config::Adaptive;
use crate::curve::Use;
use crate::entry::Kept;
use crate::stats::{MemoryCurve, MissReason};
use crate::sync::read;
use crate::tier::memory::{MemoryTier, Resident};

/// It goes down by one part in so many, at most.
const DOWN: u64 = 8;

/// So little difference in the hit rate, or in the size as a share of it, is none.
const NEARLY: f64 = 0.01;

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
        let best = curve.hit_rate_with(to.most);
        let enough = to.hit_rate.min(best - NEARLY);
        let mut sizes = curve.points.iter();
        let least = sizes.find(|(_, rate)| *rate >= enough);
        let wanted = least.map_or(to.most, |(bytes, _)| (*bytes).clamp(to.least, to.most));
        let present = self.0.memory.max_bytes();
        let next = wanted.max(present - present / DOWN);
        if next.abs_diff(present) as f64 > NEARLY * present as f64 {
            self.resize(next);
        }
    }

    /// What the hit rate would be with more memory, or with less, as far as it is known.
    pub(super) fn memory_curve(&self) -> Option<MemoryCurve> {
        self.0.curve.as_ref()?.rates(self.calls())
    }

    /// All calls that looked for something, so far.
    fn calls(&self) -> u64 {
        let seats = read(&self.0.sites);
        let calls = seats.iter().flatten();
        calls.map(|seat| seat.counters.looks()).sum()
    }
}
