//! Counters: what happened, per function and in total.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Why a call was not answered from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MissReason {
    /// Nothing was stored under the key, or it was evicted so long ago that nobody remembers.
    Absent,
    /// What was stored had outlived its `ttl`.
    Expired,
    /// What was stored had been invalidated.
    Invalidated,
    /// What was stored had to make room for others.
    Evicted,
    /// What was stored had another type.
    Type,
    /// The call was told not to look: `bypass`, `refresh`, a transaction, or arguments that cannot be a key.
    Bypass,
}

impl MissReason {
    /// All of them, in the order of their counters.
    pub const ALL: [Self; 6] = [
        Self::Absent,
        Self::Expired,
        Self::Invalidated,
        Self::Evicted,
        Self::Type,
        Self::Bypass,
    ];

    /// The reason in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Expired => "expired",
            Self::Invalidated => "invalidated",
            Self::Evicted => "evicted",
            Self::Type => "type",
            Self::Bypass => "bypass",
        }
    }
}

/// Why a computed value was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefusalReason {
    /// An `Err`, and no `err_ttl`.
    Failed,
    /// `None`, and no `none_ttl`.
    Absent,
    /// `when` said no.
    When,
    /// Cheaper than `min_cost`.
    Cheap,
    /// Larger than one entry may be.
    TooLarge,
    /// Invalidated while it was being computed.
    Invalidated,
    /// The `ttl` closure gave zero, or the computation took longer than the value may live.
    Expired,
    /// The call was told not to store.
    Bypass,
}

impl RefusalReason {
    /// All of them, in the order of their counters.
    pub const ALL: [Self; 8] = [
        Self::Failed,
        Self::Absent,
        Self::When,
        Self::Cheap,
        Self::TooLarge,
        Self::Invalidated,
        Self::Expired,
        Self::Bypass,
    ];

    /// The reason in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Absent => "absent",
            Self::When => "when",
            Self::Cheap => "cheap",
            Self::TooLarge => "too large",
            Self::Invalidated => "invalidated",
            Self::Expired => "expired",
            Self::Bypass => "bypass",
        }
    }
}

/// A counter that many threads write and few read.
///
/// A thread that owns a shard adds with a plain load and store, a fifth of what an atomic addition costs on a hit. Threads
/// beyond the number of shards share the last one.
#[derive(Debug, Default)]
struct Sharded([Padded; OWNED + 1]);

#[derive(Debug, Default)]
#[repr(align(64))]
struct Padded(AtomicU64);

/// How many threads can own a shard at a time.
const OWNED: usize = 16;

/// The shard of a thread that has not asked for one.
const UNKNOWN: usize = usize::MAX;

/// One bit for each shard that is owned.
static TAKEN: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(UNKNOWN) };
    static OWNER: Owner = const { Owner };
}

/// Gives a thread's shard back when the thread ends.
struct Owner;

impl Drop for Owner {
    fn drop(&mut self) {
        let shard = SHARD.replace(OWNED);
        if shard < OWNED {
            // Release, with the acquire in `own`: the next owner goes on from what this one wrote.
            TAKEN.fetch_and(!(1 << shard), Ordering::Release);
        }
    }
}

/// Finds a shard for this thread, its own if one is free.
#[cold]
fn own() -> usize {
    let free = |taken: u32| {
        let shard = taken.trailing_ones();
        (shard < OWNED as u32).then_some(taken | 1 << shard)
    };
    // A thread that is being torn down could not give a shard back.
    let shard =
        match OWNER.try_with(|_| TAKEN.fetch_update(Ordering::Acquire, Ordering::Relaxed, free)) {
            Ok(Ok(taken)) => taken.trailing_ones() as usize,
            _ => OWNED,
        };
    SHARD.set(shard);
    shard
}

impl Sharded {
    #[inline]
    fn add(&self) {
        let mut shard = SHARD.get();
        if shard == UNKNOWN {
            shard = own();
        }
        let Some(Padded(counter)) = self.0.get(shard) else {
            return;
        };
        if shard < OWNED {
            counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        } else {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn get(&self) -> u64 {
        self.0
            .iter()
            .map(|shard| shard.0.load(Ordering::Relaxed))
            .sum()
    }
}

/// The counters of one function in one cache.
#[derive(Debug, Default)]
pub(crate) struct SiteCounters {
    hits: Sharded,
    misses: [AtomicU64; 6],
    refusals: [AtomicU64; 8],
    coalesced: AtomicU64,
    computed: AtomicU64,
    failed: AtomicU64,
    stores: AtomicU64,
    evictions: AtomicU64,
    cost_ns: AtomicU64,
    entries: AtomicI64,
    bytes: AtomicI64,
}

fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl SiteCounters {
    #[inline]
    pub(crate) fn hit(&self) {
        self.hits.add();
    }
    pub(crate) fn miss(&self, reason: MissReason) {
        bump(&self.misses[reason as usize]);
    }
    pub(crate) fn refusal(&self, reason: RefusalReason) {
        bump(&self.refusals[reason as usize]);
    }
    pub(crate) fn coalesced(&self) {
        bump(&self.coalesced);
    }
    pub(crate) fn computed(&self, cost_ns: u64, failed: bool) {
        bump(&self.computed);
        if failed {
            bump(&self.failed);
        }
        self.cost_ns.fetch_add(cost_ns, Ordering::Relaxed);
    }
    pub(crate) fn stored(&self, bytes: u64) {
        bump(&self.stores);
        self.entries.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes.cast_signed(), Ordering::Relaxed);
    }
    pub(crate) fn left(&self, bytes: u64, evicted: bool) {
        if evicted {
            bump(&self.evictions);
        }
        self.entries.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes.cast_signed(), Ordering::Relaxed);
    }
    /// Takes [`stored`](Self::stored) back.
    pub(crate) fn not_stored(&self, bytes: u64) {
        self.stores.fetch_sub(1, Ordering::Relaxed);
        self.left(bytes, false);
    }
    /// What one computation costs on average, in nanoseconds; 0 before the first.
    pub(crate) fn mean_cost_ns(&self) -> u64 {
        let computed = self.computed.load(Ordering::Relaxed);
        self.cost_ns
            .load(Ordering::Relaxed)
            .checked_div(computed)
            .unwrap_or(0)
    }

    pub(crate) fn read(&self, name: String) -> FunctionStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let gauge = |counter: &AtomicI64| counter.load(Ordering::Relaxed).max(0).cast_unsigned();
        let hits = self.hits.get();
        let mean = Duration::from_nanos(self.mean_cost_ns());
        let coalesced = load(&self.coalesced);
        FunctionStats {
            name,
            hits,
            misses: MissCounts(self.misses.each_ref().map(load)),
            coalesced,
            computed: load(&self.computed),
            failed: load(&self.failed),
            stores: load(&self.stores),
            refusals: RefusalCounts(self.refusals.each_ref().map(load)),
            evictions: load(&self.evictions),
            compute_time: Duration::from_nanos(load(&self.cost_ns)),
            time_saved: mean.saturating_mul(u32::try_from(hits + coalesced).unwrap_or(u32::MAX)),
            entries: gauge(&self.entries),
            bytes: gauge(&self.bytes),
        }
    }
}

macro_rules! counts {
    ($(#[$doc:meta])* $name:ident, $reason:ty, $n:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name([u64; $n]);
        impl $name {
            /// How often for this reason.
            #[must_use]
            pub fn of(&self, reason: $reason) -> u64 { self.0[reason as usize] }
            /// How often in all.
            #[must_use]
            pub fn total(&self) -> u64 { self.0.iter().sum() }
            /// Every reason with its count, zero or not.
            pub fn iter(&self) -> impl Iterator<Item = ($reason, u64)> + '_ {
                <$reason>::ALL.iter().map(|reason| (*reason, self.of(*reason)))
            }
            fn add(&mut self, other: &Self) {
                for (mine, theirs) in self.0.iter_mut().zip(other.0) { *mine += theirs; }
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.iter().map(|(reason, count)| (reason.as_str(), count)))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut first = true;
                for (reason, count) in self.iter().filter(|(_, count)| *count > 0) {
                    let comma = if std::mem::take(&mut first) { "" } else { ", " };
                    write!(f, "{comma}{count} {}", reason.as_str())?;
                }
                if first { f.write_str("-")?; }
                Ok(())
            }
        }
    };
}
counts! {
    /// Misses by reason.
    MissCounts, MissReason, 6
}
counts! {
    /// Values that were not stored, by reason.
    RefusalCounts, RefusalReason, 8
}

/// What happened to one function, or to all together.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct FunctionStats {
    /// The function with its module and, of a method, its type; `total` for the sum.
    pub name: String,
    /// Calls answered from memory.
    pub hits: u64,
    /// Calls that were not, by reason.
    pub misses: MissCounts,
    /// Misses answered by another caller's computation.
    pub coalesced: u64,
    /// Bodies run to their end.
    pub computed: u64,
    /// Of these, those that ended in `Err`.
    pub failed: u64,
    /// Values stored.
    pub stores: u64,
    /// Values not stored, by reason.
    pub refusals: RefusalCounts,
    /// Entries pushed out by others.
    pub evictions: u64,
    /// Time spent in bodies.
    pub compute_time: Duration,
    /// Hits and coalesced calls, at the mean time of a body. A body's time includes that of cached calls inside it, so
    /// that functions that call each other share some of it.
    pub time_saved: Duration,
    /// Entries in memory now.
    pub entries: u64,
    /// Bytes in memory now.
    pub bytes: u64,
}

impl FunctionStats {
    /// Hits and misses.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.hits + self.misses.total()
    }

    /// The share of calls that were hits, 0 to 1; 0 without any call.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        if self.calls() == 0 {
            0.0
        } else {
            self.hits as f64 / self.calls() as f64
        }
    }

    fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.misses.add(&other.misses);
        self.coalesced += other.coalesced;
        self.computed += other.computed;
        self.failed += other.failed;
        self.stores += other.stores;
        self.refusals.add(&other.refusals);
        self.evictions += other.evictions;
        self.compute_time += other.compute_time;
        self.time_saved = self.time_saved.saturating_add(other.time_saved);
        self.entries += other.entries;
        self.bytes += other.bytes;
    }
}

/// What a cache did so far. Prints as a table, and serializes.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Every function that was called, busiest first.
    pub functions: Vec<FunctionStats>,
    /// All of them together.
    pub total: FunctionStats,
    /// Records in the log so far: what invalidations appended.
    pub invalidations: u64,
    /// The bound of the memory tier, in bytes.
    pub max_bytes: u64,
}

impl Stats {
    pub(crate) fn new(
        mut functions: Vec<FunctionStats>,
        invalidations: u64,
        max_bytes: u64,
    ) -> Self {
        functions.sort_by(|a, b| b.calls().cmp(&a.calls()).then_with(|| a.name.cmp(&b.name)));
        let mut total = FunctionStats {
            name: "total".into(),
            ..Default::default()
        };
        for function in &functions {
            total.add(function);
        }
        Self {
            functions,
            total,
            invalidations,
            max_bytes,
        }
    }

    /// One function, by its name (`user`), its path (`shop::users::user`) or the end of it: of two methods `exists`,
    /// `OrderRepo::exists`. The busiest, if several end so.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&FunctionStats> {
        self.functions.iter().find(|function| {
            function.name == name
                || function
                    .name
                    .strip_suffix(name)
                    .is_some_and(|head| head.ends_with("::"))
        })
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .functions
            .iter()
            .map(|row| row.name.len())
            .max()
            .unwrap_or(0)
            .max(8);
        writeln!(
            f,
            "{:width$}  {:>9}  {:>6}  {:>9}  {:>7}  {:>10}  {:>10}  {:>7}  {:>9}  misses",
            "function", "calls", "hit", "coalesced", "stores", "mean", "saved", "entries", "bytes"
        )?;
        for row in self.functions.iter().chain([&self.total]) {
            let mean = row
                .compute_time
                .checked_div(u32::try_from(row.computed).unwrap_or(u32::MAX));
            writeln!(
                f,
                "{:width$}  {:>9}  {:>5.1}%  {:>9}  {:>7}  {:>10}  {:>10}  {:>7}  {:>9}  {}",
                row.name,
                row.calls(),
                100.0 * row.hit_rate(),
                row.coalesced,
                row.stores,
                format!("{:.1?}", mean.unwrap_or_default()),
                format!("{:.1?}", row.time_saved),
                row.entries,
                bytes(row.bytes),
                row.misses
            )?;
        }
        write!(
            f,
            "{} invalidations, {} of {} in use",
            self.invalidations,
            bytes(self.total.bytes),
            bytes(self.max_bytes)
        )
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..1_024 => format!("{count} B"),
        1_024..1_048_576 => format!("{:.1} KiB", count as f64 / 1_024.0),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::{OWNED, Sharded};

    #[test]
    fn no_count_is_lost_by_threads_that_come_and_go() {
        let counter = Sharded::default();
        for _ in 0..20 {
            std::thread::scope(|scope| {
                // More than there are shards, so that some share one.
                for _ in 0..OWNED + 4 {
                    scope.spawn(|| (0..500).for_each(|_| counter.add()));
                }
            });
        }
        assert_eq!(counter.get(), 20 * (OWNED as u64 + 4) * 500);
    }
}
