//! Calls that are made again and again.

use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::round::Round;
use super::{Warmup, WarmupJob, WarmupReport};
use crate::alarm::sleep_until;
use crate::cache::Cache;
#[cfg(feature = "redis")]
use crate::key::{Digest, Identity};
#[cfg(feature = "redis")]
use crate::remote::Claim;

impl Warmup<'_> {
    /// Makes the calls that have an `every` again and again, each for the first time when that long has passed, and tells what
    /// came of them. Does not return as long as there is such a call: spawn it, and drop it when it is to end.
    ///
    /// The value that is there is replaced, as by [`refresh`](crate::refresh): of each call, that of the first cached function it
    /// calls. With Redis, of all processes of a namespace one makes the call when it is due, and the others find its value there
    /// when theirs has expired; while Redis is away, each makes it. A call that takes longer than its `every`, or than the
    /// [deadline](Warmup::deadline), is given up, and made again the next time; who fails, or gives up, leaves the next
    /// turn to whichever process comes first. [`concurrency`](Warmup::concurrency) counts for
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
        let now = Instant::now();
        let registered = inventory::iter::<WarmupJob>.into_iter();
        let turns = registered.filter_map(|job| {
            let every = job.every?.max(SHORTEST);
            // What is later than any clock goes is never.
            let due = now.checked_add(every)?;
            Some(self.again(Turn { job, every, due }))
        });
        let mut under_way: FuturesUnordered<_> = turns.collect();
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
        let report = match self.cache.claim(job, every).await {
            #[cfg(feature = "redis")]
            Claimed::Theirs => None,
            #[cfg(feature = "redis")]
            Claimed::Ours(claim) => {
                let report = self.make(job, every).await;
                if report.failed.is_empty() && report.cancelled.is_empty() {
                    claim.keep();
                }
                // Given back otherwise: another process may be able to.
                Some(report)
            }
            Claimed::Everybodys => Some(self.make(job, every).await),
        };
        // What was missed, while the process was stopped, say, is not made up for.
        let (next, now) = (due + every, Instant::now());
        let due = if next > now { next } else { now + every };
        (Turn { job, every, due }, report)
    }

    async fn make(&self, job: &'static WarmupJob, every: Duration) -> WarmupReport {
        let within = self.deadline.map_or(every, |deadline| deadline.min(every));
        let ends = Instant::now() + within;
        Round::new(self, vec![job], true)
            .run(sleep_until(ends))
            .await
    }
}

/// What is to be made again sooner is made so often.
const SHORTEST: Duration = Duration::from_millis(1);

/// Whose it is to make a call that is due.
enum Claimed {
    /// This process's, until the claim is given back, or its time is over.
    #[cfg(feature = "redis")]
    Ours(Claim),
    #[cfg(feature = "redis")]
    Theirs,
    /// There is nobody to ask.
    Everybodys,
}

/// The next time that a call is made.
struct Turn {
    job: &'static WarmupJob,
    every: Duration,
    due: Instant,
}

impl Cache {
    /// Asks whose it is to make a call that is due.
    async fn claim(&self, job: &WarmupJob, every: Duration) -> Claimed {
        #[cfg(feature = "redis")]
        if let Some(remote) = &self.0.remote {
            let name = job.name();
            let identity = Identity {
                function: &name,
                type_arguments: "",
                version: 0,
                schema: 0,
            };
            let name = Digest::new(self.key_secret(), &identity, &[]).short();
            // Less than the time between two turns: who had the last one has the next one, too, unless it is gone.
            return match remote.turn(name, every.mul_f64(0.9)).await {
                Ok(Some(claim)) => Claimed::Ours(claim),
                Ok(None) => Claimed::Theirs,
                Err(_) => Claimed::Everybodys,
            };
        }
        let _ = (job, every);
        Claimed::Everybodys
    }
}
