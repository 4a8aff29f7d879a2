//! Hits in Redis through the macro, with the memory tier off: the freshness check and decoding included, beside clients that
//! only fetch bytes. In one run, for 1, 64 and 1,024 concurrent callers, on two workers of one runtime; the rows take turns.
//!
//! `cargo run --release --manifest-path cache-core/benches/redis/Cargo.toml [-- --rounds N] [--only TEXT] [--crowd N]`
//!
//! A package of its own, so that the peers and what they depend on are not built with every test.

mod crowd;
mod entrants;
#[path = "../../../../tests/src/redis.rs"]
#[expect(dead_code, reason = "the tests do more with it")]
mod server;

use std::error::Error;
use std::process::ExitCode;

use entrants::Entrants;

/// How many callers there are at a time, and what ours has to reach there: at most so many times the latency of the plain
/// `GET`, or at least so many times its rate.
const CROWDS: [(usize, Bar); 3] = [
    (1, Bar::Latency(1.3)),
    (64, Bar::Rate(1.2)),
    (1_024, Bar::Rate(2.5)),
];

#[derive(Clone, Copy)]
enum Bar {
    Latency(f64),
    Rate(f64),
}

/// Which row the bars are relative to, and which they are for.
const PLAIN: &str = "redis, multiplexed GET";
const OURS: &str = "#[cache], memory tier off";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let after = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)
    };
    let rounds = after("--rounds").map_or(Ok(9), |text| text.parse())?;
    let only = after("--only").cloned().unwrap_or_default();
    let crowd = after("--crowd")
        .map(|text| text.parse::<usize>())
        .transpose()?;
    let Some(server) = server::Server::start(&[])? else {
        return Ok(ExitCode::SUCCESS);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let entrants = runtime.block_on(Entrants::new(&server.url()))?;
    let rows = entrants.rows(&only);
    let mut met = true;
    let mut bars = Vec::new();
    println!("| | callers | µs a call | calls a second | to the plain GET |");
    println!("| --- | --: | --: | --: | --: |");
    for (callers, bar) in CROWDS {
        if crowd.is_some_and(|crowd| crowd != callers) {
            continue;
        }
        let measured = runtime.block_on(crowd::measure(&rows, callers, rounds, PLAIN));
        for (name, rate, ratio) in measured {
            let latency = callers as f64 / rate * 1e6;
            println!("| {name} | {callers} | {latency:.1} | {rate:.0} | {ratio:.2} |");
            if name == OURS {
                let (what, value, limit, pass) = match bar {
                    Bar::Latency(most) => {
                        ("latency, at most", 1.0 / ratio, most, 1.0 / ratio <= most)
                    }
                    Bar::Rate(least) => ("rate, at least", ratio, least, ratio >= least),
                };
                let verdict = if pass { "pass" } else { "MISS" };
                bars.push(format!(
                    "| {callers}: {what} | {value:.2} | {limit:.2} | {verdict} |"
                ));
                met &= pass;
            }
        }
    }
    println!("\n| bar, as a ratio to the plain GET | value | limit | |\n| --- | --: | --: | --- |");
    for bar in bars {
        println!("{bar}");
    }
    Ok(if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
