//! How a cache is set up.

use std::time::Duration;

#[cfg(feature = "redis")]
use crate::cipher::Cipher;
#[cfg(feature = "redis")]
use crate::envelope::COMPRESS_FROM;
use crate::events::Events;
#[cfg(feature = "redis")]
use crate::index::OnFork;
#[cfg(feature = "redis")]
use crate::link::LinkOptions;
use crate::pattern::Pattern;
use crate::sync::Arc;
use crate::tier::memory::MemoryOptions;
use crate::time::Clock;

mod builder;
mod environment;
mod file;
#[cfg(all(test, feature = "redis"))]
pub(crate) mod fuzzed;
#[cfg(feature = "redis")]
mod keys;
mod limits;
mod memory;
mod settings;
mod units;
pub use crate::tier::memory::{Eviction, UnknownEviction};
pub use builder::Builder;
pub use memory::Memory;
pub(crate) use memory::{Adaptive, Sizing};

/// Everything that can be set, as plain data.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) namespace: Arc<str>,
    pub(crate) memory: MemoryOptions,
    pub(crate) sizing: Sizing,
    pub(crate) wait_max: Duration,
    pub(crate) max_deps: usize,
    pub(crate) index_max_records: usize,
    pub(crate) ttl_patterns: Vec<(Pattern, Duration)>,
    pub(crate) ttl_default: Option<Duration>,
    pub(crate) events: Events,
    pub(crate) clock: Clock,
    pub(crate) max_staleness: Duration,
    #[cfg(feature = "redis")]
    pub(crate) freshness: Freshness,
    #[cfg(feature = "redis")]
    pub(crate) on_fork: OnFork,
    #[cfg(feature = "redis")]
    pub(crate) ack_replicas: usize,
    #[cfg(feature = "redis")]
    pub(crate) lease: Duration,
    #[cfg(feature = "redis")]
    pub(crate) link: LinkOptions,
    #[cfg(feature = "redis")]
    pub(crate) compress_from: usize,
    #[cfg(feature = "redis")]
    pub(crate) require_redis: Option<Duration>,
    #[cfg(feature = "redis")]
    pub(crate) redis: Option<Url>,
    /// How many names of values are kept for those who start later.
    #[cfg(feature = "redis")]
    pub(crate) hot_keys: Option<usize>,
    /// Whether what usually comes next is fetched before it is asked for.
    #[cfg(feature = "redis")]
    pub(crate) predict: bool,
    #[cfg(feature = "redis")]
    pub(crate) cipher: Cipher,
    pub(crate) key_secret: Option<Secret>,
    pub(crate) warmup_on_startup: bool,
}

/// What digests are keyed with. Shows nothing.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) Arc<[u8; 32]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// How sure a hit in memory is that nobody has invalidated it.
#[cfg(feature = "redis")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Freshness {
    /// As sure as the last word from the log: what other processes have invalidated since may be served, for a network trip while
    /// there is a connection, and for [`max_staleness`](Builder::max_staleness) at most. A hit asks nobody.
    #[default]
    Eventual,
    /// Each call asks the log first, together with those that wait at the time, and so does a [`get`](crate::Cache::get): nothing is served
    /// whose invalidation had returned before the call began. While the log does not answer, bodies run, and nothing of them is kept; a
    /// `get` finds nothing. A [`peek`](crate::peek) alone asks nobody, and shows what is there.
    Strict,
}

/// Where a server is. It may hold a password, and shows nothing.
#[cfg(feature = "redis")]
#[derive(Clone)]
pub(crate) struct Url(pub(crate) Arc<str>);

#[cfg(feature = "redis")]
impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Url")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            namespace: "default".into(),
            memory: MemoryOptions::default(),
            sizing: Sizing::default(),
            wait_max: Duration::from_secs(2),
            max_deps: 128,
            index_max_records: 100_000,
            ttl_patterns: Vec::new(),
            ttl_default: None,
            events: Events::default(),
            clock: Clock::System,
            max_staleness: Duration::from_secs(10),
            #[cfg(feature = "redis")]
            freshness: Freshness::default(),
            #[cfg(feature = "redis")]
            on_fork: OnFork::default(),
            #[cfg(feature = "redis")]
            ack_replicas: 0,
            #[cfg(feature = "redis")]
            lease: Duration::from_secs(5),
            #[cfg(feature = "redis")]
            link: LinkOptions::default(),
            #[cfg(feature = "redis")]
            compress_from: COMPRESS_FROM,
            #[cfg(feature = "redis")]
            require_redis: None,
            #[cfg(feature = "redis")]
            redis: None,
            #[cfg(feature = "redis")]
            hot_keys: None,
            #[cfg(feature = "redis")]
            predict: false,
            #[cfg(feature = "redis")]
            cipher: Cipher::default(),
            key_secret: None,
            warmup_on_startup: false,
        }
    }
}
