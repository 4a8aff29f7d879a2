//! What is no longer fresh and still valid, served all the same for as long as the attribute says.

use std::time::Duration;

use super::{Driver, Stage};
use crate::entry::Kept;
use crate::events::EventKind;
use crate::flight::{Role, Status};
use crate::read::run::{Rear, Work};
use crate::scope::Scope;
use crate::sync::Arc;
use crate::tier::memory::Resident;
use crate::time;

/// How long nobody tries again after a failure, unless `err_ttl` says how long an error counts.
const PAUSE: Duration = Duration::from_secs(1);

impl Driver {
    /// Lets this call go on there when its caller has a value.
    pub(in crate::read) fn may_go_on(&mut self, rear: Rear) {
        self.rear = rear;
    }

    /// Whether its caller has a value, and there is more to do.
    pub(in crate::read) fn goes_on(&self) -> bool {
        self.behind && !matches!(self.stage, Stage::Done)
    }

    /// Looks for what this call can be given although it is no longer fresh; whether it was.
    pub(super) fn fall_back(&mut self, work: &mut dyn Work) -> bool {
        let (cache, policy) = (&self.ticket.cache, &self.ticket.seat.site.spec.policy);
        if !policy.falls_back() {
            return false;
        }
        let now = cache.now();
        let Some(entry) = cache.find_late(&self.ticket.key.as_lookup()) else {
            return false;
        };
        let fresh = entry.late(now).is_none();
        if fresh && policy.refresh_ahead == 0 {
            return false;
        }
        self.late = Some(Arc::clone(&entry));
        let has_room = self.rear.has_room();
        if entry.due() > now || fresh && !has_room {
            let accepted = work.accept(entry.payload());
            if accepted {
                self.serve_late(&entry, "memory");
            }
            return accepted;
        }
        if entry.refreshable_until() <= now || !has_room {
            return false;
        }
        match self.role(false) {
            // Somebody is at it.
            Role::Wait(_) => {
                let accepted = work.accept(entry.payload());
                if accepted {
                    self.serve_late(&entry, "memory");
                }
                accepted
            }
            Role::Lead(leader) => {
                let newer = self.look(work);
                if let Some(newer) = newer.filter(|newer| !Arc::ptr_eq(newer, &entry)) {
                    leader.finish(Status::Done(Arc::clone(&newer)));
                    self.serve_late(&newer, "memory");
                    return true;
                }
                let overdue = !leader.is_first();
                let served = self.serve_and_go_on(work, "memory");
                if served {
                    if overdue {
                        self.refresh_failed();
                    }
                    self.stage = self.lead(leader);
                }
                served
            }
        }
    }

    /// Serves what is no longer fresh, if that is allowed while it is refreshed, and leaves the caller; whether it has. What comes next
    /// is a refresh.
    pub(in crate::read) fn serve_and_go_on(
        &mut self,
        work: &mut dyn Work,
        tier: &'static str,
    ) -> bool {
        let now = self.ticket.cache.now();
        let Some(entry) = self.late.clone() else {
            return false;
        };
        if self.behind
            || entry.refreshable_until() <= now
            || !self.rear.has_room()
            || !work.accept(entry.payload())
        {
            return false;
        }
        let patience = self.ticket.cache.patience(&self.ticket.seat);
        self.postponed = time::deadline(now, patience).min(entry.refreshable_until());
        entry.postpone(self.postponed);
        self.serve_late(&entry, tier);
        entry.instance.stats.refreshes();
        self.detach();
        true
    }

    /// Whether this call, which waits for a refresh, is given what is no longer fresh.
    pub(super) fn is_content_with(&mut self, entry: &Kept, work: &mut dyn Work) -> bool {
        let valid = self.ticket.cache.check(entry, entry.refreshable_until());
        let content = valid.is_ok() && work.accept(entry.payload());
        if content {
            self.ticket.seat.counters.coalesced();
            self.serve_late(entry, "redis");
        }
        content
    }

    /// Leaves everything that is its caller's.
    pub(super) fn detach(&mut self) {
        self.behind = true;
        self.ticket.modifier = None;
        self.others.clear();
        self.doubts = false;
        let cache = self
            .ticket
            .scope
            .take()
            .and_then(|scope| scope.cache.clone());
        self.ticket.scope = cache.map(|cache| {
            Arc::new(Scope {
                cache: Some(cache),
                ..Scope::default()
            })
        });
    }

    /// For how long a refresh is waited for, where it is known how long it usually takes. What is replaced may be another process's, which
    /// alone has measured that.
    pub(in crate::read) fn patience_behind(&self) -> Option<Duration> {
        let cost = self.late.as_ref().map_or(0, |entry| entry.cost_ns());
        let known = cost > 0 || self.ticket.seat.counters.has_computed();
        let usual = Duration::from_nanos(cost).saturating_mul(4);
        let patience = self.ticket.cache.patience(&self.ticket.seat);
        known.then(|| patience.max(usual))
    }

    /// The refresh, or the one before it, has failed.
    pub(in crate::read) fn refresh_failed(&self) {
        self.ticket.seat.counters.refresh_failed();
        self.tell(EventKind::RefreshFailed);
    }

    /// The refresh is dropped, be it with the runtime that it was on: if it has neither come to an end nor been followed by another, nobody
    /// waits for it any longer.
    pub(super) fn end_behind(&self) {
        let waited_for = |entry: &Arc<Kept>| entry.due() == self.postponed;
        if self.goes_on() && self.postponed > 0 && self.late.as_ref().is_some_and(waited_for) {
            self.fail_behind();
        }
    }

    /// The refresh has failed: the next one waits for a while.
    pub(in crate::read) fn fail_behind(&self) {
        self.refresh_failed();
        if let Some(entry) = &self.late {
            self.pause(entry, entry.refreshable_until());
        }
    }

    /// Lets nobody try again for a while.
    pub(super) fn pause(&self, entry: &Kept, until: u64) {
        let pause = self.ticket.seat.site.spec.policy.err_ttl.unwrap_or(PAUSE);
        entry.postpone(time::deadline(self.ticket.cache.now(), pause).min(until));
    }

    /// What this call, and who waits for it, is given in place of its error, if there is something.
    pub(super) fn excuse(&self, work: &mut dyn Work) -> Option<Arc<Kept>> {
        if self.behind {
            self.fail_behind();
        }
        let entry = self.late.as_ref()?;
        let until = entry.excuses_until();
        // It may have been invalidated while the body ran.
        self.ticket.cache.check(entry, until).ok()?;
        if !work.accept(entry.payload()) {
            return None;
        }
        self.pause(entry, until);
        if !self.behind {
            self.report(entry.stamp(), entry.deps());
            self.note_late(entry);
        }
        Some(Arc::clone(entry))
    }

    /// What is no longer fresh, or soon will be, is this call's answer.
    fn serve_late(&mut self, entry: &Kept, tier: &'static str) {
        if tier == "memory" {
            entry.instance.stats.hit();
            self.ticket.cache.watch_use(entry);
        }
        if entry.late(self.ticket.cache.now()).is_none() {
            self.tell(EventKind::Hit);
        }
        self.note_late(entry);
        if let Some(scope) = &self.ticket.scope {
            scope.count_kept();
        }
        self.report(entry.stamp(), entry.deps());
        let age = self.ticket.cache.now().saturating_sub(entry.began());
        self.trace(|trace| {
            trace.miss = None;
            trace.tier = Some(tier);
            trace.age.get_or_insert(Duration::from_millis(age));
            trace.stamp = Some(entry.stamp());
        });
        self.stage = Stage::Done;
    }

    /// Tells that a call was given what is no longer fresh, if it is not.
    pub(super) fn note_late(&self, entry: &Kept) {
        let now = self.ticket.cache.now();
        if entry.is_late_for_others(now) {
            self.report_late();
        }
        if let Some(late) = entry.late(now) {
            entry.instance.stats.stale();
            self.tell(EventKind::Stale(late));
            self.trace(|trace| trace.stale = Some(late));
        }
    }
}
