//! The history check: processes that share a Redis, everything that can go wrong with it, and a checker that has seen every call.
//!
//! `FLEET_SECONDS=1800 FLEET_SEED=7 cargo test -p tests --test fleet -- --nocapture`

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod chance;
mod history;
mod nemesis;
mod source;
mod wire;
mod worker;

use std::time::{Duration, Instant};
use std::{env, thread};

use nemesis::Fleet;
use source::Source;
use tests::redis::Server;
use worker::Orders;

/// As long as values count without word from the log.
const MAX_STALENESS: Duration = Duration::from_secs(2);

/// What a busy machine adds to that.
const SLACK: Duration = Duration::from_millis(500);

/// How many processes there are at a time.
const PROCESSES: usize = 3;

/// The test, which is also what the processes run.
const TEST: &str = "nobody_is_served_what_was_invalidated";

#[test]
fn nobody_is_served_what_was_invalidated() {
    if let Ok(orders) = env::var("FLEET_MEMBER") {
        return worker::live(&Orders::read(&orders));
    }
    let number = |name, default| env::var(name).map_or(default, |text| text.parse().unwrap());
    let seconds = number("FLEET_SECONDS", 20);
    let seed = number("FLEET_SEED", u64::from(std::process::id()));
    println!("FLEET_SEED={seed} FLEET_SECONDS={seconds}");
    let Some(server) = Server::start(&[]).unwrap() else {
        return;
    };
    let (source, address) = Source::start(MAX_STALENESS + SLACK).unwrap();
    let address = address.to_string();
    let mut fleet = Fleet::start(server, source.clone(), address, seed, PROCESSES).unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds)
        && source.history(|history| history.violations.len()) < 3
    {
        fleet.strike().unwrap();
        assert!(!fleet.ended().unwrap(), "they have ended by themselves");
    }
    source.end();
    let ending = Instant::now();
    while !fleet.ended().unwrap() {
        assert!(
            ending.elapsed() < Duration::from_secs(90),
            "they do not end"
        );
        thread::sleep(Duration::from_millis(20));
    }
    source.history(|history| {
        let faults: u64 = fleet.faults.values().sum();
        println!(
            "{} reads, {} writes ({} acknowledged); reads that something bounded: {:?}; {faults} faults: {:?}",
            history.reads, history.writes, history.acknowledged, history.bounded, fleet.faults
        );
        println!("{} violations", history.violations.len());
        for violation in history.violations.iter().take(3) {
            println!("{violation}");
        }
        assert!(history.violations.is_empty(), "FLEET_SEED={seed}");
        assert!(history.reads > 200 * seconds, "too little happened");
        assert!(history.acknowledged > seconds && faults > seconds / 10, "too little happened");
        assert!(history.bounded.iter().all(|&reads| reads > 20), "nothing was checked");
    });
}
