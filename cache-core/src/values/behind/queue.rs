//! Who waits for what is written behind: those who queue, and those who want to know that it is written.
//!
//! Nothing of a user's runs under the lock: what is to be woken or dropped is left until it is given back.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::Behind;
use super::slots::{Next, Slots};
use crate::stats::BehindCounters;
use crate::sync::{Arc, Mutex, lock, wake_all};
use crate::time::Clock;

pub(super) struct Queue<V> {
    slots: Mutex<Slots<V>>,
    clock: Clock,
}

impl<V> Queue<V> {
    pub(super) fn new(bounds: Behind, counters: Arc<BehindCounters>, clock: Clock) -> Self {
        Self {
            slots: Mutex::new(Slots::new(bounds, counters)),
            clock,
        }
    }

    /// Does something under the lock, and what it leaves after it.
    fn with<R>(&self, act: impl FnOnce(&mut Slots<V>) -> R) -> R {
        let mut slots = lock(&self.slots);
        let out = act(&mut slots);
        let woken = std::mem::take(&mut slots.woken);
        let gone = std::mem::take(&mut slots.gone);
        drop(slots);
        wake_all(woken);
        drop(gone);
        out
    }

    /// Waits until there is an answer.
    async fn until<R>(&self, mut look: impl FnMut(&mut Slots<V>) -> Option<R>) -> R {
        let mut waiter = Waiter(self, None);
        poll_fn(|cx| {
            let waker = cx.waker().clone();
            self.with(|slots| {
                if let Some(answer) = look(slots) {
                    slots.gone.0.push(waker);
                    return Poll::Ready(answer);
                }
                let number = *waiter.1.get_or_insert_with(|| slots.number());
                let old = slots.waiters.insert(number, waker);
                slots.gone.0.extend(old);
                Poll::Pending
            })
        })
        .await
    }

    /// Waits until an address is nobody else's, and there is room for it. Nothing if there is no writer. Cancel safe.
    pub(super) async fn claim(&self, address: &str) -> Option<Claim<'_, V>> {
        let address = Arc::from(address);
        let claimed = self.until(|slots| slots.claim(&address)).await;
        claimed.then(|| Claim::new(self, address))
    }

    /// Waits until an address is nobody else's, and takes back what was to be written. Nothing if there is nothing. Cancel safe.
    pub(super) async fn take_back(&self, address: &str) -> Option<Claim<'_, V>> {
        let address = Arc::from(address);
        let claimed = self.until(|slots| slots.take_back(&address)).await;
        claimed.then(|| Claim::new(self, address))
    }

    /// Nothing that is queued by now is waited with. The number that it is less than.
    pub(super) fn hurry(&self) -> u64 {
        self.with(Slots::hurry)
    }

    /// Waits until everything below this number is written. Whether it is: without a writer it never will be. Cancel safe.
    pub(super) async fn written(&self, below: u64) -> bool {
        self.until(|slots| match slots.unwritten.first() {
            Some(first) if *first < below => slots.closed.then_some(false),
            _ => Some(true),
        })
        .await
    }

    pub(super) fn join(&self) {
        self.with(Slots::join);
    }

    /// The last one to leave leaves nothing to wait for.
    pub(super) fn leave(&self) {
        self.with(Slots::leave);
    }

    /// There is no writer any more.
    pub(super) fn close(&self) {
        self.with(Slots::close);
    }

    /// What became of what the writer took last.
    pub(super) fn finish(&self, batch: &[Arc<str>], written: bool) {
        let now = self.clock.now();
        self.with(|slots| slots.finish(batch, written, now));
    }
}

impl<V: Clone> Queue<V> {
    /// The last value that was queued under an address, if it is not written yet.
    pub(super) fn find(&self, address: &str) -> Option<V> {
        self.with(|slots| slots.find(address).cloned())
    }

    /// What the writer does next; it is woken when that changes.
    pub(super) fn take(&self, cx: &Context<'_>) -> Next<V> {
        let now = self.clock.now();
        let waker = cx.waker().clone();
        self.with(|slots| {
            let old = slots.writer.replace(waker);
            slots.gone.0.extend(old);
            slots.take(now)
        })
    }
}

/// Somebody who waits.
struct Waiter<'a, V>(&'a Queue<V>, Option<u64>);

impl<V> Drop for Waiter<'_, V> {
    fn drop(&mut self) {
        if let Some(number) = self.1 {
            self.0.with(|slots| {
                let waker = slots.waiters.remove(&number);
                slots.gone.0.extend(waker);
            });
        }
    }
}

/// An address that others keep away from. When it is given up, or dropped, its value is queued.
pub(super) struct Claim<'a, V> {
    queue: &'a Queue<V>,
    /// Nothing once it is given up.
    address: Option<Arc<str>>,
    pub(super) value: Option<V>,
}

impl<'a, V> Claim<'a, V> {
    fn new(queue: &'a Queue<V>, address: Arc<str>) -> Self {
        Self {
            queue,
            address: Some(address),
            value: None,
        }
    }

    /// Waits until nothing of it is being written, or never will be through.
    pub(super) async fn rest(&self) {
        let address = self.address.as_deref().unwrap_or_default();
        self.queue
            .until(|slots| (slots.closed || !slots.is_writing(address)).then_some(()))
            .await;
    }

    /// Gives it up. Whether the value will be written.
    pub(super) fn settle(mut self) -> bool {
        self.end()
    }

    fn end(&mut self) -> bool {
        let (value, now) = (self.value.take(), self.queue.clock.now());
        self.address
            .take()
            .is_some_and(|address| self.queue.with(|slots| slots.settle(&address, value, now)))
    }
}

impl<V> Drop for Claim<'_, V> {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(all(test, loom))]
mod models;
