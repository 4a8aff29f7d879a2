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
    #[cfg(test)]
    pub(crate) fn close(&self) {
        self.shared.close();
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
            return self.shared.unsent.load(Ordering::SeqCst);
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
        let unsent = match self.shared.queue.is_closed() {
            true => self.shared.unsent.load(Ordering::SeqCst),
            false => self.shared.queue.unsent(),
        };
        one.end(unsent);
        if self.shared.finishing.load(Ordering::SeqCst) == 0 {
            let _ = ended.wait_for(|ended| *ended).await;
        }
        unsent
    }
}

impl Shared {
    fn close(&self) {
        self.queue.close();
        self.closing.notify_one();
    }
}

/// One of those who wait for the end. The last of them to leave closes the link, if any of them is through.
struct Finishing<'a>(&'a Shared);

impl<'a> Finishing<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.finishing.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }

    /// Its time is over, or there is nothing left but so much.
    fn end(self, unsent: u64) {
        self.0.unsent.store(unsent, Ordering::SeqCst);
        self.0.through.store(true, Ordering::SeqCst);
    }
}

impl Drop for Finishing<'_> {
    fn drop(&mut self) {
        let last = self.0.finishing.fetch_sub(1, Ordering::SeqCst) == 1;
        if last && self.0.through.load(Ordering::SeqCst) {
            self.0.close();
        }
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
