//! What comes after another's flight.

use super::{Driver, Stage};
use crate::entry::{Class, Kept};
use crate::events::EventKind;
use crate::flight::Status;
use crate::read::run::Work;
use crate::sync::Arc;

/// How often a call is given a value that is gone by then, before it computes for itself.
const MAX_GONE: u32 = 2;

/// How many times its patience a call has waited when it no longer waits for another leader, but computes for itself.
///
/// From the beginning of a flight that is the end of the sixth turn, after 27 times: three of one, three of eight. Who
/// has joined later waits less than 32 times.
const MAX_PATIENCE: u32 = 24;

impl Driver {
    /// What comes after another's flight.
    pub(super) fn waited_for(
        &mut self,
        status: Status<Arc<Kept>>,
        work: &mut dyn Work,
    ) -> Option<Stage> {
        match status {
            Status::Running if self.is_out_of_patience() => Some(self.compute(None, false)),
            Status::Running | Status::Meanwhile(_) => Some(Stage::Begin),
            Status::Abandoned => Some(Stage::Begin),
            Status::Failed => Some(self.compute(None, true)),
            // A refresh has nothing to fall back on itself.
            Status::Done(entry) if entry.class == Class::Failed && self.excuse(work).is_some() => {
                self.ticket.seat.counters.coalesced();
                self.tell(EventKind::Coalesced);
                if let Some(scope) = &self.ticket.scope {
                    scope.count_kept();
                }
                self.trace(|trace| trace.coalesced = true);
                self.stage = Stage::Done;
                None
            }
            Status::Done(entry) => {
                // What the function depends on by itself was checked when we joined, and what came later may be
                // missing in our value. What it turned out to depend on was not.
                let inherited = entry.deps().len() > self.target.own.len();
                // What stands in for an error was computed before any of us had joined. What only came late was not; it is taken for the same.
                let late = entry.late(self.ticket.cache.now()).is_some();
                let sound = (!inherited && !self.doubts && !late || entry.is_valid())
                    && (!self.doubts || self.ticket.cache.counts(&entry, self.asked));
                if !sound || !work.accept(entry.payload()) {
                    self.gone += 1;
                    return Some(if self.gone > MAX_GONE {
                        self.compute(None, false)
                    } else {
                        Stage::Begin
                    });
                }
                self.serve_shared(&entry);
                None
            }
        }
    }

    fn is_out_of_patience(&self) -> bool {
        let patience = self.ticket.cache.patience(&self.ticket.seat);
        self.since
            .is_some_and(|since| since.elapsed() >= patience.saturating_mul(MAX_PATIENCE))
    }

    /// Another's value is this call's answer.
    pub(super) fn serve_shared(&mut self, entry: &Kept) {
        self.ticket.seat.counters.coalesced();
        self.tell(EventKind::Coalesced);
        self.report(entry.stamp(), entry.deps());
        if let Some(scope) = &self.ticket.scope
            && scope.counter.is_some()
            // It may have been refused, and was given to those who waited all the same.
            && self.ticket.cache.find(&self.ticket.key.as_lookup()).is_ok()
        {
            scope.count_kept();
        }
        self.note_late(entry);
        self.trace(|trace| {
            trace.coalesced = true;
            trace.stamp = Some(entry.stamp());
        });
        self.stage = Stage::Done;
    }
}
