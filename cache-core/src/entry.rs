//! A value with what must be known to serve it.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::time::Duration;

pub use crate::class::Class;
use crate::index::{self, Dep, Deps, Index};
use crate::policy::Grace;
use crate::position::Position;
use crate::stats::SiteCounters;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::tier::memory::{CapacityRing, MemoryKey, MemoryTier, Resident, Standing};

/// A value, its type forgotten. What a function returns in an `Arc` is that `Arc`.
pub(crate) type Payload = Arc<dyn Any + Send + Sync>;

/// What the entries of one instance of a function have in common, in one cache.
pub(crate) struct Instance {
    pub(crate) identity: TypeId,
    pub(crate) stats: Arc<SiteCounters>,
    pub(crate) ring: Option<Arc<CapacityRing>>,
    pub(crate) index: Arc<Index>,
    /// For how long its values may be served when they are no longer fresh.
    pub(crate) grace: Grace,
}

impl Instance {
    /// Counts a hit, and how it was.
    pub(crate) fn served(&self, late: Option<Duration>) {
        self.stats.hit();
        if late.is_some() {
            self.stats.stale();
        }
    }

    /// For how long an outcome may be served when it is no longer fresh. A failure is no value to fall back on.
    pub(crate) fn grace_of(&self, class: Class) -> u64 {
        match class {
            Class::Failed => 0,
            Class::Value | Class::Absent => self.grace.longest(),
        }
    }
}

/// One value in memory, and everything that is known of it.
#[repr(C)]
pub struct Kept {
    // What is read when the entry is checked after its index has changed, in few lines of the processor's cache.
    /// The version of the index at which the entry was last found valid.
    checked: AtomicU64,
    generation: u64,
    /// Raised as the entry is found valid, so that forgetting old records does not cost what is in use.
    sequence: AtomicU64,
    ordinal: u64,
    /// Its own key, address and tags first.
    deps: Deps,
    began: u64,
    /// Until when it may be served, fresh or not, in milliseconds of the cache's clock.
    expires: u64,
    /// Until when it is served without anybody's trying to replace it: until it is no longer fresh, and then for a while after each trial.
    due: AtomicU64,
    pub(crate) instance: Arc<Instance>,
    payload: Payload,
    /// Of the key.
    hash: u64,
    cost_ns: u64,
    weight: u64,
    standing: Standing,
    pub(crate) class: Class,
    of_late: bool,
    /// Whether each of its uses is looked at.
    watched: AtomicBool,
}

/// What a hit reads beside the key. The memory tier keeps it with that, and not in the entry.
pub(crate) struct Face {
    /// As [`Kept::checked`], or older, or newer if nothing since concerns the entry; with the marks of what does
    /// ([`index::checked`]). [`WATCHED`] where no hit is to pass by without a look.
    checked: AtomicU64,
    pub(crate) instance: Arc<Instance>,
    payload: Payload,
}

/// No version of an index.
const WATCHED: u64 = u64::MAX;

impl Face {
    /// The value.
    #[inline(always)]
    pub(crate) fn payload(&self) -> Payload {
        Arc::clone(&self.payload)
    }

    /// The value, to a hit that is counted.
    #[inline(always)]
    pub(crate) fn hit(&self) -> Payload {
        self.instance.stats.hit();
        self.payload()
    }

    /// Whether the entry was found valid at this version of its index: the check of a hit.
    #[inline(always)]
    pub(crate) fn is_checked(&self, version: u64) -> bool {
        index::is_at(self.checked.load(Ordering::Relaxed), version)
    }

    /// Whether it is valid, as no change since concerns it: what is asked before the entry is looked at.
    pub(crate) fn passes(&self) -> bool {
        let checked = self.checked.load(Ordering::Relaxed);
        let passed = self.instance.index.pass(checked);
        passed.is_some_and(|checked| {
            raise(&self.checked, checked);
            true
        })
    }

    /// Remembers what the entry was found to be.
    pub(crate) fn remember(&self, entry: &Kept) {
        if entry.is_watched() {
            return;
        }
        let version = entry.checked.load(Ordering::Relaxed);
        let checked = index::checked(version, &entry.deps);
        if self.checked.load(Ordering::Relaxed) == WATCHED {
            self.checked.store(checked, Ordering::Relaxed);
        } else {
            raise(&self.checked, checked);
        }
    }
}

/// What is known of an entry before its value.
pub struct Head {
    pub(crate) instance: Arc<Instance>,
    pub(crate) key: MemoryKey,
    pub(crate) class: Class,
    pub(crate) stamp: Position,
    pub(crate) checked: u64,
    /// Until when it may be served, fresh or not.
    pub(crate) expires: u64,
    pub(crate) deps: Deps,
    pub(crate) began: u64,
    /// The number of its computation, or of its being put: the greater, the later that began.
    pub(crate) ordinal: u64,
    pub(crate) cost_ns: u64,
    /// Whether it was made of what was no longer fresh.
    pub(crate) of_late: bool,
}

impl Head {
    /// The entry of a value that holds on to this many bytes.
    pub(crate) fn with(self, payload: Payload, weight: usize) -> Arc<Kept> {
        // Text and hashes of the dependencies are on the heap and belong to this entry alone.
        let deps: usize = self
            .deps
            .iter()
            .map(|dep| size_of::<Dep>() + dep.heap_bytes())
            .sum();
        let rest = size_of::<Kept>() + 4 * size_of::<usize>();
        // What a user's `CacheWeight` says may be anything.
        let weight = (weight as u64)
            .saturating_add(self.key.heap_bytes())
            .saturating_add((deps + rest) as u64);
        let kept = Kept {
            payload,
            instance: self.instance,
            class: self.class,
            of_late: self.of_late,
            checked: AtomicU64::new(self.checked),
            expires: self.expires,
            due: AtomicU64::new(0),
            hash: self.key.hash(),
            generation: self.stamp.generation,
            sequence: AtomicU64::new(self.stamp.sequence),
            deps: self.deps,
            began: self.began,
            ordinal: self.ordinal,
            cost_ns: self.cost_ns,
            weight,
            standing: Standing::default(),
            watched: AtomicBool::new(false),
        };
        kept.due.store(kept.fresh_until(), Ordering::Relaxed);
        Arc::new(kept)
    }
}

/// Remembers the greater. Of two threads at the same time the lesser may win: that costs one more check, and says nothing that is not
/// true, while an atomic maximum would cost each of a thousand checks.
fn raise(at: &AtomicU64, to: u64) {
    if at.load(Ordering::Relaxed) < to {
        at.store(to, Ordering::Relaxed);
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
            generation: self.generation,
            sequence: self.sequence.load(Ordering::Relaxed),
        }
    }

    /// What the value depends on, itself first.
    pub(crate) fn deps(&self) -> &[Dep] {
        &self.deps
    }

    /// When its computation began, in milliseconds of the cache's clock.
    pub(crate) fn began(&self) -> u64 {
        self.began
    }

    /// What its computation took.
    pub(crate) fn cost_ns(&self) -> u64 {
        self.cost_ns
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
            .check(self.stamp(), self.ordinal, &self.deps);
        if verdict.valid {
            raise(&self.sequence, verdict.raised(self.stamp()).sequence);
            raise(&self.checked, verdict.version);
        }
        verdict.valid
    }

    /// Bytes that it counts for in the memory tier.
    pub(crate) fn charged(&self) -> u64 {
        self.weight.saturating_add(MemoryTier::<Self>::OVERHEAD)
    }

    /// Lets each of its uses be looked at, from when it is stored.
    pub(crate) fn watch(&self) {
        self.watched.store(true, Ordering::Relaxed);
    }

    /// Lets its uses pass without a look again.
    pub(crate) fn unwatch(&self) {
        self.watched.store(false, Ordering::Relaxed);
    }

    /// Whether each of its uses is looked at.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// For how long it may be served when it is no longer fresh.
    fn grace(&self) -> u64 {
        self.instance.grace_of(self.class)
    }

    /// Until when it is fresh. What was so before the clock's origin is until 0.
    pub(crate) fn fresh_until(&self) -> u64 {
        match self.expires {
            u64::MAX => u64::MAX,
            expires => expires.saturating_sub(self.grace()),
        }
    }

    /// How long ago it ceased to be fresh, if it has, and may be served all the same.
    pub(crate) fn late(&self, now: u64) -> Option<Duration> {
        let late = now.checked_sub(self.fresh_until())?;
        (now < self.expires).then(|| Duration::from_millis(late))
    }

    /// Whether it was made of what was no longer fresh.
    #[cfg(feature = "redis")]
    pub(crate) fn is_of_late(&self) -> bool {
        self.of_late
    }

    /// Whether what is made of it is made of what is no longer fresh.
    pub(crate) fn is_late_for_others(&self, now: u64) -> bool {
        self.of_late || self.late(now).is_some()
    }

    /// Until when it may be given in place of an `Err`.
    pub(crate) fn excuses_until(&self) -> u64 {
        let grace = self.instance.grace;
        let rest = self.grace().saturating_sub(grace.on_error);
        self.expires.saturating_sub(rest)
    }

    /// Until when it is served while it is refreshed, or because it is fresh.
    pub(crate) fn refreshable_until(&self) -> u64 {
        let grace = self.instance.grace;
        let rest = self.grace().saturating_sub(grace.meanwhile);
        self.expires.saturating_sub(rest)
    }

    /// Lets hits begin a refresh so long before it ceases to be fresh; said before it is stored.
    pub(crate) fn refresh_ahead(&self, by: u64) {
        self.postpone(self.fresh_until().saturating_sub(by));
    }

    /// Lets it be served until then without anybody's trying to replace it.
    pub(crate) fn postpone(&self, until: u64) {
        self.due.store(until, Ordering::Relaxed);
    }

    /// The entry's own address.
    pub(crate) fn address(&self) -> Cow<'_, str> {
        self.deps.first().map_or("".into(), Dep::text)
    }
}

/// In the place of a value that has left its entry.
static GONE: LazyLock<Payload> = LazyLock::new(|| Arc::new(()));

impl Drop for Kept {
    /// A value's `Drop` is a user's code, and runs in a call of any other function that makes room for its own: a panic
    /// there would be that call's, and a second one the end of the process. The panic hook has told of it.
    fn drop(&mut self) {
        let payload = std::mem::replace(&mut self.payload, Arc::clone(&GONE));
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
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
    type Face = Face;

    fn face(&self) -> Face {
        Face {
            checked: AtomicU64::new(if self.is_watched() {
                WATCHED
            } else {
                index::checked(self.checked.load(Ordering::Relaxed), &self.deps)
            }),
            instance: Arc::clone(&self.instance),
            payload: self.payload(),
        }
    }
    #[inline(always)]
    fn is_of(face: &Face, identity: &TypeId) -> bool {
        face.instance.identity == *identity
    }
    fn hash(&self) -> u64 {
        self.hash
    }
    fn expires(&self) -> u64 {
        self.expires
    }
    fn due(&self) -> u64 {
        self.due.load(Ordering::Relaxed)
    }
    fn weight(&self) -> u64 {
        self.weight
    }
    fn standing(&self) -> &Standing {
        &self.standing
    }
    fn dead(&self) -> bool {
        !self.is_checked(self.instance.index.version()) && !self.is_valid()
    }
    fn ordinal(&self) -> u64 {
        self.ordinal
    }
    fn ring(&self) -> Option<&CapacityRing> {
        self.instance.ring.as_deref()
    }
}

#[cfg(test)]
pub(crate) mod tests;
