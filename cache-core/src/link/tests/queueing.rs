//! Requests whose answers nobody waits for.

use super::*;
use server::Reply;

fn push(item: usize) -> Request {
    let mut cmd = redis::cmd("RPUSH");
    cmd.arg("list").arg(item);
    Request::of(cmd)
}

#[test]
fn arrives_in_order_and_many_at_once() {
    let server = start!();
    let link = patient(&server.url());
    assert_eq!(link.ask(ping()).wait(), pong());
    server.pause().unwrap();
    for item in 0..1_000 {
        link.send(push(item));
    }
    server.resume().unwrap();
    let length = || server.command(["LLEN", "list"]).unwrap();
    until("all have arrived", || length() == Reply::Integer(1_000));
    let items = server.command(["LRANGE", "list", "0", "-1"]).unwrap();
    let expected = (0..1_000).map(|item| Reply::Bytes(item.to_string().into_bytes()));
    assert_eq!(items, Reply::Array(expected.collect()));
    until("the answers are there", || link.health().queued == 0);
    let health = link.health();
    assert_eq!(health.dropped, 0);
    assert!((17..50).contains(&health.answered), "{health:?}");
}

#[test]
fn what_is_too_much_is_dropped_and_counted() {
    let server = start!();
    let link = patient(&server.url());
    assert_eq!(link.ask(ping()).wait(), pong());
    server.pause().unwrap();
    let most = LinkOptions::default().queue_length;
    for item in 0..most + 2_000 {
        link.send(push(item));
    }
    let health = link.health();
    // 64 at most are on their way.
    assert!((1_900..=2_000).contains(&health.dropped), "{health:?}");
    assert_eq!(health.queued + health.dropped as usize, most + 2_000);
    server.resume().unwrap();
    until("the queue is empty", || link.health().queued == 0);
}

/// A link with an open breaker, to a server that is away.
fn left_alone(server: &mut Server) -> Link {
    let link = Link::open(&server.url(), LinkOptions::default()).unwrap();
    until("it answers", || link.ask(ping()).wait() == pong());
    server.kill().unwrap();
    until("the breaker is open", || {
        let _ = link.ask(ping()).wait();
        link.health().breaker_open
    });
    link
}

#[test]
fn nothing_is_kept_for_a_server_that_is_away() {
    let mut server = start!();
    let link = left_alone(&mut server);
    let before = link.health().dropped;
    for item in 0..100 {
        link.send(push(item));
    }
    let health = link.health();
    assert_eq!((health.queued, health.dropped - before), (0, 100));
}

/// A link with much that is not sent, to a server that is paused.
fn full(server: &Server) -> Link {
    let link = patient(&server.url());
    assert_eq!(link.ask(ping()).wait(), pong());
    server.pause().unwrap();
    for item in 0..1_000 {
        link.send(push(item));
    }
    link
}

fn finish(link: &Link, within: Duration) -> u64 {
    crate::sync::block_on(link.finish(within, std::future::ready(())))
}

#[test]
fn of_several_who_wait_for_the_end_none_takes_the_others_time() {
    let server = start!();
    let link = full(&server);
    let finish = |within| finish(&link, within);
    thread::scope(|scope| {
        let long = scope.spawn(|| finish(SOON));
        until("it waits", || {
            link.shared.finishing.load(Ordering::Relaxed) == 1
        });
        assert!(finish(Duration::from_millis(5)) > 900);
        assert!(!long.is_finished());
        server.resume().unwrap();
        assert_eq!(long.join().unwrap(), 0);
    });
    let length = server.command(["LLEN", "list"]).unwrap();
    assert_eq!(length, Reply::Integer(1_000));
    assert_eq!(finish(SOON), 0, "it is over");
}

#[test]
fn what_was_not_sent_at_the_end_is_said_to_all_who_ask_again() {
    let server = start!();
    let link = full(&server);
    let finish = |within| finish(&link, within);
    let unsent = finish(Duration::from_millis(5));
    assert!(unsent > 900, "{unsent}");
    assert_eq!(finish(SOON), unsent);
}

#[test]
fn a_longer_wait_for_the_end_that_is_left_closes_it() {
    let server = start!();
    let link = full(&server);
    let wait = link.finish(SOON, std::future::ready(()));
    let mut long = Box::pin(wait);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(long.as_mut().poll(&mut cx).is_pending());
    let unsent = finish(&link, Duration::from_millis(5));
    assert!(unsent > 900 && !*link.shared.ended.borrow());
    drop(long);
    until("it is closed", || *link.shared.ended.borrow());
    assert_eq!(finish(&link, SOON), unsent);
}

/// Something that is sent until it is answered well.
fn owing(item: usize) -> Request {
    let mut again = redis::cmd("RPUSH");
    again.arg("again").arg(item);
    push(item).otherwise(again, SOON)
}

#[test]
fn the_end_does_not_wait_for_what_cannot_be_sent_any_more() {
    let mut server = start!();
    let link = left_alone(&mut server);
    link.send(owing(1));
    let began = Instant::now();
    finish(&link, Duration::from_millis(20));
    assert!(
        began.elapsed() < Duration::from_millis(400),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn of_several_refusals_one_that_may_pass_has_its_trial() {
    let server = start!();
    let link = patient(&server.url());
    assert_eq!(link.ask(ping()).wait(), pong());
    server.command(["SET", "text", "x"]).unwrap();
    let replicas = |count: &str| {
        let set = ["CONFIG", "SET", "min-replicas-to-write", count];
        server.command(set).unwrap();
    };
    replicas("1");
    let mut wrong = redis::cmd("LLEN");
    wrong.arg("text");
    let mut batch = Request::of(wrong);
    batch.absorb(owing(1));
    link.send(batch);
    until("it was refused", || link.health().refused > 0);
    replicas("0");
    let length = || server.command(["LLEN", "again"]).unwrap();
    until("it is sent again", || length() == Reply::Integer(1));
}
