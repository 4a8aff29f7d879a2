//! How many calls are hits in memory, beside the optimum and other caches, replayed in one run.
//!
//! `cargo run --release --manifest-path cache-core/benches/ratios/Cargo.toml [-- [--traces FOLDER] [--only TEXT] [--calls N]]`
//!
//! The published traces are not in this repository: see [`published`] for those that are known, and where they are from. With
//! `--traces` they are looked for in a folder and all that is under it, such as one with clones of the repositories that have them;
//! `gzip` and `xz` unpack them. Without it, only generated ones are replayed.
//!
//! The default has to be at least as good as the peers on what was recorded. On what is generated quick_cache is ahead in loops and by
//! Zipf's law, where nothing is ever worth more for having been used just now: it has a cold part of 3 in 100, where the default has a
//! probation of 10, which `oltp` and `sprite` ask for.
//!
//! Of each trace the first million calls are replayed, or so many as `--calls` says.
//!
//! Sizes are in entries, the same for all: what an entry costs beside its value is not what is compared here.
//!
//! A package of its own, so that the peers and what they depend on are not built with every test.

mod bars;
mod entrants;
mod generated;
mod published;
mod reference;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use bars::Cell;

/// Whose calls, in their order: keys from 0 on, without gaps, in the order of their first call.
pub(crate) struct Trace {
    pub(crate) name: &'static str,
    pub(crate) calls: Vec<u32>,
    pub(crate) keys: usize,
}

impl Trace {
    pub(crate) fn new(name: &'static str, calls: impl Iterator<Item = u64>) -> Self {
        let mut numbers = std::collections::HashMap::new();
        let number = |key| {
            let next = numbers.len() as u32;
            *numbers.entry(key).or_insert(next)
        };
        let calls = calls.map(number).collect();
        Self {
            name,
            calls,
            keys: numbers.len(),
        }
    }

    /// From a 32nd of the keys to a quarter of them, and not below what anybody would configure.
    fn sizes(&self) -> [usize; 4] {
        let least = (self.keys / 32).max(500);
        [least, 2 * least, 4 * least, 8 * least]
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = given.iter().position(|arg| arg == name)?;
        given.get(at + 1)
    };
    let only = after("--only").map_or("", String::as_str);
    let calls = after("--calls").map_or(Ok(1_000_000), |calls| calls.parse())?;
    let mut met = true;
    bars::heading();
    let mut cells = Vec::new();
    if let Some(folder) = after("--traces") {
        for source in published::SOURCES {
            if !source.name.contains(only) {
                continue;
            }
            match source.find(Path::new(folder), calls)? {
                Some(trace) => cells.extend(replay(&trace)),
                None => println!("| {}: no {} | | |", source.name, source.file),
            }
        }
    }
    let published = cells.len();
    for trace in generated::traces(calls as u64) {
        if trace.name.contains(only) {
            cells.extend(replay(&trace));
        }
    }
    let (published, generated) = cells.split_at(published);
    bars::means("published", published);
    bars::means("generated", generated);
    println!("\n| bar | value | at least | |\n| --- | --: | --: | --- |");
    met &= bars::check("published", published, true);
    met &= bars::check("generated", generated, false);
    Ok(match met {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn replay(trace: &Trace) -> Vec<Cell> {
    let cell = |entries: usize| {
        let hits = |replay: entrants::Replay| replay(&trace.calls, entries);
        let cell = Cell {
            calls: trace.calls.len() as u64,
            optimum: reference::optimum(trace, entries),
            lru: reference::lru(trace, entries),
            hits: entrants::ENTRANTS.map(|entrant| hits(entrant.replay)),
        };
        cell.print(trace.name, entries);
        cell
    };
    trace.sizes().into_iter().map(cell).collect()
}
