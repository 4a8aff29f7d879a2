//! Start-up calls that nobody has to ask for.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::select;

use crate::cache::Cache;
use crate::events::EventKind;
use crate::sync::block_on;

/// Nobody waits for them, and only a shutdown stops them: what is not through by then never will be.
const LONGEST: Duration = Duration::from_secs(600);

impl Cache {
    /// Makes the start-up calls, as a task of the runtime that this is called on, or on a thread of their own.
    pub(crate) fn warm_up_behind(&self) {
        let cache = self.clone();
        let errand = self.errand();
        let ended = errand.ended();
        let warmup = errand.run(async move {
            let mut ended = pin!(ended);
            select(ended.as_mut(), pin!(cache.wait_for_contact())).await;
            let report = cache.warmup().deadline(LONGEST).run_until(ended).await;
            let events = &cache.0.events;
            events.announce(EventKind::WarmedUp, &report.to_string());
        });
        #[cfg(feature = "tokio")]
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(warmup);
            return;
        }
        let thread = std::thread::Builder::new().name("cache-warmup".into());
        // Where no thread is to be had, there is worse trouble than a cold start.
        let _ = thread.spawn(|| block_on(warmup));
    }

    /// What others have computed need not be computed once more.
    #[cfg(feature = "redis")]
    pub(super) async fn wait_for_contact(&self) {
        if let Some(remote) = &self.0.remote {
            // Without it they are made in memory.
            let _ = remote.meet(self.0.config.link.connect_timeout).await;
        }
    }

    /// There is nobody to be waited for.
    #[cfg(not(feature = "redis"))]
    #[expect(clippy::unused_async, reason = "the other one waits")]
    async fn wait_for_contact(&self) {}
}
