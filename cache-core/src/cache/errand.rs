//! Work that goes on for a cache without anybody who waits for it, until it is through or the cache is shut down.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::sync::{Arc, Mutex, lock, wake_all};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// See the module. Whoever ends it lets the work say what has not been done, and drops that; what is being polled at that moment ends by
/// itself.
pub(crate) struct Errand {
    /// A fork has no part in it.
    process: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Nothing while it is polled, and when it is through.
    work: Option<Work>,
    polled: bool,
    over: bool,
    /// Who polls it, and those who wait for its end.
    wakers: Vec<Waker>,
}

impl Errand {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            process: std::process::id(),
            state: Mutex::default(),
        })
    }

    /// Does this work.
    pub(crate) fn run(
        self: Arc<Self>,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send {
        lock(&self.state).work = Some(Box::pin(work));
        poll_fn(move |cx| self.poll(cx))
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        let Some(work) = state.work.take() else {
            return Poll::Ready(());
        };
        state.polled = true;
        drop(state);
        let _polled = Polled(self);
        // It is the user's, and may panic.
        let mut work = work;
        if work.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut state = lock(&self.state);
        if state.over {
            drop(state);
            // It may not have seen that yet.
            let _ = work.as_mut().poll(cx);
            return Poll::Ready(());
        }
        state.work = Some(work);
        state.wakers = vec![cx.waker().clone()];
        Poll::Pending
    }

    /// Ready when it has been ended, for the work to look at before each of its steps: it is polled once more then, and never again.
    pub(crate) fn ended(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        // The work must not keep what it is kept by.
        let errand = Arc::downgrade(self);
        poll_fn(move |_| match errand.upgrade() {
            Some(errand) if !lock(&errand.state).over => Poll::Pending,
            _ => Poll::Ready(()),
        })
    }

    /// Ends it, and waits for what is being polled.
    pub(crate) async fn end(&self) {
        if self.process != std::process::id() {
            return;
        }
        self.stop();
        poll_fn(|cx| {
            let mut state = lock(&self.state);
            if !state.polled {
                return Poll::Ready(());
            }
            state.wakers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn stop(&self) {
        let mut state = lock(&self.state);
        state.over = true;
        let work = state.work.take();
        let polls = std::mem::take(&mut state.wakers);
        drop(state);
        // It is the user's, and may panic, also when it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let Some(mut work) = work else { return };
            let _ = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }));
        wake_all(polls);
    }
}

/// Dropped when it is not polled any more.
struct Polled<'a>(&'a Errand);

impl Drop for Polled<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.polled = false;
        if state.over {
            let waiting = std::mem::take(&mut state.wakers);
            drop(state);
            wake_all(waiting);
        }
    }
}
