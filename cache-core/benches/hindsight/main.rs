//! What adapts itself, beside the best fixed setting that somebody could have chosen who knew what was to come: lifetimes, and memory.
//!
//! `cargo bench -p cache-core --bench hindsight [-- lifetimes | memory] [--calls FILE]`: a file of recorded calls has four bytes for each, the lowest
//! first, as those of <https://github.com/cache2k/cache2k-benchmark> have.

mod lifetimes;
mod memory;
mod traces;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

/// How much more than the best fixed setting may be needed, or how much less given.
const BAR: f64 = 0.05;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let file = given.iter().position(|arg| arg == "--calls");
    let file = file.and_then(|at| given.get(at + 1));
    let only = |part: &str| given.iter().any(|arg| arg == part);
    let mut met = true;
    if file.is_none() && !only("memory") {
        met &= show_lifetimes();
    }
    if !only("lifetimes") {
        met &= show_memory(file.map(Path::new))?;
    }
    Ok(if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn verdict(met: bool) -> &'static str {
    if met { "pass" } else { "MISS" }
}

/// Whether all are within the bar.
fn show_lifetimes() -> bool {
    println!(
        "{:20}  {:>6}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}",
        "ttl", "values", "calls", "best", "computed", "stale", "adaptive", "stale", "cost"
    );
    let rows = traces::histories(1.0).into_iter().map(|history| {
        let row = lifetimes::compare(&history, 24);
        let met = row.more() <= BAR;
        println!(
            "{:20}  {:>6}  {:>9}  {:>8}s  {:>9}  {:>9}  {:>9}  {:>9}  {:>+8.1}%  {}",
            row.name,
            row.values,
            row.calls,
            row.ttl.as_secs(),
            row.best.computed,
            row.best.stale,
            row.adaptive.computed,
            row.adaptive.stale,
            100.0 * row.more(),
            verdict(met),
        );
        met
    });
    rows.fold(true, |all, met| all & met)
}

/// The same: the hit rate that was asked for, with what a fixed bound needs for the hits that there are.
fn show_memory(file: Option<&Path>) -> Result<bool, Box<dyn Error>> {
    println!(
        "{:20}  {:>9}  {:>9}  {:>7}  {:>9}  {:>7}  {:>7}  {:>9}  {:>9}  {:>9}",
        "memory", "calls", "asked", "MiB", "adaptive", "MiB", "fixed", "hits", "bytes", "of asked"
    );
    let workloads = match file {
        Some(file) => vec![memory::recorded(file)?],
        None => memory::workloads(3_000_000),
    };
    let rows = workloads
        .into_iter()
        .map(|calls| {
            let row = memory::compare(&calls);
            let met = row.more() <= BAR && row.higher().abs() <= BAR;
            let mib = |bytes: f64| bytes / f64::from(1 << 20);
            println!(
                "{:20}  {:>9}  {:>8.1}%  {:>7.1}  {:>8.1}%  {:>7.1}  {:>7.1}  {:>+8.1}%  {:>+8.1}%  {:>+8.1}%  {}",
                calls.name,
                calls.keys.len(),
                100.0 * row.asked.rate,
                mib(row.asked.bytes),
                100.0 * row.adaptive.rate,
                mib(row.adaptive.bytes),
                mib(row.equal.bytes),
                100.0 * row.higher(),
                100.0 * row.more(),
                100.0 * row.more_than_asked(),
                verdict(met),
            );
            met
        });
    Ok(rows.fold(true, |all, met| all & met))
}
