//! A batch of 1,000 ids of which 50 are missing, beside 1,000 single calls: with Redis and a body of one millisecond, and with all of them in
//! memory.
//!
//! `cargo bench -p cache-core --features redis --bench batch [-- --rounds N]`

#[path = "../../tests/src/redis.rs"]
#[expect(dead_code, unreachable_pub, reason = "the tests do more with it")]
mod server;

use std::error::Error;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cache_core::{Cache, cache, invalidate_tag};
use tokio::task::JoinSet;

const IDS: u64 = 1_000;

/// One of so many is missing.
const EVERY: u64 = 20;

/// What a source takes, however many it is asked for.
const SOURCE: Duration = Duration::from_millis(1);

static RUNS: AtomicU64 = AtomicU64::new(0);

async fn source() {
    RUNS.fetch_add(1, Relaxed);
    tokio::time::sleep(SOURCE).await;
}

/// Of the tag that is invalidated in each round.
fn is_missing(id: u64) -> bool {
    id.is_multiple_of(EVERY)
}

#[cache(each = ids, tags("missing:{return.1}"))]
async fn batch(ids: &[u64]) -> Vec<(u64, bool)> {
    source().await;
    ids.iter().map(|id| (*id, is_missing(*id))).collect()
}

#[cache("single:{id}", tags("missing:{return.1}"))]
async fn single(id: u64) -> (u64, bool) {
    source().await;
    (id, is_missing(id))
}

#[derive(Clone, Copy)]
enum Way {
    Batch,
    AtOnce,
    InTurn,
}

impl Way {
    const ALL: [(Self, &str); 3] = [
        (Self::Batch, "one batch"),
        (Self::AtOnce, "single calls, all at once"),
        (Self::InTurn, "single calls, in turn"),
    ];

    async fn take(self, ids: &[u64]) -> u64 {
        let sum = |rows: Vec<(u64, bool)>| rows.iter().map(|(id, _)| id).sum();
        match self {
            Self::Batch => sum(batch(ids).await),
            Self::AtOnce => {
                let calls: JoinSet<_> = ids.iter().map(|id| single(*id)).collect();
                sum(calls.join_all().await)
            }
            Self::InTurn => {
                let mut all = 0;
                for id in ids {
                    all += single(*id).await.0;
                }
                all
            }
        }
    }
}

/// How long it takes, and how often the body runs.
async fn taken(way: Way, ids: &[u64]) -> (Duration, u64) {
    let (runs, began) = (RUNS.load(Relaxed), Instant::now());
    let sum = way.take(ids).await;
    let took = began.elapsed();
    assert_eq!(sum, ids.iter().sum(), "something else came");
    (took, RUNS.load(Relaxed) - runs)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

async fn run(url: &str, rounds: usize) -> Result<ExitCode, Box<dyn Error>> {
    let cache = Cache::builder().namespace("batch").redis(url);
    let cache = cache
        .require_redis(Duration::from_secs(10))
        .install()
        .await?;
    let ids: Vec<u64> = (0..IDS).collect();
    println!("{IDS} ids, a source of {SOURCE:?}, medians of {rounds} rounds\n");
    println!("| | 50 missing | bodies | all in memory |\n| --- | --: | --: | --: |");
    let mut medians = Vec::new();
    for (way, name) in Way::ALL {
        taken(way, &ids).await;
        let (mut missing, mut there, mut runs) = (Vec::new(), Vec::new(), 0);
        for _ in 0..rounds {
            invalidate_tag("missing:true").await?;
            let (took, bodies) = taken(way, &ids).await;
            missing.push(took);
            runs += bodies;
            there.push(taken(way, &ids).await.0);
        }
        let (missing, there) = (median(missing), median(there));
        let bodies = runs as f64 / rounds as f64;
        println!("| {name} | {missing:.1?} | {bodies:.1} | {there:.1?} |");
        medians.push((missing, there));
    }
    drop(cache);
    let best = medians.iter().skip(1).map(|(missing, _)| *missing).min();
    let met = medians.first().map(|(missing, _)| *missing) < best;
    let verdict = if met { "pass" } else { "MISS" };
    println!("\nthe batch is the fastest: {verdict}");
    Ok(if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--rounds");
    let rounds = arguments.nth(1).map_or(Ok(51), |count| count.parse())?;
    let Some(server) = server::Server::start(&[])? else {
        return Ok(ExitCode::SUCCESS);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    runtime.block_on(run(&server.url(), rounds))
}
