//! A pause on any runtime, or on none.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::{Sleeper, set};

/// Ready at a point in time, or soon after.
pub(crate) struct Sleep {
    until: Instant,
    /// None until it is polled.
    bell: Option<Arc<Bell>>,
}

/// Who waits.
#[derive(Default)]
struct Bell(Mutex<Option<Waker>>);

impl Sleeper for Bell {
    fn ring(&self) {
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Sleeps until then. Cancel safe.
pub(crate) fn sleep_until(until: Instant) -> Sleep {
    Sleep { until, bell: None }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let until = self.until;
        if Instant::now() >= until {
            return Poll::Ready(());
        }
        let first = self.bell.is_none();
        let bell = self.bell.get_or_insert_default();
        *bell.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        if first {
            let bell: Weak<Bell> = Arc::downgrade(bell);
            set(until, bell);
        }
        Poll::Pending
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sync::block_on;

    #[test]
    fn it_ends_when_it_is_time() {
        for millis in [0, 1, 20] {
            let until = Instant::now() + Duration::from_millis(millis);
            block_on(sleep_until(until));
            assert!(Instant::now() >= until);
        }
    }
}
