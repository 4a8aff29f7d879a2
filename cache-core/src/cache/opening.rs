//! A cache as it is configured.

use super::ghosts::Ghosts;
use super::roll::Roll;
use super::{Cache, Parts};
use crate::config::Config;
#[cfg(feature = "redis")]
use crate::config::Freshness;
use crate::curve::Curve;
use crate::entry::Kept;
use crate::error::Error;
use crate::events::EventKind;
use crate::flight::Flights;
use crate::index::Index;
#[cfg(feature = "redis")]
use crate::link::Notice;
#[cfg(feature = "redis")]
use crate::log::LogOptions;
use crate::mapping::Mappings;
use crate::position::Position;
#[cfg(feature = "redis")]
use crate::remote::{Ahead, Memory, Remote};
use crate::stats::MissReason;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, StaticU64};
use crate::tier::memory::{Departure, MemoryTier, Resident};
use crate::values::Queues;

/// Values that nobody has asked for yet have one part in so many of what memory has.
#[cfg(feature = "redis")]
const SHELF: u64 = 4;

/// How many times the bound the curve reaches.
const HORIZON: u64 = 4;

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
                let evicted = matches!(departure, Departure::Evicted | Departure::Capacity);
                entry.instance.stats.left(entry.charged(), evicted);
                if departure == Departure::Evicted {
                    entry.instance.stats.left_for_room();
                }
                match departure {
                    Departure::Evicted | Departure::Capacity => {
                        leavers.remember(entry.hash(), MissReason::Evicted)
                    }
                    Departure::Expired => leavers.remember(entry.hash(), MissReason::Expired),
                    Departure::Dead => leavers.remember(entry.hash(), MissReason::Invalidated),
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
            mappings: Mappings::default(),
            seats: Roll::default(),
            ghosts,
            errand: Mutex::default(),
            queues: Queues::default(),
            steps: super::sizing::Steps::default(),
            curve: config
                .sizing
                .curve
                .then(|| Curve::new(config.memory.max_bytes.saturating_mul(HORIZON))),
            values_used: AtomicBool::new(false),
            trusted_until: Arc::new(AtomicU64::new(u64::MAX)),
            #[cfg(feature = "redis")]
            remote: None,
            config,
        }
    }
}

impl Cache {
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
        let link = Remote::link(&url.0, &config.namespace, config.link.clone())?;
        let told = config.events.clone();
        link.observe(move |notice| {
            let kind = match notice {
                Notice::Connected => EventKind::Connected,
                Notice::BreakerOpened => EventKind::BreakerOpened,
                Notice::BreakerClosed => EventKind::BreakerClosed,
                Notice::Generation => EventKind::Generation,
            };
            told.tell(kind, || ("".into(), "".into()));
        });
        // Before every record of a log: what is kept before the first contact with it is not kept for longer.
        let start = Position {
            generation: 0,
            sequence: 1,
        };
        let mut parts = Parts::new(config, start);
        let trusted_until = Arc::new(AtomicU64::new(0));
        let options = LogOptions {
            max_staleness: parts.config.max_staleness,
            cipher: parts.config.cipher.clone(),
            on_fork: parts.config.on_fork,
            ack_replicas: parts.config.ack_replicas,
            ..LogOptions::default()
        };
        let (namespace, clock) = (&parts.config.namespace, &parts.config.clock);
        let mut remote = Remote::new(
            link,
            namespace,
            &parts.index,
            clock,
            &trusted_until,
            options,
            parts.config.lease,
        );
        remote.greet(parts.events.clone());
        let ahead = Ahead {
            namespace: Arc::clone(namespace),
            hot_keys: parts.config.hot_keys.unwrap_or(0),
            predict: parts.config.predict,
            // A bound of its own, beside that of what was asked for.
            most_bytes: usize::try_from(parts.config.memory.max_bytes / SHELF)
                .unwrap_or(usize::MAX),
            calls: Self::kept_calls(&parts.config),
        };
        if ahead.hot_keys > 0 || ahead.predict || !ahead.calls.is_empty() {
            remote.look_ahead(&ahead, clock, &parts.config.cipher);
        }
        parts.remote = Some(remote);
        parts.trusted_until = match parts.config.freshness {
            Freshness::Eventual => trusted_until,
            // No hit is one without another word.
            Freshness::Strict => Arc::default(),
        };
        let parts = Arc::new(parts);
        if let Some(remote) = &parts.remote {
            let memory: Arc<dyn Memory> = Arc::new(Arc::downgrade(&parts));
            remote.note_used(&memory);
        }
        Ok(Self(parts))
    }
}

impl Cache {
    /// Waits for Redis, if it is required.
    ///
    /// # Errors
    /// It cannot be reached.
    #[cfg(feature = "redis")]
    pub(crate) async fn meet(&self) -> Result<(), Error> {
        match (&self.0.remote, self.0.config.require_redis) {
            (Some(remote), Some(within)) => remote.meet(within).await,
            _ => Ok(()),
        }
    }

    /// There is nobody to be waited for.
    #[cfg(not(feature = "redis"))]
    #[expect(clippy::unused_async, reason = "the other one waits")]
    pub(crate) async fn meet(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A number for the log of a new cache: no two caches of a process share one, and a later process has greater ones.
fn generation() -> u64 {
    static LAST: StaticU64 = StaticU64::new(0);
    let now = crate::time::unix_millis();
    let next = |last: u64| now.max(last + 1);
    LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        Some(next(last))
    })
    .map_or(now, next)
}
