//! What hits wait for while memory is worked through: a million entries are removed because they match a pattern, and the memory is
//! halved; beside hits while nothing else happens.
//!
//! `cargo bench -p cache-core --bench pause [-- --entries N]`
//!
//! Hits are due at fixed times, whether or not the one before has been answered. Each is timed from its beginning, and from when it was due: so
//! that who waits behind one that waits is counted as well. The second needs a machine that does nothing else: it counts what
//! the operating system takes from the thread that makes the hits, too, as the first row shows.

#[path = "measure/block_on.rs"]
mod block_on;
#[path = "measure/random.rs"]
mod random;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cache_core::{Cache, Eviction, Memory, cache, invalidate_pattern};

use block_on::block_on;
use random::Random;

/// Entries that are asked for all the time.
const LIVE: u64 = 10_000;

/// Between one hit and the next.
const EVERY: Duration = Duration::from_micros(5);

const QUIET: Duration = Duration::from_secs(2);

/// 99.9 of 100 hits take no longer.
const BAR: Duration = Duration::from_millis(1);

static BODIES: AtomicU64 = AtomicU64::new(0);

#[cache("live:{id}", ttl = "1h")]
fn live(id: u64) -> u64 {
    BODIES.fetch_add(1, Relaxed);
    id
}

#[cache("old:{id}", ttl = "1h")]
fn old(id: u64) -> u64 {
    id
}

/// How long hits took while something went on: each by itself, and from when it was due.
struct Waits {
    own: Vec<Duration>,
    due: Vec<Duration>,
}

/// So many of a million took no longer.
fn within(waits: &[Duration], per_million: usize) -> Duration {
    let at = waits.len() * per_million / 1_000_000;
    let last = waits.len().saturating_sub(1);
    waits.get(at.min(last)).copied().unwrap_or_default()
}

impl Waits {
    fn during(work: impl FnOnce() + Send) -> (Self, Duration) {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let begin = Instant::now();
                work();
                done.store(true, Relaxed);
                begin.elapsed()
            });
            // For half a minute: a longer one would be moved while it grows.
            let mut own = Vec::with_capacity(6_000_000);
            let mut late = Vec::with_capacity(6_000_000);
            let mut random = Random::default();
            let mut due = Instant::now();
            while !done.load(Relaxed) {
                due += EVERY;
                while Instant::now() < due {
                    std::hint::spin_loop();
                }
                let id = random.below(LIVE);
                let begin = Instant::now();
                assert_eq!(std::hint::black_box(live(id)), id);
                let end = Instant::now();
                own.push(end - begin);
                late.push(end - due);
            }
            own.sort_unstable();
            late.sort_unstable();
            let took = worker.join().unwrap_or_default();
            (Self { own, due: late }, took)
        })
    }

    /// Prints a row; whether the bar is met.
    fn print(&self, what: &str, took: Duration, barred: bool) -> bool {
        let met = !barred || within(&self.own, 999_000) < BAR;
        print!("| {what} | {} |", took.as_millis());
        for waits in [&self.own, &self.due] {
            for per_million in [500_000, 990_000, 999_000, 999_900, 1_000_000] {
                print!(
                    " {:.1} |",
                    within(waits, per_million).as_nanos() as f64 / 1_000.0
                );
            }
        }
        let verdict = if met { "pass" } else { "MISS" };
        println!(" {} |", if barred { verdict } else { "" });
        met
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let after = |flag| args.iter().position(|arg| arg == flag).map(|at| at + 1);
    let entries: u64 = after("--entries")
        .and_then(|at| args.get(at)?.parse().ok())
        .unwrap_or(1_000_000);
    println!("\n## What hits wait for, in µs, {LIVE} entries and one hit in {EVERY:?}\n");
    println!(
        "| while | ms | median | 99 % | 99.9 %, at most 1,000 | 99.99 % | longest \
         | from due: median | 99 % | 99.9 % | 99.99 % | longest | |"
    );
    println!("| --- |{} --- |", " --: |".repeat(11));
    let mut met = true;
    let only = after("--only").and_then(|at| args.get(at));
    let evictions = Eviction::ALL.iter();
    for eviction in evictions.filter(|each| only.is_none_or(|only| each.name() == only)) {
        let memory = Memory::new().max_bytes(2 << 30).eviction(*eviction);
        let cache = match Cache::builder().memory(memory).build_blocking() {
            Ok(cache) => cache,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        };
        met &= cache.enter(|| measure(&cache, *eviction, entries));
    }
    if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn measure(cache: &Cache, eviction: Eviction, entries: u64) -> bool {
    let fill = || {
        for id in 0..entries {
            old(id);
            live(id % LIVE);
        }
    };
    fill();
    let row = |what: &str| format!("{eviction}: {what}");
    let (waits, took) = Waits::during(|| std::thread::sleep(QUIET));
    waits.print(&row("nothing else"), took, false);

    let _ = block_on(invalidate_pattern("old:*"));
    let mut removed = 0;
    let (waits, took) = Waits::during(|| removed = cache.reclaim());
    let met = waits.print(&row(&format!("{removed} are removed")), took, true);

    fill();
    let full = cache.stats().total;
    let (waits, took) = Waits::during(|| cache.resize(full.bytes / 2));
    let evicted = cache.stats().total.evictions - full.evictions;
    let halved = waits.print(&row(&format!("{evicted} are evicted")), took, true);
    met && halved && removed as u64 == entries
}
