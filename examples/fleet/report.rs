//! What was seen, and how it is printed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;

use crate::table::Staleness;

/// What one process has seen. Times in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub reads: u64,
    pub memory: u64,
    pub redis: u64,
    pub table: u64,
    /// Answers that were older than an acknowledged invalidation.
    pub stale: u64,
    /// The longest that such an invalidation had been acknowledged for, before Redis was killed.
    pub calm: u64,
    /// And from then on.
    pub outage: u64,
    /// The same of all writes, those included whose writer knew that the others had not been told.
    pub written: u64,
    /// Rows that were old at the end.
    pub left: u64,
    /// The longest that a write took, with its invalidation.
    pub slowest: u64,
}

impl Seen {
    fn fields(&mut self) -> [&mut u64; 10] {
        [
            &mut self.reads,
            &mut self.memory,
            &mut self.redis,
            &mut self.table,
            &mut self.stale,
            &mut self.calm,
            &mut self.outage,
            &mut self.written,
            &mut self.left,
            &mut self.slowest,
        ]
    }

    /// One answer.
    pub fn count(&mut self, staleness: &Staleness, calm: bool) {
        let micros = |time: Option<Duration>| time.map_or(0, |time| time.as_micros() as u64);
        self.reads += 1;
        self.stale += u64::from(staleness.acknowledged.is_some());
        let longest = match calm {
            true => &mut self.calm,
            false => &mut self.outage,
        };
        *longest = (*longest).max(micros(staleness.acknowledged));
        self.written = self.written.max(micros(staleness.written));
    }

    /// What another thread has seen.
    pub fn add(&mut self, other: &Self) {
        self.reads += other.reads;
        self.stale += other.stale;
        self.calm = self.calm.max(other.calm);
        self.outage = self.outage.max(other.outage);
        self.written = self.written.max(other.written);
    }
}

/// Numbers in a line, from one process to another.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut copy = *self;
        for field in copy.fields() {
            write!(f, "{field} ")?;
        }
        Ok(())
    }
}

impl FromStr for Seen {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let mut seen = Self::default();
        let mut numbers = line.split_whitespace();
        for field in seen.fields() {
            *field = numbers.next().context("too few numbers")?.parse()?;
        }
        Ok(seen)
    }
}

type Column = (&'static str, fn(&Seen) -> String);

fn time(micros: u64) -> String {
    match micros {
        0 => "–".to_owned(),
        _ => format!("{:.1}", micros as f64 / 1000.0),
    }
}

const COLUMNS: [Column; 10] = [
    ("reads", |seen| seen.reads.to_string()),
    ("memory", |seen| seen.memory.to_string()),
    ("Redis", |seen| seen.redis.to_string()),
    ("bodies", |seen| seen.table.to_string()),
    ("stale", |seen| seen.stale.to_string()),
    ("calm", |seen| time(seen.calm)),
    ("outage", |seen| time(seen.outage)),
    ("untold", |seen| time(seen.written)),
    ("left", |seen| seen.left.to_string()),
    ("write", |seen| time(seen.slowest)),
];

/// A table of both programmes.
pub fn print(annotated: &[Seen], by_hand: &[Seen]) {
    print!("\n{:20}", "");
    for (name, _) in COLUMNS {
        print!("{name:>9}");
    }
    println!();
    for (name, processes) in [("cache-core", annotated), ("by hand", by_hand)] {
        for (number, seen) in processes.iter().enumerate() {
            let name = match number {
                0 => format!("{name}, writer"),
                _ => format!("{name}, reader"),
            };
            print!("{name:20}");
            for (_, text) in COLUMNS {
                print!("{:>9}", text(seen));
            }
            println!();
        }
    }
    println!(
        "
stale    answers older than a write whose invalidation had been acknowledged before the question
calm     how long before, in ms, at most, until Redis is killed
outage   and from then on
untold   the same with writes whose writer was told that the others do not know of them yet
left     rows, of {}, that are served old a second after the last write, and until their ttl ends
write    how long the slowest write took, with its invalidation",
        crate::table::ROWS
    );
}
