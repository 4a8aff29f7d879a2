//! How long a caller waits for a body where there is something else that he can be given: by a clock that goes, as what is virtual in
//! a test is how old values are.

use std::pin::Pin;
use std::task::Context;
use std::time::Instant;

use super::{Driver, Stage};
use crate::alarm::sleep_until;
use crate::read::run::Work;

impl Driver {
    /// The caller begins to wait.
    pub(in crate::read) fn start_waiting(&mut self) {
        let longest = self.ticket.seat.site.spec.policy.timeout;
        // Longer than the clock goes is without end.
        let end = longest.and_then(|longest| Instant::now().checked_add(longest));
        self.limit = end.map(sleep_until);
    }

    /// Whether the caller, who waits, is given what is late, as he has waited long enough. What the body is about to give is then stored
    /// behind him, if he was the one who ran it.
    pub(in crate::read) fn cut_short(&mut self, cx: &mut Context<'_>, work: &mut dyn Work) -> bool {
        let Some(entry) = self.late.clone().filter(|_| !self.behind) else {
            return false;
        };
        let Some(limit) = &mut self.limit else {
            return false;
        };
        if Pin::new(limit).poll(cx).is_pending() {
            return false;
        }
        let until = entry.excuses_until();
        if self.ticket.cache.check(&entry, until).is_err()
            || !self.rear.has_room()
            || !work.accept(entry.payload())
        {
            return false;
        }
        // A source that is slow is left alone by others for a while, as one that fails.
        self.pause(&entry, until);
        self.report(entry.stamp(), entry.deps());
        self.note_late(&entry);
        let goes_on = match &self.stage {
            Stage::Computing(computation) => computation.may_store,
            #[cfg(feature = "redis")]
            Stage::Fetching(_) => true,
            _ => false,
        };
        if goes_on {
            entry.instance.stats.refreshes();
            self.detach();
        } else {
            self.stage = Stage::Done;
        }
        true
    }
}
