//! Who listens hears all that takes effect, once it has.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::super::Listener;
use super::super::audience::MOST;
use super::*;

fn heard(listener: &Listener) -> Vec<(Position, String)> {
    let mut heard = Vec::new();
    while let Some(said) = listener.take() {
        heard.push((said.at, said.matcher.text().to_string()));
    }
    heard
}

#[test]
fn who_listens_hears_what_comes_after() {
    let index = index(10);
    index.append(vec![tag("before")]);
    let listener = index.listen();
    let other = index.listen();
    let first = index.append(vec![tag("a"), key("b")]);
    drop(index.listen());
    let second = index.append(vec![Matcher::All]);
    let expected = [(first, "tag:a"), (first, "b"), (second, "*")];
    let expected = expected.map(|(at, text)| (at, text.to_owned()));
    assert_eq!(heard(&listener), expected);
    assert_eq!(heard(&other), expected);
    assert_eq!(listener.missed(), 0);
}

#[test]
fn who_is_too_slow_hears_that_everything_may_be_invalid() {
    let index = index(10);
    let listener = index.listen();
    for _ in 0..MOST {
        index.append(vec![tag("a")]);
    }
    assert_eq!((heard(&listener).len(), listener.missed()), (MOST, 0));
    for _ in 0..=MOST {
        index.append(vec![tag("a")]);
    }
    index.append(vec![tag("b")]);
    let all = |at, text: &str| (at, text.to_owned());
    assert_eq!(
        heard(&listener),
        [all(Position::ZERO, "*"), all(index.applied(), "tag:b")]
    );
    assert_eq!(listener.missed(), MOST as u64 + 1);
    // More at once than can wait.
    index.append(vec![tag("a"); MOST + 1]);
    assert_eq!(heard(&listener), [all(Position::ZERO, "*")]);
}

/// Looks at the index when it is woken, as a runtime may that polls where it is woken.
struct Looks {
    index: Arc<Index>,
    invalid: AtomicU64,
}

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        let before = Position {
            sequence: self.index.applied().sequence - 1,
            ..self.index.applied()
        };
        if !self.index.check(before, 0, &[Dep::tag("a")]).valid {
            self.invalid.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn what_is_heard_is_in_effect_and_no_lock_is_held_by_who_wakes() {
    let index = Arc::new(index(10));
    let mut listener = index.listen();
    let looks = Arc::new(Looks {
        index: Arc::clone(&index),
        invalid: AtomicU64::new(0),
    });
    let waker = Waker::from(Arc::clone(&looks));
    let mut cx = Context::from_waker(&waker);
    {
        let mut next = pin!(poll_fn(|cx| listener.poll(cx)));
        assert!(next.as_mut().poll(&mut cx).is_pending());
        index.append(vec![tag("a")]);
        assert_eq!(looks.invalid.load(Ordering::Relaxed), 1);
        let Poll::Ready(Some(said)) = next.as_mut().poll(&mut cx) else {
            panic!("nothing was heard");
        };
        assert_eq!(&*said.matcher.text(), "tag:a");
    }
    assert!(listener.poll(&mut cx).is_pending());
}

#[test]
fn it_ends_with_the_index() {
    let index = index(10);
    let mut listener = index.listen();
    index.append(vec![tag("a")]);
    drop(index);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(listener.poll(&mut cx), Poll::Ready(Some(_))));
    assert!(matches!(listener.poll(&mut cx), Poll::Ready(None)));
    assert!(matches!(listener.poll(&mut cx), Poll::Ready(None)));
}

/// Failing writes listen and say nothing.
#[test]
fn who_has_left_takes_no_room() {
    let index = index(10);
    for _ in 0..10_000 {
        drop(index.listen());
    }
    assert!(super::super::read(&index.state).audience.len() < 100);
}
