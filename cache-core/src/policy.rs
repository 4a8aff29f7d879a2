//! What is decided about a function before it runs: plain data.

use std::time::Duration;

use crate::time;

/// Which of the attributes stands on a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// `#[cache]`
    Cache,
    /// `#[cache_query]`
    Query,
    /// `#[cache_result]`
    Result,
    /// `#[cache_resource]`
    Resource,
    /// `#[cache_analysis]`
    Analysis,
}

impl Preset {
    /// The first segment of the addresses, without its colon.
    #[must_use]
    pub const fn prefix(self) -> Option<&'static str> {
        match self {
            Self::Cache => None,
            Self::Query => Some("query"),
            Self::Result => Some("result"),
            Self::Resource => Some("resource"),
            Self::Analysis => Some("analysis"),
        }
    }

    /// What addresses begin with: the first segment with its colon, if there is one.
    pub(crate) fn address_prefix(self) -> String {
        self.prefix()
            .map_or_else(String::new, |prefix| format!("{prefix}:"))
    }

    /// The attribute as it is written.
    #[must_use]
    pub const fn attribute(self) -> &'static str {
        match self {
            Self::Cache => "#[cache]",
            Self::Query => "#[cache_query]",
            Self::Result => "#[cache_result]",
            Self::Resource => "#[cache_resource]",
            Self::Analysis => "#[cache_analysis]",
        }
    }

    /// How long a value is fresh where neither the attribute nor the configuration says so.
    #[must_use]
    pub const fn ttl(self) -> Duration {
        Duration::from_secs(match self {
            Self::Cache | Self::Query | Self::Result => 300,
            Self::Resource => 600,
            Self::Analysis => 1800,
        })
    }

    /// How long `None` is remembered where the attribute does not say so.
    const fn none_ttl(self) -> Option<Duration> {
        match self {
            Self::Resource => Some(Duration::from_secs(10)),
            _ => None,
        }
    }

    /// How many times longer than [`wait_max`](crate::Builder::wait_max) a caller waits for another's computation:
    /// two slow analyses side by side cost more than waiting for one.
    pub(crate) const fn patience(self) -> u32 {
        match self {
            Self::Analysis => 30,
            _ => 1,
        }
    }
}

/// How long values are fresh whose addresses begin so, where neither the attribute nor the configuration says so.
const CUSTOMARY: [(&str, Duration); 5] = [
    ("query:", Preset::Query.ttl()),
    ("resource:", Preset::Resource.ttl()),
    ("analysis:", Preset::Analysis.ttl()),
    ("ml:", Duration::from_secs(3_600)),
    ("static:", Duration::from_secs(86_400)),
];

/// How long values of this address are fresh by its first segment alone.
pub(crate) fn customary(address: &str) -> Option<Duration> {
    CUSTOMARY
        .into_iter()
        .find(|(prefix, _)| address.starts_with(prefix))
        .map(|(_, ttl)| ttl)
}

/// How long something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Ttl {
    /// As configured for the address, else as the preset says.
    Configured,
    /// This long.
    For(Duration),
    /// Until it is invalidated or evicted.
    Never,
    /// As the value says.
    ByValue,
    /// Within these bounds, from how often a value was found changed and how often it is asked for.
    Adaptive {
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
    },
}

/// What an attribute says about keeping the values of its function.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Policy {
    /// How long a value is fresh.
    pub ttl: Ttl,
    /// How long `None` is kept, if at all.
    pub none_ttl: Option<Duration>,
    /// How long `Err` is kept, if at all.
    pub err_ttl: Option<Duration>,
    /// By how much of itself a lifetime is shortened at most, in thousandths.
    pub jitter: u16,
    /// How many entries of this function stay in memory at most.
    pub capacity: Option<usize>,
    /// What took less time to compute than this is not kept.
    pub min_cost: Duration,
    /// Whether a `when = …` decides about each value.
    pub when: bool,
    /// Whether values stay in memory whatever tiers there are.
    pub memory_only: bool,
    /// Whether values are kept in Redis, and not in memory.
    pub redis_only: bool,
    /// For how long after its `ttl` a value is given in place of an `Err`.
    pub stale_if_error: Option<Duration>,
    /// For how long after its `ttl` a value is given while it is refreshed behind the call.
    pub stale_while_revalidate: Option<Duration>,
    /// In which last part of its lifetime a hit may refresh a value behind the call, in thousandths.
    pub refresh_ahead: u16,
    /// How long a call waits at most for the body where it can be given a value that has expired.
    pub timeout: Option<Duration>,
}

/// For how long values that are no longer fresh may be served, if they are valid, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grace {
    /// In place of an `Err`.
    pub(crate) on_error: u64,
    /// While they are refreshed.
    pub(crate) meanwhile: u64,
}

impl Grace {
    /// For how long there is any use for them.
    pub(crate) const fn longest(self) -> u64 {
        if self.on_error > self.meanwhile {
            self.on_error
        } else {
            self.meanwhile
        }
    }
}

/// A hundred years, in milliseconds.
const LONGEST_GRACE: u64 = 100 * 365 * 86_400_000;

impl Policy {
    pub(crate) const fn of(preset: Preset) -> Self {
        Self {
            ttl: Ttl::Configured,
            none_ttl: preset.none_ttl(),
            err_ttl: None,
            jitter: 0,
            capacity: None,
            min_cost: Duration::ZERO,
            when: false,
            memory_only: false,
            redis_only: false,
            stale_if_error: None,
            stale_while_revalidate: None,
            refresh_ahead: 0,
            timeout: None,
        }
    }

    /// Whether values may be served that are no longer fresh.
    const fn has_grace(&self) -> bool {
        self.stale_if_error.is_some() || self.stale_while_revalidate.is_some()
    }

    /// Whether a call may be given a value that it might also replace.
    pub(crate) const fn falls_back(&self) -> bool {
        self.has_grace() || self.refresh_ahead > 0
    }

    /// How long before the end of a lifetime a hit may begin a refresh.
    pub(crate) fn ahead(&self, lifetime: Duration) -> u64 {
        match self.refresh_ahead {
            0 => 0,
            permille => time::millis(lifetime.mul_f64(f64::from(permille) / 1000.0)),
        }
    }

    /// For how long values that are no longer fresh may be served.
    pub(crate) fn grace(&self) -> Grace {
        // Of a time that nobody lives to see the end of the sum with a `ttl` would be "never".
        let millis = |window: Option<Duration>| window.map_or(0, time::millis).min(LONGEST_GRACE);
        Grace {
            on_error: millis(self.stale_if_error),
            meanwhile: millis(self.stale_while_revalidate),
        }
    }
}
