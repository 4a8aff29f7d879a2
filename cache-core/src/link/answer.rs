//! What will come back for a request.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use redis::Value;
use tokio::task::{JoinHandle, unconstrained};

use super::error::LinkError;

/// One reply for each command of a request, or why there is none.
pub(super) type Outcome = Result<Vec<Value>, LinkError>;

/// What will come back for a request: a future for any runtime, or none ([`wait`](Self::wait)).
///
/// Dropped, it does not take the request back, unless it [is to](Self::or_nothing): it may or may not be executed.
#[must_use = "use `Link::send` for a request whose answer does not matter"]
pub(crate) struct Answer(State);

enum State {
    Failed(LinkError),
    Waiting {
        task: JoinHandle<Outcome>,
        deadline: Instant,
        /// Whether the request goes with it.
        revocable: bool,
    },
}

impl Answer {
    pub(super) fn failed(error: LinkError) -> Self {
        Self(State::Failed(error))
    }

    pub(super) fn waiting(task: JoinHandle<Outcome>, deadline: Instant) -> Self {
        Self(State::Waiting {
            task,
            deadline,
            revocable: false,
        })
    }

    /// Dropped, it takes the request back, if it is not on its way: what is sent then comes later.
    pub(crate) fn or_nothing(mut self) -> Self {
        if let State::Waiting { revocable, .. } = &mut self.0 {
            *revocable = true;
        }
        self
    }

    /// Blocks the thread until the answer is there, at most until its time-out. Not for the link's own thread, where nothing can come
    /// while it is blocked.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for what is asked outside of a call")
    )]
    pub(crate) fn wait(mut self) -> Outcome {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(outcome) = Pin::new(&mut self).poll(&mut context) {
                return outcome;
            }
            let State::Waiting { deadline, .. } = &self.0 else {
                continue;
            };
            // The link's own timer says the same; this one also holds while the link's thread gets no processor.
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(LinkError::TimedOut);
            }
            thread::park_timeout(left);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let State::Waiting {
            task,
            revocable: true,
            ..
        } = &self.0
        {
            task.abort();
        }
    }
}

impl Future for Answer {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        match &mut self.0 {
            State::Failed(error) => Poll::Ready(Err(error.clone())),
            // Whoever polls this may be a thread that is blocked in a task of the caller's runtime, which has no next turn to wait for.
            State::Waiting { task, .. } => {
                Pin::new(&mut unconstrained(task))
                    .poll(cx)
                    .map(|ended| match ended {
                        Ok(outcome) => outcome,
                        Err(error) if error.is_panic() => {
                            Err(LinkError::unexpected("a task of the cache panicked"))
                        }
                        Err(_) => Err(LinkError::closed()),
                    })
            }
        }
    }
}
