//! What is printed.

use std::time::Duration;

use anyhow::Result;
use cache_core::{Cache, Stats, explain};

use crate::data::Db;
use crate::queries::{airport, distance, nearest, rename};
use crate::workload::{READS, TASKS, Tally};

fn title(text: &str) {
    println!(
        "\n── {text} {}",
        "─".repeat(76_usize.saturating_sub(text.chars().count()))
    );
}

/// A write, and what the next reads show.
pub async fn invalidation(db: &Db) -> Result<()> {
    title("an invalidation takes effect: rename(\"EDDF\", \"Rhein-Main\")");
    println!("{:18} {:>40}   what the cache did", "call", "value");
    let mut original = String::new();
    for written in [false, true] {
        if written {
            rename(db, "EDDF", "Rhein-Main").await?;
            println!("  … written …");
        } else {
            nearest(db, 50.11, 8.68, 1).await?; // For the first reads to be hits: the others are warm.
        }
        let (found, trace) = explain(airport(db, "EDDF")).await;
        let name = found?.map_or_else(|| "none".into(), |airport| airport.name.clone());
        line("airport(EDDF)", &name, &trace);
        let (found, trace) = explain(nearest(db, 50.11, 8.68, 1)).await;
        line(
            "nearest(50, 9, 1)",
            found?.first().map_or("none", |near| &near.airport.name),
            &trace,
        );
        let (found, trace) = explain(distance(db, "EDDF", "KJFK")).await;
        line(
            "distance(EDDF, …)",
            &format!("{:.0} km", found?.unwrap_or_default()),
            &trace,
        );
        if !written {
            original = name;
        }
    }
    rename(db, "EDDF", &original).await?;
    Ok(())
}

fn line(call: &str, value: &str, trace: &cache_core::Trace) {
    let what = trace.to_string();
    let what = what
        .split_once(": ")
        .map_or(what.as_str(), |(_, what)| what);
    println!("{call:18} {value:>40}   {what}");
}

/// The load, without and with the cache.
pub fn comparison(without: &Tally, with: &Tally, before: &Stats, after: &Stats) {
    title(&format!(
        "{TASKS} visitors at a time, {:.1?} without and {:.1?} with the cache",
        without.took, with.took
    ));
    println!(
        "{:10} {:>9} {:>9} {:>9}   {:>9} {:>9} {:>9} {:>8}",
        "", "without", "median", "p99", "with", "median", "p99", "hits"
    );
    for (kind, (name, _)) in READS.iter().enumerate() {
        let rate = |stats: &Stats| {
            stats
                .function(name)
                .map_or((0, 0), |row| (row.hits, row.calls()))
        };
        let ((hits0, calls0), (hits, calls)) = (rate(before), rate(after));
        println!(
            "{name:10} {}   {} {:>7.1}%",
            waits(&without.waits[kind]),
            waits(&with.waits[kind]),
            100.0 * (hits - hits0) as f64 / (calls - calls0).max(1) as f64
        );
    }
    println!(
        "{:10} {:>9} {:21} {:>9}",
        "writes",
        count(without.writes),
        "",
        count(with.writes)
    );
    let per_second = |tally: &Tally| tally.reads() as f64 / tally.took.as_secs_f64();
    let per_read = |tally: &Tally| tally.statements as f64 / tally.reads() as f64;
    println!(
        "\nreads per second: {} → {}, {:.0} times as many",
        count(per_second(without) as u64),
        count(per_second(with) as u64),
        per_second(with) / per_second(without)
    );
    println!(
        "SQL statements:   {} for {} reads ({:.2} each) → {} for {} ({:.4} each)",
        count(without.statements),
        count(without.reads()),
        per_read(without),
        count(with.statements),
        count(with.reads()),
        per_read(with)
    );
    let saved = per_read(without) * with.reads() as f64 - with.statements as f64;
    println!("queries saved:    {}", count(saved.max(0.0) as u64));
}

/// How many calls, their median and their 99th percentile.
fn waits(all: &[u64]) -> String {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let at = |share: f64| {
        sorted
            .get((sorted.len() as f64 * share) as usize)
            .copied()
            .unwrap_or(0)
    };
    let text = |nanos| format!("{:.1?}", Duration::from_nanos(nanos));
    format!(
        "{:>9} {:>9} {:>9}",
        count(all.len() as u64),
        text(at(0.5)),
        text(at(0.99))
    )
}

/// Whether anybody was shown a name that had been replaced before they asked.
pub fn coherence(without: &Tally, with: &Tally, untold: &Tally) {
    title("stale reads: names shown that had been replaced before the question");
    for (what, tally) in [
        ("without the cache", without),
        ("with the cache", with),
        ("writes that do not tell it", untold),
    ] {
        let (stale, checked, writes) = (
            count(tally.stale),
            count(tally.checked),
            count(tally.writes),
        );
        println!("{what:27} {stale:>9} of {checked:>10} checked, {writes:>6} writes meanwhile");
    }
}

/// What the cache knows about itself.
pub fn inspection(cache: &Cache) {
    title("cache.stats()");
    println!("{}", cache.stats());
    title("cache.sites()");
    cache.sites().iter().for_each(|site| println!("{site}"));
    title("cache.audit()");
    println!("{}", cache.audit());
}

/// 1234567 as 1,234,567.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
