//! What callers of a hot key wait for when it expires: four processes with one Redis, a `ttl` of a second, a body of 50 ms. Calls begin at their
//! time, whatever those before them wait for, so that each is counted that comes while a body runs.
//!
//! `cargo bench -p cache-core --features redis --bench expiry [-- --seconds N]`

#[path = "../../tests/src/redis.rs"]
#[expect(dead_code, unreachable_pub, reason = "the tests do more with it")]
mod server;

use std::collections::BTreeMap;
use std::error::Error;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cache_core::{Cache, cache};
use tokio::time::{MissedTickBehavior, interval, sleep};

const PROCESSES: usize = 4;

/// How long it is measured.
const SECONDS: u64 = 20;

/// Before that.
const WARM: Duration = Duration::from_secs(3);

/// As long as a value is fresh.
const TTL: Duration = Duration::from_secs(1);

/// As long as the body takes.
const BODY: Duration = Duration::from_millis(50);

/// How many calls of each function begin at each millisecond in each process.
const CALLS: usize = 5;

/// Runs of a body that begin so soon after another are for the same expiry: at the soonest a fifth of a lifetime that Redis has made a tenth
/// shorter is left at the next one.
const SAME: Duration = Duration::from_millis(600);

/// The 99th percentile, in those of a hit.
const BAR: f64 = 2.0;

/// The functions, and the first to compare the others with.
const NAMES: [&str; 4] = ["hit", "ttl", "stale_while_revalidate", "refresh_ahead"];

#[cache(ttl = "1h")]
async fn hit() -> u64 {
    body(0).await
}

#[cache(ttl = TTL)]
async fn plain() -> u64 {
    body(1).await
}

#[cache(ttl = TTL, stale_while_revalidate = "10s")]
async fn late() -> u64 {
    body(2).await
}

#[cache(ttl = TTL, refresh_ahead = "20%")]
async fn early() -> u64 {
    body(3).await
}

/// What one function of one process has come to.
#[derive(Debug, Default)]
struct Seen {
    /// When its body began to run, in microseconds since 1970.
    runs: Vec<u64>,
    /// How many calls took so many nanoseconds, to three digits.
    times: BTreeMap<u64, u64>,
}

static SEEN: [Mutex<Option<Seen>>; NAMES.len()] = [const { Mutex::new(None) }; NAMES.len()];

fn seen(function: usize) -> MutexGuard<'static, Option<Seen>> {
    SEEN[function]
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

async fn body(function: usize) -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    if let Some(seen) = &mut *seen(function) {
        seen.runs.push(now.as_micros() as u64);
    }
    sleep(BODY).await;
    now.as_micros() as u64
}

async fn call(function: usize) {
    let began = Instant::now();
    match function {
        0 => hit().await,
        1 => plain().await,
        2 => late().await,
        _ => early().await,
    };
    let took = began.elapsed().as_nanos() as u64;
    if let Some(seen) = &mut *seen(function) {
        let digit = 10_u64.pow(took.checked_ilog10().unwrap_or(0).saturating_sub(2));
        *seen.times.entry(took / digit * digit).or_default() += 1;
    }
}

/// One process: calls, and lines of what they came to.
async fn member(url: &str, seconds: u64) -> Result<(), Box<dyn Error>> {
    let cache = Cache::builder()
        .namespace("bench")
        .redis(url)
        .require_redis(Duration::from_secs(10))
        .install()
        .await?;
    let mut ticks = interval(Duration::from_millis(1));
    // What a busy machine is late with is not made up for in a burst.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let began = Instant::now();
    let (mut tick, mut warm) = (0, false);
    while began.elapsed() < WARM + Duration::from_secs(seconds) {
        ticks.tick().await;
        if !warm && began.elapsed() > WARM {
            (0..NAMES.len()).for_each(|function| *seen(function) = Some(Seen::default()));
            warm = true;
        }
        tick += 1;
        for n in 0..CALLS * NAMES.len() {
            tokio::spawn(call((n + tick) % NAMES.len()));
        }
    }
    sleep(4 * BODY).await;
    for function in 0..NAMES.len() {
        let seen = seen(function).take().unwrap_or_default();
        let runs = seen.runs.iter().map(|run| format!(" {run}"));
        println!("runs {function}{}", runs.collect::<String>());
        let times = seen.times.iter().map(|(time, n)| format!(" {time} {n}"));
        println!("times {function}{}", times.collect::<String>());
    }
    let _ = cache.shutdown(Duration::from_secs(1)).await;
    Ok(())
}

/// What all processes have seen.
fn measure(url: &str, seconds: u64) -> Result<Vec<Seen>, Box<dyn Error>> {
    let mut all: Vec<Seen> = NAMES.iter().map(|_| Seen::default()).collect();
    let members = (0..PROCESSES).map(|_| {
        Command::new(std::env::current_exe()?)
            .args(["--member", url, "--seconds", &seconds.to_string()])
            .stdout(Stdio::piped())
            .spawn()
    });
    for member in members.collect::<Result<Vec<_>, _>>()? {
        let output = member.wait_with_output()?;
        for line in String::from_utf8(output.stdout)?.lines() {
            let (kind, numbers) = line.split_once(' ').ok_or("an empty line")?;
            let numbers: Result<Vec<u64>, _> = numbers.split(' ').map(str::parse).collect();
            let numbers = numbers?;
            let (function, numbers) = numbers.split_first().ok_or("an empty line")?;
            let seen = &mut all[*function as usize];
            match kind {
                "runs" => seen.runs.extend(numbers),
                _ => numbers
                    .chunks_exact(2)
                    .for_each(|pair| *seen.times.entry(pair[0]).or_default() += pair[1]),
            }
        }
    }
    all.iter_mut().for_each(|seen| seen.runs.sort_unstable());
    Ok(all)
}

impl Seen {
    /// How many nanoseconds this share of the calls took at most.
    fn within(&self, share: f64) -> u64 {
        let all: u64 = self.times.values().sum();
        let mut left = (all as f64 * share) as u64;
        let found = self.times.iter().find(|(_, n)| {
            let enough = left < **n;
            left = left.saturating_sub(**n);
            enough
        });
        found
            .or(self.times.last_key_value())
            .map_or(0, |(time, _)| *time)
    }

    /// How often the value was replaced.
    fn expiries(&self) -> usize {
        let apart = |pair: &&[u64]| pair[1] - pair[0] > SAME.as_micros() as u64;
        self.runs.windows(2).filter(apart).count() + usize::from(!self.runs.is_empty())
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let after = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)
    };
    let seconds = after("--seconds").map_or(Ok(SECONDS), |text| text.parse())?;
    if let Some(url) = after("--member") {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        runtime.block_on(member(url, seconds))?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(server) = server::Server::start(&[])? else {
        return Ok(ExitCode::SUCCESS);
    };
    let server = Arc::new(server);
    let all = measure(&server.url(), seconds)?;
    println!(
        "| {PROCESSES} processes, {seconds} s | calls | p50, µs | p99 | p99.9 | longest | bodies | expiries |"
    );
    println!("| --- | --: | --: | --: | --: | --: | --: | --: |");
    for (name, seen) in NAMES.iter().zip(&all) {
        let calls: u64 = seen.times.values().sum();
        let [p50, p99, p999, longest] =
            [0.5, 0.99, 0.999, 1.0].map(|share| seen.within(share) as f64 / 1e3);
        println!(
            "| {name} | {calls} | {p50:.2} | {p99:.2} | {p999:.2} | {longest:.0} | {} | {} |",
            seen.runs.len(),
            seen.expiries()
        );
    }
    let [hit, .., ahead] = &all[..] else {
        return Err("nothing was measured".into());
    };
    let bars = [
        (
            "p99 with refresh_ahead, to that of a hit",
            ahead.within(0.99) as f64 / hit.within(0.99).max(1) as f64,
            BAR,
        ),
        (
            "bodies an expiry with refresh_ahead",
            ahead.runs.len() as f64 / ahead.expiries().max(1) as f64,
            1.0,
        ),
    ];
    println!("\n| bar | value | at most | |\n| --- | --: | --: | --- |");
    for (what, value, most) in bars {
        let verdict = if value <= most { "pass" } else { "MISS" };
        println!("| {what} | {value:.2} | {most:.2} | {verdict} |");
    }
    Ok(match bars.iter().all(|(_, value, most)| value <= most) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
