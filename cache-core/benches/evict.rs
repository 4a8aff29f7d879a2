//! What it costs to take in an entry for which another has to go, and what an entry takes of memory beyond its key and its value.
//!
//! `cargo bench -p cache-core --bench evict [-- --rounds N]`
//!
//! Every call has new arguments, and every cache is full: of ours the memory, for each of its evictions, and not the capacity of a
//! function, which the bench `miss` has. The peers store what they are given; a call of ours is all of a miss: arguments encoded, one
//! computation among all callers, what the value depends on, its weight, statistics.

use std::alloc::{GlobalAlloc, Layout, System};
use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

#[path = "measure/random.rs"]
mod random;
#[path = "measure/rounds.rs"]
mod rounds;

use cache_core::{Cache, Eviction, Memory, cache};
use foldhash::fast::RandomState;
use quick_cache::UnitWeighter;
use quick_cache::sync::DefaultLifecycle;
use rounds::{Row, each, rounds};

const CAPACITY: usize = 100_000;
const CALLS: usize = 16_384;
const BASELINE: &str = "quick_cache, get_or_insert_with";

/// Of entries beyond their keys and values.
const MOST_BYTES: f64 = 64.0;

/// Counts bytes, as they are asked for: what the allocator adds is its own.
struct Counting;

static BYTES: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(
    unsafe_code,
    reason = "the trait is unsafe; every call goes to the system's allocator"
)]
// SAFETY: each method passes its arguments unchanged to `System`, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size() as isize, Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

/// Bytes that are allocated after this and were not before.
fn bytes_of(work: impl FnOnce()) -> isize {
    let before = BYTES.load(Relaxed);
    work();
    BYTES.load(Relaxed) - before
}

/// The body: one allocation, as almost every body has.
fn load(id: u64) -> Arc<u64> {
    Arc::new(id)
}

/// What an `Arc<u64>` occupies, with its counts, beside the key of eight bytes and itself.
const KEY_AND_VALUE: usize = 8 + 8 + 24;

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
        .build()
});

#[cache(ttl = "1h")]
fn ours(id: u64) -> Arc<u64> {
    load(id)
}

/// A full memory, with this eviction.
fn full(eviction: Eviction) -> Option<Cache> {
    let memory = Memory::new().max_bytes(64 << 20).eviction(eviction);
    Cache::builder().memory(memory).build_blocking().ok()
}

static CACHES: LazyLock<Vec<Option<Cache>>> =
    LazyLock::new(|| Eviction::ALL.iter().copied().map(full).collect());

fn calls_of(eviction: Eviction, ids: &[u64]) {
    let at = Eviction::ALL.iter().position(|each| *each == eviction);
    if let Some(cache) = at.and_then(|at| CACHES.get(at)?.as_ref()) {
        cache.enter(|| each(ids, ours));
    }
}

const ROWS: &[Row<u64>] = &[
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
        name: "#[cache], s3-fifo",
        run: |ids| calls_of(Eviction::S3Fifo, ids),
    },
    Row {
        name: "#[cache], w-tinylfu",
        run: |ids| calls_of(Eviction::WTinyLfu, ids),
    },
    Row {
        name: "#[cache], lru",
        run: |ids| calls_of(Eviction::Lru, ids),
    },
    Row {
        name: "#[cache], fifo",
        run: |ids| calls_of(Eviction::Fifo, ids),
    },
    Row {
        name: "#[cache], sieve",
        run: |ids| calls_of(Eviction::Sieve, ids),
    },
];

/// The number of entries, the bytes of each beyond key and value, and whose they are. Of an empty cache each.
fn weigh() -> Vec<(&'static str, f64)> {
    const ENTRIES: u64 = 100_000;
    let per_entry = |bytes: isize| bytes as f64 / ENTRIES as f64 - KEY_AND_VALUE as f64;
    let quick = bytes_of(|| ROWS[0].fill(ENTRIES));
    let moka = bytes_of(|| {
        ROWS[1].fill(ENTRIES);
        MOKA.run_pending_tasks();
    });
    let mut weights = vec![
        (ROWS[0].name, per_entry(quick)),
        (ROWS[1].name, per_entry(moka)),
    ];
    for (row, eviction) in ROWS[2..].iter().zip(Eviction::ALL) {
        let memory = Memory::new().max_bytes(1 << 30).eviction(*eviction);
        if let Ok(cache) = Cache::builder().memory(memory).build_blocking() {
            let bytes = bytes_of(|| cache.enter(|| (0..ENTRIES).for_each(|id| drop(ours(id)))));
            weights.push((row.name, per_entry(bytes)));
        }
    }
    weights
}

impl Row<u64> {
    fn fill(&self, entries: u64) {
        (self.run)(&(0..entries).collect::<Vec<_>>());
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let measured: usize = args
        .iter()
        .position(|arg| arg == "--rounds")
        .and_then(|at| args.get(at + 1)?.parse().ok())
        .unwrap_or(31);
    let weights = weigh();

    // Batches to fill every cache, then the measured ones. The multiplication spreads the ids over 64 bits and keeps them distinct.
    let filling = 2 * CAPACITY.div_ceil(CALLS);
    let ids: Vec<u64> = (0..(measured + filling) * CALLS)
        .map(|n| (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .collect();
    let batches: Vec<&[u64]> = ids.chunks(CALLS).collect();
    let (fill, timed) = batches.split_at(filling);
    for row in ROWS {
        fill.iter().for_each(|batch| (row.run)(batch));
    }
    let timings = rounds(ROWS, BASELINE, timed, 1);

    println!(
        "\n## An entry that comes, and one that goes for it: ns (ratio to `{BASELINE}`); bytes of an entry beyond key and value\n"
    );
    println!("| | ns | bytes | time, at most that of the first | bytes, at most {MOST_BYTES} |");
    println!("| --- | --: | --: | --- | --- |");
    let mut met = true;
    for ((row, timing), (_, bytes)) in ROWS.iter().zip(timings).zip(weights) {
        let ours = row.name.starts_with("#[cache]");
        let verdict = |pass: bool| match (ours, pass) {
            (false, _) => "",
            (true, true) => "pass",
            (true, false) => "MISS",
        };
        let (quick, light) = (timing.ratio <= 1.0, bytes <= MOST_BYTES);
        met &= !ours || quick && light;
        println!(
            "| {} | {:.0} ({:.1}) | {bytes:.0} | {} | {} |",
            row.name,
            timing.ns,
            timing.ratio,
            verdict(quick),
            verdict(light)
        );
    }
    if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
