//! Invalidation by pattern over 1,000,000 entries in Redis: one append, whatever it matches. Beside what it takes to look for the
//! entries and remove them.
//!
//! `cargo bench -p cache-core --features redis --bench million [-- --entries N]`

#[path = "../../tests/src/redis.rs"]
#[expect(dead_code, unreachable_pub, reason = "the tests do more with it")]
mod server;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cache_core::{Cache, Memory, cache_resource, invalidate_pattern};
use redis::Client;

const ENTRIES: u64 = 1_000_000;

/// How often it is invalidated.
const ROUNDS: usize = 101;

/// The longest that the median of them may take.
const BAR: Duration = Duration::from_millis(5);

/// So many callers fill Redis.
const CALLERS: u64 = 512;

/// So many keys are looked for, and removed, at a time.
const SCANNED: usize = 1_000;

/// The version of the data that the body reads.
static VERSION: AtomicU64 = AtomicU64::new(0);

#[cache_resource("item:{id}", ttl = "1h")]
async fn item(id: u64) -> u64 {
    let _ = id;
    VERSION.load(Relaxed)
}

/// Calls with each number below `entries`, many at a time.
async fn fill(entries: u64) {
    let next = Arc::new(AtomicU64::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let next = Arc::clone(&next);
            tokio::spawn(async move {
                loop {
                    match next.fetch_add(1, Relaxed) {
                        id if id < entries => item(id).await,
                        _ => return,
                    };
                }
            })
        })
        .collect();
    for caller in callers {
        let _ = caller.await;
    }
}

/// How long it takes to invalidate. On a sample, that no old value is served.
async fn invalidated(entries: u64) -> Result<Duration, cache_core::Error> {
    let version = VERSION.fetch_add(1, Relaxed) + 1;
    let began = Instant::now();
    invalidate_pattern("resource:item:*").await?;
    let took = began.elapsed();
    for id in (0..entries).step_by((entries / 10).max(1) as usize) {
        assert_eq!(item(id).await, version, "{id} is old");
    }
    Ok(took)
}

/// How long it takes to look for the entries and to remove them.
fn removed(client: &Client) -> Result<(Duration, usize), redis::RedisError> {
    let mut connection = client.get_connection()?;
    let began = Instant::now();
    let (mut cursor, mut count) = (0_u64, 0);
    loop {
        let (next, keys): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN")
            .arg(cursor)
            .arg("MATCH")
            .arg("fc:{bench}/v/*")
            .arg("COUNT")
            .arg(SCANNED)
            .query(&mut connection)?;
        if !keys.is_empty() {
            count += redis::cmd("UNLINK")
                .arg(keys)
                .query::<usize>(&mut connection)?;
        }
        cursor = next;
        if cursor == 0 {
            return Ok((began.elapsed(), count));
        }
    }
}

async fn run(url: &str, entries: u64) -> Result<ExitCode, Box<dyn Error>> {
    let cache = Cache::builder()
        .namespace("bench")
        .redis(url)
        .lease(Duration::ZERO)
        // They are to be in Redis alone.
        .memory(Memory::new().max_entry_bytes(1))
        .install()
        .await?;
    while !cache.health().is_well() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let client = Client::open(url)?;
    let mut connection = client.get_connection()?;
    // The log, and what is beside it, are keys too. What was too much for the queue of stores comes with the next turn.
    while redis::cmd("DBSIZE").query::<u64>(&mut connection)? < entries {
        fill(entries).await;
    }
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(invalidated(entries).await?);
    }
    times.sort_unstable();
    let (median, longest) = (times[ROUNDS / 2], times[ROUNDS - 1]);
    let (looked_for, count) = removed(&client)?;
    println!("| {count} entries in Redis, one pattern | ms |\n| --- | --: |");
    let row = |name: &str, took: Duration| println!("| {name} | {:.3} |", took.as_secs_f64() * 1e3);
    row("invalidate_pattern, median", median);
    row("invalidate_pattern, longest", longest);
    row("SCAN and UNLINK", looked_for);
    let met = median < BAR;
    let verdict = if met { "pass" } else { "MISS" };
    println!("\n| bar | ms | at most | |\n| --- | --: | --: | --- |");
    println!(
        "| median | {:.3} | 5 | {verdict} |",
        median.as_secs_f64() * 1e3
    );
    Ok(if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let entries = match args.iter().position(|arg| arg == "--entries") {
        Some(at) => args.get(at + 1).ok_or("how many?")?.parse()?,
        None => ENTRIES,
    };
    let Some(server) = server::Server::start(&[])? else {
        return Ok(ExitCode::SUCCESS);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    runtime.block_on(run(&server.url(), entries))
}
