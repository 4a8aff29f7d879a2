//! What a program that annotates functions sees: one module per concept, every test in a cache of its own.

#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is tests, the functions beside them too"
)]

mod adaptive;
mod addresses;
mod ahead;
mod audit;
mod batches;
mod behind;
mod configuration;
mod events;
mod extremes;
mod hindsight;
mod identity;
mod input;
mod invalidation;
mod invalidations;
mod lifetimes;
mod limits;
mod mapping;
mod modifiers;
mod observing;
mod patterns;
mod puts;
mod reclaiming;
mod refreshing;
mod regression;
mod room;
mod rules;
mod runs;
mod scopes;
mod sizing;
mod stale;
mod transactions;
mod values;
mod warmup;
mod weights;
mod writes;
