//! A cache set up step by step.

use std::path::Path;
use std::time::Duration;

use super::{Config, Memory, environment, file, limits};
#[cfg(feature = "redis")]
use super::{Freshness, Secret, Url};
use crate::cache::Cache;
#[cfg(feature = "encryption")]
use crate::cipher::Cipher;
use crate::error::{Error, ErrorKind};
use crate::events::{Event, Events};
#[cfg(feature = "redis")]
use crate::index::OnFork;
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
        self.config.memory = memory.0;
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

    /// Shares values and invalidations with every process that uses the same Redis (7 or later) or Valkey and the same
    /// [`namespace`](Self::namespace): `redis://[user:password@]host[:port][,host[:port]...][/database]`, with several hosts for
    /// the nodes of a cluster; `rediss:` for TLS (the cargo feature `redis-tls`);
    /// `redis+sentinel://[user:password@]host[:port][,host[:port]...]/service[/database]`; or `unix:` and a path. See
    /// [`guide::redis`](crate::guide::redis).
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

    /// Lets [`install`](Self::install) and [`build`](Self::build) wait for Redis, at most this long, and fail with
    /// [`ErrorKind::Unreachable`] if the log has not been heard of by then. Without it they neither wait nor fail: a cache begins in
    /// memory, and shares from when it can.
    ///
    /// For a program that had better not start than compute everything by itself. Once it runs, nothing fails for want of Redis.
    ///
    /// ```
    /// # async fn run() -> Result<(), cache_core::Error> {
    /// use std::time::Duration;
    ///
    /// let builder = cache_core::Cache::builder().redis("redis://127.0.0.1:1/");
    /// let error = builder.require_redis(Duration::from_millis(100)).build().await.unwrap_err();
    /// assert_eq!(error.kind(), cache_core::ErrorKind::Unreachable);
    /// # Ok(()) }
    /// # cache_core::__private::block_on(run()).unwrap();
    /// ```
    #[cfg(feature = "redis")]
    pub fn require_redis(mut self, within: Duration) -> Self {
        self.config.require_redis = Some(within);
        self
    }

    /// Certificates for a server of [`redis`](Self::redis) whose URL begins with `rediss` (the cargo feature `redis-tls`), where
    /// those that the system trusts are not enough.
    #[cfg(feature = "redis")]
    pub fn redis_tls(mut self, tls: crate::link::RedisTls) -> Self {
        self.config.link.tls = tls;
        self
    }

    /// How long a process that is gone without a word can keep the others from computing what it had begun. Of all processes
    /// that miss a value one computes it; the others wait for what it stores, for [`wait_max`](Self::wait_max) at most. One
    /// that fails, or stores nothing, lets the next one begin at once; one that takes longer renews its lease for as long as its future
    /// is there. It costs a trip for each miss. 5 seconds by default; zero: every process computes for itself.
    #[cfg(feature = "redis")]
    pub fn lease(mut self, longest: Duration) -> Self {
        self.config.lease = longest;
        self
    }

    /// How long a cached call waits for an answer of Redis, at most. 50 milliseconds by default.
    #[cfg(feature = "redis")]
    pub fn op_timeout(mut self, longest: Duration) -> Self {
        self.config.link.op_timeout = longest;
        self
    }

    /// How long an attempt to connect with Redis may take; it is made behind all calls. 1 second by default.
    #[cfg(feature = "redis")]
    pub fn connect_timeout(mut self, longest: Duration) -> Self {
        self.config.link.connect_timeout = longest;
        self
    }

    /// After how many failures in a row Redis is left alone, so that calls no longer wait for it, and how long it is before another
    /// probe. 5, and 500 milliseconds by default.
    #[cfg(feature = "redis")]
    pub fn breaker(mut self, failures: u32, probe: Duration) -> Self {
        self.config.link.failures = failures;
        self.config.link.probe_interval = probe;
        self
    }

    /// From how many bytes on a value is compressed on its way to Redis. 1,024 by default; `usize::MAX` is never.
    #[cfg(feature = "redis")]
    pub fn compress_from(mut self, bytes: usize) -> Self {
        self.config.compress_from = bytes;
        self
    }

    /// A secret that the names of values in Redis are made with. Without it, who can read the server and guess a function's
    /// arguments can see whether it was called with them; with it, names reveal nothing. The same in every process that is
    /// to share. Another secret is another set of values.
    ///
    /// Addresses, which invalidations name, stand in the log as they are, unless [`encryption`](Self::encryption) is on.
    #[cfg(feature = "redis")]
    pub fn key_secret(mut self, secret: [u8; 32]) -> Self {
        self.config.key_secret = Some(Secret(Arc::new(secret)));
        self
    }

    /// Encrypts what goes to Redis (XChaCha20-Poly1305): values, what they depend on, and what invalidations name. Keys have
    /// numbers; the first encrypts, all decrypt. What was not encrypted with one of them, or was changed, is a miss.
    ///
    /// To change a key, put the new one behind the old one, in every process; then before it; and leave the old one out when
    /// what it has encrypted has expired. Without the step between, a process that does not know the new key takes an
    /// invalidation that it cannot read for one of everything: it loses its values, and serves no old one.
    ///
    /// Stamps, times, sizes and the fingerprints of types stay legible, and so does which values are the same one's:
    /// [`key_secret`](Self::key_secret) hides which function and arguments they are of.
    ///
    /// ```
    /// # fn secret(name: &str) -> [u8; 32] { [0; 32] }
    /// let builder = cache_core::Cache::builder()
    ///     .redis("redis://127.0.0.1/")
    ///     .key_secret(secret("cache-names"))
    ///     .encryption([(2, secret("cache-2026-11")), (1, secret("cache-2026-05"))]);
    /// ```
    ///
    /// # Errors
    /// Building fails for two keys of one number, or none at all.
    #[cfg(feature = "encryption")]
    pub fn encryption(mut self, keys: impl IntoIterator<Item = (u32, [u8; 32])>) -> Self {
        let cipher = Cipher::new(keys);
        if !cipher.is_on() || cipher.is_ambiguous() {
            let why = "`encryption` needs a key at least, and no two of one number";
            self.problems.push(why.to_owned());
        }
        self.config.cipher = cipher;
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
    /// With fewer replicas than that, or slower ones (half a second), it is [`NotLogged`](ErrorKind::NotLogged) all the same: it has
    /// taken effect here, is in the primary's log, where others hear of it, and is lost only if the primary is, with every process
    /// that has heard of it. All else goes on as with enough of them.
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

    fn finish(mut self) -> Result<Cache, Error> {
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
        crate::global::install(self.build().await?)
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
