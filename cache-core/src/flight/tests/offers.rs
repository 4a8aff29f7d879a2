//! What those who wait may be content with.

use std::task::{Context, Poll, Waker};

use super::*;

fn poll(waiter: &mut Waiter<u32>) -> Option<Status<u32>> {
    match waiter.poll(&Context::from_waker(Waker::noop())) {
        Poll::Ready(status) => Some(status),
        Poll::Pending => None,
    }
}

#[test]
fn what_there_is_meanwhile_is_offered_once_to_each() {
    let flights = TestFlights::new(Flights::new());
    let leader = lead(&flights, 1);
    let mut early = wait(&flights, 1);
    assert!(poll(&mut early).is_none());
    leader.offer(7);
    for waiter in [&mut early, &mut wait(&flights, 1)] {
        assert!(matches!(poll(waiter), Some(Status::Meanwhile(7))));
        assert!(poll(waiter).is_none(), "it waits, if it likes");
    }
    leader.finish(Status::Done(8));
    assert!(matches!(poll(&mut early), Some(Status::Done(8))));
}
