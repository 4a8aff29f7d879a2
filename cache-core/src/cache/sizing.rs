//! How much memory there should be.

use super::Cache;
use crate::config::Adaptive;
use crate::curve::{Rates, Use};
use crate::entry::Kept;
use crate::stats::{MemoryCurve, MissReason};
use crate::sync::{Mutex, lock};
use crate::tier::memory::{MemoryTier, Resident};

/// It goes down by one part in so many, at most.
const DOWN: u64 = 4;

/// So little difference in the hit rate, or in the size as a share of it, is none.
const NEARLY: f64 = 0.01;

/// What a step changes of what is known of how much better the tier does than the curve says.
const SHARE: f64 = 0.1875;

/// What is more than this share of the memory fills it.
const FULL: f64 = 0.85;

/// How the tier does beside its curve, which is that of another order, and of a sample.
#[derive(Debug, Default)]
pub(super) struct Lead(Mutex<Measured>);

#[derive(Debug, Default)]
struct Measured {
    /// Hits and calls up to the last step, and what the curve said then.
    before: Option<(u64, u64, Rates)>,
    /// By how much its hit rate is the higher, or the lower if negative.
    lead: f64,
}

impl Lead {
    /// After so many hits and calls with so many bytes, and with these rates. Both of the last step alone: what is asked for by day is not
    /// what is asked for by night. A memory that is not full yet says nothing.
    fn measure(&self, hits: u64, calls: u64, rates: &Rates, bytes: u64, full: bool) -> f64 {
        let mut measured = lock(&self.0);
        let before = measured.before.replace((hits, calls, rates.clone()));
        if let Some((hits_before, calls_before, before)) = before.filter(|_| full)
            && let Some(said) = rates.since(&before, bytes)
            && calls > calls_before
        {
            let rate = hits.saturating_sub(hits_before) as f64 / (calls - calls_before) as f64;
            measured.lead += SHARE * (rate - said - measured.lead);
        }
        measured.lead
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
        let calls = self.calls();
        let rates = self.0.curve.as_ref().and_then(|curve| curve.rates(calls));
        let Some(rates) = rates else { return };
        let present = self.0.memory.max_bytes();
        let full = self.0.memory.weight() as f64 > FULL * present as f64;
        let lead = &self.0.lead;
        let lead = lead.measure(self.hits(), calls, &rates, present, full);
        let curve = rates.curve;
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
        let rates = self.0.curve.as_ref()?.rates(self.calls())?;
        Some(rates.curve)
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
