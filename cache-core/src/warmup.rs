//! Calls to make at start-up, registered by `#[warmup_cache]`.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::cache::Cache;
use crate::scope::{self, Counter, Scope};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};

/// What one start-up call came to: nothing, or what its error says.
pub type Outcome = Result<(), String>;

/// One start-up call under way.
pub type JobFuture = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One start-up call, known to the linker.
#[derive(Debug)]
pub struct WarmupJob {
    /// The function with its arguments, as written.
    pub call: &'static str,
    /// Its module.
    pub module: &'static str,
    /// Makes the call.
    pub run: fn() -> JobFuture,
}
inventory::collect!(WarmupJob);

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
            progress: None,
        }
    }
}

/// Start-up calls about to be made.
#[must_use = "a warm-up does nothing until `run`"]
pub struct Warmup<'a> {
    cache: &'a Cache,
    concurrency: usize,
    progress: Option<Progress<'a>>,
}

type Progress<'a> = Box<dyn Fn(usize, usize) + Send + Sync + 'a>;

impl fmt::Debug for Warmup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warmup")
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

impl<'a> Warmup<'a> {
    /// At most this many calls at a time. 4 by default; 0 counts as 1.
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.max(1);
        self
    }

    /// Is told after each call how many are through, and of how many.
    pub fn progress(mut self, progress: impl Fn(usize, usize) + Send + Sync + 'a) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Makes the calls, in the caller's own task. One that fails or panics stops nothing.
    ///
    /// Cancel safe: what was stored stays.
    pub async fn run(self) -> WarmupReport {
        let started = Instant::now();
        let mut waiting: Vec<_> = inventory::iter::<WarmupJob>.into_iter().collect();
        let total = waiting.len();
        let mut report = WarmupReport::default();
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.concurrency
                && let Some(job) = waiting.pop()
            {
                under_way.push(self.cache.warm(job));
            }
            let Some((job, result)) = under_way.next().await else {
                break;
            };
            let name = format!("{}::{}", job.module, job.call);
            match result {
                Ok(Reach::Nothing) => report.untouched.push(name),
                Ok(Reach::Refused) => report.refused.push(name),
                Ok(Reach::Kept) => report.warmed.push(name),
                Err(why) => report.failed.push((name, why)),
            }
            if let Some(progress) = &self.progress {
                progress(total - waiting.len() - under_way.len(), total);
            }
        }
        drop(under_way);
        report.took = started.elapsed();
        report
    }
}

/// What a call reached in the cache.
enum Reach {
    Nothing,
    Refused,
    Kept,
}

impl Cache {
    /// Makes one call.
    async fn warm(&self, job: &'static WarmupJob) -> (&'static WarmupJob, Result<Reach, String>) {
        let counter = Arc::new(Counter::default());
        let scope = Scope {
            cache: Some(self.clone()),
            counter: Some(Arc::clone(&counter)),
            ..scope::copy()
        };
        let call =
            AssertUnwindSafe(scope::within(scope, async { (job.run)().await })).catch_unwind();
        let result = match call.await {
            Ok(outcome) => outcome.map(|()| {
                let count = |calls: &AtomicU64| calls.load(Ordering::Relaxed);
                match (count(&counter.made), count(&counter.kept)) {
                    (0, _) => Reach::Nothing,
                    (_, 0) => Reach::Refused,
                    _ => Reach::Kept,
                }
            }),
            Err(payload) => Err(format!("panicked: {}", message(&*payload))),
        };
        (job, result)
    }
}

fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// What a warm-up came to.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WarmupReport {
    /// Calls that left their value in the cache, or found it there.
    pub warmed: Vec<String>,
    /// Calls that reached cached functions and left nothing in the cache: `when` said no, there was nothing to keep, or
    /// too much.
    pub refused: Vec<String>,
    /// Calls that failed, and why.
    pub failed: Vec<(String, String)>,
    /// Calls that reached no cached function: `#[warmup_cache]` stands on something that is not cached.
    pub untouched: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for WarmupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} warmed, {} failed in {:.1?}",
            self.warmed.len(),
            self.failed.len(),
            self.took
        )?;
        for (name, why) in &self.failed {
            write!(f, "\n  failed: {name}: {why}")?;
        }
        for name in &self.refused {
            write!(f, "\n  kept nothing: {name}")?;
        }
        for name in &self.untouched {
            write!(f, "\n  touched no cache: {name}")?;
        }
        Ok(())
    }
}

/// How the outcome of a start-up call is told; imported `as _` by generated code.
pub mod outcome {
    use std::fmt::{Debug, Display};

    use super::Outcome;

    /// What a call gave.
    #[derive(Debug)]
    pub struct Gave<T>(pub T);

    /// An error that can be displayed.
    pub trait OfDisplay {
        /// The error's text.
        fn __cache_outcome(&self) -> Outcome;
    }
    impl<T, E: Display> OfDisplay for &&Gave<Result<T, E>> {
        fn __cache_outcome(&self) -> Outcome {
            self.0.as_ref().map(drop).map_err(ToString::to_string)
        }
    }

    /// An error that can be debugged.
    pub trait OfDebug {
        /// The error's debug form.
        fn __cache_outcome(&self) -> Outcome;
    }
    impl<T, E: Debug> OfDebug for &Gave<Result<T, E>> {
        fn __cache_outcome(&self) -> Outcome {
            self.0
                .as_ref()
                .map(drop)
                .map_err(|error| format!("{error:?}"))
        }
    }

    /// Anything else.
    pub trait OfAny {
        /// Went well.
        fn __cache_outcome(&self) -> Outcome;
    }
    impl<T> OfAny for Gave<T> {
        fn __cache_outcome(&self) -> Outcome {
            Ok(())
        }
    }
}
