//! What a hit in memory costs, beside the peers:
//!
//! ```text
//! cargo bench -p cache-core --bench hit                          the table and the bars
//! cargo bench -p cache-core --bench hit -- --rounds 5            quicker, rougher
//! cargo bench -p cache-core --bench hit -- --passes 1            one of the two tables
//! hit --only user "#[cache] async" --passes 4                    the hits of one row, untimed
//! ```
//!
//! There are two tables, each with the same bars. With one pass a round, a row finds the processor's
//! caches filled by the other rows, and what it reads of an entry comes from main memory at first:
//! so between an application's own work. With eight it finds its own entries there: so in a loop,
//! and in most published figures.
//!
//! The last form is for counting instructions: see the script `instructions` beside this folder.

#[path = "../measure/allocations.rs"]
mod allocations;
mod annotated;
#[path = "../measure/arguments.rs"]
mod arguments;
#[path = "../measure/awaited.rs"]
mod awaited;
mod bars;
#[path = "../measure/block_on.rs"]
mod block_on;
mod bodies;
mod ours;
#[path = "../measure/random.rs"]
mod random;
#[path = "../measure/rounds.rs"]
mod rounds;
mod storm;
mod typed;

use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;

use arguments::{CALLS, RESIDENT, draws};
use bars::Measured;
use bodies::BODIES;
use rounds::{Row, Timing};

/// One way to cache the two functions: calls with the argument lists of these numbers.
pub(crate) struct Entrant {
    pub(crate) name: &'static str,
    pub(crate) user: fn(&[u16]),
    pub(crate) page: fn(&[u16]),
}

fn entrants() -> impl Iterator<Item = &'static Entrant> {
    typed::ENTRANTS
        .iter()
        .chain(annotated::ENTRANTS)
        .chain(ours::ENTRANTS)
}

/// Passes a round after other rows, and on its own.
const COLD: usize = 1;
const WARM: usize = 8;

/// How long to measure.
#[derive(Clone, Copy)]
struct Effort {
    rounds: usize,
    passes: usize,
}

/// One of the two functions: its rows, and the calls to make.
struct Function {
    rows: Vec<Row<u16>>,
    resident: Vec<u16>,
    calls: Vec<u16>,
}

impl Function {
    fn new(run: fn(&Entrant) -> fn(&[u16])) -> Self {
        let row = |entrant: &Entrant| Row {
            name: entrant.name,
            run: run(entrant),
        };
        Self {
            rows: entrants().map(row).collect(),
            resident: (0..RESIDENT as u16).collect(),
            calls: draws().collect(),
        }
    }

    fn fill(&self, row: &Row<u16>) {
        // Twice: a peer that applies its writes later, in batches, has applied them then.
        (row.run)(&self.resident);
        (row.run)(&self.resident);
    }

    fn timings(&self, how: Effort, threads: usize) -> Vec<Timing> {
        let calls = self.calls.repeat(how.passes);
        let batches = vec![&*calls; how.rounds];
        rounds::rounds(&self.rows, typed::BASELINE, &batches, threads)
    }

    fn allocations(&self) -> Vec<f64> {
        let per_call = |row: &Row<u16>| {
            allocations::count(|| (row.run)(&self.calls)) as f64 / self.calls.len() as f64
        };
        self.rows.iter().map(per_call).collect()
    }

    fn storm(&self, rounds: usize) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.name == ours::ASYNC)?;
        Some(storm::stormy_to_quiet(*row, &self.calls, rounds))
    }

    fn measure(&self, how: Effort) -> Measured {
        self.rows.iter().for_each(|row| self.fill(row));
        let bodies = BODIES.load(Relaxed);
        let measured = Measured {
            names: self.rows.iter().map(|row| row.name).collect(),
            one: self.timings(how, 1),
            two: self.timings(how, 2),
            allocations: self.allocations(),
            storm: self.storm(how.rounds),
        };
        let ran = BODIES.load(Relaxed) - bodies;
        if ran != 0 {
            println!("warning: a body ran {ran} times while hits were measured");
        }
        measured
    }

    /// Runs one row's hits and nothing else.
    fn only(&self, name: &str, passes: usize) -> ExitCode {
        let Some(row) = self.rows.iter().find(|row| row.name == name) else {
            eprintln!("no row is called {name:?}");
            return ExitCode::FAILURE;
        };
        self.fill(row);
        for _ in 0..passes {
            (row.run)(&self.calls);
        }
        println!("{}", passes * self.calls.len());
        ExitCode::SUCCESS
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let after = |flag: &str, at: usize| {
        let flag = args.iter().position(|arg| arg == flag)?;
        args.get(flag + at)
    };
    let number = |flag: &str, default: usize| {
        after(flag, 1)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let user = Function::new(|entrant| entrant.user);
    let page = Function::new(|entrant| entrant.page);

    if args.iter().any(|arg| arg == "--names") {
        entrants().for_each(|entrant| println!("{}", entrant.name));
        return ExitCode::SUCCESS;
    }
    let asked = after("--passes", 1).and_then(|text| text.parse().ok());
    if let (Some(function), Some(name)) = (after("--only", 1), after("--only", 2)) {
        return match function.as_str() {
            "user" => user.only(name, asked.unwrap_or(1)),
            "page" => page.only(name, asked.unwrap_or(1)),
            _ => {
                eprintln!("there are `user` and `page`, not {function:?}");
                ExitCode::FAILURE
            }
        };
    }
    let rounds = number("--rounds", 41);
    let mut met = true;
    for passes in asked.map_or(vec![COLD, WARM], |passes| vec![passes]) {
        // Longer rounds need be fewer.
        let how = Effort {
            rounds: if passes < WARM {
                rounds
            } else {
                rounds.div_ceil(3)
            },
            passes,
        };
        println!("\n## Hits in memory: ns (ratio to `{}`)\n", typed::BASELINE);
        println!(
            "Medians of {} interleaved rounds of {passes} x {CALLS} calls, {RESIDENT} resident entries.\n",
            how.rounds
        );
        met &= bars::print(&user.measure(how), &page.measure(how));
    }
    if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
