//! A small application with a cache: 28,298 airports in SQLite, annotated queries, a write handler, a warm-up, and a
//! realistic load with and without the cache. Needs no server, and shares what it has where `REDIS_URL` names one; ends by itself.
//!
//! `cargo run --release --example airports`, or over HTTP: `cargo run --release --example airports -- --serve 8080`
//!
//! `queries.rs` is what to read first: all that the cache is told stands there, on top of ordinary functions.

#![expect(
    unreachable_pub,
    reason = "within a program, `pub` means: for its other files"
)]

mod data;
mod http;
mod ledger;
mod queries;
mod report;
mod workload;

use std::time::{Duration, Instant};

use anyhow::Result;
use cache_core::{Cache, Memory};
use data::{Airport, Db};
use workload::{Mode, Visitors};

/// How long visitors come, without the cache and with it.
const TIME: Duration = Duration::from_millis(2500);

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);

    // Not needed: without it the annotations work with 128 MiB, in memory. What is said before `env` the environment can change, as
    // `CACHE_MEMORY_MAX_BYTES=1GiB`, and add to, as `REDIS_URL`.
    let cache = Cache::builder()
        .namespace("airports")
        .memory(Memory::new().max_bytes(64 << 20))
        .env()
        .install()
        .await?;

    let folder = tempfile::tempdir()?;
    let db = Db::open(&folder.path().join("airports.sqlite"))?;
    let airports = Airport::all()?;
    let started = Instant::now();
    let rows = queries::import(&db, airports.clone()).await?;
    println!(
        "{rows} airports loaded into SQLite in {:.1?}",
        started.elapsed()
    );

    queries::share(&db);
    if args.next().is_some_and(|arg| arg == "--serve") {
        println!("warm-up: {}", cache.warmup().run().await);
        return http::serve(db, args.next().map_or(Ok(8080), |port| port.parse())?).await;
    }

    // Before the cache has anything: what is written here, under another cache, it is not told of. `bypass` is for one
    // call, and cached calls inside its body find nothing in a cache that keeps nothing.
    let visitors = Visitors::new(&db, airports)?;
    let keeps_nothing = Cache::builder()
        .memory(Memory::new().max_entry_bytes(1))
        .build()
        .await?;
    let without = keeps_nothing
        .scope(visitors.run(Mode::Bypassed, TIME))
        .await?;
    println!(
        "without the cache: {} reads in {:.1?}",
        without.reads(),
        without.took
    );

    println!(
        "warm-up: {}, {} entries",
        cache.warmup().run().await,
        cache.stats().total.entries
    );
    report::invalidation(&db).await?;
    let before = cache.stats();
    let with = visitors.run(Mode::Cached, TIME).await?;
    report::comparison(&without, &with, &before, &cache.stats());

    // Once more with writes that tell the cache nothing, in a cache of its own: to see that stale reads would be counted.
    let own = Cache::builder().build().await?;
    let untold = own.scope(visitors.run(Mode::Untold, TIME / 2)).await?;
    report::coherence(&without, &with, &untold);
    report::inspection(&cache);
    if let Some(redis) = cache.health().redis {
        println!("\nRedis: {redis:?}");
    }
    Ok(())
}
