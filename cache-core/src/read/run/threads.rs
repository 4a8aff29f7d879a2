//! Threads for sync bodies that go on behind their calls: one for each, and few at a time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::longest;
use crate::cache::{Places, Seat, Taken};
use crate::sync::Arc;

/// So many at a time. There is no queue: a body that hangs would hold up what stands behind it. What is refused is tried again by a later
/// call.
const MOST: u32 = 64;

/// So many of one function in a cache, but for those that no thread can give up, and that have taken far longer than somebody's patience:
/// one that hangs is no reason for others not to refresh, nor for itself when its source is well again.
const MOST_OF_ONE: usize = 8;

static RUNNING: Places = Places::new();

type Work = Box<dyn FnOnce() + Send>;

/// A place among the threads of all functions, given back when it is dropped.
struct Running(Taken);

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.give_back(&self.0);
    }
}

/// A thread that may be begun.
pub(super) struct Thread {
    seat: Arc<Seat>,
    since: Instant,
    _running: Running,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.seat.begun.end(self.since);
    }
}

impl Thread {
    /// One, if there is one left for this function.
    pub(super) fn of(seat: &Arc<Seat>, patience: Option<Duration>) -> Option<Self> {
        let running = Running(RUNNING.take(MOST)?);
        let age = patience.map_or(Duration::MAX, longest);
        let since = seat.begun.begin(MOST_OF_ONE, age)?;
        Some(Self {
            seat: Arc::clone(seat),
            since,
            _running: running,
        })
    }

    /// Runs it on a thread of its own, which is inside the caller's runtime, if there is one; or here, if the system has no thread.
    pub(super) fn run(self, work: Work) {
        #[cfg(feature = "tokio")]
        let runtime = tokio::runtime::Handle::try_current().ok();
        // A thread that does not start keeps what it was given.
        let work = Arc::new(Mutex::new(Some(work)));
        let taken = Arc::clone(&work);
        let started = std::thread::Builder::new()
            .name("cache-refresh".into())
            .spawn(move || {
                let _thread = self;
                #[cfg(feature = "tokio")]
                let _inside = runtime.as_ref().map(tokio::runtime::Handle::enter);
                take(&taken);
            });
        if started.is_err() {
            take(&work);
        }
    }
}

fn take(work: &Mutex<Option<Work>>) {
    let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(work) = work {
        work();
    }
}
