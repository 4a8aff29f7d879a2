//! Writes that may still be rolled back: no cached reads inside, invalidations after the commit.

use std::future::Future;

use crate::cache::Cache;
use crate::index::Matcher;
use crate::scope::{self, Scope};
use crate::sync::{Arc, Mutex, lock};

/// Invalidations that wait for a commit.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<Vec<(Cache, Vec<Matcher>)>>);

impl Queue {
    pub(crate) fn hold(&self, cache: &Cache, matchers: Vec<Matcher>) {
        let mut held = lock(&self.0);
        match held
            .iter_mut()
            .find(|(other, _)| Arc::ptr_eq(&other.0, &cache.0))
        {
            Some((_, waiting)) => waiting.extend(matchers),
            None => held.push((cache.clone(), matchers)),
        }
    }

    /// One record for all, and one per cache.
    fn release(&self) {
        for (cache, matchers) in std::mem::take(&mut *lock(&self.0)) {
            // Inside an outer transaction they go on waiting.
            cache.invalidate(matchers);
        }
    }
}

impl Cache {
    /// Runs a database transaction: cached functions called inside run their bodies (uncommitted data is neither
    /// served nor stored), and invalidations are held back. On `Ok` they are appended to the log as one record; on `Err`, a panic
    /// or a cancelled future they are dropped.
    ///
    /// Commit inside the future, as its last step.
    ///
    /// ```
    /// # async fn example(cache: &cache_core::Cache) -> Result<(), String> {
    /// cache
    ///     .transaction(async {
    ///         // let mut tx = pool.begin().await?; … tx.commit().await?;
    ///         cache_core::invalidate_tag("tenant:7").await.ok(); // takes effect when this future has returned `Ok`
    ///         Ok::<_, String>(())
    ///     })
    ///     .await
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of the future.
    pub async fn transaction<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let queue = Arc::new(Queue::default());
        let scope = Scope {
            cache: Some(self.clone()),
            transaction: Some(Arc::clone(&queue)),
            ..scope::copy()
        };
        let out = scope::within(scope, work).await;
        if out.is_ok() {
            queue.release();
        }
        out
    }

    /// [`transaction`](Self::transaction) for code that is not async.
    ///
    /// # Errors
    /// Those of the closure.
    pub fn transaction_blocking<T, E>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let queue = Arc::new(Queue::default());
        let scope = Scope {
            cache: Some(self.clone()),
            transaction: Some(Arc::clone(&queue)),
            ..scope::copy()
        };
        let out = scope::enter(Some(Arc::new(scope)), work);
        if out.is_ok() {
            queue.release();
        }
        out
    }
}
