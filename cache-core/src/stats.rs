//! Counters: what happened, per function and in total.

use std::fmt;
use std::time::Duration;

mod behind;
mod counters;
mod curve;
mod latency;
mod reason;
mod redis;
pub(crate) use behind::BehindCounters;
pub use behind::BehindStats;
pub(crate) use counters::SiteCounters;
pub use curve::MemoryCurve;
pub(crate) use latency::Histogram;
pub use latency::Latencies;
pub use reason::{FetchMissCounts, MissCounts, MissReason, RefusalCounts, RefusalReason};
#[cfg(feature = "redis")]
pub(crate) use redis::FetchCounters;
pub use redis::{FetchMiss, RedisStats, ShelfStats};

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
    /// Calls that were given a value that was no longer fresh: from memory, which are hits, too, in place of an `Err`, or by another caller
    /// whose body took longer than its `ttl`.
    pub stale: u64,
    /// Refreshes that were begun behind calls.
    pub refreshes: u64,
    /// Of these, those whose body gave an `Err` or panicked, or took so long that another was begun.
    pub refresh_failures: u64,
    /// Calls that were answered from Redis. They are misses of the memory, and counted as such, too.
    pub fetched: u64,
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
    /// Elements that the body of a [batch](crate::guide::batches) gave and had not been asked for.
    pub foreign: u64,
    /// Time spent in bodies.
    pub compute_time: Duration,
    /// How long each body took.
    pub latencies: Latencies,
    /// Hits and coalesced calls, at the mean time of a body. A body's time includes that of cached calls inside it, so
    /// that functions that call each other share some of it.
    pub time_saved: Duration,
    /// Entries in memory now.
    pub entries: u64,
    /// Bytes that these are charged with, of those of the memory tier: the values, their keys, and what is kept beside them.
    pub bytes: u64,
    /// How long values are fresh whose function has a `ttl = adaptive(..)`.
    pub adaptive_ttl: Option<AdaptiveTtl>,
}

/// How long values are fresh whose function leaves that to what is seen of them: `ttl = adaptive("30s", "1h")`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct AdaptiveTtl {
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
    /// The mean of the keys that are remembered, of each the last; zero without any.
    pub mean: Duration,
    /// How many keys are remembered.
    pub keys: u64,
    /// The memory that this takes, in bytes, beside that of the values: at most 1.4 MiB.
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
        add(&mut self.misses.0, &other.misses.0);
        self.coalesced += other.coalesced;
        self.stale += other.stale;
        self.refreshes += other.refreshes;
        self.refresh_failures += other.refresh_failures;
        self.fetched += other.fetched;
        self.computed += other.computed;
        self.failed += other.failed;
        self.stores += other.stores;
        add(&mut self.refusals.0, &other.refusals.0);
        self.evictions += other.evictions;
        self.foreign += other.foreign;
        self.compute_time += other.compute_time;
        self.latencies.add(&other.latencies);
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
    /// The name of its [`Eviction`](crate::Eviction).
    pub eviction: &'static str,
    /// What the hit rate would be with another bound, if [it is estimated](crate::Memory::curve) and there were calls enough.
    pub memory_curve: Option<MemoryCurve>,
    /// What was done with Redis, if it is configured.
    pub redis: Option<RedisStats>,
    /// What was [written behind](crate::Cache::write_behind), if anything was to be.
    pub behind: Option<BehindStats>,
}

impl Stats {
    pub(crate) fn new(
        mut functions: Vec<FunctionStats>,
        invalidations: u64,
        max_bytes: u64,
        eviction: &'static str,
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
            eviction,
            memory_curve: None,
            redis: None,
            behind: None,
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
            "{:width$}  {:>9}  {:>6}  {:>9}  {:>7}  {:>7}  {:>10}  {:>10}  {:>10}  {:>7}  {:>9}  misses",
            "function",
            "calls",
            "hit",
            "coalesced",
            "fetched",
            "stores",
            "mean",
            "p99",
            "saved",
            "entries",
            "bytes"
        )?;
        for row in self.functions.iter().chain([&self.total]) {
            let mean = row
                .compute_time
                .checked_div(u32::try_from(row.computed).unwrap_or(u32::MAX));
            writeln!(
                f,
                "{:width$}  {:>9}  {:>5.1}%  {:>9}  {:>7}  {:>7}  {:>10}  {:>10}  {:>10}  {:>7}  {:>9}  {}",
                row.name,
                row.calls(),
                100.0 * row.hit_rate(),
                row.coalesced,
                row.fetched,
                row.stores,
                format!("{:.1?}", mean.unwrap_or_default()),
                format!("{:.1?}", row.latencies.quantile(0.99)),
                format!("{:.1?}", row.time_saved),
                row.entries,
                bytes(row.bytes),
                row.misses
            )?;
        }
        for row in &self.functions {
            if let Some(ttl) = &row.adaptive_ttl {
                writeln!(
                    f,
                    "{}: a ttl of {:?} on average, between {:?} and {:?}; {} keys are remembered, in {}",
                    row.name,
                    ttl.mean,
                    ttl.least,
                    ttl.most,
                    ttl.keys,
                    bytes(ttl.bytes)
                )?;
            }
        }
        write!(
            f,
            "{} invalidations, {}, {} of {} in use",
            self.invalidations,
            self.eviction,
            bytes(self.total.bytes),
            bytes(self.max_bytes)
        )?;
        if let Some(curve) = &self.memory_curve {
            let percent = |bytes| 100.0 * curve.hit_rate_with(bytes);
            write!(
                f,
                "; hits with half of it {:.1} %, as it is {:.1} %, with twice {:.1} %",
                percent(self.max_bytes / 2),
                percent(self.max_bytes),
                percent(self.max_bytes.saturating_mul(2))
            )?;
        }
        if let Some(behind) = &self.behind {
            write!(f, "\n{behind}")?;
        }
        match &self.redis {
            Some(redis) => write!(f, "\n{redis}"),
            None => Ok(()),
        }
    }
}

fn add(counts: &mut [u64], others: &[u64]) {
    for (mine, theirs) in counts.iter_mut().zip(others) {
        *mine += theirs;
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
    use super::{FetchMiss, MissReason, RefusalReason};

    #[test]
    fn every_reason_has_the_counter_of_its_place() {
        let misses = MissReason::ALL.iter().map(|reason| *reason as usize);
        assert!(misses.eq(0..MissReason::COUNT));
        let refusals = RefusalReason::ALL.iter().map(|reason| *reason as usize);
        assert!(refusals.eq(0..RefusalReason::COUNT));
        let fetches = FetchMiss::ALL.iter().map(|reason| *reason as usize);
        assert!(fetches.eq(0..FetchMiss::COUNT));
    }
}
