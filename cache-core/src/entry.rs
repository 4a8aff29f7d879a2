//! A value with what must be known to serve it.

use std::any::{Any, TypeId};

pub use crate::class::Class;
use crate::index::{Dep, Deps, Index};
use crate::position::Position;
use crate::rule::{Rule, holds};
use crate::stats::SiteCounters;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::tier::memory::{CapacityRing, KeyBytes, Lookup, MemoryKey, Resident, Usage};

/// A value, its type forgotten. What a function returns in an `Arc` is that `Arc`.
pub(crate) type Payload = Arc<dyn Any + Send + Sync>;

/// What the entries of one instance of a function have in common, in one cache.
pub(crate) struct Instance {
    pub(crate) identity: TypeId,
    pub(crate) stats: Arc<SiteCounters>,
    pub(crate) ring: Option<Arc<CapacityRing>>,
    pub(crate) index: Arc<Index>,
}

/// One value in memory.
///
/// What a hit reads comes first, in 60 bytes with a short key, whatever the allocator makes of it.
#[repr(C)]
pub struct Kept {
    /// The version of the index at which the entry was last found valid.
    checked: AtomicU64,
    /// In milliseconds of the cache's clock.
    pub(crate) expires: u64,
    payload: Payload,
    pub(crate) instance: Arc<Instance>,
    word: u64,
    bytes: KeyBytes,
    usage: Usage,
    pub(crate) class: Class,
    more: Box<More>,
}

/// What a hit does not read.
pub(crate) struct More {
    /// Of the key.
    hash: u64,
    generation: u64,
    /// Raised as the entry is found valid, so that forgetting old records does not cost what is in use.
    sequence: AtomicU64,
    /// Its own key, address and tags first.
    deps: Deps,
    began: u64,
    ordinal: u64,
    cost_ns: u64,
    weight: u64,
}

/// What is known of an entry before its value.
pub struct Head {
    pub(crate) instance: Arc<Instance>,
    pub(crate) key: MemoryKey,
    pub(crate) class: Class,
    pub(crate) stamp: Position,
    pub(crate) checked: u64,
    pub(crate) expires: u64,
    pub(crate) deps: Deps,
    pub(crate) began: u64,
    /// The number of its computation, or of its being put: the greater, the later that began.
    pub(crate) ordinal: u64,
    pub(crate) cost_ns: u64,
}

impl Head {
    /// The entry of a value that holds on to this many bytes.
    pub(crate) fn with(self, payload: Payload, weight: usize) -> Arc<Kept> {
        // Text and hashes of the dependencies are on the heap and belong to this entry alone.
        let deps: usize = self
            .deps
            .iter()
            .map(|dep| size_of::<Dep>() + dep.text().len() + 16)
            .sum();
        let rest = size_of::<Kept>() + size_of::<More>() + 6 * size_of::<usize>();
        let (hash, word, bytes) = self.key.into_parts();
        // What a user's `CacheWeight` says may be anything.
        let weight = (weight as u64)
            .saturating_add(bytes.heap_bytes())
            .saturating_add((deps + rest) as u64);
        Arc::new(Kept {
            checked: AtomicU64::new(self.checked),
            expires: self.expires,
            payload,
            instance: self.instance,
            word,
            bytes,
            usage: Usage::default(),
            class: self.class,
            more: Box::new(More {
                hash,
                generation: self.stamp.generation,
                sequence: AtomicU64::new(self.stamp.sequence),
                deps: self.deps,
                began: self.began,
                ordinal: self.ordinal,
                cost_ns: self.cost_ns,
                weight,
            }),
        })
    }
}

impl Kept {
    /// The value.
    #[inline]
    pub(crate) fn payload(&self) -> Payload {
        Arc::clone(&self.payload)
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
        let verdict = self
            .instance
            .index
            .check(self.stamp(), self.more.ordinal, &self.more.deps);
        if verdict.valid {
            // Only within one generation: a stamp must not jump over records that another generation lost.
            if verdict.applied.generation == self.more.generation || !holds(Rule::Raise) {
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
        f.debug_struct("Kept")
            .field("address", &self.address())
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

impl Resident for Kept {
    #[inline(always)]
    fn key(&self) -> Lookup<'_> {
        let encoded = self.bytes.encoded(self.word);
        Lookup::hashed_before(self.more.hash, self.instance.identity, encoded)
    }
    fn expires(&self) -> u64 {
        self.expires
    }
    fn weight(&self) -> u64 {
        self.more.weight
    }
    fn usage(&self) -> &Usage {
        &self.usage
    }
    fn dead(&self) -> bool {
        !self.is_checked(self.instance.index.version()) && !self.is_valid()
    }
    fn ordinal(&self) -> u64 {
        self.more.ordinal
    }
    fn ring(&self) -> Option<&CapacityRing> {
        self.instance.ring.as_deref()
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    fn weight(key: &[u8], value_weight: usize) -> u64 {
        let identity = TypeId::of::<()>();
        let head = Head {
            instance: Arc::new(Instance {
                identity,
                stats: Arc::default(),
                ring: None,
                index: Arc::new(Index::new(Position::ZERO, 1)),
            }),
            key: Lookup::whole(identity, key).to_key(),
            class: Class::Value,
            stamp: Position::ZERO,
            checked: 0,
            expires: 0,
            deps: Box::default(),
            began: 0,
            ordinal: 0,
            cost_ns: 0,
        };
        head.with(Arc::new(1_u8), value_weight).weight()
    }

    #[test]
    fn an_entry_weighs_what_its_key_has_on_the_heap() {
        assert_eq!(weight(&[7; 37], 1), weight(b"", 1));
        assert_eq!(weight(&[7; 60], 1), weight(b"", 1) + 16 + 60);
    }

    #[test]
    fn a_weight_that_is_absurd_does_not_wrap() {
        assert_eq!(weight(b"", usize::MAX), u64::MAX);
    }
}
