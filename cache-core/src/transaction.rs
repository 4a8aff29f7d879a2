//! Writes that may still be rolled back: no cached reads inside, invalidations after the commit.

use std::future::Future;

use crate::cache::Cache;
use crate::invalidate::Matchers;
use crate::matcher::Matcher;
use crate::scope::{self, Scope};
use crate::sync::{Arc, Mutex, block_on, lock};

/// Invalidations that wait for a commit.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Nothing when the transaction is over.
    held: Mutex<Option<Matchers>>,
    /// The transaction that this one is part of.
    outer: Option<Arc<Self>>,
}

impl Queue {
    /// Holds matchers back. A task that was handed the scope may outlive the transaction: then they are handed back.
    pub(crate) fn hold(&self, cache: &Cache, matchers: Vec<Matcher>) -> Result<(), Vec<Matcher>> {
        let mut held = lock(&self.held);
        let Some(all) = held.as_mut() else {
            drop(held);
            return match &self.outer {
                Some(outer) => outer.hold(cache, matchers),
                None => Err(matchers),
            };
        };
        all.add(cache, matchers);
        Ok(())
    }

    /// Whether this transaction, or one that it is part of, may still be rolled back.
    pub(crate) fn is_open(&self) -> bool {
        let open = lock(&self.held).is_some();
        open || self.outer.as_ref().is_some_and(|outer| outer.is_open())
    }

    /// Takes everything; nothing is held back afterwards.
    fn end(&self) -> Matchers {
        lock(&self.held).take().unwrap_or_default()
    }
}

/// A transaction under way.
struct Open(Arc<Queue>);

impl Open {
    fn new() -> (Self, Scope) {
        let outer = scope::copy();
        let queue = Arc::new(Queue {
            held: Mutex::new(Some(Matchers::default())),
            outer: outer.transaction.clone(),
        });
        let scope = Scope {
            transaction: Some(Arc::clone(&queue)),
            ..outer
        };
        (Self(queue), scope)
    }

    /// Inside an outer transaction they go on waiting.
    async fn commit(self) {
        self.0.end().settle("transaction").await;
    }

    /// Nothing was changed.
    fn roll_back(self) {
        drop(self.0.end());
    }
}

impl Drop for Open {
    /// Cancelled, or panicking: perhaps in the middle of the commit, and nobody will ever know. What was not changed is computed again.
    fn drop(&mut self) {
        drop(self.0.end().invalidate());
    }
}

impl Cache {
    /// Runs a database transaction: cached functions called inside run their bodies (uncommitted data is neither
    /// served nor stored), and invalidations are held back. On `Ok` they are appended to the log as one record; on `Err` they are
    /// dropped. A panic, or a future that is cancelled, may have been in the middle of the commit: then they are appended, too.
    ///
    /// Commit inside the future, as its last step. A commit that fails and may have taken place all the same (the connection broke)
    /// has to be an `Ok` here, or what it changed has to be invalidated behind it.
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
        let (open, scope) = Open::new();
        let scope = Scope {
            cache: Some(self.clone()),
            ..scope
        };
        let out = scope::within(scope, work).await;
        match out {
            Ok(_) => open.commit().await,
            Err(_) => open.roll_back(),
        }
        out
    }

    /// [`transaction`](Self::transaction) for code that is not async.
    ///
    /// # Errors
    /// Those of the closure.
    pub fn transaction_blocking<T, E>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let (open, scope) = Open::new();
        let scope = Scope {
            cache: Some(self.clone()),
            ..scope
        };
        let out = scope::enter(Some(Arc::new(scope)), work);
        match out {
            Ok(_) => block_on(open.commit()),
            Err(_) => open.roll_back(),
        }
        out
    }
}
