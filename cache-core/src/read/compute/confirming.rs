//! A call asks the log before it takes what is here: each call where freshness is strict, and whoever would join another's computation of
//! what is kept in Redis alone, of which a call is served nothing older than itself.

use std::time::Instant;

use std::time::Duration;

use super::{Driver, Stage};
use crate::events::EventKind;
use crate::modifiers::Mode;
use crate::read::run::Work;
use crate::stats::MissReason;

impl Driver {
    /// Asks the log, if this call has to.
    pub(super) fn confirm(&self) -> Option<Stage> {
        let ticket = &self.ticket;
        let holds_back = |scope: &crate::sync::Arc<crate::scope::Scope>| scope.holds_back();
        let aside = ticket.broken.is_some() || ticket.scope.as_ref().is_some_and(holds_back);
        let looks = matches!(ticket.mode(), None | Some(Mode::Explain));
        if self.confirmed || !ticket.cache.is_strict() || aside || !looks {
            return None;
        }
        let remote = ticket.cache.0.remote.as_ref()?;
        Some(Stage::Confirming(remote.confirm()))
    }

    /// Asks the log before this call waits for another's value, if it has to.
    pub(super) fn confirm_to_join(&mut self) -> Option<Stage> {
        let ticket = &self.ticket;
        if self.confirmed || !ticket.seat.site.spec.policy.redis_only {
            return None;
        }
        let remote = ticket.cache.0.remote.as_ref()?;
        let asking = Stage::Confirming(remote.confirm());
        self.since.get_or_insert_with(Instant::now);
        Some(asking)
    }

    /// What comes after the answer; nothing if what was in memory is this call's.
    pub(super) fn confirmed(&mut self, heard: bool, work: &mut dyn Work) -> Option<Stage> {
        self.confirmed = true;
        let waited = self.ticket.why == MissReason::Unconfirmed;
        if heard
            && waited
            && let Some(entry) = self.look(work)
        {
            entry.instance.stats.hit();
            self.ticket.cache.watch_use(&entry);
            self.tell(EventKind::Hit);
            if let Some(scope) = &self.ticket.scope {
                scope.count_kept();
            }
            self.report(entry.stamp(), entry.deps());
            self.note_late(&entry);
            let age = self.ticket.cache.now().saturating_sub(entry.began());
            let age = Duration::from_millis(age);
            self.trace(|trace| {
                trace.miss = None;
                trace.tier = Some("memory");
                trace.age = Some(age);
                trace.stamp = Some(entry.stamp());
            });
            self.stage = Stage::Done;
            return None;
        }
        // Without an answer what is kept in Redis alone is as old as anything may be then.
        if heard || !self.ticket.cache.is_strict() {
            return Some(Stage::Begin);
        }
        self.report_call();
        self.miss();
        Some(self.compute(None, false))
    }
}
