//! Who computes what a call wants: another, who does so already, or the call itself.

use super::{Driver, Stage};
use crate::entry::Kept;
use crate::flight::{Leader, Role};
use crate::rule::{Rule, holds};
use crate::sync::Arc;
use crate::tier::memory::MemoryKey;

impl Driver {
    /// Joins the computation that is under way, or begins one.
    pub(super) fn role(&self, refresh: bool) -> Role<MemoryKey, Arc<Kept>> {
        let ticket = &self.ticket;
        let (parts, own) = (&ticket.cache.0, &self.target.own);
        parts.flights.join_or_lead(
            &ticket.key,
            ticket.key.hash(),
            ticket.cache.patience(&ticket.seat),
            // What began before an invalidation is not for those who come after it, nor anybody's for a refresh.
            |flight| {
                let valid = parts.index.check(flight.stamp, flight.id, own).valid;
                !refresh && (valid || !holds(Rule::Join))
            },
            || parts.index.applied(),
        )
    }

    /// What a call does first that leads others.
    #[cfg_attr(
        not(feature = "redis"),
        expect(clippy::needless_pass_by_ref_mut, reason = "the other one changes")
    )]
    pub(super) fn lead(&mut self, leader: Leader<MemoryKey, Arc<Kept>>) -> Stage {
        #[cfg(feature = "redis")]
        return self.fetch(leader);
        #[cfg(not(feature = "redis"))]
        self.compute(Some(leader), true)
    }
}
