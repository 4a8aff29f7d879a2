//! Those whose values come with the same trip.

use std::ops::Range;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Found, Queue};
use crate::link::{LinkError, Reply};
use crate::remote::found::Text;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, lock, wake_all};

/// A value, or that there is none.
type Told = Result<Option<Found>, LinkError>;

/// What one trip brought.
pub(super) struct Values {
    pub(super) reply: Reply,
    /// Where each of them lies.
    pub(super) places: Vec<Option<Range<usize>>>,
    /// By the server's clock.
    pub(super) now: Duration,
    /// Whether anything can be said of them: no part of the log was missing.
    pub(super) known: bool,
}

/// See the module.
pub(super) struct Batch {
    queue: Arc<Queue>,
    /// Which trip of its line it is.
    pub(super) number: usize,
    /// Whether they were asked for together: whoever waits for many is no crowd that is about to ask again.
    pub(super) many: bool,
    outcome: OnceLock<Result<Values, LinkError>>,
    /// So many of them, from the first, have waited for long enough.
    late: AtomicUsize,
    wakers: Mutex<Vec<Option<Waker>>>,
    /// How many of them did not want to know before there was an outcome; and [`TOLD`].
    gone: AtomicUsize,
}

/// There is an outcome, and those who have not gone are counted.
const TOLD: usize = 1 << 31;

/// A value that is asked for: a future for any runtime, or none. Dropped, it is not asked for any more, if it is not on its way.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Read(State);

enum State {
    Failed(LinkError),
    Waiting { batch: Arc<Batch>, at: usize },
    Told,
}

impl Batch {
    pub(super) fn new(queue: Arc<Queue>, number: usize, many: bool) -> Self {
        Self {
            queue,
            number,
            many,
            outcome: OnceLock::new(),
            late: AtomicUsize::new(0),
            wakers: Mutex::default(),
            gone: AtomicUsize::new(0),
        }
    }

    /// Tells all, once. Those of so many who have not gone before are counted, until they have looked.
    pub(super) fn tell(&self, outcome: Result<Values, LinkError>, count: usize) {
        let (counted, told) = (isize::from(!self.many), &self.queue.told);
        if self.outcome.set(outcome).is_ok() {
            told.fetch_add(counted * count as isize, Ordering::Relaxed);
            let gone = self.gone.fetch_or(TOLD, Ordering::Relaxed);
            told.fetch_sub(counted * gone as isize, Ordering::Relaxed);
            let wakers = std::mem::take(&mut *lock(&self.wakers));
            wake_all(wakers.into_iter().flatten());
        }
    }

    pub(super) fn is_told(&self) -> bool {
        self.outcome.get().is_some()
    }

    /// The time of the first so many of them is over. Who is to be woken for that.
    #[must_use]
    pub(super) fn late(&self, late: usize) -> Vec<Waker> {
        self.late.store(late, Ordering::Release);
        let mut wakers = lock(&self.wakers);
        let late = wakers.iter_mut().take(late);
        late.filter_map(Option::take).collect()
    }

    /// Whether there is something to be told to this one.
    fn has_news(&self, at: usize) -> bool {
        self.is_told() || at < self.late.load(Ordering::Acquire)
    }

    /// What is told to this one, when there is something.
    fn told(self: Arc<Self>, at: usize) -> Told {
        let Values {
            places, now, known, ..
        } = match self.outcome.get() {
            Some(Ok(values)) => values,
            Some(Err(error)) => return Err(error.clone()),
            None => return Err(LinkError::TimedOut),
        };
        let place = places.get(at).cloned().flatten().filter(|_| *known);
        let now = *now;
        Ok(place.and_then(|place| Found::of(self, place, now)))
    }

    /// This one waits no more.
    fn leave(self: &Arc<Self>, at: usize) {
        if self.is_told() || self.gone.fetch_add(1, Ordering::Relaxed) & TOLD != 0 {
            if !self.many {
                self.queue.looked();
            }
        } else {
            self.queue.forget(self, at);
        }
    }

    fn wake(&self, at: usize, waker: &Waker) {
        let waker = waker.clone();
        let mut wakers = lock(&self.wakers);
        if wakers.len() <= at {
            wakers.resize(at + 1, None);
        }
        let old = wakers.get_mut(at).and_then(|place| place.replace(waker));
        drop(wakers);
        drop(old); // it may be the last owner of a task, and that of somebody who waits here
    }
}

impl Text for Batch {
    fn bytes(&self) -> &[u8] {
        match self.outcome.get() {
            Some(Ok(values)) => values.reply.bytes(),
            _ => &[],
        }
    }
}

impl Read {
    pub(super) fn failed(error: LinkError) -> Self {
        Self(State::Failed(error))
    }

    pub(super) fn waiting(batch: Arc<Batch>, at: usize) -> Self {
        Self(State::Waiting { batch, at })
    }
}

impl Future for Read {
    type Output = Told;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Told> {
        match &self.0 {
            State::Failed(error) => return Poll::Ready(Err(error.clone())),
            State::Waiting { batch, at } if !batch.has_news(*at) => {
                batch.wake(*at, cx.waker());
                // It may have come in between.
                if !batch.has_news(*at) {
                    return Poll::Pending;
                }
            }
            State::Waiting { .. } | State::Told => {}
        }
        match std::mem::replace(&mut self.0, State::Told) {
            State::Waiting { batch, at } => {
                batch.leave(at);
                Poll::Ready(batch.told(at))
            }
            _ => Poll::Pending,
        }
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        if let State::Waiting { batch, at } = &self.0 {
            batch.leave(*at);
        }
    }
}
