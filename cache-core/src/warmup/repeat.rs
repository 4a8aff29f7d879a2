//! Calls that are made again and again.

use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::round::Round;
use super::{Warmup, WarmupJob, WarmupReport};
use crate::alarm::sleep_until;
use crate::cache::Cache;
#[cfg(feature = "redis")]
use crate::key::{Digest, Identity};

impl Warmup<'_> {
    /// Makes the calls that have an `every` again and again, each for the first time when that long has passed, and tells what
    /// came of them. Does not return as long as there is such a call: spawn it, and drop it when it is to end.
    ///
    /// The value that is there is replaced, as by [`refresh`](crate::refresh): of each call, that of the first cached function it
    /// calls. With Redis, of all processes of a namespace one makes the call when it is due, and the others find its value there
    /// when theirs has expired; while Redis is away, each makes it. A call that takes longer than its `every`, or than the
    /// [deadline](Warmup::deadline), is given up, and made again the next time. [`concurrency`](Warmup::concurrency) counts for
    /// each `from` by itself.
    ///
    /// ```
    /// # async fn example(cache: cache_core::Cache) {
    /// # async fn spawn(_: impl Future<Output = ()> + Send) {}
    /// spawn(async move {
    ///     let told = |report| println!("{report}");
    ///     cache.warmup().repeat(told).await;
    /// });
    /// # }
    /// ```
    ///
    /// Cancel safe: what was stored stays.
    pub async fn repeat(self, mut told: impl FnMut(WarmupReport)) {
        let registered = inventory::iter::<WarmupJob>.into_iter();
        let every = registered.filter_map(|job| Some((job, job.every?)));
        let first = |(job, every)| {
            let due = Instant::now() + every;
            self.again(Turn { job, every, due })
        };
        let mut under_way: FuturesUnordered<_> = every.map(first).collect();
        while let Some((turn, report)) = under_way.next().await {
            if let Some(report) = report {
                told(report);
            }
            under_way.push(self.again(turn));
        }
    }

    /// Makes a call when it is due, unless another process does.
    async fn again(&self, turn: Turn) -> (Turn, Option<WarmupReport>) {
        let Turn { job, every, due } = turn;
        sleep_until(due).await;
        let report = if self.cache.is_ours(job, every).await {
            let within = self.deadline.map_or(every, |deadline| deadline.min(every));
            let ends = Instant::now() + within;
            Some(Round::new(self, vec![job], true).run(Some(ends)).await)
        } else {
            None
        };
        // What was missed, while the process was stopped, say, is not made up for.
        let due = (due + every).max(Instant::now());
        (Turn { job, every, due }, report)
    }
}

/// The next time that a call is made.
struct Turn {
    job: &'static WarmupJob,
    every: Duration,
    due: Instant,
}

impl Cache {
    /// Whether it is for this process to make a call that is due.
    async fn is_ours(&self, job: &WarmupJob, every: Duration) -> bool {
        #[cfg(feature = "redis")]
        if let Some(remote) = &self.0.remote {
            // Less than the time between two turns: who had the last one has the next one, too, unless it is gone.
            let name = job.name();
            let identity = Identity {
                function: &name,
                type_arguments: "",
                version: 0,
                schema: 0,
            };
            let name = Digest::new(self.key_secret(), &identity, &[]).short();
            return remote.turn(name, every.mul_f64(0.9)).await;
        }
        let _ = (job, every);
        true
    }
}
