//! Saying again what a server has lost.
//!
//! A task of its own: there may be thousands of records, and nobody who invalidates is to wait for them.

use std::time::Duration;

use tokio::time::sleep;

use super::Shared;
use crate::sync::Arc;
use crate::time;

/// Of several instances that have seen the same records, one should be early.
const LONGEST_DELAY: Duration = Duration::from_millis(200);

/// Appends what was lost, whenever the keeper has seen that something was, until the link is closed.
pub(super) async fn repair(log: Arc<Shared>) {
    loop {
        log.lost.notified().await;
        let delay = LONGEST_DELAY.min(log.options.heartbeat / 4);
        sleep(delay.mul_f64(time::fraction())).await;
        let mut lost = log.index.lost();
        // Each instance begins somewhere else, so that they share the work.
        let count = lost.len();
        let first = (time::fraction() * count as f64) as usize;
        lost.rotate_left(first.min(count));
        for record in lost {
            // Another instance may have been quicker; the index knows by then.
            if !log.index.is_pending(record.ordinal) {
                continue;
            }
            if log.append(&record.matchers, record.origin).await.is_err() {
                // The keeper tells when the server is there again.
                break;
            }
            log.index.settle(&[record.ordinal]);
        }
    }
}
