//! A cache set up step by step.

#[cfg(feature = "redis")]
mod redis;

use std::path::Path;
use std::time::Duration;

use super::{Config, Memory, environment, file, limits};
use crate::cache::Cache;
use crate::error::{Error, ErrorKind};
use crate::events::{Event, Events};
use crate::pattern::Pattern;
use crate::sync::{Arc, block_on};
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
    problems: Vec<String>,
    /// So many of the patterns are of this program; those of a file that was read before come after them.
    own_patterns: usize,
}

impl Builder {
    /// What the environment says: the file that `CACHE_CONFIG` names, and over it `REDIS_URL`, `CACHE_NAMESPACE`, `CACHE_TTL_DEFAULT`
    /// and the other variables of [`guide::configuration`](crate::guide::configuration). What is called on it later counts more.
    ///
    /// The environment is read here, once, and nowhere else: without this call it has no effect. What is wrong with it is told by
    /// [`build`](Self::build) and [`install`](Self::install), all of it at once.
    ///
    /// ```
    /// # async fn run() -> Result<(), cache_core::Error> {
    /// let cache = cache_core::Builder::from_env().namespace("shop").install().await?;
    /// # Ok(()) }
    /// ```
    pub fn from_env() -> Self {
        Self::default().env()
    }

    /// [`from_env`](Self::from_env) over what has been called before: that is what counts where the environment says nothing.
    ///
    /// ```
    /// # async fn run() -> Result<(), cache_core::Error> {
    /// // `CACHE_NAMESPACE` can change it.
    /// let cache = cache_core::Cache::builder().namespace("shop").env().install().await?;
    /// # Ok(()) }
    /// ```
    pub fn env(mut self) -> Self {
        let variables = environment::variables(std::env::vars_os());
        environment::read(&mut self.config, &variables, &mut |problem| {
            self.problems.push(problem);
        });
        self.own_patterns = 0;
        self
    }

    /// What a TOML file says, over what has been called before. What is called later counts more. Needs the feature `config`.
    ///
    /// A file that is not there, an unknown key, a value that is none: [`build`](Self::build) and [`install`](Self::install) tell of
    /// each with its line. [`guide::configuration`](crate::guide::configuration) has the keys.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), cache_core::Error> {
    /// let cache = cache_core::Cache::builder().config_file("cache.toml").env().install().await?;
    /// # Ok(()) }
    /// ```
    pub fn config_file(mut self, path: impl AsRef<Path>) -> Self {
        file::read(&mut self.config, path.as_ref(), &mut |problem| {
            self.problems.push(problem);
        });
        self.own_patterns = 0;
        self
    }

    /// Separates the keys of this application from those of others. `default` if it is not set.
    pub fn namespace(mut self, namespace: impl Into<Arc<str>>) -> Self {
        self.config.namespace = namespace.into();
        self
    }

    /// Bounds of the memory tier.
    pub fn memory(mut self, memory: Memory) -> Self {
        self.config.memory = memory.options;
        self.config.sizing = memory.sizing;
        self
    }

    /// How long values are fresh whose address matches `pattern` and whose attribute has no `ttl`. The first pattern
    /// that matches counts.
    pub fn ttl(mut self, pattern: &str, ttl: Duration) -> Self {
        match Pattern::by_hand(pattern) {
            Ok(_) if ttl.is_zero() => self.problems.push(format!(
                "the ttl of `{pattern}` is zero, which would store nothing"
            )),
            Ok(pattern) => {
                let patterns = &mut self.config.ttl_patterns;
                patterns.insert(self.own_patterns.min(patterns.len()), (pattern, ttl));
                self.own_patterns += 1;
            }
            Err(error) => self.problems.push(error.to_string()),
        }
        self
    }

    /// How long values are fresh whose attribute has no `ttl` and whose address no pattern matches: neither one of
    /// [`ttl`](Self::ttl), nor `query:*` (300 s), `resource:*` (600 s), `analysis:*` (1,800 s), `ml:*` (3,600 s) and `static:*`
    /// (86,400 s), which stand behind all others. 300 seconds by default.
    pub fn ttl_default(mut self, ttl: Duration) -> Self {
        if ttl.is_zero() {
            self.problems
                .push("the `ttl_default` is zero, which would store nothing".to_owned());
        }
        self.config.ttl_default = Some(ttl);
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
    /// (a transaction's, or of `remove_many`) invalidates everything, and with Redis one of more than 10,000: so many wait for
    /// the log at most.
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

    /// Lets [`install`](Self::install) begin the calls of every `#[warmup_cache]`, behind its back: four at a time, for ten minutes at most.
    /// [`EventKind::WarmedUp`](crate::EventKind::WarmedUp) tells what came of them. Off by default, and without effect on [`build`](Self::build).
    ///
    /// They run as a task of the tokio runtime that `install` is called on (the cargo feature `tokio`, or `redis`), and end with it.
    /// Where there is none, they run on a thread of their own, `cache-warmup`: calls that need tokio fail then, and are named as those.
    /// With Redis they begin when the log has been heard of, or cannot be within `connect_timeout`. Calls that have an `every` are made
    /// once; [`Warmup::repeat`](crate::Warmup::repeat) makes them again.
    ///
    /// ```
    /// # async fn run() -> Result<(), cache_core::Error> {
    /// let cache = cache_core::Cache::builder().warmup_on_startup(true).install().await?;
    /// # Ok(()) }
    /// ```
    pub fn warmup_on_startup(mut self, yes: bool) -> Self {
        self.config.warmup_on_startup = yes;
        self
    }

    fn finish(mut self) -> Result<Cache, Error> {
        if let Some(adaptive) = self.config.sizing.adaptive {
            // Whatever a file or the environment says of a bound that stays where it is.
            self.config.memory.max_bytes = adaptive.most;
        }
        limits::check(&self.config, &mut |problem| self.problems.push(problem));
        let text = match &self.problems[..] {
            [] => return Cache::open(self.config),
            [problem] => problem.clone(),
            problems => format!(
                "the configuration has {} mistakes:\n  {}",
                problems.len(),
                problems.join("\n  ")
            ),
        };
        Err(Error::new(ErrorKind::Config, text))
    }

    /// A cache of its own, for [`Cache::scope`] and for values without a function. Waits for nothing, unless Redis is
    /// required (`require_redis`). Dropped meanwhile, it leaves nothing behind.
    ///
    /// # Errors
    /// [`ErrorKind::Config`], and [`ErrorKind::Unreachable`] if Redis is required.
    pub async fn build(self) -> Result<Cache, Error> {
        let cache = self.finish()?;
        cache.meet().await?;
        Ok(cache)
    }

    /// The cache of this process, used by every annotated function from now on.
    ///
    /// # Errors
    /// As [`build`](Self::build), and [`ErrorKind::AlreadyInstalled`] the second time.
    pub async fn install(self) -> Result<Cache, Error> {
        let cache = crate::global::install(self.build().await?)?;
        if cache.0.config.warmup_on_startup {
            cache.warm_up_behind();
        }
        Ok(cache)
    }

    /// [`build`](Self::build) for programs without a runtime.
    ///
    /// # Errors
    /// As `build`.
    pub fn build_blocking(self) -> Result<Cache, Error> {
        block_on(self.build())
    }

    /// [`install`](Self::install) for programs without a runtime.
    ///
    /// # Errors
    /// As `install`.
    pub fn install_blocking(self) -> Result<Cache, Error> {
        block_on(self.install())
    }
}
