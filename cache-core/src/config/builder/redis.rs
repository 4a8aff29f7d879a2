//! What is set of Redis.

use std::time::Duration;

use super::Builder;
#[cfg(doc)]
use crate::cache::Cache;
#[cfg(feature = "encryption")]
use crate::cipher::Cipher;
use crate::config::{Freshness, Secret, Url};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::index::OnFork;
use crate::link::RedisTls;
use crate::sync::Arc;

impl Builder {
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
    pub fn require_redis(mut self, within: Duration) -> Self {
        self.config.require_redis = Some(within);
        self
    }

    /// Certificates for a server of [`redis`](Self::redis) whose URL begins with `rediss` (the cargo feature `redis-tls`), where
    /// those that the system trusts are not enough.
    pub fn redis_tls(mut self, tls: RedisTls) -> Self {
        self.config.link.tls = tls;
        self
    }

    /// How long a process that is gone without a word can keep the others from computing what it had begun. Of all processes
    /// that miss a value one computes it; the others wait for what it stores, for [`wait_max`](Self::wait_max) at most. One
    /// that fails, or stores nothing, lets the next one begin at once; one that takes longer renews its lease for as long as its future
    /// is there. It costs a trip for each miss. 5 seconds by default; zero: every process computes for itself.
    pub fn lease(mut self, longest: Duration) -> Self {
        self.config.lease = longest;
        self
    }

    /// How long a cached call waits for an answer of Redis, at most. 50 milliseconds by default.
    pub fn op_timeout(mut self, longest: Duration) -> Self {
        self.config.link.op_timeout = longest;
        self
    }

    /// How long an attempt to connect with Redis may take; it is made behind all calls. 1 second by default.
    pub fn connect_timeout(mut self, longest: Duration) -> Self {
        self.config.link.connect_timeout = longest;
        self
    }

    /// After how many failures in a row Redis is left alone, so that calls no longer wait for it, and how long it is before another
    /// probe. 5, and 500 milliseconds by default.
    pub fn breaker(mut self, failures: u32, probe: Duration) -> Self {
        self.config.link.failures = failures;
        self.config.link.probe_interval = probe;
        self
    }

    /// From how many bytes on a value is compressed on its way to Redis. 1,024 by default; `usize::MAX` is never.
    pub fn compress_from(mut self, bytes: usize) -> Self {
        self.config.compress_from = bytes;
        self
    }

    /// Lets a process that starts have the values that were hot before, without asking for each of them: the names of the hottest
    /// so many are kept in Redis, and their values fetched in batches when the log has been heard of, behind all calls. None by
    /// default, and 100,000 at most. See [`guide::warmup`](crate::guide::warmup).
    ///
    /// A call that misses memory finds the value in the process, makes no trip, and is served nothing that it would not have been served from
    /// memory: what was invalidated in between is not given. What waits to be asked for has a bound of its own, a quarter of that of the memory, and fetching
    /// ends after 30 seconds. Which values are hot is seen in what memory remembers of its use: a hit does nothing more than without.
    ///
    /// ```
    /// # async fn run() -> Result<(), cache_core::Error> {
    /// cache_core::Cache::builder()
    ///     .redis("redis://127.0.0.1/")
    ///     .hot_keys(10_000)
    ///     .install()
    ///     .await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Building fails for 0, and for more than 100,000.
    pub fn hot_keys(mut self, most: usize) -> Self {
        self.config.hot_keys = Some(most);
        self
    }

    /// Fetches what is usually asked for soon after another value together with that one, in the same trip, and shortly before each hour
    /// what was hot at that hour of the day before. Off by default. See [`guide::warmup`](crate::guide::warmup).
    ///
    /// It is learnt from calls that miss memory, of each task by itself; a hit pays nothing for it, and a miss about a microsecond.
    /// What is fetched so waits in the process, as with [`hot_keys`](Self::hot_keys), and is judged when it is asked for. Where fewer
    /// than one in five is used, one in sixteen is fetched, to see when it pays again:
    /// [`ShelfStats::pays`](crate::ShelfStats::pays).
    ///
    /// ```
    /// let builder = cache_core::Cache::builder().redis("redis://127.0.0.1/").predict(true);
    /// ```
    pub fn predict(mut self, yes: bool) -> Self {
        self.config.predict = yes;
        self
    }

    /// A secret that the names of values in Redis are made with. Without it, who can read the server and guess a function's
    /// arguments can see whether it was called with them; with it, names reveal nothing. The same in every process that is
    /// to share. Another secret is another set of values.
    ///
    /// Addresses, which invalidations name, stand in the log as they are, unless `encryption` is on.
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
    /// Strict freshness costs a hit one trip, and a miss one more; callers at the same time share it. [`peek`](crate::peek) asks nobody, and
    /// shows what is there.
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
    pub fn freshness(mut self, freshness: Freshness) -> Self {
        self.config.freshness = freshness;
        self
    }

    /// What happens when the log's server may have lost invalidations: [`OnFork::Repair`] by default.
    pub fn on_fork(mut self, policy: OnFork) -> Self {
        self.config.on_fork = policy;
        self
    }

    /// How many replicas must have an invalidation before it is acknowledged (`WAIT`). 0 by default: that of the primary is enough.
    ///
    /// With fewer replicas than that, or slower ones (half a second), it is [`NotLogged`](ErrorKind::NotLogged) all the same: it has
    /// taken effect here, is in the primary's log, where others hear of it, and is lost only if the primary is, with every process
    /// that has heard of it. All else goes on as with enough of them.
    pub fn ack_replicas(mut self, count: usize) -> Self {
        self.config.ack_replicas = count;
        self
    }
}
