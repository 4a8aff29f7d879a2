//! Those who wait, and what their wakers do; and those who do not look.

use std::sync::mpsc::{Sender, channel};
use std::task::{Wake, Waker};

use super::*;

/// Does something when it is woken, on the link's thread.
struct Does<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Does<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

/// Has somebody wait who does this when he is told.
fn waits(read: &mut Read, then: impl Fn() + Send + Sync + 'static) {
    let waker = Waker::from(Arc::new(Does(then)));
    let polled = Pin::new(read).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
}

#[test]
fn a_waker_that_panics_keeps_nobody_asleep() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    server.pause().unwrap();
    let sent: Vec<Read> = (0..LANES).map(|_| instance.reads.ask(key(0))).collect();
    let mut bad = instance.reads.ask(key(0));
    let mut good = instance.reads.ask(key(0));
    waits(&mut bad, || panic!("on purpose"));
    let (told, woken) = channel();
    waits(&mut good, move || told.send(()).unwrap());
    server.resume().unwrap();
    woken.recv_timeout(SOON).unwrap();
    assert_eq!(
        block_on(good).unwrap().unwrap().envelope(),
        b"0",
        "the one behind it"
    );
    assert!(
        block_on(join_all(sent))
            .into_iter()
            .all(|told| told.is_ok())
    );
    assert!(instance.link.has_wire());
    assert_eq!(instance.get(0), Ok(Some(vec![b'0'])));
}

#[test]
fn a_waker_that_panics_keeps_nobody_who_is_late_asleep() {
    let server = start!();
    let instance = Instance::of(&server, Duration::from_millis(100));
    server.pause().unwrap();
    let sent: Vec<Read> = (0..LANES).map(|_| instance.reads.ask(key(0))).collect();
    let mut bad = instance.reads.ask(key(0));
    let mut good = instance.reads.ask(key(0));
    waits(&mut bad, || panic!("on purpose"));
    let (told, woken) = channel();
    waits(&mut good, move || told.send(()).unwrap());
    woken.recv_timeout(SOON).unwrap();
    assert_eq!(block_on(good).err(), Some(LinkError::TimedOut));
    drop(sent);
    server.resume().unwrap();
    until("there is a wire again", || instance.link.has_wire());
    until("it answers", || instance.get(0) == Ok(Some(vec![b'0'])));
}

/// Asks for more, as a task does that is run at once, or dropped.
fn asks(instance: &Arc<Instance>, told: Sender<()>) -> impl Fn() + Send + Sync + 'static {
    let instance = Arc::clone(instance);
    move || {
        drop(instance.reads.ask(key(0)));
        told.send(()).unwrap();
    }
}

#[test]
fn a_waker_may_ask_for_more() {
    let server = start!();
    let instance = Arc::new(Instance::of(&server, Duration::from_millis(200)));
    for late in [true, false] {
        let (told, woken) = channel();
        server.pause().unwrap();
        let mut first = instance.reads.ask(key(0));
        waits(&mut first, asks(&instance, told));
        if !late {
            server.resume().unwrap();
        }
        woken.recv_timeout(SOON).unwrap();
        server.resume().unwrap();
        until("it answers", || instance.get(0) == Ok(Some(vec![b'0'])));
        until("there is a wire again", || instance.link.has_wire());
    }
}

/// A waker whose owner waits for more when he goes, as the future of a task may.
struct Asks(Arc<Instance>, Sender<()>);

impl Wake for Asks {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Asks {
    fn drop(&mut self) {
        waits(&mut self.0.reads.ask(key(0)), || {});
        self.1.send(()).unwrap();
    }
}

#[test]
fn a_waker_that_is_replaced_may_wait_in_the_same_trip() {
    let server = start!();
    let instance = Arc::new(Instance::of(&server, SOON));
    server.pause().unwrap();
    let mut first = instance.reads.ask(key(0));
    let mut second = instance.reads.ask(key(0));
    let (told, gone) = channel();
    let (done, over) = channel();
    let waker = Waker::from(Arc::new(Asks(Arc::clone(&instance), told)));
    let mut read = instance.reads.ask(key(0));
    assert!(
        Pin::new(&mut read)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(waker);
    thread::spawn(move || {
        waits(&mut read, || {});
        done.send(read).unwrap();
    });
    gone.recv_timeout(SOON).unwrap();
    let read = over.recv_timeout(SOON).unwrap();
    waits(&mut first, || {});
    waits(&mut second, || {});
    server.resume().unwrap();
    assert!(block_on(read).is_ok() && block_on(first).is_ok() && block_on(second).is_ok());
}

#[test]
fn nobody_waits_twice_for_those_who_do_not_look() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    let many: Vec<Read> = (0..4 * FEW).map(|_| instance.reads.ask(key(0))).collect();
    let told = || instance.reads.queue.told.load(Ordering::Relaxed);
    until("they are told", || told() == 4 * FEW as isize);
    // A moment is given to them.
    assert_eq!(instance.get(0), Ok(Some(vec![b'0'])));
    for _ in 0..10 {
        until("nothing is under way", || {
            lock(&instance.reads.queue.waiting).under_way == 0
        });
        let waiting = lock(&instance.reads.queue.waiting);
        assert_eq!(waiting.alarmed, None);
        drop(waiting);
        server.pause().unwrap();
        let read = instance.reads.ask(key(0));
        let waiting = lock(&instance.reads.queue.waiting);
        assert!(waiting.forming.trips.is_empty(), "held back");
        drop(waiting);
        server.resume().unwrap();
        assert!(block_on(read).is_ok());
    }
    // Once they have looked, others are waited for again.
    drop(many);
    until("nobody is counted", || told() == 0);
    assert_eq!(instance.get(0), Ok(Some(vec![b'0'])));
    assert_eq!(lock(&instance.reads.queue.waiting).unheeded, 0);
}

#[test]
fn who_asks_alone_does_not_wait_behind_all_that_somebody_asks_for_together() {
    let server = start!();
    let instance = Arc::new(Instance::of(&server, SOON));
    let keys: Vec<KeyDigest> = vec![key(0); 50 * BURST];
    server.pause().unwrap();
    let many = instance.reads.ask_many(&keys);
    let mut one = instance.reads.ask(key(0));
    let (told, woken) = channel();
    let seen = Arc::clone(&instance);
    waits(&mut one, move || {
        told.send(lock(&seen.reads.queue.waiting).many.trips.len())
            .unwrap();
    });
    server.resume().unwrap();
    let left = woken.recv_timeout(SOON).unwrap();
    assert!(left >= 40, "so many trips of 50 were left: {left}");
    let told = block_on(join_all(many));
    assert!(told.into_iter().all(|told| told.unwrap().is_some()));
    assert!(block_on(one).unwrap().is_some());
}
