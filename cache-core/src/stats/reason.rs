//! Why a call was a miss, and why a value was not stored.

use std::fmt;

use super::FetchMiss;

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
    /// [`max_staleness`](crate::Builder::max_staleness), or, with strict freshness, has not answered this look.
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
    /// The `ttl` closure gave zero, or the computation took longer than the value may live, served late or not.
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
    /// The body of a batch gave a `Vec` that was longer or shorter than its ids: whose its elements are, nobody knows.
    Length,
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
        Self::Length,
    ];

    /// How many there are.
    pub(crate) const COUNT: usize = Self::ALL.len();

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
            Self::Length => "length",
        }
    }
}

macro_rules! counts {
    ($(#[$doc:meta])* $name:ident, $reason:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub(super) [u64; <$reason>::COUNT]);
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
