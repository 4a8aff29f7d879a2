//! Strict freshness: a call asks the log before it takes what is here.

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
        if self.confirmed || aside || !looks {
            return None;
        }
        let remote = ticket.cache.0.remote.as_ref()?;
        Some(Stage::Confirming(remote.confirm()))
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
            self.tell(EventKind::Hit);
            if let Some(scope) = &self.ticket.scope {
                scope.count_kept();
            }
            self.report(entry.stamp(), entry.deps());
            self.trace(|trace| {
                trace.miss = None;
                trace.tier = Some("memory");
                trace.stamp = Some(entry.stamp());
            });
            self.stage = Stage::Done;
            return None;
        }
        if waited {
            self.ticket.seat.counters.miss(self.ticket.why);
        }
        if heard {
            return Some(Stage::Begin);
        }
        self.report_call();
        self.tell(EventKind::Miss(self.ticket.why));
        Some(self.compute(None, false))
    }
}
