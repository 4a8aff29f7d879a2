//! Requests whose answers nobody waits for.

use std::collections::VecDeque;
use std::pin::pin;

use tokio::sync::Notify;

use super::request::Request;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, lock};

/// Requests whose answers nobody waits for, in order; bounded, so that a slow server cannot fill the memory.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Notify,
    emptied: Notify,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    bytes: usize,
    /// How many are in the trip that is under way.
    leaving: u64,
    /// How many were ever pushed.
    pushed: u64,
    /// Nothing is sent any more.
    closed: bool,
}

impl Waiting {
    /// How many wait, or are on their way.
    fn unsent(&self) -> u64 {
        self.requests.len() as u64 + self.leaving
    }
}

impl Queue {
    /// At most so many commands go in one trip, ...
    const BATCH: usize = 64;
    /// ... of so many bytes, unless one request alone has more: readers on the same connection wait behind them.
    const BATCH_BYTES: usize = 256 << 10;

    /// Adds a request if there is room; the caller counts it if not.
    pub(super) fn push(
        &self,
        request: Request,
        most: usize,
        most_bytes: usize,
    ) -> Result<(), Request> {
        let mut waiting = lock(&self.waiting);
        let fits = !waiting.closed
            && waiting.requests.len() < most
            && waiting.bytes + request.bytes() <= most_bytes;
        if !fits {
            return Err(request);
        }
        waiting.bytes += request.bytes();
        waiting.requests.push_back(request);
        waiting.pushed += 1;
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    /// What goes in the next trip.
    pub(super) async fn batch(&self) -> Request {
        loop {
            let taken = self.take();
            if taken.len() > 0 {
                return taken;
            }
            self.filled.notified().await;
        }
    }

    /// The trip is over. Counts those that came to nothing.
    pub(super) fn left(&self, dropped: u64) {
        self.drop(dropped);
        lock(&self.waiting).leaving = 0;
        self.emptied.notify_waiters();
    }

    /// Waits until there is nothing left that was pushed.
    pub(super) async fn empty(&self) {
        self.until(|waiting| waiting.unsent() == 0).await;
    }

    /// How many were pushed by now.
    pub(super) fn pushed(&self) -> u64 {
        lock(&self.waiting).pushed
    }

    /// Waits until the first so many are through.
    pub(super) async fn through(&self, pushed: u64) {
        self.until(|waiting| waiting.pushed - waiting.unsent() >= pushed)
            .await;
    }

    async fn until(&self, so: impl Fn(&Waiting) -> bool) {
        loop {
            let mut emptied = pin!(self.emptied.notified());
            emptied.as_mut().enable();
            if so(&lock(&self.waiting)) {
                return;
            }
            emptied.await;
        }
    }

    /// Forgets what waits, and whatever comes, and counts it.
    pub(super) fn close(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.closed = true;
        let dropped = std::mem::take(&mut waiting.requests);
        drop(waiting);
        self.left(dropped.iter().map(Request::requests).sum());
    }

    /// Whether nothing is sent any more.
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.waiting).closed
    }

    /// How many wait, or are on their way.
    pub(super) fn unsent(&self) -> u64 {
        lock(&self.waiting).unsent()
    }

    fn take(&self) -> Request {
        let mut waiting = lock(&self.waiting);
        let (mut batch, mut requests) = (Request::default(), 0);
        while let Some(next) = waiting.requests.front() {
            let full = batch.len() + next.len() > Self::BATCH
                || batch.bytes() + next.bytes() > Self::BATCH_BYTES;
            if requests > 0 && full {
                break;
            }
            if let Some(next) = waiting.requests.pop_front() {
                waiting.bytes -= next.bytes();
                batch.absorb(next);
                requests += 1;
            }
        }
        waiting.leaving = requests;
        batch
    }

    /// Counts requests that came to nothing.
    pub(super) fn drop(&self, requests: u64) {
        self.dropped.fetch_add(requests, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    fn set(bytes: usize) -> Request {
        let mut cmd = redis::cmd("SET");
        cmd.arg("key").arg(vec![b'x'; bytes - 6]);
        Request::of(cmd)
    }

    #[test]
    fn what_does_not_fit_is_given_back() {
        let queue = Queue::default();
        let push = |request| queue.push(request, 2, 100).is_ok();
        assert!(push(set(10)));
        assert!(!push(set(91)), "too many bytes");
        assert!(push(set(90)));
        assert!(!push(Request::default()), "too many");
        assert_eq!(queue.unsent(), 2);
        assert_eq!(queue.take().requests(), 2);
        assert_eq!(queue.unsent(), 2, "they are on their way");
        queue.left(0);
        assert_eq!(queue.unsent(), 0);
        assert!(push(set(100)), "room was not given back");
    }

    #[test]
    fn trips_are_bounded_and_in_order() {
        let queue = Queue::default();
        for bytes in [10, 300 << 10, 10] {
            assert!(queue.push(set(bytes), 100, 1 << 20).is_ok());
        }
        for bytes in [10, 300 << 10, 10] {
            let batch = queue.take();
            assert_eq!((batch.bytes(), batch.requests()), (bytes, 1));
        }
        for _ in 0..65 {
            assert!(queue.push(set(10), 100, 1 << 20).is_ok());
        }
        let trips = [(); 3].map(|()| queue.take().requests());
        assert_eq!(trips, [64, 1, 0]);
    }
}
