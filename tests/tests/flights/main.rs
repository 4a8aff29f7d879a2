//! What happens when calls meet: each other, an invalidation, a panic, the end of somebody's patience.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "only tests call this"
)]

mod support;

mod batches;
mod caches;
mod cancellation;
mod circles;
mod errors;
mod invalidation;
mod modifiers;
mod nesting;
mod panics;
mod refreshing;
mod sharing;
mod storm;
mod transactions;
mod waiting;
