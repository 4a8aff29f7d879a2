//! Those whose values come with the same trip.

use std::ops::Range;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Found, Queue};
use crate::link::{LinkError, Reply};
use crate::remote::found::Text;
use crate::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
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
    /// Which trip of its line it is.
    pub(super) number: usize,
    /// Whether they were asked for together: whoever waits for many is no crowd that is about to ask again.
    pub(super) many: bool,
    outcome: OnceLock<Result<Values, LinkError>>,
    /// So many of them, from the first, have waited for long enough.
    late: AtomicUsize,
    wakers: Mutex<Vec<Option<Waker>>>,
    /// How many of them have looked, or do not want to know; and [`TOLD`].
    gone: AtomicUsize,
}

/// There is an outcome.
const TOLD: usize = 1 << 31;

/// A value that is asked for: a future for any runtime, or none. Dropped, it is not asked for any more, if it is not on its way.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Read(State);

enum State {
    Failed(LinkError),
    Waiting {
        batch: Arc<Batch>,
        at: usize,
        queue: Arc<Queue>,
    },
    Told,
}

impl Batch {
    pub(super) fn new(number: usize, many: bool) -> Self {
        Self {
            number,
            many,
            outcome: OnceLock::new(),
            late: AtomicUsize::new(0),
            wakers: Mutex::default(),
            gone: AtomicUsize::new(0),
        }
    }

    /// Tells all, once. Those of so many who have not gone before are counted, until they have looked.
    pub(super) fn tell(
        &self,
        outcome: Result<Values, LinkError>,
        count: usize,
        told: &AtomicIsize,
    ) {
        let counted = isize::from(!self.many);
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

    fn told(self: &Arc<Self>, at: usize) -> Option<Told> {
        match self.outcome.get() {
            Some(Ok(values)) => {
                let place = values.places.get(at).cloned().flatten();
                let place = place.filter(|_| values.known);
                let text = || Arc::clone(self) as Arc<dyn Text>;
                Some(Ok(
                    place.and_then(|place| Found::of(text(), place, values.now))
                ))
            }
            Some(Err(error)) => Some(Err(error.clone())),
            None => {
                let late = at < self.late.load(Ordering::Acquire);
                late.then_some(Err(LinkError::TimedOut))
            }
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

    /// Waits no more.
    fn leave(&mut self) {
        if let State::Waiting { batch, at, queue } = std::mem::replace(&mut self.0, State::Told) {
            let told = batch.gone.fetch_add(1, Ordering::Relaxed) & TOLD != 0;
            match told {
                true if batch.many => {}
                true => queue.looked(),
                false => queue.forget(&batch, at),
            }
        }
    }

    pub(super) fn waiting(batch: Arc<Batch>, at: usize, queue: Arc<Queue>) -> Self {
        Self(State::Waiting { batch, at, queue })
    }
}

impl Future for Read {
    type Output = Told;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Told> {
        let told = match &self.0 {
            State::Failed(error) => Some(Err(error.clone())),
            State::Waiting { batch, at, .. } => batch.told(*at).or_else(|| {
                batch.wake(*at, cx.waker());
                // It may have come in between.
                batch.told(*at)
            }),
            State::Told => None,
        };
        match told {
            Some(told) => {
                self.leave();
                Poll::Ready(told)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        self.leave();
    }
}
