//! The assembled stack.

use std::future::Future;
use std::sync::Weak;
use std::time::Duration;

use crate::config::{Builder, Config};
use crate::curve::Curve;
use crate::entry::Kept;
use crate::error::Error;
use crate::events::{EventKind, Events};
use crate::flight::Flights;
use crate::index::Index;
use crate::invalidating::Invalidating;
use crate::mapping::Mappings;
use crate::matcher::Matcher;
use crate::policy::{self, Policy, Ttl};
#[cfg(feature = "redis")]
use crate::remote::Remote;
use crate::scope::{self, Scope};
use crate::site::Site;
use crate::stats::{FunctionStats, RefusalReason, Stats};
use crate::sync::atomic::{AtomicBool, AtomicU64};
use crate::sync::{Arc, Mutex, lock};
use crate::tier::memory::{MemoryKey, MemoryTier, Refused, Resident};
use crate::time::Clock;
use crate::values::Queues;

mod ahead;
mod begun;
mod errand;
mod ghosts;
#[cfg(feature = "redis")]
mod hottest;
mod opening;
mod places;
mod roll;
mod seat;
mod serving;
mod sizing;
mod token;

pub(crate) use ahead::waited;
use errand::Errand;
use ghosts::Ghosts;
pub(crate) use places::{Places, Taken};
use roll::Roll;
pub(crate) use seat::{Content, Learnt, Seat};
pub use token::{Token, at_least};

/// A cache: its tiers, its log, its statistics. Clones are the same cache.
///
/// Annotated functions use the one that was [installed](Builder::install), a default one without any, or that of the
/// [`scope`](Self::scope) they run in.
#[derive(Clone)]
pub struct Cache(pub(crate) Arc<Parts>);

/// What a cache consists of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) index: Arc<Index>,
    pub(crate) memory: MemoryTier<Kept>,
    pub(crate) flights: Arc<Flights<MemoryKey, Arc<Kept>>>,
    pub(crate) events: Events,
    /// What events of the application invalidate.
    pub(crate) mappings: Mappings,
    seats: Roll<Arc<Seat>>,
    ghosts: Arc<Ghosts>,
    curve: Option<Curve>,
    steps: sizing::Steps,
    /// Whether a cached function has asked for a value without a function.
    pub(crate) values_used: AtomicBool,
    /// Until when, in milliseconds of the clock, the index can be relied on without another word from a log that lives
    /// elsewhere.
    trusted_until: Arc<AtomicU64>,
    /// The start-up calls that nobody waits for.
    errand: Mutex<Weak<Errand>>,
    /// What is to be written behind.
    pub(crate) queues: Queues,
    #[cfg(feature = "redis")]
    pub(crate) remote: Option<Remote>,
}

impl Parts {
    /// Whether a hit outside of every scope is told to nobody, and timed by the system's clock.
    pub(crate) fn is_plain(&self) -> bool {
        !self.events.listening() && matches!(self.config.clock, Clock::System)
    }
}

impl Cache {
    /// A cache that is set up step by step.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs a future with this cache in place of the global one. Tests in parallel share nothing this way.
    ///
    /// Invalidations inside reach this cache only. Tasks that the future spawns are outside; see [`scope_handle`](crate::scope_handle).
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        scope::within(
            Scope {
                cache: Some(self.clone()),
                ..scope::copy()
            },
            future,
        )
        .await
    }

    /// What goes on for this cache until it is shut down; nothing yet.
    pub(crate) fn errand(&self) -> Arc<Errand> {
        let errand = Errand::new();
        *lock(&self.0.errand) = Arc::downgrade(&errand);
        errand
    }

    /// Ends what goes on, and waits for what cannot be dropped.
    pub(crate) async fn end_errand(&self) {
        let errand = lock(&self.0.errand).upgrade();
        if let Some(errand) = errand {
            errand.end().await;
        }
    }

    /// The same for code that is not async.
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        let scope = Scope {
            cache: Some(self.clone()),
            ..scope::copy()
        };
        scope::enter(Some(Arc::new(scope)), f)
    }

    /// What happened so far, per function and in total.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let seats = self.0.seats.iter();
        let functions = seats
            .map(|seat| FunctionStats {
                adaptive_ttl: seat.adaptive_ttl(),
                ..seat.counters.read(seat.name.to_string())
            })
            .collect();
        let memory = &self.0.config.memory;
        let max_bytes = self.0.memory.max_bytes();
        let records = self.0.index.records();
        let stats = Stats::new(functions, records, max_bytes, memory.eviction.name());
        Stats {
            redis: self.redis_stats(),
            memory_curve: self.memory_curve(),
            behind: self.0.queues.stats(),
            ..stats
        }
    }

    /// Changes the bound of the memory tier while it runs; what no longer fits is evicted.
    pub fn resize(&self, max_bytes: u64) {
        self.0.memory.resize(max_bytes.max(1));
    }

    /// Removes from memory what has expired or was invalidated, and says how many entries that were.
    ///
    /// Nobody needs to call it: such entries are never served, and leave as others come. It gives their memory back sooner, after a large
    /// invalidation for example. It looks at each entry, about a million in a second, on the thread that calls it; hits and stores of others go on meanwhile.
    ///
    /// ```
    /// # cache_core::__private::block_on(async {
    /// # let cache = cache_core::Cache::builder().build().await?;
    /// # cache.scope(async {
    /// cache_core::set("report:1", 5_u64, std::time::Duration::from_secs(60)).await?;
    /// cache_core::invalidate_pattern("report:*").await?;
    /// assert_eq!(cache_core::current().reclaim(), 1);
    /// # Ok::<(), cache_core::Error>(()) }).await }).unwrap();
    /// ```
    pub fn reclaim(&self) -> usize {
        self.0.memory.reclaim_all()
    }

    /// The present time in milliseconds of this cache's clock.
    #[inline(always)]
    pub(crate) fn now(&self) -> u64 {
        self.0.config.clock.now()
    }

    /// What digests are keyed with.
    pub(crate) fn key_secret(&self) -> Option<&[u8; 32]> {
        self.0.config.key_secret.as_ref().map(|secret| &*secret.0)
    }

    /// The most that an entry may weigh: there is no need to weigh a value any further. Where the bound moves it is what the largest one
    /// would take, so that a value that is too large for the present one can be what it goes up for.
    pub(crate) fn max_weight(&self) -> usize {
        let memory = &self.0.memory;
        let most = match self.0.config.sizing.adaptive {
            Some(_) => memory.max_entry_bytes().max(memory.first_max_entry_bytes()),
            None => memory.max_entry_bytes(),
        };
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    /// Stores the entry of a key, which was weighed up to `limit`, in place of any older one.
    ///
    /// # Errors
    /// Why it was not stored. Then there is no older one either.
    pub(crate) fn insert(
        &self,
        key: &MemoryKey,
        entry: &Arc<Kept>,
        limit: usize,
    ) -> Result<(), RefusalReason> {
        let weight = entry.weight();
        if weight > limit as u64 {
            // The tier may have been given more room since, and this is not what the entry weighs.
            self.0
                .memory
                .remove_older(&key.as_lookup(), entry.ordinal());
            return Err(RefusalReason::TooLarge);
        }
        self.watch_store(entry);
        let stats = &entry.instance.stats;
        stats.stored(entry.charged());
        let stored = self.0.memory.insert(key, Arc::clone(entry));
        stored.map_err(|refused| {
            stats.not_stored(entry.charged());
            match refused {
                Refused::TooLarge { .. } => RefusalReason::TooLarge,
                Refused::Superseded => RefusalReason::Superseded,
            }
        })
    }

    /// The bound of waiting for another's computation of this function.
    pub(crate) fn patience(&self, seat: &Seat) -> Duration {
        let usual = Duration::from_nanos(seat.counters.mean_cost_ns());
        let longest = self
            .0
            .config
            .wait_max
            .saturating_mul(seat.site.spec.preset.patience());
        longest.max(usual.saturating_mul(4))
    }

    /// How long values of this address are fresh, for a function that leaves it open.
    pub(crate) fn ttl(&self, site: &Site, policy: &Policy, address: &str) -> Duration {
        match policy.ttl {
            Ttl::For(ttl) => ttl,
            Ttl::Never => Duration::MAX,
            // What is not looked at is not to be too old.
            Ttl::Adaptive { least, .. } => least,
            Ttl::Configured | Ttl::ByValue => {
                let config = &self.0.config;
                let mut patterns = config.ttl_patterns.iter();
                patterns
                    .find(|(pattern, _)| pattern.matches(address))
                    .map(|(_, ttl)| *ttl)
                    .or_else(|| policy::customary(address))
                    .or(config.ttl_default)
                    .unwrap_or(site.spec.preset.ttl())
            }
        }
    }

    /// Appends to the log, or to the transaction that surrounds this code.
    pub(crate) fn invalidate(&self, mut matchers: Vec<Matcher>) -> Invalidating {
        if matchers.is_empty() {
            return Invalidating::Done(Token(Some(self.0.index.applied())));
        }
        if let Some(queue) = scope::current().and_then(|scope| scope.transaction.clone()) {
            match queue.hold(self, matchers) {
                Ok(()) => return Invalidating::Done(Token(None)),
                Err(late) => matchers = late,
            }
        }
        self.append(matchers)
    }

    /// Appends to the log.
    fn append(&self, mut matchers: Vec<Matcher>) -> Invalidating {
        self.0.index.fit(&mut matchers);
        let texts: Option<Vec<Arc<str>>> = self
            .0
            .events
            .wanted()
            .then(|| matchers.iter().map(Matcher::text).collect());
        let invalidating = self.log(matchers);
        for text in texts.into_iter().flatten() {
            self.0
                .events
                .tell(EventKind::Invalidated, || ("".into(), text));
        }
        invalidating
    }

    /// Tells whoever listens of an error that nobody else can be told of.
    pub(crate) fn complain(&self, function: &str, error: &Error) {
        self.0.events.tell(EventKind::NotLogged, || {
            (function.into(), error.to_string().into())
        });
    }

    #[cfg(feature = "redis")]
    fn log(&self, matchers: Vec<Matcher>) -> Invalidating {
        match &self.0.remote {
            Some(remote) => Invalidating::Logging(remote.append(matchers)),
            None => Invalidating::Done(Token(Some(self.0.index.append(matchers)))),
        }
    }

    #[cfg(not(feature = "redis"))]
    fn log(&self, matchers: Vec<Matcher>) -> Invalidating {
        Invalidating::Done(Token(Some(self.0.index.append(matchers))))
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("namespace", &self.0.config.namespace)
            .field("entries", &self.0.memory.len())
            .field("bytes", &self.0.memory.weight())
            .finish_non_exhaustive()
    }
}

/// A point in time from which a computation is timed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) at: u64,
    precise: u64,
}

impl Cache {
    pub(crate) fn started(&self) -> Started {
        let clock = &self.0.config.clock;
        Started {
            at: clock.now(),
            precise: clock.precise(),
        }
    }

    /// Nanoseconds since.
    pub(crate) fn cost_ns(&self, started: Started) -> u64 {
        self.0
            .config
            .clock
            .precise()
            .saturating_sub(started.precise)
    }
}
