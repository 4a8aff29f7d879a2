//! Many callers at a time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long each entrant is measured in one round.
const SPAN: Duration = Duration::from_millis(150);

/// How many values there are. Each caller has its own ones, so that never two ask for the same.
pub(crate) const KEYS: u64 = 2_048;

/// One caller: calls with one key after another until it is told to stop; how many calls it made.
pub(crate) type Caller = Pin<Box<dyn Future<Output = u64> + Send>>;

/// An entrant.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) caller: Box<dyn Fn(Keys) -> Caller>,
}

/// The keys of one caller, until it is told to stop.
pub(crate) struct Keys {
    next: u64,
    callers: u64,
    stop: Arc<AtomicBool>,
}

impl Iterator for Keys {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.next = (self.next + self.callers) % KEYS;
        (!self.stop.load(Relaxed)).then_some(self.next)
    }
}

/// The rate of every row, and how it compares to the baseline of the same round (the median of that). The rows take turns.
pub(crate) async fn measure(
    rows: &[Row],
    callers: usize,
    rounds: usize,
    baseline: &str,
) -> Vec<(&'static str, f64, f64)> {
    for row in rows {
        turn(row, callers).await;
    }
    let mut rates = vec![Vec::new(); rows.len()];
    for _ in 0..rounds {
        for (row, rates) in rows.iter().zip(&mut rates) {
            rates.push(turn(row, callers).await);
        }
    }
    let base = rows.iter().position(|row| row.name == baseline);
    let base = base.map_or_else(|| vec![f64::NAN; rounds], |at| rates[at].clone());
    let rows = rows.iter().zip(rates);
    rows.map(|(row, rates)| {
        let ratios = rates.iter().zip(&base).map(|(rate, base)| rate / base);
        (row.name, median(rates.clone()), median(ratios.collect()))
    })
    .collect()
}

/// Calls a second.
async fn turn(row: &Row, callers: usize) -> f64 {
    let stop = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let tasks: Vec<_> = (0..callers as u64)
        .map(|caller| {
            let keys = Keys {
                next: caller,
                callers: callers as u64,
                stop: Arc::clone(&stop),
            };
            tokio::spawn((row.caller)(keys))
        })
        .collect();
    tokio::time::sleep(SPAN).await;
    stop.store(true, Relaxed);
    let mut calls = 0;
    for task in tasks {
        calls += task.await.unwrap_or(0);
    }
    calls as f64 / began.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
