//! Threads for sync bodies that run behind their calls: one for each, and few at a time.

use std::sync::{Arc, Mutex, PoisonError};

use crate::cache::{Places, Taken};

/// So many at a time. There is no queue: a body that hangs would hold up what stands behind it, and for want of a thread a call computes
/// for itself.
const MOST: u32 = 32;

static RUNNING: Places = Places::new();

type Work = Box<dyn FnOnce() + Send>;

/// Gives a thread back, however it ends.
struct Place(Taken);

impl Drop for Place {
    fn drop(&mut self) {
        RUNNING.give_back(&self.0);
    }
}

/// Whether there is a thread to be had.
pub(super) fn has_room() -> bool {
    RUNNING.taken() < MOST
}

/// Runs it on a thread of its own, which is inside the caller's runtime, if there is one; or here, if there is no thread
/// to be had.
pub(super) fn run(work: Work) {
    // Several callers may have seen the last one free.
    let Some(place) = RUNNING.take(MOST).map(Place) else {
        return work();
    };
    #[cfg(feature = "tokio")]
    let runtime = tokio::runtime::Handle::try_current().ok();
    // A thread that does not start keeps what it was given.
    let work = Arc::new(Mutex::new(Some(work)));
    let taken = Arc::clone(&work);
    let started = std::thread::Builder::new()
        .name("cache-refresh".into())
        .spawn(move || {
            let _place = place;
            #[cfg(feature = "tokio")]
            let _inside = runtime.as_ref().map(tokio::runtime::Handle::enter);
            take(&taken);
        });
    if started.is_err() {
        take(&work);
    }
}

fn take(work: &Mutex<Option<Work>>) {
    let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(work) = work {
        work();
    }
}
