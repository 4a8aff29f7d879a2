//! How often bodies ran, counted without the cache's own counters.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use cache_core::{Builder, TestCache};

thread_local! {
    /// A test stays in its thread.
    static RUNS: Cell<u64> = const { Cell::new(0) };
}

/// A body runs: its number in this test, from 1. Returned as the value, it tells a hit from a new computation.
pub(crate) fn run() -> u64 {
    RUNS.set(RUNS.get() + 1);
    RUNS.get()
}

/// How many bodies ran in this test.
pub(crate) fn runs() -> u64 {
    RUNS.get()
}

/// A test begins, with a cache as it is without set-up.
pub(crate) fn start() -> TestCache {
    RUNS.set(0);
    TestCache::new()
}

/// A test begins, with a cache as the builder has it.
pub(crate) fn start_with(builder: Builder) -> TestCache {
    RUNS.set(0);
    TestCache::with(builder).unwrap_or_else(|error| panic!("{error}"))
}

/// Closed until it is opened; clones are the same gate.
#[derive(Clone, Default)]
pub(crate) struct Gate(Rc<Cell<bool>>);

impl Gate {
    /// Lets everybody through. Nobody is woken: the tests poll by hand.
    pub(crate) fn open(&self) {
        self.0.set(true);
    }

    /// Waits for the gate to be open.
    pub(crate) async fn pass(&self) {
        poll_fn(|_| {
            if self.0.get() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// Lets others run once.
pub(crate) async fn pause() {
    let mut paused = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A future that is polled by hand, and how often it was woken.
pub(crate) struct Hand<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
struct Wakes(AtomicU64);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl<'a, T> Hand<'a, T> {
    /// Not polled yet.
    pub(crate) fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self {
            future: Box::pin(future),
            wakes: Arc::default(),
        }
    }

    /// Polls once.
    pub(crate) fn poll(&mut self) -> Poll<T> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// How often it was woken.
    pub(crate) fn wakes(&self) -> u64 {
        self.wakes.0.load(Ordering::Relaxed)
    }
}
