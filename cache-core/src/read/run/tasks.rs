//! Tasks for async bodies that go on behind their calls: so many at a time of a function in a cache.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::longest;
use crate::alarm::sleep_until;
use crate::cache::{Seat, Taken};
use crate::sync::Arc;

/// So many at a time: bodies that hang are never through, and each that is overdue is followed by another. There is no queue: what
/// is refused is tried again by a later call. Each function has its own, as one that hangs is no reason for another not to refresh.
const MOST: u32 = 1_024;

/// Gives it back when it is dropped.
struct Place(Arc<Seat>, Taken);

impl Place {
    /// One, if there is one left.
    fn take(seat: &Arc<Seat>) -> Option<Self> {
        let taken = seat.behind.take(MOST)?;
        Some(Self(Arc::clone(seat), taken))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.behind.give_back(&self.1);
    }
}

/// A task on the caller's runtime, if there is one, and a place on it.
pub(super) struct Task {
    runtime: Handle,
    place: Place,
}

impl Task {
    pub(super) fn of(seat: &Arc<Seat>) -> Option<Self> {
        Some(Self {
            runtime: Handle::try_current().ok()?,
            place: Place::take(seat)?,
        })
    }

    /// Polls this to its end, or until it has taken far longer than somebody's patience.
    pub(super) fn run<T: Send + 'static>(
        self,
        patience: Option<Duration>,
        mut work: T,
        poll: fn(&mut T, &mut Context<'_>) -> Poll<()>,
    ) {
        let Self { runtime, place } = self;
        let longest = patience.map(longest);
        let end = longest.and_then(|longest| Instant::now().checked_add(longest));
        let mut end = end.map(sleep_until);
        drop(runtime.spawn(async move {
            poll_fn(|cx| match (poll(&mut work, cx), &mut end) {
                (Poll::Pending, Some(end)) => Pin::new(end).poll(cx),
                (polled, _) => polled,
            })
            .await;
            drop(work);
            drop(place);
        }));
    }
}
