//! Every way in which a flight can end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use super::*;

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll(waiter: &mut Waiter<u32>, bell: &Arc<Bell>) -> Option<Status<u32>> {
    let waker = Waker::from(Arc::clone(bell));
    match waiter.poll(&Context::from_waker(&waker)) {
        Poll::Ready(status) => Some(status),
        Poll::Pending => None,
    }
}

fn alone(flights: &TestFlights) -> bool {
    flights
        .shards
        .iter()
        .all(|shard| crate::sync::lock(&shard.flights).is_empty())
}

#[test]
fn all_are_given_the_result() {
    let flights = TestFlights::new(Flights::new());
    let leader = lead(&flights, 1);
    assert!(!leader.has_waiters());
    let mut waiters: Vec<_> = (0..200)
        .map(|_| (wait(&flights, 1), Arc::new(Bell::default())))
        .collect();
    assert!(leader.has_waiters());
    for (waiter, bell) in &mut waiters {
        assert!(poll(waiter, bell).is_none());
    }
    leader.finish(Status::Done(7));
    for (waiter, bell) in &mut waiters {
        assert_eq!(bell.rings(), 1);
        assert!(matches!(poll(waiter, bell), Some(Status::Done(7))));
    }
    assert!(alone(&flights));
    drop(lead(&flights, 1));
}

#[test]
fn a_dropped_leader_is_succeeded_by_one_and_a_panicking_one_by_all() {
    for (computing, failed) in [(false, false), (true, true)] {
        let flights = TestFlights::new(Flights::new());
        let mut leader = lead(&flights, 1);
        let (mut waiter, bell) = (wait(&flights, 1), Arc::new(Bell::default()));
        assert!(poll(&mut waiter, &bell).is_none());
        leader.computing = computing;
        drop(leader);
        assert_eq!(bell.rings(), 1);
        let status = poll(&mut waiter, &bell).unwrap();
        assert_eq!(
            (
                matches!(status, Status::Failed),
                matches!(status, Status::Abandoned)
            ),
            (failed, !failed)
        );
        assert!(alone(&flights));
    }
}

#[test]
fn a_waiter_that_left_is_not_woken_and_its_place_is_used_again() {
    let flights = TestFlights::new(Flights::new());
    let leader = lead(&flights, 1);
    let (mut stays, bell) = (wait(&flights, 1), Arc::new(Bell::default()));
    assert!(poll(&mut stays, &bell).is_none());
    let gone = Arc::new(Bell::default());
    for _ in 0..10_000 {
        let mut waiter = wait(&flights, 1);
        assert!(poll(&mut waiter, &gone).is_none());
        drop(waiter);
    }
    assert_eq!(crate::sync::lock(&leader.flight.state).wakers.len(), 2);
    // Also where there are many others.
    let mut many: Vec<_> = (0..100).map(|_| wait(&flights, 1)).collect();
    for waiter in &mut many {
        assert!(poll(waiter, &gone).is_none());
    }
    let places = crate::sync::lock(&leader.flight.state).wakers.len();
    for _ in 0..1_000 {
        let mut waiter = wait(&flights, 1);
        assert!(poll(&mut waiter, &gone).is_none());
    }
    assert!(crate::sync::lock(&leader.flight.state).wakers.len() <= places + 1);
    drop(many);
    leader.finish(Status::Done(1));
    assert_eq!((bell.rings(), gone.rings()), (1, 0));
    // Nobody of whom the leader did not know: what was dropped before the end took nothing with it.
    assert!(matches!(poll(&mut stays, &bell), Some(Status::Done(1))));
}

#[test]
fn the_last_waker_counts() {
    let flights = TestFlights::new(Flights::new());
    let leader = lead(&flights, 1);
    let mut waiter = wait(&flights, 1);
    let bells: Vec<_> = (0..3).map(|_| Arc::new(Bell::default())).collect();
    for bell in &bells {
        assert!(poll(&mut waiter, bell).is_none());
    }
    leader.finish(Status::Abandoned);
    assert_eq!(
        bells.iter().map(|bell| bell.rings()).collect::<Vec<_>>(),
        [0, 0, 1]
    );
}

/// A waker may be the last owner of a task, and a task of a waiter: neither may be dropped under the flight's lock.
#[test]
fn a_waker_may_own_another_waiter() {
    struct Owner(#[expect(dead_code, reason = "owned")] std::sync::Mutex<Option<Waiter<u32>>>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {}
    }
    let flights = TestFlights::new(Flights::new());
    let leader = lead(&flights, 1);
    let mut owned = wait(&flights, 1);
    assert!(poll(&mut owned, &Arc::default()).is_none());
    let mut waiter = wait(&flights, 1);
    let owner = Waker::from(Arc::new(Owner(std::sync::Mutex::new(Some(owned)))));
    assert!(waiter.poll(&Context::from_waker(&owner)).is_pending());
    drop(owner);
    // Replaces the waker, and with it drops the other waiter.
    assert!(poll(&mut waiter, &Arc::default()).is_none());
    leader.finish(Status::Done(1));
}

#[test]
fn what_may_not_be_joined_is_led_beside() {
    let flights = TestFlights::new(Flights::new());
    let first = lead(&flights, 1);
    let mut early = wait(&flights, 1);
    let Role::Lead(second) = join(&flights, 1, LONG, false) else {
        panic!("joined")
    };
    assert_ne!(first.flight().id, second.flight().id);
    assert!(first.superseded() && !second.superseded());
    assert!(
        first.has_waiters(),
        "replaced, and waited for by one who has only just joined"
    );
    let mut late = wait(&flights, 1);
    assert_eq!(late.flight.id, second.flight().id);
    let bell = Arc::default();
    assert!(poll(&mut early, &bell).is_none() && poll(&mut late, &bell).is_none());
    assert!(first.has_waiters(), "replaced, and waited for all the same");
    // The first one's end is not the second one's.
    first.finish(Status::Done(1));
    assert!(matches!(poll(&mut early, &bell), Some(Status::Done(1))));
    assert!(poll(&mut late, &bell).is_none());
    assert_eq!(wait(&flights, 1).flight.id, second.flight().id);
    second.finish(Status::Done(2));
    assert!(matches!(poll(&mut late, &bell), Some(Status::Done(2))));
    assert!(alone(&flights));
}

#[test]
fn keys_have_nothing_to_do_with_each_other() {
    let flights = TestFlights::new(Flights::new());
    // 17 is in the shard of 1.
    let leaders: Vec<_> = [1, 2, 17].map(|key| (key, lead(&flights, key))).into();
    let waiters: Vec<_> = [1, 2, 17].map(|key| wait(&flights, key)).into();
    for ((key, leader), mut waiter) in leaders.into_iter().zip(waiters) {
        leader.finish(Status::Done(key));
        assert!(
            matches!(poll(&mut waiter, &Arc::default()), Some(Status::Done(done)) if done == key)
        );
    }
}

/// Leads with no time, and again with this much.
fn overdue(flights: &TestFlights, patience: Duration) -> [Leader<u32, u32>; 2] {
    [Duration::ZERO, patience].map(|patience| match join(flights, 1, patience, true) {
        Role::Lead(leader) => leader,
        Role::Wait(_) => panic!("waits for the overdue"),
    })
}

#[test]
fn an_overdue_leader_is_joined_by_one_who_gets_as_much_time() {
    let flights = TestFlights::new(Flights::new());
    let [stuck, next] = overdue(&flights, Duration::from_secs(100));
    assert_eq!(stuck.flight().id, next.flight().id);
    let deadline = crate::sync::lock(&next.flight.state).deadline.unwrap();
    let left = deadline.duration_since(Instant::now());
    assert!(
        left > Duration::from_secs(50) && left <= Duration::from_secs(100),
        "{left:?}"
    );
    assert!(!next.has_waiters() && !stuck.superseded());
    let mut waiter = wait(&flights, 1);
    assert!(next.has_waiters());
    assert!(poll(&mut waiter, &Arc::default()).is_none());
    drop((stuck, next, waiter));
    assert!(alone(&flights));
}

/// Three short ones, in which the few who may hold each other up are through; and long ones, all alike, for a crowd.
#[test]
fn turns_are_short_at_first_and_then_long() {
    let flights = TestFlights::new(Flights::new());
    let mut leaders = Vec::new();
    for times in [1, 1, 1, 8, 8, 8, 8] {
        let Role::Lead(leader) = join(&flights, 1, Duration::from_secs(100), true) else {
            panic!("the one before is overdue")
        };
        let mut state = crate::sync::lock(&leader.flight.state);
        let left = state.deadline.unwrap().duration_since(Instant::now());
        let due = Duration::from_secs(100 * times);
        assert!(
            left <= due && left > due - Duration::from_secs(50),
            "{left:?}"
        );
        state.deadline = Some(Instant::now());
        drop(state);
        leaders.push(leader);
    }
}

#[test]
fn whichever_leader_is_through_first_ends_the_flight() {
    for first in [0, 1] {
        let flights = TestFlights::new(Flights::new());
        let leaders = overdue(&flights, LONG);
        let (mut waiter, bell) = (wait(&flights, 1), Arc::new(Bell::default()));
        assert!(poll(&mut waiter, &bell).is_none());
        let [stuck, next] = leaders;
        let (quick, slow) = if first == 0 {
            (stuck, next)
        } else {
            (next, stuck)
        };
        quick.finish(Status::Done(1));
        assert_eq!(bell.rings(), 1);
        assert!(alone(&flights));
        // The other one's end is nobody's business, not even that of a flight that has begun since.
        let third = lead(&flights, 1);
        slow.finish(Status::Done(2));
        assert!(matches!(poll(&mut waiter, &bell), Some(Status::Done(1))));
        assert_eq!(wait(&flights, 1).flight.id, third.flight().id);
    }
}

#[test]
fn a_dropped_leader_leaves_the_flight_to_the_others() {
    // The one who was given up anyway: nothing happens.
    let flights = TestFlights::new(Flights::new());
    let [stuck, next] = overdue(&flights, LONG);
    let (mut waiter, bell) = (wait(&flights, 1), Arc::new(Bell::default()));
    assert!(poll(&mut waiter, &bell).is_none());
    drop(stuck);
    assert_eq!(bell.rings(), 0);
    assert!(poll(&mut waiter, &bell).is_none());
    next.finish(Status::Done(1));
    assert!(matches!(poll(&mut waiter, &bell), Some(Status::Done(1))));
    // The one who was counted on: somebody steps in at once.
    let [stuck, next] = overdue(&flights, LONG);
    let (mut waiter, bell) = (wait(&flights, 1), Arc::new(Bell::default()));
    assert!(poll(&mut waiter, &bell).is_none());
    drop(next);
    assert_eq!(bell.rings(), 1);
    assert!(matches!(poll(&mut waiter, &bell), Some(Status::Running)));
    let third = lead(&flights, 1);
    assert_eq!(third.flight().id, stuck.flight().id);
    assert!(poll(&mut waiter, &bell).is_none());
    // And the last of them ends it.
    drop((stuck, third));
    assert!(matches!(poll(&mut waiter, &bell), Some(Status::Abandoned)));
    assert!(alone(&flights));
}

#[test]
fn a_waiter_is_woken_when_its_leader_is_overdue() {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let flights = TestFlights::new(Flights::new());
    let Role::Lead(leader) = join(&flights, 1, Duration::from_millis(30), true) else {
        panic!("nobody else is there")
    };
    let mut waiter = wait(&flights, 1);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let (began, mut polls) = (Instant::now(), 1);
    while waiter.poll(&Context::from_waker(&waker)).is_pending() {
        std::thread::park();
        polls += 1;
    }
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    assert!(polls < 10, "woken, not spinning: {polls} polls");
    // A result that comes at the last moment counts.
    leader.finish(Status::Done(5));
    assert!(matches!(
        waiter.poll(&Context::from_waker(&waker)),
        Poll::Ready(Status::Done(5))
    ));
}

#[test]
fn a_waker_that_panics_takes_nobody_with_it() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("on purpose"));
        }
    }
    let flights = TestFlights::new(Flights::new());
    let Role::Lead(_stuck) = join(&flights, 1, Duration::from_millis(5), true) else {
        panic!("nobody else is there")
    };
    let mut bombed = wait(&flights, 1);
    assert!(
        bombed
            .poll(&Context::from_waker(&Waker::from(Arc::new(Bomb))))
            .is_pending()
    );
    // Another's deadline, which the same thread watches.
    let Role::Lead(_other) = join(&flights, 2, Duration::from_millis(50), true) else {
        panic!("nobody else is there")
    };
    let mut waiter = wait(&flights, 2);
    let (told, rung) = std::sync::mpsc::channel();
    struct Tell(std::sync::mpsc::Sender<()>);
    impl Wake for Tell {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }
    assert!(
        waiter
            .poll(&Context::from_waker(&Waker::from(Arc::new(Tell(told)))))
            .is_pending()
    );
    assert!(
        rung.recv_timeout(Duration::from_secs(20)).is_ok(),
        "the alarm is gone"
    );
}

#[test]
fn joining_costs_the_same_however_many_wait() {
    let flights = TestFlights::new(Flights::new());
    let leader = lead(&flights, 1);
    let bell = Arc::new(Bell::default());
    let time = |count: usize, into: &mut Vec<Waiter<u32>>| {
        let began = Instant::now();
        for _ in 0..count {
            let mut waiter = wait(&flights, 1);
            assert!(poll(&mut waiter, &bell).is_none());
            into.push(waiter);
        }
        began.elapsed()
    };
    let mut waiters = Vec::new();
    let first = (0..10).map(|_| time(1_000, &mut waiters)).min().unwrap();
    time(90_000, &mut waiters);
    let last = (0..10).map(|_| time(1_000, &mut waiters)).min().unwrap();
    assert!(
        last < first * 10,
        "the first thousand took {first:?}, the hundred-thousandth {last:?}"
    );
    leader.finish(Status::Done(1));
    assert_eq!(bell.rings(), waiters.len());
}
