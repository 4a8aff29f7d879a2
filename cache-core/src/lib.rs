#![doc = include_str!("../docs/overview.md")]
#![forbid(unsafe_code)]

/// How to use it, by topic; every page is tested.
pub mod guide {
    #[doc = include_str!("../docs/attributes.md")]
    pub mod attributes {}
    #[doc = include_str!("../docs/batches.md")]
    pub mod batches {}
    #[doc = include_str!("../docs/keys.md")]
    pub mod keys {}
    #[doc = include_str!("../docs/invalidation.md")]
    pub mod invalidation {}
    #[doc = include_str!("../docs/writing.md")]
    pub mod writing {}
    #[doc = include_str!("../docs/coherence.md")]
    pub mod coherence {}
    #[cfg(feature = "redis")]
    #[doc = include_str!("../docs/redis.md")]
    pub mod redis {}
    #[doc = include_str!("../docs/configuration.md")]
    pub mod configuration {}
    #[doc = include_str!("../docs/warmup.md")]
    pub mod warmup {}
    #[doc = include_str!("../docs/modifiers.md")]
    pub mod modifiers {}
    #[doc = include_str!("../docs/observing.md")]
    pub mod observing {}
    #[doc = include_str!("../docs/testing.md")]
    pub mod testing {}
}

// The attributes' code in tests of this crate names it.
#[cfg(test)]
extern crate self as cache_core;

#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
}

mod address;
mod alarm;
mod audit;
mod cache;
#[cfg(feature = "redis")]
mod cipher;
mod class;
#[cfg(feature = "redis")]
mod codec;
mod config;
mod curve;
mod deps;
mod entry;
#[cfg(feature = "redis")]
mod envelope;
mod error;
mod events;
mod flight;
#[cfg(all(test, feature = "redis", not(loom)))]
mod fuzz;
mod global;
mod health;
mod index;
mod invalidate;
mod invalidating;
mod invalidation;
mod invalidations;
mod key;
mod lifetime;
#[cfg(feature = "redis")]
mod link;
#[cfg(feature = "redis")]
mod log;
mod mapping;
mod matcher;
mod modifiers;
mod pattern;
mod policy;
mod position;
mod private;
mod read;
#[cfg(feature = "redis")]
mod remote;
mod rule;
mod schema;
mod scope;
mod shape;
mod shutdown;
mod site;
mod stats;
mod sync;
mod testing;
mod tier;
mod time;
mod transaction;
mod values;
mod warmup;
mod weight;
mod write;

pub use cache_macros::{
    cache, cache_analysis, cache_put, cache_query, cache_resource, cache_result, invalidate_cache,
    warmup_cache,
};

pub use address::{escape, unescape};
pub use audit::{Audit, Finding, SiteInfo};
pub use cache::{Cache, Token, at_least};
#[cfg(feature = "redis")]
pub use config::Freshness;
pub use config::{Builder, Eviction, Memory, UnknownEviction};
pub use error::{Error, ErrorKind};
pub use events::{Event, EventKind};
pub use global::{current, install_from_env};
pub use health::{Health, RedisHealth};
#[cfg(feature = "redis")]
pub use index::OnFork;
pub use invalidate::{clear, invalidate_pattern, invalidate_tag};
pub use invalidation::Invalidation;
pub use invalidations::Invalidations;
#[cfg(feature = "redis")]
pub use link::RedisTls;
pub use mapping::emit;
pub use modifiers::{
    Key, Trace, blocking, bypass, explain, invalidate, key_of, peek, refresh, uncached,
};
pub use policy::{Policy, Preset, Ttl};
pub use position::Position;
pub use read::{IntoTtl, KeyPart};
pub use scope::{ScopeHandle, scope_handle};
pub use shape::CacheValue;
pub use shutdown::Shutdown;
pub use stats::{
    AdaptiveTtl, BehindStats, FetchMiss, FetchMissCounts, FunctionStats, Latencies, MemoryCurve,
    MissCounts, MissReason, RedisStats, RefusalCounts, RefusalReason, ShelfStats, Stats,
};
pub use testing::TestCache;
pub use time::{Clock, ManualClock};
pub use values::{Behind, WriteBehind, get, get_many, remove, remove_many, set, set_many};
pub use warmup::{CallList, Warmup, WarmupReport};
pub use weight::CacheWeight;
