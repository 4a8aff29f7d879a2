//! Threads for sync bodies that go on behind their calls: one for each, and few at a time.

use std::sync::{Arc, Mutex, PoisonError};

use crate::cache::{Places, Seat, Taken};
use crate::sync::Arc as SyncArc;

/// So many at a time. There is no queue: a body that hangs would hold up what stands behind it. What is refused is tried again by a later
/// call.
const MOST: u32 = 64;

/// So many of one function in a cache: one that hangs is no reason for others not to refresh.
const MOST_OF_ONE: u32 = 8;

static RUNNING: Places = Places::new();

type Work = Box<dyn FnOnce() + Send>;

/// A place among those of all functions, given back when it is dropped.
struct Place(Taken);

impl Drop for Place {
    fn drop(&mut self) {
        RUNNING.give_back(&self.0);
    }
}

/// A place among those of a function, given back when it is dropped.
struct OfOne(SyncArc<Seat>, Taken);

impl Drop for OfOne {
    fn drop(&mut self) {
        self.0.behind.give_back(&self.1);
    }
}

/// A thread that may be begun.
pub(super) struct Thread {
    _of_one: OfOne,
    _of_all: Place,
}

impl Thread {
    /// One, if there is one left for this function.
    pub(super) fn of(seat: &SyncArc<Seat>) -> Option<Self> {
        let of_one = seat.behind.take(MOST_OF_ONE)?;
        let of_one = OfOne(SyncArc::clone(seat), of_one);
        Some(Self {
            _of_one: of_one,
            _of_all: Place(RUNNING.take(MOST)?),
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
                let _place = self;
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
