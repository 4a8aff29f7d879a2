//! Every interleaving, within the bounds that loom is given.

use std::future::poll_fn;
use std::task::Poll;

use loom::future::block_on;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use super::*;
use crate::index::{Dep, Index};
use crate::matcher::Matcher;

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(model);
}

async fn end(mut waiter: Waiter<u32>) -> Status<u32> {
    poll_fn(|cx| waiter.poll(cx)).await
}

/// A caller as the driver is one: waits, and tries again where nobody has a result.
fn call(flights: &TestFlights, compute: impl FnOnce(Leader<u32, u32>) -> u32) -> u32 {
    loop {
        match join(flights, 1, LONG, true) {
            Role::Lead(leader) => return compute(leader),
            Role::Wait(waiter) => match block_on(end(waiter)) {
                Status::Done(value) => return value,
                Status::Failed => return 0,
                Status::Abandoned => {}
                Status::Running | Status::Meanwhile(_) => panic!("overdue, or offered something"),
            },
        }
    }
}

fn done(value: u32) -> impl FnOnce(Leader<u32, u32>) -> u32 {
    move |leader| {
        leader.finish(Status::Done(value));
        value
    }
}

/// All come to an end: a lost wake-up is a deadlock, which loom reports.
#[test]
fn loom_whoever_waits_is_woken() {
    check(3, || {
        let flights = TestFlights::new(Flights::new());
        let callers: Vec<_> = (1..3)
            .map(|n| {
                let flights = Arc::clone(&flights);
                thread::spawn(move || call(&flights, done(n)))
            })
            .collect();
        let mine = call(&flights, done(3));
        assert!((1..=3).contains(&mine));
        for caller in callers {
            assert!((1..=3).contains(&caller.join().unwrap()));
        }
    });
}

#[test]
fn loom_a_dropped_leader_leaves_nobody_behind() {
    check(3, || {
        let flights = TestFlights::new(Flights::new());
        let leader = lead(&flights, 1);
        let callers: Vec<_> = (1..3)
            .map(|n| {
                let flights = Arc::clone(&flights);
                thread::spawn(move || call(&flights, done(n)))
            })
            .collect();
        drop(leader);
        for caller in callers {
            assert!((1..=2).contains(&caller.join().unwrap()));
        }
    });
}

#[test]
fn loom_a_failure_reaches_everybody() {
    check(3, || {
        let flights = TestFlights::new(Flights::new());
        let mut leader = lead(&flights, 1);
        let callers: Vec<_> = (1..3)
            .map(|n| {
                let flights = Arc::clone(&flights);
                thread::spawn(move || call(&flights, done(n)))
            })
            .collect();
        leader.computing = true;
        drop(leader);
        for caller in callers {
            assert!(caller.join().unwrap() <= 2);
        }
    });
}

/// One waiter leaves, polled or not, while the leader ends: the other one is woken all the same.
#[test]
fn loom_a_waiter_leaves_while_the_leader_ends() {
    check(3, || {
        let flights = TestFlights::new(Flights::new());
        let leader = lead(&flights, 1);
        let (mut leaver, stayer) = (wait(&flights, 1), wait(&flights, 1));
        let leaving = thread::spawn(move || {
            // Polled once with a real waker, then dropped.
            block_on(poll_fn(|cx| {
                let _ = leaver.poll(cx);
                Poll::Ready(())
            }));
            drop(leaver);
        });
        let staying = thread::spawn(move || block_on(end(stayer)));
        leader.finish(Status::Done(9));
        assert!(matches!(staying.join().unwrap(), Status::Done(9)));
        leaving.join().unwrap();
    });
}

/// A place that a waiter leaves may be taken by another at once.
#[test]
fn loom_a_place_changes_hands() {
    check(2, || {
        let flights = TestFlights::new(Flights::new());
        let leader = lead(&flights, 1);
        let mut leaver = wait(&flights, 1);
        block_on(poll_fn(|cx| {
            assert!(leaver.poll(cx).is_pending());
            Poll::Ready(())
        }));
        let late = wait(&flights, 1);
        let coming = thread::spawn(move || block_on(end(late)));
        let leaving = thread::spawn(move || drop(leaver));
        leader.finish(Status::Done(9));
        assert!(matches!(coming.join().unwrap(), Status::Done(9)));
        leaving.join().unwrap();
    });
}

/// Two leaders, of whom one was given up; each ends in one way or the other. Whoever waits has an answer.
#[test]
fn loom_two_leaders_of_one_flight() {
    for (first, second) in [(true, true), (true, false), (false, true), (false, false)] {
        check(2, move || {
            let flights = TestFlights::new(Flights::new());
            let stuck = lead(&flights, 1);
            let waiter = wait(&flights, 1);
            crate::sync::lock(&stuck.flight.state).deadline = Some(std::time::Instant::now());
            let next = lead(&flights, 1);
            assert_eq!(stuck.flight().id, next.flight().id);
            let end = |leader: Leader<u32, u32>, done: bool, value: u32| match done {
                true => leader.finish(Status::Done(value)),
                false => drop(leader),
            };
            let ending = thread::spawn(move || end(stuck, first, 1));
            let waiting = {
                let flights = Arc::clone(&flights);
                thread::spawn(move || match block_on(super::models::end(waiter)) {
                    Status::Done(value) => value,
                    // Nobody is left, or only one who was given up: as the driver does.
                    _ => call(&flights, done(3)),
                })
            };
            end(next, second, 2);
            let value = waiting.join().unwrap();
            ending.join().unwrap();
            let expected: &[u32] = match (first, second) {
                (true, true) => &[1, 2],
                (true, false) => &[1, 3],
                (false, true) => &[2],
                (false, false) => &[3],
            };
            assert!(expected.contains(&value), "{value} of {first}, {second}");
        });
    }
}

/// Two bodies that wait for each other: at least one of them sees it.
#[test]
fn loom_a_circle_is_always_seen() {
    check(3, || {
        let flights = TestFlights::new(Flights::new());
        let (one, two) = (lead(&flights, 1), lead(&flights, 2));
        let body = |leader: Leader<u32, u32>, key: u32, other: u32| {
            let flights = Arc::clone(&flights);
            move || {
                let waiter = match join(&flights, other, LONG, true) {
                    Role::Wait(waiter) => waiter,
                    Role::Lead(_) => return leader.finish(Status::Done(key)),
                };
                if let Some(waiting) = flights.wait(&[leader.flight().id], waiter.flight.id) {
                    assert!(matches!(block_on(end(waiter)), Status::Done(_)));
                    drop(waiting);
                }
                leader.finish(Status::Done(key));
            }
        };
        let thread = thread::spawn(body(one, 1, 2));
        body(two, 2, 1)();
        thread.join().unwrap();
    });
}

/// A call that begins after an invalidation has returned is never given what was read before it.
#[test]
fn loom_an_invalidation_parts_callers() {
    check(3, || {
        let flights = TestFlights::new(Flights::new());
        let index = Arc::new(Index::new(
            Position {
                generation: 1,
                sequence: 0,
            },
            10,
        ));
        let source = Arc::new(AtomicU32::new(1));
        let own = Arc::new([Dep::tag("t")]);
        let call = {
            let (flights, index, source, own) =
                (flights, Arc::clone(&index), Arc::clone(&source), own);
            move || loop {
                let joinable =
                    |flight: &Flight<u32>| index.check(flight.stamp, flight.id, &*own).valid;
                match flights.join_or_lead(&1, 0, LONG, joinable, || index.applied()) {
                    Role::Lead(leader) => {
                        let value = source.load(Ordering::Acquire);
                        leader.finish(Status::Done(value));
                        return value;
                    }
                    Role::Wait(waiter) => {
                        if let Status::Done(value) = block_on(end(waiter)) {
                            return value;
                        }
                    }
                }
            }
        };
        let other = thread::spawn(call.clone());
        source.store(2, Ordering::Release);
        index.append(vec![Matcher::Tag("t".into())]);
        assert_eq!(call(), 2);
        other.join().unwrap();
    });
}
