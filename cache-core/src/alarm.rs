//! One thread for all deadlines of waiters, started when somebody waits for the first time and gone when nobody has
//! for a while. It exists because a waiter may be on any runtime, or on none.

mod sleep;
pub(crate) use sleep::{Sleep, sleep_until};

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Whoever is to be told at a deadline.
pub(crate) trait Sleeper: Send + Sync {
    /// The deadline has passed.
    fn ring(&self);
}

/// A deadline, which matters for as long as the sleeper is there.
struct Alarm(Instant, Weak<dyn Sleeper>);

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
    /// At how many alarms those are dropped whose sleepers have gone.
    full: usize,
    /// The process that the thread runs in; 0 without a thread. A fork has this memory, and no thread.
    process: u32,
}

static ALARMS: Mutex<Alarms> = Mutex::new(Alarms::new());
static SOONER: Condvar = Condvar::new();

/// How long the thread stays without anything to do.
const IDLE: Duration = Duration::from_secs(10);

/// So few alarms are not worth a look at each.
const FEW: usize = 64;

impl Alarms {
    const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            full: FEW,
            process: 0,
        }
    }

    /// Adds an alarm; whether it is the soonest.
    fn add(&mut self, alarm: Alarm) -> bool {
        if self.heap.len() >= self.full {
            // Most computations are through long before their deadline.
            self.heap
                .retain(|Reverse(alarm)| alarm.1.strong_count() > 0);
            self.full = (2 * self.heap.len()).max(FEW);
        }
        let soonest = self.heap.peek().is_none_or(|Reverse(next)| alarm < *next);
        self.heap.push(Reverse(alarm));
        soonest
    }

    /// Takes out what is due.
    fn due(&mut self, now: Instant) -> Vec<Weak<dyn Sleeper>> {
        let mut due = Vec::new();
        while self.heap.peek().is_some_and(|Reverse(next)| next.0 <= now) {
            due.extend(self.heap.pop().map(|Reverse(alarm)| alarm.1));
        }
        due
    }
}

/// Rings at `deadline` or soon after, if the sleeper is still there.
pub(crate) fn set(deadline: Instant, sleeper: Weak<dyn Sleeper>) {
    let mut alarms = ALARMS.lock().unwrap_or_else(PoisonError::into_inner);
    let soonest = alarms.add(Alarm(deadline, sleeper));
    let process = std::process::id();
    if alarms.process == process {
        drop(alarms);
        if soonest {
            SOONER.notify_one();
        }
        return;
    }
    let started = std::thread::Builder::new()
        .name("cache-alarm".into())
        .spawn(run);
    // A process that cannot start a thread has worse trouble: its waiters then wait for their leader alone.
    alarms.process = if started.is_ok() { process } else { 0 };
}

fn run() {
    let mut alarms = ALARMS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut idle_since = Instant::now();
    loop {
        let now = Instant::now();
        let due = alarms.due(now);
        if !due.is_empty() {
            drop(alarms);
            for sleeper in due.iter().filter_map(Weak::upgrade) {
                // It may drop what a user wrote, and a panic there must not silence all other alarms.
                let _ = catch_unwind(AssertUnwindSafe(move || sleeper.ring()));
            }
            alarms = ALARMS.lock().unwrap_or_else(PoisonError::into_inner);
            idle_since = Instant::now();
            continue;
        }
        let pause = match alarms.heap.peek() {
            Some(Reverse(alarm)) => alarm.0.saturating_duration_since(now),
            None if now.duration_since(idle_since) >= IDLE => {
                alarms.process = 0;
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Arc, PoisonError, Weak};
    use std::time::{Duration, Instant};

    use super::{ALARMS, Alarm, Alarms, FEW, Sleeper, set};

    struct Bell(Sender<u64>, u64);

    impl Sleeper for Bell {
        fn ring(&self) {
            self.0.send(self.1).unwrap();
        }
    }

    fn weak(bell: &Arc<Bell>) -> Weak<dyn Sleeper> {
        let bell: Weak<Bell> = Arc::downgrade(bell);
        bell
    }

    #[test]
    fn only_the_soonest_is_worth_a_wake_up() {
        let mut alarms = Alarms::new();
        let (bell, now) = (Arc::new(Bell(channel().0, 0)), Instant::now());
        let mut add = |seconds| alarms.add(Alarm(now + Duration::from_secs(seconds), weak(&bell)));
        assert_eq!(
            [5, 6, 5, 4, 7].map(&mut add),
            [true, false, false, true, false]
        );
        assert_eq!(alarms.due(now + Duration::from_secs(5)).len(), 3);
    }

    #[test]
    fn those_who_have_gone_are_not_remembered() {
        let mut alarms = Alarms::new();
        let (stays, later) = (
            Arc::new(Bell(channel().0, 0)),
            Instant::now() + Duration::from_secs(3_600),
        );
        for _ in 0..1_000 {
            alarms.add(Alarm(later, weak(&stays)));
        }
        let mut most = 0;
        for _ in 0..100_000 {
            alarms.add(Alarm(later, weak(&Arc::new(Bell(channel().0, 0)))));
            most = most.max(alarms.heap.len());
        }
        assert!((1_000..=4_000).contains(&most), "{most}");
        drop(stays);
        for _ in 0..10_000 {
            alarms.add(Alarm(later, weak(&Arc::new(Bell(channel().0, 0)))));
        }
        assert!(alarms.heap.len() <= FEW);
    }

    #[test]
    fn a_fork_has_a_thread_of_its_own() {
        let (sender, receiver) = channel();
        // As a fork finds it: somebody else's thread is said to run.
        ALARMS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .process = u32::MAX;
        let bells = [1, 2].map(|n| Arc::new(Bell(sender.clone(), n)));
        let now = Instant::now();
        set(now + Duration::from_millis(2), weak(&bells[1]));
        set(now + Duration::from_millis(1), weak(&bells[0]));
        let rung = [(); 2].map(|()| receiver.recv_timeout(Duration::from_secs(20)).unwrap());
        assert_eq!(rung, [1, 2]);
        assert_eq!(
            ALARMS
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .process,
            std::process::id()
        );
    }
}
