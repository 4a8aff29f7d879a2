//! What a miss costs beyond the body: every call has new arguments, every cache holds 10,000
//! entries and evicts one for each that it takes in.
//!
//! `cargo bench -p cache-core --bench miss [-- --rounds N]`

#[path = "measure/allocations.rs"]
mod allocations;
#[path = "measure/awaited.rs"]
mod awaited;
#[path = "measure/block_on.rs"]
mod block_on;
#[path = "measure/random.rs"]
mod random;
#[path = "measure/rounds.rs"]
mod rounds;

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use awaited::each_awaited;
use cached::macros::{cached, concurrent_cached};
use foldhash::fast::RandomState;
use quick_cache::UnitWeighter;
use quick_cache::sync::DefaultLifecycle;
use rounds::{Row, each, rounds};

const CAPACITY: usize = 10_000;
const CALLS: usize = 8_192;
const TTL: Duration = Duration::from_secs(300);
const BASELINE: &str = "quick_cache, get_or_insert_with";

/// The body: one allocation, as almost every body has.
fn load(id: u64) -> Arc<u64> {
    Arc::new(id)
}

type Quick = quick_cache::sync::Cache<u64, Arc<u64>, UnitWeighter, RandomState>;

static QUICK: LazyLock<Quick> = LazyLock::new(|| {
    Quick::with(
        CAPACITY,
        CAPACITY as u64,
        UnitWeighter,
        RandomState::default(),
        DefaultLifecycle::default(),
    )
});

static MOKA: LazyLock<moka::sync::Cache<u64, Arc<u64>>> = LazyLock::new(|| {
    moka::sync::Cache::builder()
        .max_capacity(CAPACITY as u64)
        .time_to_live(TTL)
        .build()
});

static MOKA_FUTURE: LazyLock<moka::future::Cache<u64, Arc<u64>>> = LazyLock::new(|| {
    moka::future::Cache::builder()
        .max_capacity(CAPACITY as u64)
        .time_to_live(TTL)
        .build()
});

#[cached(max_size = 10_000, ttl_secs = 300)]
async fn locked(id: u64) -> Arc<u64> {
    load(id)
}

// The only form of `cached` in which concurrent callers share one computation.
#[cached(max_size = 10_000, ttl_secs = 300, sync_writes = "by_key")]
async fn locked_by_key(id: u64) -> Arc<u64> {
    load(id)
}

#[concurrent_cached(max_size = 10_000, ttl_secs = 300)]
async fn sharded(id: u64) -> Arc<u64> {
    load(id)
}

/// Ours.
mod ours {
    use super::*;
    use cache_core::cache;

    #[cache(ttl = 300, capacity = 10_000)]
    fn blocking(id: u64) -> Arc<u64> {
        load(id)
    }

    #[cache(ttl = 300, capacity = 10_000)]
    async fn suspending(id: u64) -> Arc<u64> {
        load(id)
    }

    pub(crate) const OURS: &[Row<u64>] = &[
        Row {
            name: "#[cache] sync",
            run: |ids| each(ids, blocking),
        },
        Row {
            name: "#[cache] async",
            run: |ids| each_awaited(ids, suspending),
        },
    ];
}

use ours::OURS;

const PEERS: &[Row<u64>] = &[
    Row {
        name: "the body alone",
        run: |ids| each(ids, load),
    },
    Row {
        name: BASELINE,
        run: |ids| {
            each(ids, |id| {
                QUICK.get_or_insert_with(&id, || Ok::<_, Infallible>(load(id)))
            });
        },
    },
    Row {
        name: "moka::sync, get_with",
        run: |ids| each(ids, |id| MOKA.get_with(id, || load(id))),
    },
    Row {
        name: "moka::future, try_get_with",
        run: |ids| {
            each_awaited(ids, |id| {
                MOKA_FUTURE.try_get_with(id, async move { Ok::<_, Infallible>(load(id)) })
            });
        },
    },
    Row {
        name: "#[cached] async",
        run: |ids| each_awaited(ids, locked),
    },
    Row {
        name: "#[cached(sync_writes = \"by_key\")] async",
        run: |ids| each_awaited(ids, locked_by_key),
    },
    Row {
        name: "#[concurrent_cached] async",
        run: |ids| each_awaited(ids, sharded),
    },
];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let measured: usize = args
        .iter()
        .position(|arg| arg == "--rounds")
        .and_then(|at| args.get(at + 1)?.parse().ok())
        .unwrap_or(31);
    let rows: Vec<_> = PEERS.iter().chain(OURS).copied().collect();

    // Two batches to fill every cache, one to count allocations, then the measured ones. The
    // multiplication spreads the ids over 64 bits and keeps them distinct.
    let ids: Vec<u64> = (0..(measured + 3) * CALLS)
        .map(|n| (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .collect();
    let mut batches: Vec<&[u64]> = ids.chunks(CALLS).collect();
    let counted = batches.split_off(measured + 2);
    let timed = batches.split_off(2);
    for row in &rows {
        batches.iter().for_each(|batch| (row.run)(batch));
    }
    let timings = rounds(&rows, BASELINE, &timed, 1);

    println!("\n## A miss, of a body that does next to nothing: ns (ratio to `{BASELINE}`)\n");
    println!("| | u64 | allocations |\n| --- | --: | --: |");
    for (row, timing) in rows.iter().zip(timings) {
        let count = allocations::count(|| counted.iter().for_each(|batch| (row.run)(batch)));
        let allocations = count as f64 / CALLS as f64;
        println!(
            "| {} | {:.0} ({:.1}) | {allocations:.1} |",
            row.name, timing.ns, timing.ratio
        );
    }
}
