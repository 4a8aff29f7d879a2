//! Time that passes when it is told to, for the caches and for whoever sleeps. In milliseconds since the beginning.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cache_core::{Clock, ManualClock};
use tokio::sync::Notify;

/// One time for all; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Time {
    hand: ManualClock,
    /// Who sleeps, by when they want to be woken.
    sleepers: Arc<Mutex<BTreeMap<u64, Arc<Notify>>>>,
    /// How many are to be awake by now, and have not moved yet.
    waking: Arc<AtomicUsize>,
}

impl Time {
    /// What the caches look at.
    pub fn clock(&self) -> Clock {
        Clock::Manual(self.hand.clone())
    }

    pub fn now(&self) -> u64 {
        self.clock().now()
    }

    /// Until so much later.
    pub async fn sleep(&self, millis: u64) {
        let alarm = Arc::clone(self.alarms().entry(self.now() + millis).or_default());
        alarm.notified().await;
        self.waking.fetch_sub(1, SeqCst);
    }

    /// Whether whoever was to be woken by now is awake.
    pub fn is_awake(&self) -> bool {
        self.waking.load(SeqCst) == 0
    }

    /// When the next one is to be woken, if anybody sleeps.
    pub fn next(&self) -> Option<u64> {
        self.alarms().keys().next().copied()
    }

    /// Lets time pass until then, and wakes who wanted to be woken by then.
    pub fn advance(&self, until: u64) {
        let by = until.saturating_sub(self.now());
        self.hand.advance(Duration::from_millis(by));
        let later = self.alarms().split_off(&(until + 1));
        let due = std::mem::replace(&mut *self.alarms(), later);
        for alarm in due.into_values() {
            self.waking.fetch_add(Arc::strong_count(&alarm) - 1, SeqCst);
            alarm.notify_waiters();
        }
    }

    fn alarms(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Notify>>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
