//! What callers have seen.

use std::collections::BTreeMap;

use crate::database::{Answer, Product};

/// Of one step.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Wave by wave.
    pub waves: Vec<Wave>,
    pub reads: u64,
    pub errors: u64,
    /// Answers older than a write whose invalidation had returned before the question.
    pub stale: u64,
    /// How many questions there were that such an answer could have been given to: some write had been invalidated before.
    pub after: u64,
    /// Answers older than a write that had returned before the question, invalidated or not.
    pub old: u64,
    /// How often an answer took so many milliseconds.
    times: BTreeMap<u64, u64>,
}

/// Of one wave of calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wave {
    /// How often the database was asked.
    pub calls: u64,
    pub errors: u64,
    /// The slowest answer, in milliseconds.
    pub slowest: u64,
}

/// What a caller could know when it asked.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// When it asked.
    pub at: u64,
    /// The version that was written last.
    pub written: u64,
    /// The one that was invalidated last.
    pub invalidated: u64,
}

impl Seen {
    pub fn count(&mut self, known: Known, answer: Answer, now: u64) {
        let took = now - known.at;
        self.reads += 1;
        *self.times.entry(took).or_default() += 1;
        self.after += u64::from(known.invalidated > 0);
        if let Ok(Product { version }) = answer {
            self.stale += u64::from(version < known.invalidated);
            self.old += u64::from(version < known.written);
        }
        let failed = u64::from(answer.is_err());
        self.errors += failed;
        if let Some(wave) = self.waves.last_mut() {
            wave.errors += failed;
            wave.slowest = wave.slowest.max(took);
        }
    }

    /// How often the database was asked.
    pub fn calls(&self) -> u64 {
        self.waves.iter().map(|wave| wave.calls).sum()
    }

    /// How long all but this share of the answers took at most.
    pub fn all_but(&self, share: f64) -> u64 {
        let slower = (self.reads as f64 * share) as u64;
        let mut count = 0;
        let mut times = self.times.iter().rev();
        let found = times.find(|(_, n)| {
            count += **n;
            count > slower
        });
        found.map_or(0, |(time, _)| *time)
    }
}
