//! The assembled stack.

use std::any::TypeId;
use std::future::Future;
use std::num::NonZero;
use std::sync::atomic::AtomicU64 as Static; // loom's are not made by `const` functions
use std::time::Duration;

use crate::config::{Builder, Config};
use crate::entry::{Instance, Kept, Payload};
use crate::error::Error;
use crate::events::{EventKind, Events};
use crate::flight::Flights;
use crate::index::Index;
use crate::invalidating::Invalidating;
#[cfg(feature = "redis")]
use crate::log::LogOptions;
use crate::matcher::Matcher;
use crate::policy::{Policy, Ttl};
use crate::position::Position;
#[cfg(feature = "redis")]
use crate::remote::Remote;
use crate::scope::{self, Scope};
use crate::site::Site;
use crate::stats::{MissReason, RefusalReason, SiteCounters, Stats};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, RwLock, read, write};
use crate::tier::memory::{
    CapacityRing, Departure, Lookup, MemoryKey, MemoryTier, Refused, Resident,
};

mod ghosts;
use ghosts::Ghosts;

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
    sites: RwLock<Vec<Option<Arc<Seat>>>>,
    ghosts: Arc<Ghosts>,
    /// Whether a cached function has asked for a value without a function.
    pub(crate) values_used: AtomicBool,
    /// Until when, in milliseconds of the clock, the index can be relied on without another word from a log that lives
    /// elsewhere.
    trusted_until: Arc<AtomicU64>,
    #[cfg(feature = "redis")]
    pub(crate) remote: Option<Remote>,
}

/// What one cache knows about one function.
pub(crate) struct Seat {
    pub(crate) site: &'static Site,
    /// The function with its module and, of a method, its type.
    pub(crate) name: Arc<str>,
    pub(crate) counters: Arc<SiteCounters>,
    pub(crate) ring: Option<Arc<CapacityRing>>,
    /// What is known of each of its instances, from the first miss of each on.
    instances: RwLock<Vec<(Arc<Instance>, Content)>>,
    /// Whether a value of it was seen to depend on other cached calls.
    derived: AtomicBool,
}

impl Seat {
    /// An instance and what its values are; `read_type` is asked once.
    pub(crate) fn instance(
        &self,
        cache: &Cache,
        identity: TypeId,
        read_type: impl FnOnce() -> Content,
    ) -> (Arc<Instance>, Content) {
        let known = |instances: &[(Arc<Instance>, Content)]| {
            instances
                .iter()
                .find(|(instance, _)| instance.identity == identity)
                .cloned()
        };
        if let Some(found) = known(&read(&self.instances)) {
            return found;
        }
        let content = read_type();
        let mut instances = write(&self.instances);
        known(&instances).unwrap_or_else(|| {
            let instance = Instance {
                identity,
                stats: Arc::clone(&self.counters),
                ring: self.ring.clone(),
                index: Arc::clone(&cache.0.index),
            };
            let found = (Arc::new(instance), content);
            instances.push(found.clone());
            found
        })
    }

    pub(crate) fn is_derived(&self) -> bool {
        self.derived.load(Ordering::Relaxed)
    }

    pub(crate) fn derives(&self) {
        self.derived.store(true, Ordering::Relaxed);
    }

    /// What the values of its first instance are, if it was called.
    pub(crate) fn known_content(&self) -> Option<Content> {
        read(&self.instances).first().map(|(_, content)| *content)
    }
}

/// What is known about the values of a function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    /// Whether they can leave the process.
    pub(crate) portable: bool,
    /// Whether their weight is known.
    pub(crate) measured: bool,
    /// The fingerprint of their schema, if all of it could be read.
    pub(crate) schema: Option<crate::schema::Fingerprint>,
}

impl Parts {
    /// Everything that is in this process. `start` is where its log begins.
    fn new(config: Config, start: Position) -> Self {
        let events = config.events.clone();
        let ghosts = Arc::new(Ghosts::new());
        let (leavers, told) = (Arc::clone(&ghosts), events.clone());
        let memory = MemoryTier::new(
            config.memory,
            config.clock.clone(),
            Box::new(move |entry: &Arc<Kept>, departure| {
                let key = entry.key();
                let evicted = matches!(departure, Departure::Evicted | Departure::Capacity);
                entry.instance.stats.left(entry.weight(), evicted);
                match departure {
                    Departure::Evicted | Departure::Capacity => {
                        leavers.remember(key.hash(), MissReason::Evicted)
                    }
                    Departure::Expired => leavers.remember(key.hash(), MissReason::Expired),
                    Departure::Dead => leavers.remember(key.hash(), MissReason::Invalidated),
                    Departure::Replaced | Departure::Removed => {}
                }
                if evicted {
                    told.tell(EventKind::Evicted, || ("".into(), entry.address().into()));
                }
            }),
        );
        Self {
            index: Arc::new(Index::new(start, config.index_max_records)),
            memory,
            flights: Arc::new(Flights::new()),
            events,
            sites: RwLock::default(),
            ghosts,
            values_used: AtomicBool::new(false),
            trusted_until: Arc::new(AtomicU64::new(u64::MAX)),
            #[cfg(feature = "redis")]
            remote: None,
            config,
        }
    }
}

impl Cache {
    /// A cache that is set up step by step.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A cache in memory, whatever else is configured.
    pub(crate) fn in_memory(config: Config) -> Self {
        let start = Position {
            generation: generation(),
            sequence: 0,
        };
        Self(Arc::new(Parts::new(config, start)))
    }

    /// A cache as it is configured.
    #[cfg(not(feature = "redis"))]
    pub(crate) fn open(config: Config) -> Result<Self, Error> {
        Ok(Self::in_memory(config))
    }

    /// A cache as it is configured.
    #[cfg(feature = "redis")]
    pub(crate) fn open(config: Config) -> Result<Self, Error> {
        let Some(url) = config.redis.clone() else {
            return Ok(Self::in_memory(config));
        };
        let link = Remote::link(&url.0)?;
        // Before every record of a log: what is kept before the first contact with it is not kept for longer.
        let start = Position {
            generation: 0,
            sequence: 1,
        };
        let mut parts = Parts::new(config, start);
        let trusted_until = Arc::new(AtomicU64::new(0));
        let options = LogOptions {
            max_staleness: parts.config.max_staleness,
            ..LogOptions::default()
        };
        let (namespace, clock) = (&parts.config.namespace, &parts.config.clock);
        parts.remote = Some(Remote::new(
            link,
            namespace,
            &parts.index,
            clock,
            &trusted_until,
            options,
            parts.config.lease,
        ));
        parts.trusted_until = trusted_until;
        Ok(Self(Arc::new(parts)))
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
        let seats: Vec<_> = read(&self.0.sites).iter().flatten().cloned().collect();
        let functions = seats
            .iter()
            .map(|seat| seat.counters.read(seat.name.to_string()))
            .collect();
        Stats::new(functions, self.0.index.records(), self.0.memory.max_bytes())
    }

    /// Changes the bound of the memory tier while it runs; what no longer fits is evicted.
    pub fn resize(&self, max_bytes: u64) {
        self.0.memory.resize(max_bytes.max(1));
    }

    /// What this cache knows about a function; `instance` is the type of a closure inside it, for its name.
    pub(crate) fn seat(&self, site: &'static Site, instance: &str) -> Arc<Seat> {
        let number = site.number();
        if let Some(Some(seat)) = read(&self.0.sites).get(number) {
            return Arc::clone(seat);
        }
        let mut sites = write(&self.0.sites);
        if sites.len() <= number {
            sites.resize(number + 1, None);
        }
        let seat = sites[number].get_or_insert_with(|| {
            let spec = &site.spec;
            Arc::new(Seat {
                site,
                name: spec.path(instance).into(),
                counters: Arc::default(),
                ring: spec
                    .policy
                    .capacity
                    .and_then(NonZero::new)
                    .map(|most| Arc::new(CapacityRing::new(most))),
                instances: RwLock::default(),
                derived: AtomicBool::new(false),
            })
        });
        Arc::clone(seat)
    }

    /// The seat of a function that was called, without making one.
    pub(crate) fn known_seat(&self, site: &'static Site) -> Option<Arc<Seat>> {
        read(&self.0.sites)
            .iter()
            .flatten()
            .find(|seat| std::ptr::eq(seat.site, site))
            .cloned()
    }

    /// The present time in milliseconds of this cache's clock.
    #[inline(always)]
    pub(crate) fn now(&self) -> u64 {
        self.0.config.clock.now()
    }

    /// A value that may be served now, or why there is none: the way of a hit that nothing surrounds, which takes no
    /// reference to the entry. Counts the hit.
    #[inline(always)]
    pub(crate) fn serve(&self, lookup: &Lookup<'_>) -> Result<Payload, MissReason> {
        let now = self.now();
        let found = self.0.memory.view(lookup, |entry| {
            // After what was invalidated before this call began, or at the same time.
            if (entry.is_checked(self.0.index.version()) || cfg!(cache_fault = "check"))
                && entry.expires > now
                && self.0.trusted_until.load(Ordering::Relaxed) >= now
            {
                entry.instance.stats.hit();
                Ok(entry.payload())
            } else {
                Err(Arc::clone(entry))
            }
        });
        match found {
            Some(Ok(served)) => Ok(served),
            Some(Err(entry)) => self.serve_after_check(&entry),
            None => Err(self.0.ghosts.recall(lookup.hash())),
        }
    }

    /// The same when there is more to look at than may be done under a lock.
    #[cold]
    fn serve_after_check(&self, entry: &Kept) -> Result<Payload, MissReason> {
        self.judge(entry)?;
        entry.instance.stats.hit();
        Ok(entry.payload())
    }

    /// An entry that may be served now, or why there is none.
    pub(crate) fn find(&self, lookup: &Lookup<'_>) -> Result<Arc<Kept>, MissReason> {
        let Some(entry) = self.0.memory.get(lookup) else {
            return Err(self.0.ghosts.recall(lookup.hash()));
        };
        self.judge(&entry).map(|()| entry)
    }

    /// Whether an entry may be served now.
    fn judge(&self, entry: &Kept) -> Result<(), MissReason> {
        if !entry.is_checked(self.0.index.version()) && !entry.is_valid() {
            return Err(MissReason::Invalidated);
        }
        let now = self.now();
        if entry.expires <= now {
            return Err(MissReason::Expired);
        }
        if self.0.trusted_until.load(Ordering::Relaxed) < now
            && crate::time::deadline(entry.began(), self.0.config.max_staleness) < now
        {
            return Err(MissReason::Unconfirmed);
        }
        Ok(())
    }

    /// The most that an entry may weigh: there is no need to weigh a value any further.
    pub(crate) fn max_weight(&self) -> usize {
        usize::try_from(self.0.memory.max_entry_bytes()).unwrap_or(usize::MAX)
    }

    /// Stores an entry that was weighed up to `limit`, in place of any older one of its key.
    ///
    /// # Errors
    /// Why it was not stored. Then there is no older one either.
    pub(crate) fn insert(&self, entry: &Arc<Kept>, limit: usize) -> Result<(), RefusalReason> {
        let weight = entry.weight();
        if weight > limit as u64 {
            // The tier may have been given more room since, and this is not what the entry weighs.
            self.0.memory.remove_older(&entry.key(), entry.ordinal());
            return Err(RefusalReason::TooLarge);
        }
        let stats = &entry.instance.stats;
        stats.stored(weight);
        self.0.memory.insert(Arc::clone(entry)).map_err(|refused| {
            stats.not_stored(weight);
            match refused {
                Refused::TooLarge { .. } => RefusalReason::TooLarge,
                Refused::Superseded => RefusalReason::Superseded,
            }
        })
    }

    /// Whether other processes may have what depends on values of this one.
    pub(crate) fn is_shared(&self) -> bool {
        #[cfg(feature = "redis")]
        return self.0.remote.is_some();
        #[cfg(not(feature = "redis"))]
        false
    }

    /// When the log was last heard of; now, if it is in this process.
    pub(crate) fn last_contact(&self) -> u64 {
        match self.0.trusted_until.load(Ordering::Relaxed) {
            u64::MAX => u64::MAX,
            until => until.saturating_sub(crate::time::millis(self.0.config.max_staleness)),
        }
    }

    /// Whether the log has been heard of, not too long ago.
    #[cfg(feature = "redis")]
    pub(crate) fn is_trusted(&self) -> bool {
        self.0.trusted_until.load(Ordering::Relaxed) >= self.now()
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
            Ttl::Configured | Ttl::ByValue => self
                .0
                .config
                .ttl_patterns
                .iter()
                .find(|(pattern, _)| pattern.matches(address))
                .map_or(site.spec.preset.ttl(), |(_, ttl)| *ttl),
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

/// A number for the log of a new cache: no two caches of a process share one, and a later process has greater ones.
fn generation() -> u64 {
    static LAST: Static = Static::new(0);
    let now = crate::time::unix_millis();
    let next = |last: u64| now.max(last + 1);
    LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        Some(next(last))
    })
    .map_or(now, next)
}

/// The place in the log of an invalidation, if it has one by now: one that waits for the commit of a
/// [transaction](Cache::transaction) has none, and comes before all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub(crate) Option<Position>);

impl Token {
    /// The place in the log. `None` for an invalidation inside a transaction: its place is given by the commit, before
    /// that of any invalidation after it.
    #[must_use]
    pub fn position(self) -> Option<Position> {
        self.0
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
