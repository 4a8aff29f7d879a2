//! Calls being made, so many at a time.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::job::{Calls, JobFuture, Step, WarmupJob};
use super::{Warmup, WarmupReport};
use crate::modifiers::{Mode, Modifier};
use crate::scope::{self, Counter, Scope};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Registered calls that are made once.
pub(super) struct Round<'a> {
    warmup: &'a Warmup<'a>,
    /// The next one last.
    jobs: Vec<&'static WarmupJob>,
    /// Those that turned out to be many; the next one last. Those of one priority take turns, so that one without end keeps none of them
    /// from beginning.
    opened: Vec<Opened>,
    /// Whether what is there already is replaced.
    refresh: bool,
    /// How many calls are through.
    through: usize,
    report: WarmupReport,
}

/// After so many calls whoever else runs in the same task's thread has a turn: what is there already is there at once.
const BREATH: usize = 64;

/// One registered call that is many.
struct Opened {
    name: String,
    priority: u32,
    calls: Calls,
    made: usize,
    /// How many there are at least, made or not.
    known: usize,
}

/// One call.
struct Call {
    name: String,
    priority: u32,
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

    /// Makes them all; those that are not through when it is the `end` are given up.
    pub(super) async fn run(mut self, end: impl Future<Output = ()>) -> WarmupReport {
        let started = Instant::now();
        let mut under_way = FuturesUnordered::new();
        let mut names = Vec::new();
        let mut end = pin!(end);
        loop {
            let mut begun = 0;
            while begun < BREATH
                && under_way.len() < self.warmup.concurrency
                && let Some(call) = self.next(under_way.len())
            {
                names.push(call.name.clone());
                under_way.push(self.call(call));
                begun += 1;
            }
            if under_way.is_empty() {
                break;
            }
            // The end first: after it nothing begins.
            let mut next = select(end.as_mut(), under_way.next());
            let next = if begun < BREATH {
                next.await
            } else {
                match (&mut next).now_or_never() {
                    Some(next) => next,
                    None => {
                        // There may be more to begin.
                        breathe().await;
                        continue;
                    }
                }
            };
            let Either::Right((Some((call, came)), _)) = next else {
                self.report.cancelled.extend(names);
                let unmade = self.opened.iter().rev().filter(|opened| opened.has_more());
                let unmade = unmade.map(|opened| opened.name.clone());
                self.report.cancelled.extend(unmade);
                let unmade = self.jobs.iter().rev().map(|job| job.name());
                self.report.cancelled.extend(unmade);
                break;
            };
            if let Some(at) = names.iter().position(|other| *other == call.0) {
                names.swap_remove(at);
            }
            self.came(call, came, under_way.len());
            if self.through.is_multiple_of(BREATH) {
                breathe().await;
            }
        }
        drop(under_way);
        self.report.took = started.elapsed();
        self.report
    }

    /// The next call, if there is one, while so many are under way.
    fn next(&mut self, under_way: usize) -> Option<Call> {
        let scope = Arc::new(self.scope());
        while let Some(mut opened) = self.next_opened() {
            // It is the user's, as is its end, and may call what is cached.
            let next = || scope::enter(Some(Arc::clone(&scope)), || opened.calls.next());
            match catch_unwind(AssertUnwindSafe(next)) {
                Ok(Some(call)) => {
                    let name = format!("{}[{}]", opened.name, opened.made);
                    let priority = opened.priority;
                    opened.made += 1;
                    self.open(opened);
                    return Some(Call {
                        name,
                        priority,
                        run: Box::new(|| call),
                    });
                }
                Ok(None) => {}
                Err(panic) => {
                    let failed = (opened.name.clone(), panicked(&*panic));
                    self.report.failed.push(failed);
                    self.through += 1;
                }
            }
            let is_empty = opened.made == 0;
            let _ = catch_unwind(AssertUnwindSafe(|| drop(opened)));
            if is_empty {
                // There are fewer than it seemed.
                self.tell(under_way);
            }
        }
        let job = self.jobs.pop()?;
        Some(Call {
            name: job.name(),
            priority: job.priority,
            run: Box::new(job.run),
        })
    }

    /// The one to take the next call from, unless a registered call that is not begun comes before.
    fn next_opened(&mut self) -> Option<Opened> {
        let priority = self.opened.last()?.priority;
        let before = self.jobs.last().is_some_and(|job| job.priority >= priority);
        if before { None } else { self.opened.pop() }
    }

    /// Behind those of the same priority that are there.
    fn open(&mut self, opened: Opened) {
        let behind = |other: &Opened| other.priority < opened.priority;
        let at = self.opened.partition_point(behind);
        self.opened.insert(at, opened);
    }

    /// Notes what came of a call, while so many others are under way.
    fn came(&mut self, (name, priority): (String, u32), came: Came, under_way: usize) {
        let report = &mut self.report;
        match came {
            Came::Opened(calls) => {
                let size = catch_unwind(AssertUnwindSafe(|| calls.size_hint().0));
                self.open(Opened {
                    name,
                    priority,
                    calls,
                    made: 0,
                    known: size.unwrap_or(0),
                });
                return;
            }
            Came::To(Reach::Nothing) => report.untouched.push(name),
            Came::To(Reach::Refused) => report.refused.push(name),
            Came::To(Reach::Kept) => report.warmed.push(name),
            Came::Failed(why) => report.failed.push((name, why)),
        }
        self.through += 1;
        self.tell(under_way);
    }

    /// Tells how many are through, while so many are under way.
    fn tell(&self, under_way: usize) {
        if let Some(progress) = &self.warmup.progress {
            let waiting = self.opened.iter().map(Opened::unmade);
            let waiting = waiting.fold(self.jobs.len(), usize::saturating_add);
            let known = (self.through + under_way).saturating_add(waiting);
            progress(self.through, known);
        }
    }

    /// Where calls are made.
    fn scope(&self) -> Scope {
        Scope {
            cache: Some(self.warmup.cache.clone()),
            ..scope::copy()
        }
    }

    /// Makes one call.
    fn call(&self, call: Call) -> impl Future<Output = ((String, u32), Came)> + Unpin + use<> {
        let Call {
            name,
            priority,
            run,
        } = call;
        let counter = Arc::new(Counter::default());
        let scope = Scope {
            counter: Some(Arc::clone(&counter)),
            modifier: self.refresh.then(|| Modifier::new(Mode::Refresh)),
            ..self.scope()
        };
        let call = AssertUnwindSafe(scope::within(scope, async { run().await })).catch_unwind();
        Given::new(async move {
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
            ((name, priority), came)
        })
    }
}

/// A future that is the user's, and that may be given up: what panics when it is dropped then stops no other.
struct Given<T>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T> Given<T> {
    fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<T> Future for Given<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            Some(future) => future.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for Given<T> {
    fn drop(&mut self) {
        let future = self.0.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
    }
}

impl Opened {
    /// How many are known that have not been made.
    fn unmade(&self) -> usize {
        self.known.saturating_sub(self.made)
    }

    /// Whether there may be more.
    fn has_more(&self) -> bool {
        self.made == 0 || self.unmade() > 0 || self.known == 0
    }
}

/// Lets others run.
fn breathe() -> impl Future<Output = ()> {
    let mut breathed = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut breathed, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

fn panicked(payload: &(dyn Any + Send)) -> String {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("panicked: {message}")
}
