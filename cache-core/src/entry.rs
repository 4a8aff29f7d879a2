//! A value with what must be known to serve it.

use std::any::Any;

use crate::index::{Dep, Deps, Index};
use crate::position::Position;
use crate::stats::SiteCounters;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::tier::memory::{CapacityRing, Resident};

/// What kind of outcome a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A value proper.
    Value,
    /// `None`, or `Ok(None)`.
    Absent,
    /// An `Err`.
    Failed,
}

/// A value in memory, its type forgotten.
pub(crate) type Kept = Entry<dyn Any + Send + Sync>;

/// One value in memory.
///
/// What a hit reads comes first and beside the value: with a small value (an `Arc`, a number) a hit touches one cache
/// line of it.
pub struct Entry<V: ?Sized> {
    /// The version of the index at which the entry was last found valid.
    checked: AtomicU64,
    /// In milliseconds of the cache's clock.
    pub(crate) expires: u64,
    pub(crate) stats: Arc<SiteCounters>,
    more: Box<More>,
    pub(crate) class: Class,
    touched: AtomicBool,
    value: V,
}

/// What a hit does not read.
pub(crate) struct More {
    generation: u64,
    /// Raised as the entry is found valid, so that forgetting old records does not cost what is in use.
    sequence: AtomicU64,
    /// Its own key, address and tags first.
    deps: Deps,
    began: u64,
    cost_ns: u64,
    weight: u64,
    ring: Option<Arc<CapacityRing>>,
    index: Arc<Index>,
}

/// What is known of an entry before its value.
pub struct Head {
    pub(crate) class: Class,
    pub(crate) stamp: Position,
    pub(crate) checked: u64,
    pub(crate) expires: u64,
    pub(crate) stats: Arc<SiteCounters>,
    pub(crate) deps: Deps,
    pub(crate) began: u64,
    pub(crate) cost_ns: u64,
    pub(crate) ring: Option<Arc<CapacityRing>>,
    pub(crate) index: Arc<Index>,
}

impl Head {
    /// The entry of a value that holds on to this many bytes.
    pub(crate) fn with<V: Any + Send + Sync>(self, value: V, weight: usize) -> Arc<Kept> {
        // Text and hashes of the dependencies are on the heap and belong to this entry alone.
        let deps: usize = self
            .deps
            .iter()
            .map(|dep| size_of::<Dep>() + dep.text().len() + 16)
            .sum();
        let rest = size_of::<Entry<()>>() + size_of::<More>() + 4 * size_of::<usize>();
        Arc::new(Entry {
            checked: AtomicU64::new(self.checked),
            expires: self.expires,
            stats: self.stats,
            more: Box::new(More {
                generation: self.stamp.generation,
                sequence: AtomicU64::new(self.stamp.sequence),
                deps: self.deps,
                began: self.began,
                cost_ns: self.cost_ns,
                weight: (weight + deps + rest) as u64,
                ring: self.ring,
                index: self.index,
            }),
            class: self.class,
            touched: AtomicBool::new(false),
            value,
        })
    }
}

impl Kept {
    /// The value.
    #[inline]
    pub(crate) fn value(&self) -> &(dyn Any + Send + Sync) {
        &self.value
    }

    /// Up to where the log had been applied when the computation began, or when the entry was last found valid.
    pub(crate) fn stamp(&self) -> Position {
        Position {
            generation: self.more.generation,
            sequence: self.more.sequence.load(Ordering::Relaxed),
        }
    }

    /// What the value depends on, itself first.
    pub(crate) fn deps(&self) -> &[Dep] {
        &self.more.deps
    }

    /// When its computation began, in milliseconds of the cache's clock.
    pub(crate) fn began(&self) -> u64 {
        self.more.began
    }

    /// What its computation took.
    pub(crate) fn cost_ns(&self) -> u64 {
        self.more.cost_ns
    }

    /// Whether the entry was found valid at this version of its index: the check of a hit.
    #[inline(always)]
    pub(crate) fn is_checked(&self, version: u64) -> bool {
        self.checked.load(Ordering::Relaxed) == version
    }

    /// Whether no record matches the entry: what a hit asks after the index has changed.
    pub(crate) fn is_valid(&self) -> bool {
        let verdict = self.more.index.check(self.stamp(), &self.more.deps);
        if verdict.valid {
            // Only within one generation: a stamp must not jump over records that another generation lost.
            if verdict.applied.generation == self.more.generation {
                self.more
                    .sequence
                    .fetch_max(verdict.applied.sequence, Ordering::Relaxed);
            }
            self.checked.fetch_max(verdict.version, Ordering::Relaxed);
        }
        verdict.valid
    }

    /// The entry's own address.
    pub(crate) fn address(&self) -> &str {
        self.more.deps.first().map_or("", Dep::text)
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the value: it may be a secret, and need not be `Debug`.
        f.debug_struct("Entry")
            .field("address", &self.address())
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

impl Resident for Kept {
    fn expires(&self) -> u64 {
        self.expires
    }
    fn weight(&self) -> u64 {
        self.more.weight
    }
    fn touched(&self) -> &AtomicBool {
        &self.touched
    }
    fn dead(&self) -> bool {
        !self.is_checked(self.more.index.version()) && !self.is_valid()
    }
    fn ring(&self) -> Option<&CapacityRing> {
        self.more.ring.as_deref()
    }
}
