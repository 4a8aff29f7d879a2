//! How a cache is: what it is connected with, and what waits.

use std::time::Duration;

use crate::cache::Cache;
use crate::position::Position;
use crate::stats::RedisStats;

/// How a cache is.
///
/// ```
/// assert!(cache_core::current().health().is_well(), "memory alone is always well");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Health {
    /// Of Redis, if it is configured.
    pub redis: Option<RedisHealth>,
}

/// How the connection with Redis is, and what it has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct RedisHealth {
    /// Whether there is a connection.
    pub connected: bool,
    /// Whether it is left alone after several failures in a row, until a probe succeeds.
    pub breaker_open: bool,
    /// Whether what is in memory is known to be as the log has it, or was so within
    /// [`max_staleness`](crate::Builder::max_staleness).
    pub trusted: bool,
    /// Invalidations that have taken effect here and are not in the log yet.
    pub pending: usize,
    /// How long ago the log was last heard of; nothing if never.
    pub contact_age: Option<Duration>,
    /// Up to where the log has been applied.
    pub applied: Position,
    /// How often the server turned out to be another one, or to have lost a part of the log.
    pub generations: u64,
    /// Values and removals that are on their way to the server, and that nobody waits for.
    pub queued: usize,
    /// Trips to the server that were answered.
    pub answered: u64,
    /// Trips that were not, in time or at all.
    pub failed: u64,
    /// Values that were not stored because too many waited, or the server did not take them.
    pub dropped: u64,
    /// How often a connection was made.
    pub connections: u64,
    /// What went wrong last, without credentials.
    pub last_error: Option<String>,
    /// What the server is: `Redis 7.2.4, primary, maxmemory of 100 MiB, volatile-lru`. As it said when it was last connected; services
    /// that run it for others may keep it to themselves.
    pub server: Option<String>,
    /// What looks wrong about the server, and what to do.
    pub warnings: Vec<String>,
    /// Why the server cannot be used although it is there, and what to do: it is too old, say, or the user may not run what it takes. Nothing
    /// is asked of it then but, once a second, whether that has changed.
    pub unusable: Option<String>,
}

impl Health {
    /// Whether everything that is configured works.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.redis
            .as_ref()
            .is_none_or(|redis| redis.connected && redis.trusted && redis.pending == 0)
    }
}

impl Cache {
    /// How it is. Asks nobody: quick enough for a health check.
    #[must_use]
    pub fn health(&self) -> Health {
        Health {
            redis: self.redis_health(),
        }
    }

    #[cfg(feature = "redis")]
    fn redis_health(&self) -> Option<RedisHealth> {
        let remote = self.0.remote.as_ref()?;
        let link = remote.link_health();
        let greeting = remote.greeting();
        Some(RedisHealth {
            connected: link.connected,
            breaker_open: link.breaker_open,
            trusted: self.is_trusted(),
            pending: remote.pending(),
            contact_age: self.contact_age(),
            applied: self.0.index.applied(),
            generations: remote.generations(),
            queued: link.queued,
            answered: link.answered,
            failed: link.failed,
            dropped: link.dropped,
            connections: link.connections,
            last_error: link.last_error.map(|error| error.to_string()),
            server: greeting.server,
            warnings: greeting.warnings,
            unusable: greeting.unusable.filter(|_| remote.is_refused()),
        })
    }

    /// How long ago the log was last heard of.
    #[cfg(feature = "redis")]
    fn contact_age(&self) -> Option<Duration> {
        match self.last_contact() {
            // Before the first word of it the log may be trusted until the beginning of time.
            0 => None,
            at => Some(Duration::from_millis(self.now().saturating_sub(at))),
        }
    }

    #[cfg(feature = "redis")]
    pub(crate) fn redis_stats(&self) -> Option<RedisStats> {
        let remote = self.0.remote.as_ref()?;
        let (hits, misses) = remote.fetches.read();
        let (trips, writes) = remote.latencies();
        let link = remote.link_health();
        Some(RedisStats {
            hits,
            misses,
            trips,
            writes,
            answered: link.answered,
            refused: link.refused,
            failed: link.failed,
            timed_out: link.timed_out,
            late: link.late,
            dropped: link.dropped,
            breaker_opened: link.breaker_opened,
            connections: link.connections,
            generations: remote.generations(),
            pending: remote.pending(),
            contact_age: self.contact_age(),
            shelf: remote.shelf_stats(),
        })
    }

    #[cfg(not(feature = "redis"))]
    #[expect(clippy::unused_self, reason = "the other one does not")]
    pub(crate) fn redis_stats(&self) -> Option<RedisStats> {
        None
    }

    #[cfg(not(feature = "redis"))]
    #[expect(clippy::unused_self, reason = "the other one does not")]
    fn redis_health(&self) -> Option<RedisHealth> {
        None
    }
}
