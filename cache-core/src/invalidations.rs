//! What is invalidated, for those who keep something of their own by it.

use std::future::poll_fn;
use std::task::{Context, Poll};

use crate::cache::Cache;
use crate::index::Listener;
use crate::invalidation::Invalidation;
use crate::sync::atomic::Ordering;
use crate::sync::block_on;

/// What is invalidated in this process, by itself or by others, from when this was [made](Cache::invalidations).
///
/// It waits in a queue of 1,024: an invalidation never waits for whoever hears of it. Who is slower than that is told
/// [`Invalidation::Everything`] in place of all that waited, and [`missed`](Self::missed) counts it.
#[derive(Debug)]
pub struct Invalidations(Listener);

impl Cache {
    /// Hears of every invalidation that takes effect in this process from now on, for what is derived and kept outside of the cache.
    ///
    /// ```
    /// # cache_core::__private::block_on(async {
    /// use cache_core::{Invalidation, invalidate_tag};
    /// use std::collections::HashMap;
    ///
    /// let mut totals = HashMap::from([("tenant:7", 3), ("tenant:8", 5)]);
    /// let mut invalidations = cache_core::current().invalidations();
    ///
    /// invalidate_tag("tenant:7").await?;
    ///
    /// // In a task of its own, `while let Some(invalidation) = invalidations.next().await`; or before what is kept is used:
    /// while let Some(invalidation) = invalidations.try_next() {
    ///     totals.retain(|tag, _| !invalidation.names("", &[tag]));
    /// }
    /// assert_eq!(totals, HashMap::from([("tenant:8", 5)]));
    /// # Ok::<(), cache_core::Error>(()) }).unwrap();
    /// ```
    ///
    /// What is told is in effect: what is read through the cache then is not older. One invalidation may be told of more than once, and
    /// as more than it was, never as less; `clear`, the first contact with Redis, a server that may have lost invalidations, and what
    /// is not known are [`Invalidation::Everything`]. A `set` is an invalidation of its address. What other processes invalidate is
    /// told of when this one hears of it, in order: while Redis is away nothing is told, see [`health`](Self::health).
    ///
    /// Taking what waits before each use, as above, is what gives the guarantee that a cached value has: after `invalidate` has returned,
    /// nothing older is used. A task that clears behind the use does so a little later.
    #[must_use]
    pub fn invalidations(&self) -> Invalidations {
        // As if a function had asked for each: a `set` tells of itself from now on.
        self.0.values_used.store(true, Ordering::SeqCst);
        Invalidations(self.0.index.listen())
    }
}

impl Invalidations {
    /// The next one; `None` when the cache is gone, and there will be none. On any runtime.
    ///
    /// Cancel safe: dropped, it has taken nothing.
    pub async fn next(&mut self) -> Option<Invalidation> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next one, waited for in this thread.
    pub fn next_blocking(&mut self) -> Option<Invalidation> {
        block_on(self.next())
    }

    /// The next one that is there already.
    pub fn try_next(&mut self) -> Option<Invalidation> {
        self.0.take().map(|heard| heard.matcher.into())
    }

    /// As the `poll_next` of a `Stream`.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Invalidation>> {
        let heard = self.0.poll(cx);
        heard.map(|heard| heard.map(|heard| heard.matcher.into()))
    }

    /// How many were not told of one by one, since they came faster than they were taken.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.0.missed()
    }
}
