//! A cache set up step by step.

use std::time::Duration;

use super::{Config, Memory};
#[cfg(feature = "redis")]
use super::{Freshness, Url};
use crate::cache::Cache;
use crate::error::{Error, ErrorKind};
use crate::events::{Event, Events};
#[cfg(feature = "redis")]
use crate::index::OnFork;
use crate::pattern::Pattern;
use crate::sync::Arc;
use crate::time::Clock;

/// Sets a cache up. Everything has a default that works.
///
/// ```
/// # async fn run() -> Result<(), cache_core::Error> {
/// use cache_core::{Cache, Memory};
/// use std::time::Duration;
///
/// let cache = Cache::builder()
///     .namespace("shop")
///     .memory(Memory::new().max_bytes(256 << 20))
///     .ttl("query:reports:*", Duration::from_secs(3600))
///     .install()
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `install` or `build`"]
pub struct Builder {
    config: Config,
    error: Option<String>,
}

impl Builder {
    /// Separates the keys of this application from those of others. `default` if it is not set.
    pub fn namespace(mut self, namespace: impl Into<Arc<str>>) -> Self {
        self.config.namespace = namespace.into();
        self
    }

    /// Bounds of the memory tier.
    pub fn memory(mut self, memory: Memory) -> Self {
        self.config.memory = memory.0;
        self
    }

    /// How long values are fresh whose address matches `pattern` and whose attribute has no `ttl`. The first pattern
    /// that matches counts.
    pub fn ttl(mut self, pattern: &str, ttl: Duration) -> Self {
        match Pattern::by_hand(pattern) {
            Ok(_) if ttl.is_zero() => {
                self.error.get_or_insert(format!(
                    "the ttl of `{pattern}` is zero, which would store nothing"
                ));
            }
            Ok(pattern) => self.config.ttl_patterns.push((pattern, ttl)),
            Err(error) => {
                self.error.get_or_insert(error.to_string());
            }
        }
        self
    }

    /// The longest that callers wait for another's computation before one of them computes beside it. 2 seconds by
    /// default, 30 times that for `#[cache_analysis]`, and never less than four times what the function usually takes.
    ///
    /// If that one is not done either, one more begins after each further `wait_max`, and whoever is through first answers
    /// all: of up to three who wait, none waits longer than three times `wait_max`. In a crowd, where everybody's
    /// computing would make a slow function slower, one more begins after each eight from then on, and nobody waits
    /// longer than 32: who has not had an answer by then computes for itself, and does not store.
    ///
    /// Waiting has to end somewhere: the one who computes may be waiting, in the database, for the one who waits here.
    pub fn wait_max(mut self, longest: Duration) -> Self {
        self.config.wait_max = longest;
        self
    }

    /// How many dependencies a value carries before they are coarsened to common prefixes. 128 by default.
    pub fn max_deps(mut self, count: usize) -> Self {
        self.config.max_deps = count.max(1);
        self
    }

    /// How many invalidated addresses, tags and patterns are remembered, at about 150 bytes each. 100,000 by default.
    /// Entries that were not used since before the oldest of them are misses. An invalidation of more than that at once
    /// (a transaction's, or of `remove_many`) invalidates everything.
    pub fn index_max_records(mut self, count: usize) -> Self {
        self.config.index_max_records = count.max(1);
        self
    }

    /// Is told of every event, in the thread and at the moment that it happens: be quick, and do not call the cache.
    /// If it panics, the call goes on as if it had not.
    pub fn on_event(mut self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.config.events = Events(Some(Arc::new(listener)));
        self
    }

    /// Shares values and invalidations with every process that uses the same Redis (7 or later) or Valkey and the same
    /// [`namespace`](Self::namespace): `redis://[user:password@]host[:port][/database]`, or `unix:` and a path.
    ///
    /// Nothing waits for the connection, and no cached call fails for want of it: without Redis the cache is one in memory,
    /// and what it holds counts for [`max_staleness`](Self::max_staleness).
    ///
    /// ```
    /// # async fn run() -> Result<(), cache_core::Error> {
    /// cache_core::Cache::builder()
    ///     .namespace("shop")
    ///     .redis("redis://127.0.0.1/")
    ///     .install()
    ///     .await?;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "redis")]
    pub fn redis(mut self, url: &str) -> Self {
        self.config.redis = Some(Url(url.into()));
        self
    }

    /// How long a process that is gone without a word can keep the others from computing what it had begun. Of all processes
    /// that miss a value one computes it; the others wait for what it stores, for [`wait_max`](Self::wait_max) at most. One
    /// that fails, or stores nothing, lets the next one begin at once. It costs a trip for each miss. 5 seconds by default;
    /// zero: every process computes for itself.
    #[cfg(feature = "redis")]
    pub fn lease(mut self, longest: Duration) -> Self {
        self.config.lease = longest;
        self
    }

    /// Whether a hit in memory asks the log first: [`Freshness::Eventual`] by default.
    ///
    /// Strict freshness costs a hit one trip, and a miss one more; callers at the same time share it. It is of cached functions:
    /// [`peek`](crate::peek) and [`get`](Cache::get) show what is there.
    ///
    /// ```
    /// # async fn run() -> Result<(), cache_core::Error> {
    /// use cache_core::{Cache, Freshness};
    ///
    /// Cache::builder()
    ///     .redis("redis://127.0.0.1/")
    ///     .freshness(Freshness::Strict)
    ///     .install()
    ///     .await?;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "redis")]
    pub fn freshness(mut self, freshness: Freshness) -> Self {
        self.config.freshness = freshness;
        self
    }

    /// What happens when the log's server may have lost invalidations: [`OnFork::Repair`] by default.
    #[cfg(feature = "redis")]
    pub fn on_fork(mut self, policy: OnFork) -> Self {
        self.config.on_fork = policy;
        self
    }

    /// How many replicas must have an invalidation before it is acknowledged (`WAIT`). 0 by default: that of the primary is enough.
    ///
    /// With fewer replicas than that, or slower ones (half a second), it is [`NotLogged`](ErrorKind::NotLogged): it has taken effect
    /// here, is appended again until there are enough, and the others know of it as soon as the primary has it.
    #[cfg(feature = "redis")]
    pub fn ack_replicas(mut self, count: usize) -> Self {
        self.config.ack_replicas = count;
        self
    }

    /// How long values are served from memory when nothing has been heard of a log that lives elsewhere, because the
    /// connection or its server is down: the longest that this process serves what another has invalidated. Later, only
    /// what began to be computed within that time is. 10 seconds by default.
    pub fn max_staleness(mut self, longest: Duration) -> Self {
        self.config.max_staleness = longest;
        self
    }

    /// Where the cache reads the time.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.config.clock = clock;
        self
    }

    fn finish(self) -> Result<Cache, Error> {
        if let Some(error) = self.error {
            return Err(Error::new(ErrorKind::Config, error));
        }
        if self.config.memory.max_entry_bytes == Some(0) {
            return Err(Error::new(
                ErrorKind::Config,
                "`max_entry_bytes` is 0: nothing could be stored; leave it out, or give it at least a few KiB",
            ));
        }
        if self.config.namespace.is_empty() || self.config.namespace.contains(['{', '}', ' ']) {
            return Err(Error::new(
                ErrorKind::Config,
                "the namespace is empty, or has braces or spaces; it is a part of keys in Redis: use a word",
            ));
        }
        if self.config.memory.max_bytes == 0 {
            return Err(Error::new(
                ErrorKind::Config,
                "`max_bytes` is 0: nothing could be stored; give it at least a few MiB",
            ));
        }
        Cache::open(self.config)
    }

    /// A cache of its own, for [`Cache::scope`] and for values without a function.
    ///
    /// # Errors
    /// [`ErrorKind::Config`].
    pub async fn build(self) -> Result<Cache, Error> {
        // Connecting to remote tiers will wait; memory alone does not.
        self.finish()
    }

    /// The cache of this process, used by every annotated function from now on.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], and [`ErrorKind::AlreadyInstalled`] the second time.
    pub async fn install(self) -> Result<Cache, Error> {
        crate::global::install(self.finish()?)
    }

    /// [`build`](Self::build) for programs without a runtime.
    ///
    /// # Errors
    /// As `build`.
    pub fn build_blocking(self) -> Result<Cache, Error> {
        self.finish()
    }

    /// [`install`](Self::install) for programs without a runtime.
    ///
    /// # Errors
    /// As `install`.
    pub fn install_blocking(self) -> Result<Cache, Error> {
        crate::global::install(self.finish()?)
    }
}
