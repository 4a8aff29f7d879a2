//! What `explain` tells.

use std::fmt;
use std::time::Duration;

use crate::position::Position;
use crate::stats::{MissReason, RefusalReason};

/// What happened to one call; see [`explain`](crate::explain).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Trace {
    /// Whether the call was cached at all: `false` where the future reached no cached call.
    pub cached: bool,
    /// The tier that had the value: `memory`, `redis`, `shelf` if it had been fetched from there before this call asked for it, or nothing for
    /// a miss in all of them.
    pub tier: Option<&'static str>,
    /// The address of the entry.
    pub address: Option<String>,
    /// How long ago the computation of the value began. Of a value from Redis by the clocks of two machines; in memory here it is as old
    /// as its coming.
    pub age: Option<Duration>,
    /// The value's place in the log.
    pub stamp: Option<Position>,
    /// How long ago the value had ceased to be fresh, if it had: it was given all the same.
    pub stale: Option<Duration>,
    /// Why it was a miss.
    pub miss: Option<MissReason>,
    /// Whether another caller's computation gave the value.
    pub coalesced: bool,
    /// Whether the value was stored.
    pub stored: bool,
    /// Why it was not.
    pub refused: Option<RefusalReason>,
    /// What the body took.
    pub cost: Option<Duration>,
}

impl Trace {
    /// What is told of this entry: of several, that of the last.
    pub(crate) fn of(&mut self, address: &str) -> &mut Self {
        if self.address.as_deref() != Some(address) {
            *self = Self {
                address: Some(address.to_owned()),
                ..Self::default()
            };
        }
        self
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.as_deref().unwrap_or("(no address)");
        match (self.cached, self.tier, self.miss) {
            (false, ..) => f.write_str("not a cached call"),
            (_, Some(tier), _) => {
                write!(f, "{address}: hit in {tier}")?;
                self.age
                    .map_or(Ok(()), |age| write!(f, ", {age:.1?} old"))?;
                self.stale
                    .map_or(Ok(()), |late| write!(f, ", stale for {late:.1?}"))
            }
            (_, None, miss) => {
                write!(
                    f,
                    "{address}: miss ({})",
                    miss.map_or("unknown", MissReason::as_str)
                )?;
                if self.coalesced {
                    f.write_str(", answered by another caller's computation")?;
                }
                if let Some(cost) = self.cost {
                    write!(f, ", computed in {cost:.1?}")?;
                }
                match self.refused {
                    Some(reason) => write!(f, ", not stored ({})", reason.as_str()),
                    None if self.stored => f.write_str(", stored"),
                    None => Ok(()),
                }?;
                self.stale.map_or(Ok(()), |late| {
                    write!(f, ", answered by what was stale for {late:.1?}")
                })
            }
        }
    }
}
