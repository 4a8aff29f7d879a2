//! What is no longer fresh and still valid, served all the same for as long as the attribute says.

use std::time::Duration;

use super::{Driver, Stage};
use crate::entry::Kept;
use crate::events::EventKind;
use crate::read::run::Work;
use crate::sync::Arc;
use crate::tier::memory::Resident;
use crate::time;

/// How long nobody tries again after a failure, unless `err_ttl` says how long an error counts.
const PAUSE: Duration = Duration::from_secs(1);

impl Driver {
    /// Looks for what this call can fall back on, and takes it at once where a failure is not long ago; whether it has.
    pub(super) fn fall_back(&mut self, work: &mut dyn Work) -> bool {
        let cache = &self.ticket.cache;
        if !self.ticket.seat.site.spec.policy.has_grace() {
            return false;
        }
        let now = cache.now();
        let found = cache.find_late(&self.ticket.key.as_lookup());
        let Some(entry) = found.filter(|entry| entry.late(now).is_some()) else {
            return false;
        };
        let paused = entry.due() > now && work.accept(entry.payload());
        if paused {
            self.serve_late(&entry);
        }
        self.late = Some(entry);
        paused
    }

    /// What this call is given in place of its error, if there is something.
    pub(super) fn excuse(&self, work: &mut dyn Work) -> Option<Arc<Kept>> {
        let entry = self.late.as_ref()?;
        let (cache, until) = (&self.ticket.cache, entry.excuses_until());
        // It may have been invalidated while the body ran.
        cache.check(entry, until).ok()?;
        if !work.accept(entry.payload()) {
            return None;
        }
        let pause = self.ticket.seat.site.spec.policy.err_ttl.unwrap_or(PAUSE);
        entry.postpone(time::deadline(cache.now(), pause).min(until));
        self.report(entry.stamp(), entry.deps());
        self.note_late(entry);
        Some(Arc::clone(entry))
    }

    /// What is in memory and no longer fresh is this call's answer.
    fn serve_late(&mut self, entry: &Kept) {
        entry.instance.stats.hit();
        self.note_late(entry);
        if let Some(scope) = &self.ticket.scope {
            scope.count_kept();
        }
        self.report(entry.stamp(), entry.deps());
        let age = self.ticket.cache.now().saturating_sub(entry.began());
        self.trace(|trace| {
            trace.miss = None;
            trace.tier = Some("memory");
            trace.age = Some(Duration::from_millis(age));
            trace.stamp = Some(entry.stamp());
        });
        self.stage = Stage::Done;
    }

    /// Tells that a call was given what is no longer fresh, if it is not.
    pub(super) fn note_late(&self, entry: &Kept) {
        if let Some(late) = entry.late(self.ticket.cache.now()) {
            entry.instance.stats.stale();
            self.tell(EventKind::Stale(late));
            self.trace(|trace| trace.stale = Some(late));
        }
    }
}
