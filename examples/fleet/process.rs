//! One process: two threads read, one may write, and what they are served is compared with the table.

use std::io::{BufRead, stdin};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::Result;

use crate::annotated::Annotated;
use crate::by_hand::ByHand;
use crate::report::Seen;
use crate::table::{self, ROWS};

/// Which programme it is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// The cache.
    Annotated,
    /// Deletions that are published.
    ByHand,
}

impl Kind {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Annotated => "cache-core",
            Self::ByHand => "by-hand",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Annotated, Self::ByHand]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| anyhow::anyhow!("no such programme: {text}"))
    }
}

/// How many reads were answered from where.
#[derive(Clone, Copy, Debug)]
pub struct Answers {
    pub memory: u64,
    pub redis: u64,
    pub table: u64,
}

/// What the programmes differ in.
pub trait Rows: Send + Sync {
    /// A row, cached.
    fn read(&self, id: u64) -> u64;
    /// To be called after a write. Whether it was acknowledged; if not, others do not know of it yet.
    fn invalidate(&self, id: u64) -> bool;
    /// Where answers came from.
    fn answers(&self) -> Answers;
}

const WAIT: u8 = 0;
const GO: u8 = 1;
const OUTAGE: u8 = 2;
const QUIET: u8 = 3;
const END: u8 = 4;

/// Obeys the words that come in, and ends with a line that says what was seen.
pub fn run(kind: Kind, writes: bool, url: &str, namespace: &str, table: &str) -> Result<()> {
    table::open(Path::new(table))?;
    let rows: Box<dyn Rows> = match kind {
        Kind::Annotated => Box::new(Annotated::new(url, namespace)?),
        Kind::ByHand => Box::new(ByHand::new(url, namespace)?),
    };
    let phase = AtomicU8::new(WAIT);
    let seen = Mutex::new(Seen::default());
    println!("ready");
    thread::scope(|scope| {
        if writes {
            scope.spawn(|| write(&*rows, &phase, &seen));
        }
        for seed in 0..2 {
            let (rows, phase, seen) = (&*rows, &phase, &seen);
            scope.spawn(move || read(rows, seed, phase, seen));
        }
        for line in stdin().lock().lines() {
            match line.as_deref() {
                Ok("go") => phase.store(GO, SeqCst),
                Ok("outage") => phase.store(OUTAGE, SeqCst),
                Ok("quiet") => phase.store(QUIET, SeqCst),
                _ => break,
            }
        }
        // Nothing more comes in either when the one who started this process is gone.
        phase.store(END, SeqCst);
    });
    let mut seen = seen.into_inner().unwrap_or_default();
    let answers = rows.answers();
    [seen.memory, seen.redis, seen.table] = [answers.memory, answers.redis, answers.table];
    seen.left = (0..ROWS)
        .filter(|&id| rows.read(id) != table::shared().version(id))
        .count() as u64;
    println!("{seen}");
    Ok(())
}

/// Rows at random: `next` gives one.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % ROWS
    }
}

fn write(rows: &dyn Rows, phase: &AtomicU8, all: &Mutex<Seen>) {
    let mut random = Random(7);
    let mut slowest = 0;
    while phase.load(SeqCst) == WAIT {
        sleep(Duration::from_millis(1));
    }
    while phase.load(SeqCst) < QUIET {
        let id = random.next();
        let began = table::now();
        if !table::shared().write(id, || rows.invalidate(id)) {
            break;
        }
        slowest = slowest.max(table::now() - began);
        sleep(Duration::from_millis(4));
    }
    if let Ok(mut all) = all.lock() {
        all.slowest = slowest;
    }
}

fn read(rows: &dyn Rows, seed: u64, phase: &AtomicU8, all: &Mutex<Seen>) {
    let mut seen = Seen::default();
    let mut random = Random(seed);
    while phase.load(SeqCst) != END {
        for _ in 0..20 {
            let id = random.next();
            let calm = phase.load(SeqCst) < OUTAGE;
            let asked = table::now();
            let version = rows.read(id);
            seen.count(&table::shared().staleness(id, version, asked), calm);
        }
        // The machine has others to serve.
        sleep(Duration::from_millis(1));
    }
    if let Ok(mut all) = all.lock() {
        all.add(&seen);
    }
}
