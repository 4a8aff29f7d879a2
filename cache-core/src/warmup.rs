//! Calls to make at start-up, and again and again, registered by `#[warmup_cache]`.

use std::fmt;
use std::future::{Future, pending};
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::select;

use crate::alarm::sleep_until;
use crate::cache::Cache;

#[cfg(feature = "redis")]
mod hot;
mod job;
pub mod outcome;
mod repeat;
mod report;
mod round;
mod startup;

#[cfg(feature = "redis")]
pub use hot::hot;
pub use job::{Calls, JobFuture, Outcome, Step, WarmupJob, calls};
pub use report::{CallList, WarmupReport};
use round::Round;

impl Cache {
    /// The start-up calls of this program: everything that carries `#[warmup_cache]`.
    ///
    /// ```
    /// # async fn example(cache: &cache_core::Cache) {
    /// let report = cache.warmup().concurrency(8).run().await;
    /// println!("{report}");
    /// # }
    /// ```
    pub fn warmup(&self) -> Warmup<'_> {
        Warmup {
            cache: self,
            concurrency: 4,
            deadline: None,
            progress: None,
        }
    }
}

/// Start-up calls about to be made.
#[must_use = "a warm-up does nothing until `run`"]
pub struct Warmup<'a> {
    cache: &'a Cache,
    concurrency: usize,
    deadline: Option<Duration>,
    progress: Option<Progress<'a>>,
}

type Progress<'a> = Box<dyn Fn(usize, usize) + Send + Sync + 'a>;

impl fmt::Debug for Warmup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warmup")
            .field("concurrency", &self.concurrency)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl<'a> Warmup<'a> {
    /// At most this many calls at a time. 4 by default; 0 counts as 1.
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.max(1);
        self
    }

    /// How long it may take. What is under way then is dropped, what has not begun does not begin; the report names both.
    /// Without one, it takes as long as its calls do.
    pub fn deadline(mut self, after: Duration) -> Self {
        self.deadline = Some(after);
        self
    }

    /// Is told after each call how many are through, and of how many, as far as is known: those of a `from`, or a `hot`, are known when
    /// it has been asked. Where there turn out to be none, that is told, too.
    pub fn progress(mut self, progress: impl Fn(usize, usize) + Send + Sync + 'a) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Makes the calls, in the caller's own task: those with a higher `priority` first. One that fails or panics stops nothing.
    ///
    /// Cancel safe: what was stored stays, and what was under way is dropped.
    pub async fn run(self) -> WarmupReport {
        self.run_until(pending()).await
    }

    /// The same, until this is ready.
    async fn run_until(self, ended: impl Future<Output = ()>) -> WarmupReport {
        let jobs = inventory::iter::<WarmupJob>.into_iter().collect();
        let ends = self
            .deadline
            .and_then(|after| Instant::now().checked_add(after));
        let end = async {
            match ends {
                Some(ends) => drop(select(pin!(ended), sleep_until(ends)).await),
                None => ended.await,
            }
        };
        Round::new(&self, jobs, false).run(end).await
    }
}
