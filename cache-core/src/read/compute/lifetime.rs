//! How long a body's value may be kept.

use std::time::Duration;

use super::Driver;
use crate::cache::waited;
use crate::entry::Class;
use crate::index::Dep;
use crate::lifetime::{Last, Lifetimes, Sighting, Since};
use crate::modifiers::Mode;
use crate::position::Position;
use crate::read::Keep;
use crate::stats::RefusalReason;
use crate::time;

/// What a body has given, and what is known of it.
pub(super) struct Outcome<'a> {
    pub(super) class: Class,
    pub(super) keep: &'a Keep,
    pub(super) cost_ns: u64,
    /// When it was begun.
    pub(super) at: u64,
    pub(super) stamp: Position,
    pub(super) ordinal: u64,
    pub(super) deps: &'a [Dep],
    /// Whether it was made of what was no longer fresh.
    pub(super) late: bool,
}

impl Driver {
    /// How long a value may be kept, or why it may not.
    pub(super) fn lifetime(
        &self,
        outcome: &Outcome<'_>,
        may_store: bool,
    ) -> Result<Duration, RefusalReason> {
        let seat = &self.ticket.seat;
        let policy = &seat.site.spec.policy;
        if !may_store {
            return Err(RefusalReason::Bypass);
        }
        let cheap = self.is_computed() && Duration::from_nanos(outcome.cost_ns) < policy.min_cost;
        // Only ever shorter: a `ttl` is a promise.
        let share = match policy.jitter {
            0 => 1.0,
            jitter => 1.0 - time::fraction() * f64::from(jitter) / 1000.0,
        };
        let shortened = |ttl: Duration| match ttl {
            Duration::MAX => ttl,
            ttl if policy.jitter == 0 => ttl,
            ttl => ttl.mul_f64(share),
        };
        let ttl = match outcome.class {
            // A refresh that fails leaves what it should have replaced.
            Class::Failed => policy
                .err_ttl
                .filter(|_| !self.behind && self.ticket.mode() != Some(Mode::Refresh))
                .ok_or(RefusalReason::Failed)?,
            Class::Absent => policy.none_ttl.ok_or(RefusalReason::Absent)?,
            Class::Value => match (outcome.keep.refusal(), outcome.keep.ttl, &seat.lifetimes) {
                (Some(reason), ..) => return Err(reason),
                (None, Some(ttl), _) => ttl,
                (None, None, Some(_)) if cheap => return Err(RefusalReason::Cheap),
                (None, None, Some(lifetimes)) => self.learn(lifetimes, outcome, shortened),
                (None, None, None) => {
                    let address = self.target.own.first().map_or("", Dep::seen);
                    self.ticket.cache.ttl(seat.site, policy, address)
                }
            },
        };
        if cheap {
            return Err(RefusalReason::Cheap);
        }
        Ok(shortened(ttl))
    }

    /// How long a value should be fresh, from what was seen of it before and is seen now.
    fn learn(
        &self,
        lifetimes: &Lifetimes,
        outcome: &Outcome<'_>,
        shortened: impl Fn(Duration) -> Duration,
    ) -> Duration {
        let hash = self.ticket.key.hash();
        let Some(content) = outcome.keep.content.filter(|_| !outcome.late) else {
            return lifetimes.usual(hash);
        };
        let seen = Sighting {
            content,
            at: outcome.at,
            stamp: outcome.stamp,
            ordinal: outcome.ordinal,
        };
        let until = |lifetime| time::deadline(outcome.at, shortened(lifetime));
        lifetimes.learn(
            hash,
            seen,
            |last| self.since(last, outcome.deps, outcome.cost_ns),
            until,
        )
    }

    /// What has become of the value before.
    pub(in crate::read) fn since(&self, last: &Last, deps: &[Dep], cost_ns: u64) -> Since {
        let Last { seen, until } = *last;
        let index = &self.ticket.cache.0.index;
        if !index.check(seen.stamp, seen.ordinal, deps).valid {
            return Since::Invalidated;
        }
        if !matches!(self.ticket.mode(), None | Some(Mode::Explain)) {
            // Nobody asked for it.
            return Since::Over(None);
        }
        let lifetime = Duration::from_millis(until.saturating_sub(seen.at));
        let part = self.ticket.seat.site.spec.policy.ahead(lifetime);
        let left = until.saturating_sub(self.asked);
        // It may have left the memory.
        let drawn = left == 0 || self.behind && left <= part;
        Since::Over(
            drawn.then(|| waited(left, part, cost_ns) + self.asked.saturating_sub(until) as f64),
        )
    }
}
