//! Single flight: the one computation that all concurrent callers of a key wait for.
//!
//! The leader computes in its caller's own task or thread; nothing is spawned. So a leader can be dropped, can panic,
//! and can be alive without ever being polled again. Whatever happens, its waiters get an answer: a result, the news
//! that there is none, or when the leader is overdue, for one of them, the right to lead beside it. All the others go on
//! waiting for whichever leader is through first: one more leads at each turn, and turns grow longer after the first few,
//! so that a slow body is not run by everybody.

use std::collections::HashMap;
use std::hash::Hash;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

#[cfg(not(loom))]
use crate::alarm;
use crate::position::Position;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, StaticU64, lock, wake_all};

mod waits;
pub(crate) use waits::Waiting;
use waits::Waits;

const SHARDS: usize = 16;

/// How many leaders have no more than their caller's patience: few callers, of whom one may hold what the others need,
/// are all through with waiting by then.
const SHORT_TURNS: u32 = 3;

/// How much more time later leaders have: behind so many that are overdue, the body is slow, and not its callers stuck.
const LONG_TURN: u32 = 8;

/// Some of the flights, counted by their leaders: who begins and ends does not meet those who do so in other shards.
#[derive(Debug)]
struct Shard<K, V> {
    flights: Mutex<HashMap<K, Arc<Flight<V>>, foldhash::fast::RandomState>>,
    /// The newest computation that was asked for in place of what there was.
    replaced: AtomicU64,
}

/// A number that no other computation of this process has, in whatever cache: one may be part of another cache's.
pub(crate) fn next_id() -> u64 {
    static NEXT: StaticU64 = StaticU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The flights of one cache: `K` tells them apart, `V` is what waiters are given.
#[derive(Debug)]
pub(crate) struct Flights<K, V> {
    shards: [Arc<Shard<K, V>>; SHARDS],
    waits: Mutex<Waits>,
}

/// One running computation.
#[derive(Debug)]
pub(crate) struct Flight<V> {
    pub(crate) id: u64,
    /// Up to where the log had been applied when the computation began.
    pub(crate) stamp: Position,
    state: Mutex<State<V>>,
}

#[derive(Debug)]
struct State<V> {
    status: Status<V>,
    /// Until when the newest leader has time.
    deadline: Option<Instant>,
    /// Leaders that have not ended.
    leaders: usize,
    /// How many leaders were overdue.
    takeovers: u32,
    /// Who waits, or has joined to do so.
    waiters: usize,
    /// Whether another flight of this key has begun since.
    superseded: bool,
    /// What those who wait may be content with.
    meanwhile: Option<V>,
    wakers: Vec<Option<Waker>>,
    /// Places in `wakers` that somebody has left.
    free: Vec<usize>,
    /// Whether somebody is woken at the deadline.
    alarmed: bool,
}

impl<V> State<V> {
    /// Gives a new leader its time.
    fn lead(&mut self, patience: Duration) -> u32 {
        self.leaders += 1;
        self.alarmed = false;
        let times = if self.takeovers < SHORT_TURNS {
            1
        } else {
            LONG_TURN
        };
        self.deadline = Instant::now().checked_add(patience.saturating_mul(times));
        self.takeovers
    }

    /// Whether the leaders have had all the time that others wait for them.
    fn overdue(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// A place for a waker.
    fn place(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() - 1
        })
    }
}

/// How far a flight is.
#[derive(Clone, Debug)]
pub(crate) enum Status<V> {
    /// The leader is computing.
    Running,
    /// The leader is computing. Who likes may take this, and need not wait; said once to each who waits.
    Meanwhile(V),
    /// Here is the result.
    Done(V),
    /// It failed in a way that cannot be shared: every waiter computes for itself, all at once.
    Failed,
    /// The leader was dropped, or had nothing to share: try again.
    Abandoned,
}

/// What a caller becomes.
#[derive(Debug)]
pub(crate) enum Role<K: Hash + Eq + Clone, V: Clone> {
    Lead(Leader<K, V>),
    Wait(Waiter<V>),
}

impl<K: Hash + Eq + Clone, V: Clone> Flights<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| {
                Arc::new(Shard {
                    flights: Mutex::default(),
                    replaced: AtomicU64::new(0),
                })
            }),
            waits: Mutex::new(Waits::default()),
        }
    }

    fn shard(&self, hash: u64) -> &Arc<Shard<K, V>> {
        &self.shards[(hash >> 32) as usize % SHARDS]
    }

    /// Joins the flight of `key`, if it is `joinable`, or else leads a new one in its place. A flight that is overdue has
    /// room for one more leader.
    ///
    /// `stamp` is called before the new flight can be seen: what happens after that is newer than the computation.
    pub(crate) fn join_or_lead(
        &self,
        key: &K,
        hash: u64,
        patience: Duration,
        joinable: impl Fn(&Flight<V>) -> bool,
        stamp: impl FnOnce() -> Position,
    ) -> Role<K, V> {
        let shard = self.shard(hash);
        let mut flights = lock(&shard.flights);
        let lead = |flight: &Arc<Flight<V>>, turn| {
            Role::Lead(Leader {
                shard: Arc::clone(shard),
                flight: Arc::clone(flight),
                key: key.clone(),
                turn,
                computing: false,
                over: false,
            })
        };
        if let Some(flight) = flights.get(key).filter(|flight| joinable(flight)) {
            let mut state = lock(&flight.state);
            if state.overdue() {
                state.takeovers += 1;
                return lead(flight, state.lead(patience));
            }
            state.waiters += 1;
            return Role::Wait(Waiter {
                flight: Arc::clone(flight),
                slot: None,
                offered: false,
            });
        }
        let mut state = State {
            status: Status::Running,
            deadline: None,
            leaders: 0,
            takeovers: 0,
            waiters: 0,
            superseded: false,
            meanwhile: None,
            wakers: Vec::new(),
            free: Vec::new(),
            alarmed: false,
        };
        let turn = state.lead(patience);
        let flight = Arc::new(Flight {
            id: next_id(),
            stamp: stamp(),
            state: Mutex::new(state),
        });
        if let Some(older) = flights.insert(key.clone(), Arc::clone(&flight)) {
            lock(&older.state).superseded = true;
        }
        lead(&flight, turn)
    }

    /// Says that this computation was asked for in place of what there was, stored or not.
    pub(crate) fn replace(&self, hash: u64, ordinal: u64) {
        let shard = self.shard(hash);
        shard.replaced.fetch_max(ordinal, Ordering::AcqRel);
    }

    /// Whether that was said of a later one than this, which is in no flight that could know. Other keys of the shard
    /// are taken for this one.
    pub(crate) fn has_replaced(&self, hash: u64, ordinal: u64) -> bool {
        self.shard(hash).replaced.load(Ordering::Acquire) > ordinal
    }

    /// Records that the computations `chain` wait for `target`, unless one of them would then wait for itself.
    pub(crate) fn wait(self: &Arc<Self>, chain: &[u64], target: u64) -> Option<Waiting<K, V>> {
        Waiting::new(self, chain, target)
    }
}

impl<V> Flight<V> {
    fn wake(&self, mut state: crate::sync::MutexGuard<'_, State<V>>) {
        let wakers: Vec<_> = state.wakers.iter_mut().filter_map(Option::take).collect();
        drop(state); // a waker may run its task at once
        wake_all(wakers);
    }
}

#[cfg(not(loom))]
impl<V: Send> alarm::Sleeper for Flight<V> {
    fn ring(&self) {
        self.wake(lock(&self.state));
    }
}

/// The caller who computes. Dropping it tells the waiters that there will be no result.
#[derive(Debug)]
pub(crate) struct Leader<K: Hash + Eq + Clone, V: Clone> {
    shard: Arc<Shard<K, V>>,
    flight: Arc<Flight<V>>,
    key: K,
    /// How many leaders were overdue before this one began.
    turn: u32,
    /// Set while the body runs: a drop in that state is a panic of the body.
    pub(crate) computing: bool,
    over: bool,
}

impl<K: Hash + Eq + Clone, V: Clone> Leader<K, V> {
    pub(crate) fn flight(&self) -> &Flight<V> {
        &self.flight
    }

    /// Whether no other one has begun before it and is overdue.
    pub(crate) fn is_first(&self) -> bool {
        self.turn == 0
    }

    /// Whether anybody waits.
    pub(crate) fn has_waiters(&self) -> bool {
        lock(&self.flight.state).waiters > 0
    }

    /// Whether another flight of this key has begun since, because this one may not be joined.
    pub(crate) fn superseded(&self) -> bool {
        lock(&self.flight.state).superseded
    }

    /// Whether the flight has ended, by another leader: it knows nothing of what has begun since.
    pub(crate) fn is_over(&self) -> bool {
        !matches!(lock(&self.flight.state).status, Status::Running)
    }

    /// Offers those who wait what they may be content with.
    #[cfg(feature = "redis")]
    pub(crate) fn offer(&self, value: V) {
        let mut state = lock(&self.flight.state);
        state.meanwhile = Some(value);
        self.flight.wake(state);
    }

    /// Ends the flight for everybody. If it has ended before, by another leader, nothing happens.
    pub(crate) fn finish(mut self, status: Status<V>) {
        self.end(status);
    }

    fn end(&mut self, status: Status<V>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let mut flights = lock(&self.shard.flights);
        let mut state = lock(&self.flight.state);
        state.leaders = state.leaders.saturating_sub(1);
        if !matches!(state.status, Status::Running) {
            return;
        }
        if matches!(status, Status::Abandoned) && state.leaders > 0 {
            if self.turn == state.takeovers {
                // The others were given up before this one was: somebody should step in, and now.
                state.deadline = Some(Instant::now());
                drop(flights);
                self.flight.wake(state);
            }
            return;
        }
        if flights
            .get(&self.key)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            flights.remove(&self.key);
        }
        drop(flights);
        state.status = status;
        self.flight.wake(state);
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Drop for Leader<K, V> {
    fn drop(&mut self) {
        // A panic would meet every successor, one after another: let them all try at once. A cancelled leader is no
        // reason for more than one successor.
        let status = if self.computing {
            Status::Failed
        } else {
            Status::Abandoned
        };
        self.end(status);
    }
}

/// A caller who waits for another's computation.
#[derive(Debug)]
pub(crate) struct Waiter<V> {
    pub(crate) flight: Arc<Flight<V>>,
    slot: Option<usize>,
    /// Whether it was offered what there is meanwhile.
    offered: bool,
}

impl<V: Clone + Send + Sync + 'static> Waiter<V> {
    /// How the flight ended; [`Status::Running`] if it is overdue. Cancel safe.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Status<V>> {
        let waker = cx.waker().clone();
        let mut state = lock(&self.flight.state);
        if !matches!(state.status, Status::Running) || state.overdue() {
            return Poll::Ready(state.status.clone());
        }
        if let Some(value) = state.meanwhile.as_ref().filter(|_| !self.offered) {
            self.offered = true;
            return Poll::Ready(Status::Meanwhile(value.clone()));
        }
        let slot = *self.slot.get_or_insert_with(|| state.place());
        let old = state
            .wakers
            .get_mut(slot)
            .and_then(|place| place.replace(waker));
        let alarm = !std::mem::replace(&mut state.alarmed, true);
        let deadline = state.deadline.filter(|_| alarm);
        drop(state);
        drop(old); // it may be the last owner of a task, and that the owner of a waiter of this flight
        #[cfg(not(loom))]
        if let Some(deadline) = deadline {
            let flight: std::sync::Weak<Flight<V>> = Arc::downgrade(&self.flight);
            alarm::set(deadline, flight);
        }
        #[cfg(loom)]
        let _ = deadline;
        Poll::Pending
    }
}

impl<V> Drop for Waiter<V> {
    fn drop(&mut self) {
        let mut state = lock(&self.flight.state);
        state.waiters -= 1;
        let waker = self.slot.and_then(|slot| {
            state.free.push(slot);
            state.wakers.get_mut(slot).and_then(Option::take)
        });
        drop(state);
        drop(waker);
    }
}

#[cfg(test)]
mod tests;
