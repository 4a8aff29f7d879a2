//! A value with what must be known to serve it.

use std::any::Any;

use crate::index::{Dep, Deps, Index, Position};
use crate::shape::{Class, Payload};
use crate::stats::SiteCounters;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::tier::memory::{CapacityRing, Resident};

/// One value in memory.
pub(crate) struct Entry {
    value: Payload,
    pub(crate) class: Class,
    /// The version of the index at which the entry was last found valid.
    checked: AtomicU64,
    /// In milliseconds of the cache's clock.
    pub(crate) expires: u64,
    pub(crate) stats: Arc<SiteCounters>,
    generation: u64,
    /// Raised as the entry is found valid, so that forgetting old records does not cost what is in use.
    sequence: AtomicU64,
    /// Its own key, address and tags first.
    pub(crate) deps: Deps,
    /// When its computation began, in milliseconds of the cache's clock.
    pub(crate) began: u64,
    pub(crate) cost_ns: u64,
    pub(crate) weight: u64,
    touched: AtomicBool,
    ring: Option<Arc<CapacityRing>>,
    index: Arc<Index>,
}

/// What an entry is made of.
pub(crate) struct Parts {
    pub(crate) value: Payload,
    pub(crate) class: Class,
    pub(crate) stamp: Position,
    pub(crate) checked: u64,
    pub(crate) expires: u64,
    pub(crate) stats: Arc<SiteCounters>,
    pub(crate) deps: Deps,
    pub(crate) began: u64,
    pub(crate) cost_ns: u64,
    pub(crate) weight: u64,
    pub(crate) ring: Option<Arc<CapacityRing>>,
    pub(crate) index: Arc<Index>,
}

impl Entry {
    pub(crate) fn new(parts: Parts) -> Self {
        // Text and hashes of the dependencies are on the heap and belong to this entry alone.
        let deps: usize = parts.deps.iter().map(|dep| size_of::<Dep>() + dep.text().len() + 16).sum();
        Self {
            value: parts.value,
            class: parts.class,
            checked: AtomicU64::new(parts.checked),
            expires: parts.expires,
            stats: parts.stats,
            generation: parts.stamp.generation,
            sequence: AtomicU64::new(parts.stamp.sequence),
            deps: parts.deps,
            began: parts.began,
            cost_ns: parts.cost_ns,
            weight: parts.weight.saturating_add(deps as u64),
            touched: AtomicBool::new(false),
            ring: parts.ring,
            index: parts.index,
        }
    }

    #[inline]
    pub(crate) fn value(&self) -> &(dyn Any + Send + Sync) {
        &*self.value
    }

    /// Up to where the log had been applied when the computation began, or when the entry was last found valid.
    pub(crate) fn stamp(&self) -> Position {
        Position { generation: self.generation, sequence: self.sequence.load(Ordering::Relaxed) }
    }

    /// Whether the entry was found valid at this version of its index: the check of a hit.
    #[inline(always)]
    pub(crate) fn is_checked(&self, version: u64) -> bool {
        self.checked.load(Ordering::Relaxed) == version
    }

    /// Whether no record matches the entry: what a hit asks after the index has changed.
    pub(crate) fn is_valid(&self) -> bool {
        let verdict = self.index.check(self.stamp(), &self.deps);
        if verdict.valid {
            // Only within one generation: a stamp must not jump over records that another generation lost.
            if verdict.applied.generation == self.generation {
                self.sequence.fetch_max(verdict.applied.sequence, Ordering::Relaxed);
            }
            self.checked.fetch_max(verdict.version, Ordering::Relaxed);
        }
        verdict.valid
    }

    /// The entry's own address.
    pub(crate) fn address(&self) -> &str {
        self.deps.first().map_or("", Dep::text)
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the value: it may be a secret, and need not be `Debug`.
        f.debug_struct("Entry").field("address", &self.address()).field("class", &self.class).finish_non_exhaustive()
    }
}

impl Resident for Entry {
    fn expires(&self) -> u64 {
        self.expires
    }
    fn weight(&self) -> u64 {
        self.weight
    }
    fn touched(&self) -> &AtomicBool {
        &self.touched
    }
    fn dead(&self) -> bool {
        !self.is_checked(self.index.version()) && !self.is_valid()
    }
    fn ring(&self) -> Option<&CapacityRing> {
        self.ring.as_deref()
    }
}
