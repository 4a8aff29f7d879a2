//! What becomes of a body's value: how long it may be kept, and whether it is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::lifetime::Outcome;
use super::{Computation, Driver, Stage};
use crate::entry::{Class, Head, Kept};
use crate::events::EventKind;
use crate::flight::{Leader, Status};
use crate::index::{Dep, Deps};
use crate::modifiers::Mode;
use crate::position::Position;
use crate::read::Keep;
use crate::read::run::Work;
use crate::rule::{Rule, holds};
use crate::stats::RefusalReason;
use crate::sync::Arc;
use crate::tier::memory::{MemoryKey, Resident};
use crate::time;

/// What was made of a value that was no longer fresh is fresh for so long at most: the source may be well again.
const LATE: Duration = Duration::from_secs(1);

/// Whether what was computed is not what there is by now.
fn is_outdated(reason: RefusalReason) -> bool {
    matches!(
        reason,
        RefusalReason::Invalidated | RefusalReason::Forgotten | RefusalReason::Superseded
    )
}

impl Driver {
    /// The body has given its value.
    pub(in crate::read) fn finish(&mut self, work: &mut dyn Work) {
        let Stage::Computing(computation) = std::mem::replace(&mut self.stage, Stage::Done) else {
            return;
        };
        let Some(class) = work.class() else { return };
        let Computation {
            #[cfg(feature = "redis")]
            mut claim,
            leader,
            frame,
            ordinal,
            started,
            may_store,
            sharers,
            ..
        } = computation;
        let cache = self.ticket.cache.clone();
        let counters = Arc::clone(&self.ticket.seat.counters);
        let cost_ns = cache.cost_ns(started) / u64::from(sharers);
        if self.is_computed() {
            counters.computed(cost_ns, class == Class::Failed);
            self.tell(EventKind::Computed(Duration::from_nanos(cost_ns)));
        }
        self.trace(|trace| trace.cost = Some(Duration::from_nanos(cost_ns)));

        let used = frame.take();
        let late = frame.is_late();
        if late {
            self.report_late();
        }
        // Before the user's rules, which may panic. Its own dependencies were told before.
        self.report(used.stamp, used.deps.as_slice());
        if class == Class::Failed
            && let Some(entry) = self.excuse(work)
        {
            self.refuse(RefusalReason::Failed);
            // Before a successor asks for it.
            #[cfg(feature = "redis")]
            drop(claim);
            if let Some(leader) = leader {
                leader.finish(Status::Done(entry));
            }
            return;
        }
        let mut keep = Keep::default();
        if may_store && class == Class::Value {
            work.judge(&mut keep);
        }
        let mut own = self.target.own.clone();
        own.extend(keep.tags.iter().map(|tag| Dep::tag(tag)));
        let deps: Deps = if holds(Rule::Union) {
            used.deps.behind(&own)
        } else {
            own.clone().into()
        };
        let nested = deps.len() > own.len();
        if nested {
            self.ticket.seat.derives();
        }
        let stamp = if keep.unnamed || self.ticket.broken.is_some() {
            // What has no name could not be invalidated, and neither could what is computed from it.
            Position::ZERO
        } else if holds(Rule::Stamp) {
            used.stamp
        } else {
            cache.0.index.applied()
        };
        self.report(stamp, &own[self.target.own.len()..]);

        let gave = may_store && class != Class::Failed;
        let refreshes = gave && self.ticket.mode() == Some(Mode::Refresh);
        if refreshes {
            // Before it is stored, or what is there removed: who stores something older looks here after that.
            cache.0.flights.replace(self.ticket.key.hash(), ordinal);
        }
        let verdict = cache.0.index.check(stamp, ordinal, &deps);
        let outcome = Outcome {
            class,
            keep: &keep,
            cost_ns,
            at: started.at,
            stamp,
            ordinal,
            deps: &deps,
            late,
        };
        let expires = self
            .lifetime(&outcome, may_store)
            .map(|ttl| if late { ttl.min(LATE) } else { ttl })
            .and_then(|ttl| {
                if !verdict.valid {
                    return Err(if stamp == Position::ZERO {
                        RefusalReason::Untracked
                    } else if verdict.forgotten {
                        RefusalReason::Forgotten
                    } else {
                        RefusalReason::Invalidated
                    });
                }
                if self.is_superseded(leader.as_ref(), ordinal) {
                    return Err(RefusalReason::Superseded);
                }
                if let Some(reason) = self.doubt(&deps, ordinal, stamp) {
                    return Err(reason);
                }
                let fresh_until = time::deadline(started.at, ttl);
                let until = fresh_until.saturating_add(self.learnt.instance.grace_of(class));
                // What is no longer fresh when it comes may still be served for a while, as if it had ceased to be here. Not what was asked
                // for in place of something else: that may be fresh in Redis yet, and would be found there by the next call.
                let replaces = refreshes && self.has_tier();
                let late_until = if replaces { fresh_until } else { until };
                if late_until <= cache.now() {
                    Err(RefusalReason::Expired)
                } else {
                    Ok(until)
                }
            });
        let waited_for = leader.as_ref().is_some_and(Leader::has_waiters);
        let head = Head {
            instance: Arc::clone(&self.learnt.instance),
            key: self.ticket.key.clone(),
            class,
            stamp,
            checked: if verdict.valid { verdict.version } else { 0 },
            expires: expires.unwrap_or(0),
            deps,
            began: self.began(started.at, nested),
            ordinal,
            cost_ns,
            of_late: late,
        };
        // What is not stored need not be weighed.
        let limit = expires.map_or(0, |_| cache.max_weight());
        let kept = if expires.is_ok() || waited_for {
            // The copy is the user's `Clone`, its weight the user's `Serialize` or `CacheWeight`; the call has its value.
            catch_unwind(AssertUnwindSafe(|| work.keep(head, limit)))
                .map_err(|_| RefusalReason::Panicked)
        } else {
            Ok(None)
        };
        let cannot_be_shared = class == Class::Failed || kept.is_err();
        let (expires, entry) = match kept {
            Ok(entry) => (expires, entry),
            Err(panicked) => (expires.and(Err(panicked)), None),
        };
        let stored = match (expires, &entry) {
            (Ok(_), Some(entry)) => {
                if class != Class::Failed {
                    let lifetime = entry.fresh_until().saturating_sub(started.at);
                    let policy = &self.ticket.seat.site.spec.policy;
                    entry.refresh_ahead(policy.ahead(Duration::from_millis(lifetime)));
                }
                let stored = self.store(entry, limit, leader.as_ref());
                // What is too large for the memory may be shared all the same.
                #[cfg(feature = "redis")]
                if stored != Err(RefusalReason::Superseded) {
                    self.share(entry, work, claim.take());
                }
                stored
            }
            (Err(reason), _) => {
                self.refuse(reason);
                let answered = !is_outdated(reason) && reason != RefusalReason::Untracked;
                if refreshes || gave && answered && self.late.is_some() {
                    // Whoever asked for it, or would have been given the old value, has seen that it is none any more.
                    let lookup = self.ticket.key.as_lookup();
                    cache.0.memory.remove_older(&lookup, ordinal);
                    #[cfg(feature = "redis")]
                    self.unshare();
                }
                Err(reason)
            }
            // An `Err` with an `err_ttl` whose error cannot be kept does not compile.
            (Ok(_), None) => {
                self.refuse(RefusalReason::Failed);
                Err(RefusalReason::Failed)
            }
        };
        // Before a successor asks for it, who may have something for others where this has come too late.
        #[cfg(feature = "redis")]
        if let Some(mut claim) = claim {
            claim.computing = !stored.is_err_and(is_outdated);
        }
        #[cfg(not(feature = "redis"))]
        let _ = stored;
        if let Some(leader) = leader {
            leader.finish(match entry {
                Some(entry) => Status::Done(entry),
                None if cannot_be_shared => Status::Failed,
                None => Status::Abandoned,
            });
        }
    }

    /// Since when a value is known to be good: of one that was made of other cached values, since the log was last heard of.
    fn began(&self, at: u64, nested: bool) -> u64 {
        if nested {
            at.min(self.ticket.cache.last_contact())
        } else {
            at
        }
    }

    /// Whether a refresh that began later has replaced what this computation was asked for, stored or not.
    fn is_superseded(&self, leader: Option<&Leader<MemoryKey, Arc<Kept>>>, ordinal: u64) -> bool {
        let flights = &self.ticket.cache.0.flights;
        leader.is_some_and(Leader::superseded)
            || leader.is_none_or(Leader::is_over)
                && flights.has_replaced(self.ticket.key.hash(), ordinal)
    }

    /// Stores an entry, unless something newer was asked for.
    pub(in crate::read) fn insert(
        &self,
        entry: &Arc<Kept>,
        limit: usize,
        leader: Option<&Leader<MemoryKey, Arc<Kept>>>,
    ) -> Result<(), RefusalReason> {
        let cache = &self.ticket.cache;
        if self.is_superseded(leader, entry.ordinal()) {
            return Err(RefusalReason::Superseded);
        }
        // It would be older than this when this has left.
        #[cfg(feature = "redis")]
        let _ = self.ahead();
        if self.ticket.seat.site.spec.policy.redis_only {
            return if self.has_tier() {
                Ok(())
            } else {
                Err(RefusalReason::NoTier)
            };
        }
        let key = &self.ticket.key;
        cache.insert(key, entry, limit)?;
        // A refresh that is not stored leaves nothing in the tier that would refuse what is older.
        if self.is_superseded(leader, entry.ordinal()) {
            let lookup = key.as_lookup();
            cache.0.memory.remove_older(&lookup, entry.ordinal());
            return Err(RefusalReason::Superseded);
        }
        Ok(())
    }

    fn store(
        &self,
        entry: &Arc<Kept>,
        limit: usize,
        leader: Option<&Leader<MemoryKey, Arc<Kept>>>,
    ) -> Result<(), RefusalReason> {
        self.insert(entry, limit, leader)
            .inspect_err(|reason| self.refuse(*reason))?;
        self.tell(EventKind::Stored);
        if let Some(scope) = &self.ticket.scope {
            scope.count_kept();
        }
        self.trace(|trace| trace.stored = true);
        Ok(())
    }

    /// Whether there is a tier beside the memory for this value.
    fn has_tier(&self) -> bool {
        #[cfg(feature = "redis")]
        return self.remote().is_some_and(|remote| !remote.is_refused());
        #[cfg(not(feature = "redis"))]
        false
    }

    pub(in crate::read) fn refuse(&self, reason: RefusalReason) {
        self.ticket.seat.counters.refusal(reason);
        self.tell(EventKind::Refused(reason));
        self.trace(|trace| trace.refused = Some(reason));
    }
}
