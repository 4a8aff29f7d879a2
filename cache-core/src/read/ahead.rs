//! A value that was fetched before this call asked for it.

use super::compute::Driver;
use super::run::Work;
use crate::entry::Kept;
use crate::flight::Leader;
use crate::remote::Shelved;
use crate::sync::Arc;
use crate::tier::memory::MemoryKey;

#[cfg(test)]
#[cfg(not(loom))]
mod tests;

impl Driver {
    /// Takes what was fetched for this call off the shelf, whatever becomes of it.
    pub(super) fn ahead(&self) -> Option<Shelved> {
        let cache = &self.ticket.cache;
        let shelf = cache.0.remote.as_ref()?.shelf()?;
        shelf.take(self.target.digest, cache.now())
    }

    /// What comes after one another is learnt from those who ask Redis, and from those who need not as it was known that they would.
    fn learn_order(&mut self) {
        // Of a batch all are asked for together, and none comes after another.
        if let Some(remote) = self.remote()
            && !self.together
        {
            self.followers = remote.note(self.target.digest);
        }
    }

    /// Gives this call, and who waits for it, what was fetched before, if it may be served now; it is judged as what Redis answers, and
    /// counts for as long as what came into memory then. The leader is given back if this call is to ask for itself.
    pub(super) fn take_ahead(
        &mut self,
        leader: Leader<MemoryKey, Arc<Kept>>,
        work: &mut dyn Work,
    ) -> Option<Leader<MemoryKey, Arc<Kept>>> {
        // What is kept in Redis alone is asked for at each call, together with the log.
        if self.ticket.seat.site.spec.policy.redis_only {
            return Some(leader);
        }
        self.learn_order();
        let Some(shelved) = self.ahead() else {
            return Some(leader);
        };
        let cache = self.ticket.cache.clone();
        // What Redis is not asked for may be another function's there.
        let served = if self.remote().is_some() && cache.may_count(shelved.sent) {
            let Shelved { found, sent, .. } = &shelved;
            self.promote(found, *sent, Some(&leader), work).ok()
        } else {
            None
        };
        if let Some(shelf) = cache.0.remote.as_ref().and_then(|remote| remote.shelf()) {
            shelf.judged(shelved.why(), served.is_some());
        }
        match served {
            Some(entry) => {
                self.trace(|trace| trace.tier = Some("shelf"));
                self.found(leader, entry);
                None
            }
            None => Some(leader),
        }
    }
}
