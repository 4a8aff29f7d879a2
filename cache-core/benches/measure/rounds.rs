//! Rows measured in interleaved rounds: what disturbs the machine disturbs every row alike, and
//! a row is compared with the baseline of its own round.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

use crate::random::Random;

/// One way to make the same calls.
pub(crate) struct Row<A> {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&[A]),
}

impl<A> Clone for Row<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Row<A> {}

/// Medians over the rounds.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    /// Nanoseconds a call.
    pub(crate) ns: f64,
    /// To the baseline row of the same round.
    pub(crate) ratio: f64,
}

/// Calls `function` with each argument list, and keeps the optimiser from dropping a result.
pub(crate) fn each<A: Copy, R>(args: &[A], function: impl Fn(A) -> R) {
    for &arg in args {
        black_box(function(black_box(arg)));
    }
}

/// Measures every row once a batch, in `threads` threads at a time.
pub(crate) fn rounds<A: Sync>(
    rows: &[Row<A>],
    baseline: &str,
    batches: &[&[A]],
    threads: usize,
) -> Vec<Timing> {
    let mut times = vec![Vec::with_capacity(batches.len()); rows.len()];
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut random = Random::default();
    for batch in batches {
        // Another order in each round: what a row leaves in the processor's caches must not
        // help or hinder the same neighbour every time.
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last as u64 + 1) as usize);
        }
        for &row in &order {
            times[row].push(time(rows[row].run, batch, threads));
        }
    }
    let base = rows.iter().position(|row| row.name == baseline);
    times
        .iter()
        .map(|own| Timing {
            ns: median(own.clone()),
            ratio: base.map_or(f64::NAN, |base| {
                median(own.iter().zip(&times[base]).map(|(a, b)| a / b).collect())
            }),
        })
        .collect()
}

/// Nanoseconds a call, each of `threads` threads making every call of `batch` in another order.
pub(crate) fn time<A: Sync>(run: fn(&[A]), batch: &[A], threads: usize) -> f64 {
    let timed = |part: usize| {
        let (head, tail) = batch.split_at(part * batch.len() / threads);
        let begin = Instant::now();
        run(tail);
        run(head);
        begin.elapsed().as_nanos() as f64 / batch.len() as f64
    };
    if threads == 1 {
        return timed(0);
    }
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|part| {
                let (start, timed) = (&start, &timed);
                scope.spawn(move || {
                    start.wait();
                    timed(part)
                })
            })
            .collect();
        let total: f64 = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or(f64::NAN))
            .sum();
        total / threads as f64
    })
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
