//! How much memory there should be.

use super::Cache;
use crate::config::Adaptive;
use crate::curve::{Rates, Use};
use crate::entry::Kept;
use crate::stats::{MemoryCurve, MissReason, SiteCounters};
use crate::sync::{Mutex, try_lock};
use crate::tier::memory::Resident;

/// It goes up by one part in so many, at most: a key that is large makes a jump of the curve which is none, and what is soon over is
/// not worth more (`--bench hindsight`). ...
const UP: u64 = 3;

/// ... And down by two in so many: two steps up take back nearly what two steps down took.
const TWICE_DOWN: u64 = 7;

/// So little difference in the hit rate, or in the size as a share of it, is none.
const NEARLY: f64 = 0.01;

/// What a step changes of what is known of how much better the tier does than the curve says.
const SHARE: f64 = 0.1875;

/// Of the calls that were looked at at least the last half counts, up to so many; none of those that fill a new cache, which are misses
/// whatever its size.
const LATELY: u64 = 1 << 18;

/// Of all calls at least the last half counts for itself, up to so many: those of a day would be few among a night's.
const NOW: u64 = 1 << 16;

/// Where they want so many times as much memory as the others they have it; less may be chance, ...
const MUCH: f64 = 2.0;

/// ... and then for as long as it is so many times as much: the others come to want more as well, as these become many among them.
const STILL: f64 = 1.25;

/// What is known from one step to the next. Whoever takes one holds it.
#[derive(Debug, Default)]
pub(super) struct Steps(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    last: Option<Reading>,
    lately: Window,
    /// The shorter one.
    now: Window,
    /// Whether that one goes.
    by_now: bool,
    /// By how much the tier's hit rate is higher than its curve says, which is that of another order, and of a sample; or lower if negative.
    lead: f64,
}

/// Which of the last calls count.
#[derive(Debug, Default)]
struct Window {
    /// Since when they do, and since when they will; as soon as any do.
    since: Option<(Reading, Reading)>,
}

/// What has been counted so far.
#[derive(Clone, Debug)]
struct Reading {
    rates: Rates,
    calls: u64,
    hits: u64,
    evictions: u64,
}

impl Reading {
    fn calls(&self) -> u64 {
        self.calls
    }

    fn uses(&self) -> u64 {
        self.rates.uses
    }
}

/// The last step.
struct Step {
    /// What was known when it began.
    before: Reading,
    rates: Rates,
    hit_rate: f64,
    /// Whether there was more than fits.
    full: bool,
}

impl Known {
    /// What the step was that ends with this.
    fn step(&mut self, now: &Reading) -> Option<Step> {
        let before = self.last.replace(now.clone())?;
        let calls = now
            .calls
            .checked_sub(before.calls)
            .filter(|calls| *calls > 0)?;
        Some(Step {
            rates: now.rates.since(&before.rates)?,
            hit_rate: (now.hits.saturating_sub(before.hits) as f64 / calls as f64).min(1.0),
            full: now.evictions > before.evictions,
            before,
        })
    }

    /// Learns how the tier did with so many bytes. Both of the step alone: what is asked for by day is not what is asked for by night. A
    /// memory that is not full says nothing.
    fn learn(&mut self, step: &Step, bytes: u64) {
        if step.full {
            let said = step.rates.curve().hit_rate_with(bytes);
            self.lead += SHARE * (step.hit_rate - said - self.lead);
        }
    }

    /// Whether calls count: once a new cache is full, or as good as it is to be.
    fn counts(&self, step: &Step, good: f64) -> bool {
        self.lately.since.is_some() || step.full || step.hit_rate >= good
    }
}

impl Window {
    /// The curve of at least the last half of what is counted, up to so many.
    fn curve(
        &mut self,
        step: &Step,
        now: &Reading,
        most: u64,
        counted: fn(&Reading) -> u64,
    ) -> Option<MemoryCurve> {
        let (since, next) = match self.since.take() {
            None => (step.before.clone(), now.clone()),
            Some((since, next)) => {
                let enough = (counted(now) / 2).min(most);
                match counted(now).saturating_sub(counted(&next)) >= enough {
                    true => (next, now.clone()),
                    false => (since, next),
                }
            }
        };
        let lately = now.rates.since(&since.rates);
        self.since = Some((since, next));
        Some(lately?.curve())
    }
}

impl Step {
    /// Whether there were too few hits though more memory would give more, or nobody knows yet how often what is here will be asked for.
    fn is_poor(&self, present: u64, to: Adaptive) -> bool {
        if !self.full {
            return self.hit_rate < to.hit_rate;
        }
        if self.hit_rate >= to.hit_rate - NEARLY {
            return false;
        }
        let own = self.rates.curve();
        own.hit_rate_with(to.most) > own.hit_rate_with(present) + NEARLY
    }
}

/// The least size that gives this hit rate, which is above 0, between two points as if they were joined by a line.
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
            let hit = Use::Hit {
                weight: entry.charged(),
                expires: entry.expires(),
            };
            if curve.may_have(entry.hash()) {
                curve.used(entry.hash(), hit, || self.calls());
            } else {
                entry.unwatch();
            }
        }
    }

    /// A miss of a key with this hash.
    pub(crate) fn watch_miss(&self, hash: u64, why: MissReason) {
        let Some(curve) = &self.0.curve else { return };
        let of = match why {
            MissReason::Absent | MissReason::Evicted => Use::Missed(self.now()),
            // Its body runs in any case.
            MissReason::Bypass => return,
            _ => Use::Never,
        };
        curve.used(hash, of, || self.calls());
    }

    /// An entry that is about to be stored.
    pub(super) fn watch_store(&self, entry: &Kept) {
        let Some(curve) = &self.0.curve else { return };
        if curve.may_have(entry.hash()) {
            entry.watch();
            curve.stored(entry.hash(), entry.charged(), entry.expires());
        }
        // Not with a use, which is looked at under a lock of the tier's.
        if let Some(adaptive) = self.0.config.sizing.adaptive
            && curve.is_due()
        {
            self.adapt(adaptive);
        }
    }

    /// Takes a step toward the size that the curve says, unless another thread is at it.
    fn adapt(&self, to: Adaptive) {
        let Some(mut known) = try_lock(&self.0.steps.0) else {
            return;
        };
        let Some(now) = self.reading() else { return };
        let present = self.0.memory.max_bytes();
        let Some(step) = known.step(&now) else { return };
        known.learn(&step, present);
        if !known.counts(&step, to.hit_rate) {
            return;
        }
        let lead = known.lead;
        let wanted = |curve: MemoryCurve| {
            let enough = (to.hit_rate - lead).min(curve.hit_rate_with(to.most) - NEARLY);
            if enough <= 0.0 {
                // No size gives anything: a scan, say.
                return to.least;
            }
            least(&curve, enough).unwrap_or(to.most)
        };
        let lately = known.lately.curve(&step, &now, LATELY, Reading::uses);
        let shortly = known.now.curve(&step, &now, NOW, Reading::calls);
        let (Some(lately), Some(shortly)) = (lately.map(wanted), shortly.map(wanted)) else {
            return;
        };
        let much = if known.by_now { STILL } else { MUCH };
        known.by_now = shortly as f64 > much * lately as f64;
        let mut wanted = if known.by_now { shortly } else { lately };
        if step.is_poor(present, to) {
            wanted = wanted.max(present);
        }
        let next = wanted
            .clamp(
                present - 2 * (present / TWICE_DOWN),
                present.saturating_add(present / UP),
            )
            .clamp(to.least, to.most);
        if next.abs_diff(present) as f64 > NEARLY * present as f64 {
            self.resize(next);
        }
    }

    fn reading(&self) -> Option<Reading> {
        let calls = self.calls();
        let sum = |count: fn(&SiteCounters) -> u64| {
            let seats = self.0.seats.iter();
            seats.map(|seat| count(&seat.counters)).sum()
        };
        Some(Reading {
            rates: self.0.curve.as_ref()?.rates(calls)?,
            calls,
            hits: sum(SiteCounters::hits),
            evictions: sum(SiteCounters::crowded_out),
        })
    }

    /// What the hit rate would be with more memory, or with less, as far as it is known.
    pub(super) fn memory_curve(&self) -> Option<MemoryCurve> {
        let rates = self.0.curve.as_ref()?.rates(self.calls())?;
        Some(rates.curve())
    }

    /// All calls that looked for something, so far.
    fn calls(&self) -> u64 {
        let seats = self.0.seats.iter();
        seats.map(|seat| seat.counters.looks()).sum()
    }
}
