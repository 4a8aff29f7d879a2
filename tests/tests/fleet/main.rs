//! The history check: processes that share a Redis, everything that can go wrong with it, and a checker that has seen every call.
//!
//! `FLEET_SECONDS=1800 FLEET_SEED=7 cargo test -p tests --test fleet -- --nocapture`
//!
//! Built with `--cfg cache_fault`, it also shows that the checker finds violations where a rule of the protocol is missing.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod chance;
mod eviction;
mod functions;
mod history;
mod nemesis;
mod source;
mod wire;
mod worker;

use std::time::{Duration, Instant};
use std::{env, thread};

use history::History;
use nemesis::{Fleet, Plan};
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
    let Some(source) = run(seed, seconds, None, Fleet::strike) else {
        return;
    };
    source.history(|history| {
        assert!(history.violations.is_empty(), "FLEET_SEED={seed}");
        assert!(history.reads > 200 * seconds, "too little happened");
        assert!(history.acknowledged > seconds, "too little happened");
        assert!(
            history.faults() > seconds as usize / 10,
            "too little happened"
        );
        assert!(
            history.bounded.iter().all(|&reads| reads > 20),
            "nothing was checked"
        );
    });
}

/// Within a minute each, by what the rule is for.
#[cfg(cache_fault)]
#[test]
fn no_rule_can_be_missed() {
    let strikes: [(&str, Strike); 4] = [
        ("Check", Fleet::strike),
        ("Stamp", Fleet::strike),
        ("CatchUp", Fleet::strike),
        ("Incarnation", Fleet::leave_behind),
    ];
    for (rule, strike) in strikes {
        let Some(source) = run(1, 60, Some(rule), strike) else {
            return;
        };
        let found = source.history(|history| history.violations.len());
        assert!(found > 0, "nobody misses {rule}");
    }
}

/// Something that goes wrong.
type Strike = fn(&mut Fleet) -> std::io::Result<()>;

/// Runs a fleet for so many seconds, or until there are some violations; without a rule of the protocol, if that is said.
fn run(seed: u64, seconds: u64, without: Option<&'static str>, strike: Strike) -> Option<Source> {
    println!("FLEET_SEED={seed} FLEET_SECONDS={seconds} without {without:?}");
    let server = Server::start(&[]).unwrap()?;
    let (source, address) = Source::start(MAX_STALENESS + SLACK, PROCESSES).unwrap();
    let address = address.to_string();
    let plan = Plan {
        address,
        seed,
        without,
    };
    let mut fleet = Fleet::start(server, source.clone(), plan, PROCESSES).unwrap();
    let began = Instant::now();
    let enough = |history: &mut History| history.violations.len() >= 3;
    while began.elapsed() < Duration::from_secs(seconds) && !source.history(enough) {
        strike(&mut fleet).unwrap();
        assert!(!fleet.ended().unwrap(), "they have ended by themselves");
    }
    let took = began.elapsed();
    source.end();
    let ending = Instant::now();
    while !fleet.ended().unwrap() && without.is_none() {
        assert!(
            ending.elapsed() < Duration::from_secs(120),
            "they do not end"
        );
        thread::sleep(Duration::from_millis(20));
    }
    source.history(|history| {
        println!(
            "{took:.0?}: {} reads, {} writes ({} acknowledged); reads that something bounded: {:?}; {} faults: {:?}",
            history.reads, history.writes, history.acknowledged, history.bounded, history.faults(), fleet.faults
        );
        println!("{} violations", history.violations.len());
        for violation in history.violations.iter().take(3) {
            println!("{violation}");
        }
    });
    Some(source)
}
