//! The end of a cache.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{join, select};

use crate::alarm::sleep_until;
use crate::cache::Cache;
use crate::sync::block_on;

/// What a [shutdown](Cache::shutdown) had to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
#[must_use = "what is pending is lost if the process ends"]
pub struct Shutdown {
    /// Invalidations that have taken effect here, and that others will not hear of: they may serve older values until those
    /// expire.
    pub pending: usize,
    /// Values and removals that were not sent to Redis. They are missing there, and nothing else.
    pub unsent: u64,
    /// Values that were to be [written behind](Cache::write_behind), and are not in their source.
    pub unwritten: u64,
}

impl Shutdown {
    /// Whether nothing was left.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl Cache {
    /// Brings to an end what was begun: has what is queued [written behind](Self::write_behind), in half of the time at most, stores
    /// what waits for Redis, tells others what was invalidated, writes down what was hot
    /// ([`guide::warmup`](crate::guide::warmup)), and closes the connections, within a time at most. Says what had to be left.
    ///
    /// Call it at the end of a process. The cache goes on as one whose Redis is away; when this returns, and no other `shutdown` is
    /// under way, its thread and its connections are gone, and so are the [start-up calls](crate::guide::warmup) that nobody waits for: what is under way of them is
    /// dropped, what has not begun does not begin; a body that holds its thread is waited for within that time. A cache that is
    /// dropped has half a second for its stores, and none for invalidations that nobody waits for. With memory alone there is
    /// nothing else to do but what is written behind. The writers of queues are run by you, and have to run on meanwhile: elsewhere
    /// than in the thread that a [`shutdown_blocking`](Self::shutdown_blocking) blocks.
    ///
    /// ```
    /// # async fn run(cache: cache_core::Cache) {
    /// let left = cache.shutdown(std::time::Duration::from_secs(5)).await;
    /// if !left.is_clean() {
    ///     eprintln!("others were not told of everything: {left:?}");
    /// }
    /// # }
    /// ```
    ///
    /// Of several at once the last to end closes the connections, so that none takes the others' time; each says what was left when its
    /// own was over.
    ///
    /// Cancel safe: dropped, it has closed the connections or has not.
    pub async fn shutdown(&self, within: Duration) -> Shutdown {
        let end = Instant::now().checked_add(within);
        let ended = self.end_errand();
        let (left, ()) = join(self.close(within), async {
            match end {
                Some(end) => drop(select(pin!(ended), sleep_until(end)).await),
                None => ended.await,
            }
        })
        .await;
        left
    }

    async fn close(&self, within: Duration) -> Shutdown {
        let began = Instant::now();
        let unwritten = self.0.queues.flush(self, within / 2).await;
        let within = within.saturating_sub(began.elapsed());
        #[cfg(feature = "redis")]
        if let Some(remote) = &self.0.remote {
            let used = remote.notes_used().then(|| self.0.used());
            let unsent = remote.close(within, used.unwrap_or_default()).await;
            return Shutdown {
                pending: remote.pending(),
                unsent,
                unwritten,
            };
        }
        let _ = within;
        Shutdown {
            unwritten,
            ..Shutdown::default()
        }
    }

    /// [`shutdown`](Self::shutdown) for programs without a runtime.
    pub fn shutdown_blocking(&self, within: Duration) -> Shutdown {
        block_on(self.shutdown(within))
    }
}
