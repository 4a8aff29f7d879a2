//! Single flight: the one computation that all concurrent callers of a key wait for.
//!
//! The leader computes in its caller's own task or thread; nothing is spawned. So a leader can be dropped, can panic,
//! and can be alive without ever being polled again. Whatever happens, its waiters get an answer: a result, the news
//! that there is none, or after [`Flight::overdue`] the right to compute for themselves.

use std::collections::HashMap;
use std::hash::Hash;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::position::Position;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, lock};

#[cfg(not(loom))]
mod alarm;
mod waits;
pub(crate) use waits::Waiting;
use waits::Waits;

const SHARDS: usize = 16;

type Shard<K, V> = HashMap<K, Arc<Flight<V>>, foldhash::fast::RandomState>;

/// The flights of one cache: `K` tells them apart, `V` is what waiters are given.
#[derive(Debug)]
pub(crate) struct Flights<K, V> {
    shards: [Mutex<Shard<K, V>>; SHARDS],
    waits: Mutex<Waits>,
    ids: AtomicU64,
}

/// One running computation.
#[derive(Debug)]
pub(crate) struct Flight<V> {
    pub(crate) id: u64,
    /// Up to where the log had been applied when the computation began.
    pub(crate) stamp: Position,
    deadline: Option<Instant>,
    /// How many leaders of this key were given up before this one.
    takeovers: u32,
    state: Mutex<State<V>>,
}

#[derive(Debug)]
struct State<V> {
    status: Status<V>,
    wakers: Vec<Option<Waker>>,
    alarmed: bool,
}

/// How far a flight is.
#[derive(Clone, Debug)]
pub(crate) enum Status<V> {
    /// The leader is computing.
    Running,
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
            shards: std::array::from_fn(|_| Mutex::new(HashMap::default())),
            waits: Mutex::new(Waits::default()),
            ids: AtomicU64::new(1),
        }
    }

    /// A number that no other computation has.
    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Joins the flight of `key`, if `joinable` and not overdue, or else leads a new one in its place.
    ///
    /// `stamp` is called before the new flight can be seen: what happens after that is newer than the computation.
    pub(crate) fn join_or_lead(
        self: &Arc<Self>,
        key: &K,
        hash: u64,
        patience: Duration,
        joinable: impl Fn(&Flight<V>) -> bool,
        stamp: impl FnOnce() -> Position,
    ) -> Role<K, V> {
        let shard = (hash >> 32) as usize % SHARDS;
        let mut flights = lock(&self.shards[shard]);
        let mut takeovers = 0;
        if let Some(flight) = flights.get(key) {
            if flight.overdue() {
                takeovers = flight.takeovers.saturating_add(1).min(10);
            } else if joinable(flight) {
                return Role::Wait(Waiter {
                    flight: Arc::clone(flight),
                    slot: None,
                });
            }
        }
        let flight = Arc::new(Flight {
            id: self.next_id(),
            stamp: stamp(),
            deadline: Instant::now().checked_add(patience.saturating_mul(1 << takeovers)),
            takeovers,
            state: Mutex::new(State {
                status: Status::Running,
                wakers: Vec::new(),
                alarmed: false,
            }),
        });
        flights.insert(key.clone(), Arc::clone(&flight));
        Role::Lead(Leader {
            flights: Arc::clone(self),
            flight,
            key: key.clone(),
            shard,
            computing: false,
            over: false,
        })
    }

    /// Records that the computations `chain` wait for `target`, unless one of them would then wait for itself.
    pub(crate) fn wait(self: &Arc<Self>, chain: &[u64], target: u64) -> Option<Waiting<K, V>> {
        Waiting::new(self, chain, target)
    }
}

impl<V> Flight<V> {
    /// Whether the leader has had all the time that others wait for it.
    pub(crate) fn overdue(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn wake(&self, mut state: crate::sync::MutexGuard<'_, State<V>>) {
        let wakers: Vec<_> = state.wakers.iter_mut().filter_map(Option::take).collect();
        drop(state); // a waker may run its task at once
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// The caller who computes. Dropping it tells the waiters that there will be no result.
#[derive(Debug)]
pub(crate) struct Leader<K: Hash + Eq + Clone, V: Clone> {
    flights: Arc<Flights<K, V>>,
    flight: Arc<Flight<V>>,
    key: K,
    shard: usize,
    /// Set while the body runs: a drop in that state is a panic of the body.
    pub(crate) computing: bool,
    over: bool,
}

impl<K: Hash + Eq + Clone, V: Clone> Leader<K, V> {
    pub(crate) fn flight(&self) -> &Flight<V> {
        &self.flight
    }

    /// Whether anybody waits.
    pub(crate) fn has_waiters(&self) -> bool {
        Arc::strong_count(&self.flight) > 2
            || lock(&self.flight.state).wakers.iter().any(Option::is_some)
    }

    /// Ends the flight.
    pub(crate) fn finish(mut self, status: Status<V>) {
        self.end(status);
    }

    fn end(&mut self, status: Status<V>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let mut flights = lock(&self.flights.shards[self.shard]);
        if flights
            .get(&self.key)
            .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            flights.remove(&self.key);
        }
        drop(flights);
        let mut state = lock(&self.flight.state);
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
}

impl<V: Clone + Send + Sync + 'static> Waiter<V> {
    /// How the flight ended; [`Status::Running`] if it is overdue. Cancel safe.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Status<V>> {
        let mut state = lock(&self.flight.state);
        if !matches!(state.status, Status::Running) || self.flight.overdue() {
            return Poll::Ready(state.status.clone());
        }
        match self.slot {
            Some(slot) => match &mut state.wakers[slot] {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            },
            None => {
                let free = state.wakers.iter().rposition(Option::is_none);
                // Searching all of many thousands for a free place would make joining quadratic.
                let slot = match free.filter(|_| state.wakers.len() < 64) {
                    Some(slot) => slot,
                    None => {
                        state.wakers.push(None);
                        state.wakers.len() - 1
                    }
                };
                state.wakers[slot] = Some(cx.waker().clone());
                self.slot = Some(slot);
            }
        }
        let alarm = !std::mem::replace(&mut state.alarmed, true);
        drop(state);
        #[cfg(not(loom))]
        if alarm && let Some(deadline) = self.flight.deadline {
            let flight = Arc::downgrade(&self.flight);
            alarm::set(
                deadline,
                Box::new(move || {
                    if let Some(flight) = flight.upgrade() {
                        flight.wake(lock(&flight.state));
                    }
                }),
            );
        }
        #[cfg(loom)]
        let _ = alarm;
        Poll::Pending
    }
}

impl<V> Drop for Waiter<V> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            let waker = lock(&self.flight.state)
                .wakers
                .get_mut(slot)
                .and_then(Option::take);
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests;
