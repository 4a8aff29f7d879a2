//! The future that writes what is due.

use std::fmt::Display;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};

use super::super::ANSWER;
use super::Shared;
use super::slots::Next;
use crate::alarm::{Sleep, sleep_until};
use crate::cache::Cache;
use crate::events::EventKind;
use crate::shape::CacheValue;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::time::Clock;

/// How often a clock that is moved by hand is looked at, in milliseconds.
const LOOK: u64 = 2;

/// Writes what is due. Dropped, it leaves the queue without a writer.
pub(super) struct Writer<T: CacheValue> {
    pub(super) cache: Cache,
    pub(super) shared: Arc<Shared<T>>,
    /// How long a write may take.
    pub(super) timeout: Duration,
}

impl<T: CacheValue> Writer<T> {
    pub(super) async fn run<F, E>(self, mut write: impl FnMut(Vec<(String, T)>) -> F)
    where
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        while let Some(batch) = self.next().await {
            let count = batch.len();
            let addresses: Vec<_> = batch
                .iter()
                .map(|(address, _)| Arc::clone(address))
                .collect();
            let written = AssertUnwindSafe(async {
                let copy = |(address, value): (Arc<str>, Arc<T>)| {
                    (String::from(&*address), T::clone(&value))
                };
                let batch = batch.into_iter().map(copy).collect();
                write(batch).await.map_err(|error| error.to_string())
            });
            let written = self.in_time(written).await;
            match &written {
                Ok(()) => self.invalidate_answers(&addresses).await,
                Err(why) => {
                    let text = format!("a batch of {count} values, which are tried again: {why}");
                    self.cache.0.events.announce(EventKind::NotWritten, &text);
                }
            }
            self.shared.queue.finish(&addresses, written.is_ok());
        }
    }

    /// Waits for a write as long as it may take.
    async fn in_time(
        &self,
        write: AssertUnwindSafe<impl Future<Output = Result<(), String>>>,
    ) -> Result<(), String> {
        let mut write = Box::pin(write.catch_unwind());
        let most = self.timeout;
        let written = match Instant::now().checked_add(most) {
            None => Some(write.as_mut().await),
            Some(end) => match select(write.as_mut(), sleep_until(end)).await {
                Either::Left((written, _)) => Some(written),
                Either::Right(_) => None,
            },
        };
        // It is the user's, as its end is.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(write)));
        match written {
            None => Err(format!("it was given up after {most:?}")),
            Some(Ok(written)) if dropped.is_ok() => written,
            Some(_) => Err("it panicked".to_owned()),
        }
    }

    async fn invalidate_answers(&self, addresses: &[Arc<str>]) {
        let cache = &self.cache;
        // As in a `set`: with memory alone nobody else can have asked.
        #[cfg(feature = "redis")]
        let shared = cache.0.remote.is_some();
        #[cfg(not(feature = "redis"))]
        let shared = false;
        let asked = shared || cache.0.values_used.load(Ordering::SeqCst);
        let answers = addresses.iter().filter(|_| asked);
        let answers = answers.map(|address| cache.value_matcher(ANSWER, address));
        if let Err(error) = self.shared.tell(cache, answers.collect()).await {
            cache.complain("", &error);
        }
    }

    /// What is to be written, when it is due; nothing when there will never be anything.
    async fn next(&self) -> Option<Vec<(Arc<str>, Arc<T>)>> {
        let mut alarm: Option<(u64, Sleep)> = None;
        poll_fn(|cx| {
            loop {
                let due = match self.shared.queue.take(cx) {
                    Next::Write(batch) => return Poll::Ready(Some(batch)),
                    Next::End => return Poll::Ready(None),
                    Next::Wait(due) => due,
                };
                if alarm.as_ref().is_none_or(|(at, _)| *at != due) {
                    alarm = self.alarm(due).map(|sleep| (due, sleep));
                }
                let rung = alarm.as_mut().map(|(_, sleep)| Pin::new(sleep).poll(cx));
                if rung != Some(Poll::Ready(())) {
                    return Poll::Pending;
                }
                // The clock may go by a coarser step.
                alarm = None;
            }
        })
        .await
    }

    fn alarm(&self, due: u64) -> Option<Sleep> {
        let left = due.saturating_sub(self.cache.now()).max(1);
        let left = match &self.cache.0.config.clock {
            Clock::System => left,
            Clock::Manual(_) => left.min(LOOK),
        };
        let until = Instant::now().checked_add(Duration::from_millis(left))?;
        (due < u64::MAX).then(|| sleep_until(until))
    }
}

impl<T: CacheValue> Drop for Writer<T> {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}
