//! A hot key that expires in a fleet: of all processes one refreshes it, once for each expiry.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, process, thread};

use cache_core::{Cache, cache};
use tests::redis::Server;

const PROCESSES: usize = 4;

/// How long a value is fresh, in milliseconds; in Redis, and so in all processes but one, up to a tenth less. A refresh begins in the last
/// fifth of that at the soonest, so that there is 0.7 of it from one to the next.
const TTL: u64 = 2_000;

/// Bodies that begin so soon after each other are for the same expiry.
const SAME: u64 = TTL / 2;

/// How many expiries are waited for.
const EXPIRIES: usize = 4;

/// Longer than it takes, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(60);

/// The test, which is also what the processes run: where Redis is, and the file that all of them write to.
const TEST: &str = "a_fleet_refreshes_once_for_each_expiry";
const URL: &str = "EXPIRY_URL";
const FILE: &str = "EXPIRY_FILE";

fn note(line: &str) {
    let file = OpenOptions::new()
        .append(true)
        .open(env::var(FILE).unwrap());
    // In one write, which the others' are before or behind.
    file.unwrap()
        .write_all(format!("{line}\n").as_bytes())
        .unwrap();
}

#[cache(ttl = Duration::from_millis(TTL), refresh_ahead = "20%")]
async fn hot() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_millis()).unwrap();
    note(&format!("ran {now}"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    now
}

/// Calls until nobody wants to know any more.
async fn live(url: &str) {
    let builder = Cache::builder().namespace("test").redis(url);
    let cache = builder.require_redis(SOON).install().await.unwrap();
    let ended = thread::spawn(|| io::stdin().read_line(&mut String::new()));
    while !ended.is_finished() {
        for _ in 0..50 {
            hot().await;
        }
        // The machine has others to serve.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let redis = cache.health().redis.unwrap();
    note(&format!("failed {}", redis.failed));
}

fn member(url: &str, file: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture", "--quiet"])
        .env(URL, url)
        .env(FILE, file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// The numbers behind this word, in order.
fn noted(file: &str, word: &str) -> Vec<u64> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let mut numbers: Vec<u64> = lines
        .filter(|(found, _)| *found == word)
        .map(|(_, number)| number.parse().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers
}

/// How many expiries these runs were for, and how many runs that were; without those for the last, which may be under way.
fn expiries(runs: &[u64]) -> (usize, usize) {
    let apart = |at: &usize| runs[*at] - runs[at - 1] > SAME;
    let first: Vec<_> = (1..runs.len()).filter(apart).collect();
    (first.len(), first.last().copied().unwrap_or(0))
}

#[test]
fn a_fleet_refreshes_once_for_each_expiry() {
    if let Ok(url) = env::var(URL) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        return runtime.block_on(live(&url));
    }
    let Some(server) = Server::start(&[]).unwrap() else {
        return;
    };
    let path = env::temp_dir().join(format!("cache-expiry-{}", process::id()));
    let file = path.to_str().unwrap();
    fs::write(file, "").unwrap();
    let members: Vec<_> = (0..PROCESSES)
        .map(|_| member(&server.url(), file))
        .collect();
    let began = Instant::now();
    let (expiries, runs) = loop {
        let (expiries, runs) = expiries(&noted(file, "ran"));
        if expiries >= EXPIRIES {
            break (expiries, runs);
        }
        assert!(began.elapsed() < SOON, "it is not refreshed");
        thread::sleep(Duration::from_millis(20));
    };
    for mut member in members {
        drop(member.stdin.take());
        assert!(member.wait().unwrap().success());
    }
    let (all, failed) = (noted(file, "ran"), noted(file, "failed"));
    fs::remove_file(file).unwrap();
    assert_eq!(failed.len(), PROCESSES);
    // Whoever hears nothing from Redis in time runs the body.
    let most = expiries + usize::try_from(failed.iter().sum::<u64>()).unwrap();
    assert!(runs <= most, "{all:?}, {failed:?}");
}
