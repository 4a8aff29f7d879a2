//! Counters: what Redis was asked for, and what came of it.

use std::fmt;
#[cfg(feature = "redis")]
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Latencies;

/// Why a value was not taken from Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FetchMiss {
    /// There was none, or nothing can be said of it as a part of the log is missing.
    Absent,
    /// It was no longer fresh. Of functions with a stale window it is there to fall back on.
    Expired,
    /// It had been invalidated.
    Invalidated,
    /// It is damaged, foreign, or of a release that writes in another way.
    Unreadable,
    /// It is encrypted under no key that is known here, or was changed; or is not encrypted, and should be.
    Encryption,
    /// It belongs to another key, of which the name has but half.
    Foreign,
    /// It is of a type that looks otherwise, or cannot be decoded as what it should be.
    Type,
    /// Redis did not answer, or refused, or is left alone for a while.
    Unanswered,
}

impl FetchMiss {
    /// All of them, in the order of their counters.
    pub const ALL: &'static [Self] = &[
        Self::Absent,
        Self::Expired,
        Self::Invalidated,
        Self::Unreadable,
        Self::Encryption,
        Self::Foreign,
        Self::Type,
        Self::Unanswered,
    ];

    /// How many there are.
    pub(super) const COUNT: usize = Self::ALL.len();

    /// The reason in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Expired => "expired",
            Self::Invalidated => "invalidated",
            Self::Unreadable => "unreadable",
            Self::Encryption => "encryption",
            Self::Foreign => "foreign",
            Self::Type => "type",
            Self::Unanswered => "unanswered",
        }
    }
}

/// What became of what Redis was asked for. Leases that are waited for count once for each look.
#[cfg(feature = "redis")]
#[derive(Debug, Default)]
pub(crate) struct FetchCounters {
    found: AtomicU64,
    missed: [AtomicU64; FetchMiss::COUNT],
}

#[cfg(feature = "redis")]
impl FetchCounters {
    pub(crate) fn found(&self) {
        self.found.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn missed(&self, why: FetchMiss) {
        self.missed[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> (u64, super::FetchMissCounts) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let missed = super::FetchMissCounts(self.missed.each_ref().map(load));
        (load(&self.found), missed)
    }
}

/// What a cache did with Redis so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct RedisStats {
    /// Values that were taken from there.
    pub hits: u64,
    /// Those that were not, by reason. One call may look several times, while another process computes.
    pub misses: super::FetchMissCounts,
    /// How long trips took that somebody waited for: reads, leases, appends to the log. Those that failed, too.
    pub trips: Latencies,
    /// How long those took that nobody waited for: stores and removals, many at a time.
    pub writes: Latencies,
    /// Trips that were answered.
    pub answered: u64,
    /// Of these, those that were answered with an error.
    pub refused: u64,
    /// Trips without an answer.
    pub failed: u64,
    /// Of these, those that took too long.
    pub timed_out: u64,
    /// Values that came too late: a later one was there.
    pub late: u64,
    /// Values and removals that were given up: too many waited, or the server did not take them.
    pub dropped: u64,
    /// How often the breaker opened.
    pub breaker_opened: u64,
    /// How often a connection was made.
    pub connections: u64,
    /// How often the server turned out to be another one, or to have lost a part of the log.
    pub generations: u64,
    /// Invalidations that have taken effect here and are not in the log yet.
    pub pending: usize,
    /// How long ago the log was last heard of; nothing if never.
    pub contact_age: Option<Duration>,
    /// Values that are fetched before they are asked for, if any [are to be](crate::guide::warmup).
    pub shelf: Option<ShelfStats>,
}

/// Values that are fetched before anybody asks for them. Calls that are answered with them count as hits in Redis, and make no trip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct ShelfStats {
    /// Values that were fetched.
    pub fetched: u64,
    /// Of these, those that were a call's answer.
    pub used: u64,
    /// Of these, those that could not be when they were asked for: invalidated in the meantime, say.
    pub refused: u64,
    /// Values that were asked for because they usually follow another one, or are hot at this time of the day; they need not have been there.
    pub predicted: u64,
    /// Of these, those that were a call's answer.
    pub predicted_used: u64,
    /// Whether it pays to fetch what usually follows: one in five is used. Otherwise one in sixteen is asked for, to see whether that is still so.
    pub pays: bool,
    /// Those that wait to be asked for now.
    pub entries: u64,
    /// The bytes that they occupy.
    pub bytes: u64,
    /// The bytes of what is known of which value follows which; zero unless that is [learnt](crate::guide::configuration).
    pub learnt_bytes: u64,
}

impl fmt::Display for RedisStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let looks = self.hits + self.misses.total();
        let share = 100.0 * self.hits as f64 / looks.max(1) as f64;
        writeln!(
            f,
            "redis: {looks} looks, {share:.1}% hits; misses: {}",
            self.misses
        )?;
        writeln!(f, "  trips   {}", self.trips)?;
        writeln!(f, "  writes  {}", self.writes)?;
        writeln!(
            f,
            "  {} answered ({} with an error), {} failed ({} timed out); {} stores late, {} dropped",
            self.answered, self.refused, self.failed, self.timed_out, self.late, self.dropped
        )?;
        write!(
            f,
            "  {} connections, breaker opened {} times, {} generations; {} pending, ",
            self.connections, self.breaker_opened, self.generations, self.pending
        )?;
        match self.contact_age {
            Some(age) => write!(f, "heard of {age:.1?} ago"),
            None => f.write_str("never heard of"),
        }?;
        match self.shelf {
            Some(shelf) => write!(
                f,
                "\n  fetched ahead: {}, of these {} used and {} refused; {} wait, {} bytes; predicted: {}, of these {} used{}, from {} bytes",
                shelf.fetched,
                shelf.used,
                shelf.refused,
                shelf.entries,
                shelf.bytes,
                shelf.predicted,
                shelf.predicted_used,
                if shelf.pays {
                    ""
                } else {
                    ", which does not pay"
                },
                shelf.learnt_bytes
            ),
            None => Ok(()),
        }
    }
}
