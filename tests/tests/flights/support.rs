//! What the cached functions of these tests read from, and how their futures are polled.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cache_core::{Cache, TestCache, Token};
use tokio::sync::Semaphore;

/// Longer than any test takes: who waits for this has been forgotten.
pub(crate) const LONG: Duration = Duration::from_secs(3_600);

/// More than enough for anything that is answered without waiting, on a machine that has much else to do.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// What a test's cached functions read: a value, behind a gate.
pub(crate) struct Source {
    value: AtomicU64,
    runs: AtomicUsize,
    inside: AtomicUsize,
    most: AtomicUsize,
    gate: Semaphore,
}

/// One reader, from its beginning to its end or its being dropped.
pub(crate) struct Inside<'a> {
    source: &'a Source,
    /// How many there were before.
    pub(crate) nth: usize,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.source.inside.fetch_sub(1, SeqCst);
    }
}

impl Source {
    /// Open.
    pub(crate) fn new() -> Arc<Self> {
        let source = Self::shut();
        source.open();
        source
    }

    /// Everybody waits, with the value in hand, until it is opened.
    pub(crate) fn shut() -> Arc<Self> {
        Arc::new(Self {
            value: AtomicU64::new(0),
            runs: AtomicUsize::new(0),
            inside: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            gate: Semaphore::new(0),
        })
    }

    pub(crate) fn open(&self) {
        self.gate.add_permits(1_000_000);
    }

    /// Lets only so many through.
    pub(crate) fn admit(&self, count: usize) {
        for _ in 0..count {
            self.gate.add_permits(1);
        }
    }

    pub(crate) fn write(&self, value: u64) {
        self.value.store(value, SeqCst);
    }

    pub(crate) fn value(&self) -> u64 {
        self.value.load(SeqCst)
    }

    /// Counts one reader.
    pub(crate) fn enter(&self) -> Inside<'_> {
        let nth = self.runs.fetch_add(1, SeqCst);
        let now = self.inside.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(now, SeqCst);
        Inside { source: self, nth }
    }

    /// Waits until there is room in the gate, for good.
    pub(crate) async fn pass(&self) {
        self.gate.acquire().await.expect("never closed").forget();
    }

    /// The value as it is at the beginning, when the gate is open.
    pub(crate) async fn read(&self) -> u64 {
        let _inside = self.enter();
        let value = self.value();
        self.pass().await;
        value
    }

    pub(crate) fn read_now(&self) -> u64 {
        let _inside = self.enter();
        self.value()
    }

    /// How many readers have begun.
    pub(crate) fn runs(&self) -> usize {
        self.runs.load(SeqCst)
    }

    /// How many are reading now.
    pub(crate) fn inside(&self) -> usize {
        self.inside.load(SeqCst)
    }

    /// How many there were at once, at most.
    pub(crate) fn most(&self) -> usize {
        self.most.load(SeqCst)
    }
}

/// A cache whose callers wait this long for others.
pub(crate) fn patient(wait_max: Duration) -> TestCache {
    TestCache::with(Cache::builder().wait_max(wait_max)).expect("a valid configuration")
}

/// A cache of which nobody's patience ends during a test.
pub(crate) fn fresh() -> TestCache {
    patient(LONG)
}

/// Polls once, for somebody who will not be woken.
pub(crate) fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// What a future gives that has to be ready by now.
#[track_caller]
pub(crate) fn ready<F: Future>(future: &mut Pin<Box<F>>) -> F::Output {
    match poll(future) {
        Poll::Ready(out) => out,
        Poll::Pending => panic!("not ready"),
    }
}

/// What they all give, who wait for nobody but each other: polled in turn, the last first.
#[track_caller]
pub(crate) fn all<F: Future + ?Sized>(mut futures: Vec<Pin<Box<F>>>) -> Vec<F::Output> {
    let mut outs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    for _ in 0..1_000 {
        for (future, out) in futures.iter_mut().zip(&mut outs).rev() {
            if out.is_none()
                && let Poll::Ready(ready) = poll(future)
            {
                *out = Some(ready);
            }
        }
        if outs.iter().all(Option::is_some) {
            return outs.into_iter().flatten().collect();
        }
    }
    panic!("somebody waits for ever");
}

/// What a future gives that waits for nothing.
#[track_caller]
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    ready(&mut Box::pin(future))
}

/// Pending once.
pub(crate) async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The future's outcome, which has to come soon.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(SOON, future).await.expect("soon")
}

/// Invalidations that wait for nothing, memory being all there is.
pub(crate) trait Now {
    fn invalidate_tag_now(&self, tag: &str) -> Token;
    fn invalidate_pattern_now(&self, pattern: &str) -> Token;
    fn remove_now(&self, address: &str) -> Token;
    fn clear_now(&self) -> Token;
}

impl Now for Cache {
    #[track_caller]
    fn invalidate_tag_now(&self, tag: &str) -> Token {
        now(self.invalidate_tag(tag)).expect("memory cannot fail")
    }
    #[track_caller]
    fn invalidate_pattern_now(&self, pattern: &str) -> Token {
        now(self.invalidate_pattern(pattern)).expect("a valid pattern")
    }
    #[track_caller]
    fn remove_now(&self, address: &str) -> Token {
        now(self.remove(address)).expect("memory cannot fail")
    }
    #[track_caller]
    fn clear_now(&self) -> Token {
        now(self.clear()).expect("memory cannot fail")
    }
}
