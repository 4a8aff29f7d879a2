//! The beginning of a computation.

use super::{Computation, Driver, Stage};
use crate::entry::Kept;
use crate::flight::{self, Leader};
use crate::scope::{Frame, Scope};
use crate::sync::Arc;
use crate::tier::memory::MemoryKey;

impl Driver {
    /// This call is to be computed, by itself or with others.
    pub(in crate::read) fn compute(
        &self,
        leader: Option<Leader<MemoryKey, Arc<Kept>>>,
        may_store: bool,
    ) -> Stage {
        if self.together {
            return Stage::Claimed { leader, may_store };
        }
        Stage::Computing(self.computation(leader, may_store))
    }

    /// What begins now.
    pub(in crate::read) fn computation(
        &self,
        leader: Option<Leader<MemoryKey, Arc<Kept>>>,
        may_store: bool,
    ) -> Computation {
        let cache = &self.ticket.cache;
        let outer = self.ticket.scope.as_deref();
        let ordinal = flight::next_id();
        let id = leader.as_ref().map_or(ordinal, |leader| leader.flight().id);
        // The stamp is what the log was when the computation began, never later.
        let stamp = cache.0.index.applied();
        let parent = outer.and_then(|scope| scope.frame.clone());
        let frame = Arc::new(Frame::new(
            id,
            parent,
            &cache.0.index,
            stamp,
            cache.0.config.max_deps,
        ));
        let scope = Scope {
            cache: outer.and_then(|scope| scope.cache.clone()),
            frame: Some(Arc::clone(&frame)),
            modifier: None,
            transaction: outer.and_then(|scope| scope.transaction.clone()),
            counter: None,
            off: outer.is_some_and(|scope| scope.off),
        };
        Computation {
            #[cfg(feature = "redis")]
            claim: None,
            leader,
            frame,
            scope: Arc::new(scope),
            ordinal,
            started: cache.started(),
            may_store,
            sharers: 1,
        }
    }
}
