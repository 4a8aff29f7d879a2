//! All queues of a cache.

use std::pin::{Pin, pin};
use std::sync::{OnceLock, Weak};
use std::time::{Duration, Instant};

use futures_util::future::{join_all, select};

use super::Shared;
use crate::alarm::sleep_until;
use crate::cache::Cache;
use crate::shape::CacheValue;
use crate::stats::{BehindCounters, BehindStats};
use crate::sync::{Arc, Mutex, lock};

/// A queue of whatever type.
trait Flush: Send + Sync {
    fn flush<'a>(&'a self, cache: &'a Cache) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}

impl<T: CacheValue> Flush for Shared<T> {
    fn flush<'a>(&'a self, cache: &'a Cache) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            // What is left is counted.
            let _ = Shared::flush(self, cache).await;
        })
    }
}

/// The queues that a cache has, and what became of what they had.
#[derive(Default)]
pub(crate) struct Queues {
    all: Mutex<Vec<Weak<dyn Flush>>>,
    counters: OnceLock<Arc<BehindCounters>>,
}

impl Queues {
    pub(super) fn counters(&self) -> Arc<BehindCounters> {
        Arc::clone(self.counters.get_or_init(Arc::default))
    }

    pub(super) fn add<T: CacheValue>(&self, queue: &Arc<Shared<T>>) {
        let queue: Weak<Shared<T>> = Arc::downgrade(queue);
        let mut all = lock(&self.all);
        all.retain(|queue| queue.strong_count() > 0);
        all.push(queue);
    }

    /// What became of what they had, if there was ever one.
    pub(crate) fn stats(&self) -> Option<BehindStats> {
        self.counters.get().map(|counters| counters.read())
    }

    /// Has all of them written, within a time at most. How many values are not.
    pub(crate) async fn flush(&self, cache: &Cache, within: Duration) -> u64 {
        let all: Vec<_> = lock(&self.all).iter().filter_map(Weak::upgrade).collect();
        if !all.is_empty() {
            let flushed = pin!(join_all(all.iter().map(|queue| queue.flush(cache))));
            match Instant::now().checked_add(within) {
                Some(end) => drop(select(flushed, sleep_until(end)).await),
                None => drop(flushed.await),
            }
        }
        let stats = self.stats().unwrap_or_default();
        stats.queued + stats.lost
    }
}
