//! Counters: what happened, per function and in total.

use std::fmt;
use std::time::Duration;

mod counters;
mod latency;
mod redis;
pub(crate) use counters::SiteCounters;
pub(crate) use latency::Histogram;
pub use latency::Latencies;
#[cfg(feature = "redis")]
pub(crate) use redis::FetchCounters;
pub use redis::{FetchMiss, RedisStats};

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
    /// What was stored may have been invalidated: the log has not been heard of for
    /// [`max_staleness`](crate::Builder::max_staleness).
    Unconfirmed,
}

impl MissReason {
    /// All of them, in the order of their counters.
    pub const ALL: &'static [Self] = &[
        Self::Absent,
        Self::Expired,
        Self::Invalidated,
        Self::Evicted,
        Self::Type,
        Self::Bypass,
        Self::Unconfirmed,
    ];

    /// How many there are.
    pub(crate) const COUNT: usize = Self::ALL.len();

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
            Self::Unconfirmed => "unconfirmed",
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
    /// A computation that began later has given its value, or is a `refresh`.
    Superseded,
    /// More was invalidated while it was being computed than is remembered
    /// ([`index_max_records`](crate::Builder::index_max_records)): perhaps the value, too.
    Forgotten,
    /// It was computed from what cannot be invalidated here: a value of another cache, or a call whose arguments are no
    /// key.
    Untracked,
    /// Its `Clone`, its `Serialize` or its `CacheWeight` panicked: it could not be copied, or not be weighed.
    Panicked,
    /// Its function keeps values in Redis alone (`tiers(redis)`), and there is none, or it cannot be used.
    NoTier,
}

impl RefusalReason {
    /// All of them, in the order of their counters.
    pub const ALL: &'static [Self] = &[
        Self::Failed,
        Self::Absent,
        Self::When,
        Self::Cheap,
        Self::TooLarge,
        Self::Invalidated,
        Self::Expired,
        Self::Bypass,
        Self::Superseded,
        Self::Forgotten,
        Self::Untracked,
        Self::Panicked,
        Self::NoTier,
    ];

    /// How many there are.
    const COUNT: usize = Self::ALL.len();

    /// The reason in a word or two.
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
            Self::Superseded => "superseded",
            Self::Forgotten => "forgotten",
            Self::Untracked => "untracked",
            Self::Panicked => "panicked",
            Self::NoTier => "no tier",
        }
    }
}

macro_rules! counts {
    ($(#[$doc:meta])* $name:ident, $reason:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name([u64; <$reason>::COUNT]);
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
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.iter())
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
    MissCounts, MissReason
}
counts! {
    /// Values that were not stored, by reason.
    RefusalCounts, RefusalReason
}
counts! {
    /// Looks in Redis that found nothing, by reason.
    FetchMissCounts, FetchMiss
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
    /// Time spent in bodies.
    pub compute_time: Duration,
    /// How long each body took.
    pub latencies: Latencies,
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
        add(&mut self.misses.0, &other.misses.0);
        self.coalesced += other.coalesced;
        self.fetched += other.fetched;
        self.computed += other.computed;
        self.failed += other.failed;
        self.stores += other.stores;
        add(&mut self.refusals.0, &other.refusals.0);
        self.evictions += other.evictions;
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
    /// What was done with Redis, if it is configured.
    pub redis: Option<RedisStats>,
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
            redis: None,
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
        write!(
            f,
            "{} invalidations, {} of {} in use",
            self.invalidations,
            bytes(self.total.bytes),
            bytes(self.max_bytes)
        )?;
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
