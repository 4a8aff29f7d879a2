//! Calls being made, so many at a time.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::{Either, OptionFuture, pending, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::job::{Calls, JobFuture, Step, WarmupJob};
use super::{Warmup, WarmupReport};
use crate::alarm::sleep_until;
use crate::modifiers::{Mode, Modifier};
use crate::scope::{self, Counter, Scope};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Registered calls that are made once.
pub(super) struct Round<'a> {
    warmup: &'a Warmup<'a>,
    /// The next one last.
    jobs: Vec<&'static WarmupJob>,
    /// Those that turned out to be many.
    opened: Vec<Opened>,
    /// Whether what is there already is replaced.
    refresh: bool,
    /// How many calls are through.
    through: usize,
    report: WarmupReport,
}

/// One registered call that is many.
struct Opened {
    name: String,
    calls: Calls,
    made: usize,
}

/// One call, by name.
struct Call {
    name: String,
    run: Box<dyn FnOnce() -> JobFuture + Send>,
}

/// What came of a call.
enum Came {
    To(Reach),
    Opened(Calls),
    Failed(String),
}

/// What a call reached in the cache.
enum Reach {
    Nothing,
    Refused,
    Kept,
}

impl<'a> Round<'a> {
    pub(super) fn new(
        warmup: &'a Warmup<'a>,
        mut jobs: Vec<&'static WarmupJob>,
        refresh: bool,
    ) -> Self {
        jobs.sort_by_key(|job| job.priority);
        Self {
            warmup,
            jobs,
            opened: Vec::new(),
            refresh,
            through: 0,
            report: WarmupReport::default(),
        }
    }

    /// Makes them all; those that are not through when it `ends` are given up.
    pub(super) async fn run(mut self, ends: Option<Instant>) -> WarmupReport {
        let started = Instant::now();
        let mut under_way = FuturesUnordered::new();
        let mut names = Vec::new();
        let end = OptionFuture::from(ends.map(sleep_until));
        let mut end = pin!(end.then(|ended| match ended {
            Some(()) => Either::Left(std::future::ready(())),
            None => Either::Right(pending()),
        }));
        loop {
            while under_way.len() < self.warmup.concurrency
                && let Some(Call { name, run }) = self.next()
            {
                names.push(name.clone());
                under_way.push(self.call(name, run));
            }
            if under_way.is_empty() {
                break;
            }
            // The end first: after it nothing begins.
            let next = select(end.as_mut(), under_way.next()).await;
            let Either::Right((Some((name, came)), _)) = next else {
                self.report.cancelled.append(&mut names);
                let unmade = self.opened.iter().map(|opened| opened.name.clone());
                self.report.cancelled.extend(unmade);
                let unmade = self.jobs.iter().rev().map(|job| job.name());
                self.report.cancelled.extend(unmade);
                break;
            };
            if let Some(at) = names.iter().position(|other| *other == name) {
                names.swap_remove(at);
            }
            self.came(name, came, under_way.len());
        }
        drop(under_way);
        self.report.took = started.elapsed();
        self.report
    }

    /// The next call, if there is one.
    fn next(&mut self) -> Option<Call> {
        while let Some(opened) = self.opened.last_mut() {
            // It is the user's.
            match catch_unwind(AssertUnwindSafe(|| opened.calls.next())) {
                Ok(Some(call)) => {
                    let name = format!("{}[{}]", opened.name, opened.made);
                    opened.made += 1;
                    let run = Box::new(|| call);
                    return Some(Call { name, run });
                }
                Ok(None) => drop(self.opened.pop()),
                Err(panic) => {
                    let failed = (opened.name.clone(), panicked(&*panic));
                    self.report.failed.push(failed);
                    self.opened.pop();
                }
            }
        }
        let job = self.jobs.pop()?;
        Some(Call {
            name: job.name(),
            run: Box::new(job.run),
        })
    }

    /// Notes what came of a call, while so many others are under way.
    fn came(&mut self, name: String, came: Came, under_way: usize) {
        let report = &mut self.report;
        match came {
            Came::Opened(calls) => {
                self.opened.push(Opened {
                    name,
                    calls,
                    made: 0,
                });
                return;
            }
            Came::To(Reach::Nothing) => report.untouched.push(name),
            Came::To(Reach::Refused) => report.refused.push(name),
            Came::To(Reach::Kept) => report.warmed.push(name),
            Came::Failed(why) => report.failed.push((name, why)),
        }
        self.through += 1;
        if let Some(progress) = &self.warmup.progress {
            let opened = self.opened.iter().map(|opened| opened.calls.size_hint().0);
            let known = self.through + under_way + self.jobs.len() + opened.sum::<usize>();
            progress(self.through, known);
        }
    }

    /// Makes one call.
    fn call(
        &self,
        name: String,
        run: Box<dyn FnOnce() -> JobFuture + Send>,
    ) -> impl Future<Output = (String, Came)> + use<> {
        let counter = Arc::new(Counter::default());
        let scope = Scope {
            cache: Some(self.warmup.cache.clone()),
            counter: Some(Arc::clone(&counter)),
            modifier: self.refresh.then(|| Modifier::new(Mode::Refresh)),
            ..scope::copy()
        };
        let call = AssertUnwindSafe(scope::within(scope, async { run().await })).catch_unwind();
        async move {
            let came = match call.await {
                Ok(Step::Made(Ok(()))) => {
                    let count = |calls: &AtomicU64| calls.load(Ordering::Relaxed);
                    Came::To(match (count(&counter.made), count(&counter.kept)) {
                        (0, _) => Reach::Nothing,
                        (_, 0) => Reach::Refused,
                        _ => Reach::Kept,
                    })
                }
                Ok(Step::Made(Err(why))) => Came::Failed(why),
                Ok(Step::Calls(calls)) => Came::Opened(calls),
                Err(panic) => Came::Failed(panicked(&*panic)),
            };
            (name, came)
        }
    }
}

fn panicked(payload: &(dyn Any + Send)) -> String {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("panicked: {message}")
}
