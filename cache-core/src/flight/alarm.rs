//! One thread for all deadlines of waiters, started when somebody waits for the first time and gone when nobody has
//! for a while. It exists because a waiter may be on any runtime, or on none.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

type Ring = Box<dyn FnOnce() + Send>;

struct Alarm(Instant, Ring);

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Alarm {}
impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Alarm {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

struct Alarms {
    heap: BinaryHeap<Reverse<Alarm>>,
    running: bool,
}

static ALARMS: Mutex<Alarms> = Mutex::new(Alarms {
    heap: BinaryHeap::new(),
    running: false,
});
static SOONER: Condvar = Condvar::new();

/// How long the thread stays without anything to do.
const IDLE: Duration = Duration::from_secs(10);

/// Calls `ring` at `deadline` or soon after.
pub(super) fn set(deadline: Instant, ring: Ring) {
    let mut alarms = ALARMS.lock().unwrap_or_else(PoisonError::into_inner);
    alarms.heap.push(Reverse(Alarm(deadline, ring)));
    if alarms.running {
        drop(alarms);
        SOONER.notify_one();
        return;
    }
    let started = std::thread::Builder::new()
        .name("cache-alarm".into())
        .spawn(run);
    // A process that cannot start a thread has worse trouble: its waiters then wait for their leader alone.
    alarms.running = started.is_ok();
}

fn run() {
    let mut alarms = ALARMS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut idle_since = Instant::now();
    loop {
        let now = Instant::now();
        let mut due = Vec::new();
        while alarms
            .heap
            .peek()
            .is_some_and(|Reverse(alarm)| alarm.0 <= now)
        {
            due.extend(alarms.heap.pop().map(|Reverse(alarm)| alarm.1));
        }
        if !due.is_empty() {
            drop(alarms);
            for ring in due {
                // It may drop what a user wrote, and a panic there must not silence all other alarms.
                let _ = catch_unwind(AssertUnwindSafe(ring));
            }
            alarms = ALARMS.lock().unwrap_or_else(PoisonError::into_inner);
            idle_since = Instant::now();
            continue;
        }
        let pause = match alarms.heap.peek() {
            Some(Reverse(alarm)) => alarm.0.saturating_duration_since(now),
            None if now.duration_since(idle_since) >= IDLE => {
                alarms.running = false;
                return;
            }
            None => IDLE,
        };
        alarms = SOONER
            .wait_timeout(alarms, pause)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}
