//! Waiting for what others append.

use std::time::Duration;

use tokio::time::sleep;

use super::{LONGEST_PAUSE, SHORTEST_PAUSE, Shared};
use crate::link::{Dedicated, Request, scripts};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

/// How long the keeper is given to find out what is missing.
const GAP: Duration = Duration::from_millis(20);

/// Reads records as they come, on one connection after another, until the link is closed.
pub(super) async fn follow(log: Arc<Shared>) {
    let mut pause = SHORTEST_PAUSE;
    loop {
        if let Ok(connection) = log.link.dedicated().await {
            // What was appended meanwhile may be gone from the log: the keeper asks in the way that tells.
            log.wake.notify_one();
            if read(&log, &connection).await {
                pause = SHORTEST_PAUSE;
            }
        }
        sleep(pause.mul_f64(0.5 + 0.5 * crate::time::fraction())).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Reads until the connection fails; whether it ever worked.
async fn read(log: &Shared, connection: &Dedicated) -> bool {
    let wait = log.options.heartbeat / 2;
    // Never 0, which waits for ever.
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(500).max(1);
    let mut worked = false;
    let mut gap = GAP;
    loop {
        let most = log.page.load(Ordering::Relaxed);
        let request = Request::of(scripts::tail(&log.log, log.index.applied(), most, wait_ms));
        let replies = connection.ask(request, 2 * log.options.heartbeat).await;
        let records = replies
            .and_then(|mut replies| scripts::tailed(replies.pop().unwrap_or(redis::Value::Nil)));
        let Ok(records) = records else {
            // If something else stands under the log's key, say, the keeper's error tells.
            return worked;
        };
        worked = true;
        if log.absorb_tail(records, most) {
            gap = GAP;
            sleep(log.options.tail_min_interval).await;
        } else {
            // It may also be that the server's word does not count, and the same comes again.
            sleep(gap).await;
            gap = (gap * 2).min(log.options.heartbeat);
        }
    }
}
