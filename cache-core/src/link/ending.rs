//! The end of a link: what is still to be sent has its time, and then the thread ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Link, Shared, owed};
use crate::sync::atomic::Ordering;

impl Link {
    /// Closes it now, for all who have a handle.
    pub(crate) fn close(&self) {
        self.shared.queue.close();
        self.shared.closing.notify_one();
    }

    /// Waits until `done` and until all is sent that nobody waits for, at most for a while; then closes it, if nobody else is still
    /// waiting here, and waits for its thread to end. How much was not sent. Dropping the last handle waits for a short while, too. In a
    /// fork there is no thread, and what waits is sent by the process that has it.
    pub(crate) async fn finish(
        &self,
        within: Duration,
        done: impl Future<Output = ()> + Send + 'static,
    ) -> u64 {
        if self.is_forked() {
            return 0;
        }
        let mut ended = self.shared.ended.subscribe();
        if *ended.borrow() {
            return self.shared.unsent.load(Ordering::Relaxed);
        }
        let one = Finishing::new(&self.shared);
        let shared = Arc::clone(&self.shared);
        let finish = async move {
            done.await;
            owed::settled(&shared).await;
        };
        let finishing = timeout_on(&self.shared.io, within, finish);
        // It fails if the link is closed already.
        let _ = finishing.await;
        let unsent = self.shared.queue.unsent();
        if one.was_last() {
            self.shared.unsent.store(unsent, Ordering::Relaxed);
            self.close();
            let _ = ended.wait_for(|ended| *ended).await;
        }
        unsent
    }
}

/// One of those who wait for the end.
struct Finishing<'a>(&'a Shared);

impl<'a> Finishing<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.finishing.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }

    fn leave(&self) -> bool {
        self.0.finishing.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// Whether nobody else waits for it now.
    fn was_last(self) -> bool {
        let last = self.leave();
        std::mem::forget(self);
        last
    }
}

impl Drop for Finishing<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Runs a future on a runtime of which the caller need not be a part.
fn timeout_on(
    io: &runtime::Handle,
    within: Duration,
    future: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    io.spawn(async move {
        let _ = timeout(within, future).await;
    })
}
