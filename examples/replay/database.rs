//! Stands for the database of the guide: fast, slow, or down, by the minute.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// How it is, for a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Fast,
    Slow,
    Down,
}

/// The ten minutes of the guide's first picture.
pub const MINUTES: [State; 10] = {
    use State::{Down, Fast, Slow};
    [Fast, Fast, Down, Fast, Slow, Fast, Down, Down, Fast, Slow]
};

impl State {
    /// How long the answer takes, in milliseconds. That of a database that is down is an error, as after an attempt to connect.
    pub const fn latency(self) -> u64 {
        match self {
            Self::Fast => 100,
            Self::Slow | Self::Down => 1_000,
        }
    }
}

/// What it says of a product: how often that was written.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Product {
    pub version: u64,
}

/// It is down.
#[derive(Clone, Copy, Debug)]
pub struct Unavailable;

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the database does not answer")
    }
}

impl std::error::Error for Unavailable {}

pub type Answer = Result<Product, Unavailable>;

/// See the module.
#[derive(Debug)]
pub struct Database {
    time: Time,
    minutes: Vec<State>,
    products: Vec<Row>,
    calls: AtomicU64,
}

#[derive(Debug, Default)]
struct Row {
    version: AtomicU64,
    /// How many ask for it now.
    asking: AtomicUsize,
}

impl Database {
    pub fn new(time: Time, minutes: &[State], products: usize) -> Self {
        Self {
            time,
            minutes: minutes.to_vec(),
            products: (0..products).map(|_| Row::default()).collect(),
            calls: AtomicU64::new(0),
        }
    }

    /// How it is now.
    pub fn state(&self) -> State {
        let minute = self.time.now() / 60_000;
        let last = self.minutes.last().copied().unwrap_or(State::Fast);
        self.minutes.get(minute as usize).copied().unwrap_or(last)
    }

    /// A product as it was when the question came, which is the worst case for a cache: a write may be faster than this answer.
    pub async fn product(&self, id: usize) -> Answer {
        self.calls.fetch_add(1, Relaxed);
        let (state, row) = (self.state(), &self.products[id]);
        let version = row.version.load(Relaxed);
        row.asking.fetch_add(1, Relaxed);
        self.time.sleep(state.latency()).await;
        row.asking.fetch_sub(1, Relaxed);
        match state {
            State::Down => Err(Unavailable),
            _ => Ok(Product { version }),
        }
    }

    /// A write.
    pub fn write(&self, id: usize) {
        self.products[id].version.fetch_add(1, Relaxed);
    }

    pub fn version(&self, id: usize) -> u64 {
        self.products[id].version.load(Relaxed)
    }

    /// How many ask for a product now.
    pub fn asking(&self, id: usize) -> usize {
        self.products[id].asking.load(Relaxed)
    }

    /// How often it was asked.
    pub fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }
}
