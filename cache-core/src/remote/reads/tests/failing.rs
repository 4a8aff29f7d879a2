//! Servers that are slow, cut off, or send too much.

use super::*;

/// Until the time is over for something that was asked for.
fn timed_out(instance: &Instance, n: u8) {
    assert_eq!(instance.get(n), Err(LinkError::TimedOut));
}

#[test]
fn an_answer_that_comes_too_late_is_nobodys() {
    let server = start!();
    let instance = Instance::of(&server, Duration::from_millis(100));
    for n in 1..4 {
        put(&server, key(n), &[n], SOON);
    }
    for round in 0..5 {
        server.pause().unwrap();
        timed_out(&instance, 1);
        // It goes to a server that has the other one still to answer.
        let asked = instance.reads.ask(key(2));
        server.resume().unwrap();
        let told = block_on(asked).map(|found| found.map(|found| found.envelope().to_vec()));
        assert!(
            matches!(&told, Ok(Some(value)) if *value == [2]) || told == Err(LinkError::TimedOut),
            "{round}: {told:?}"
        );
        until("it answers", || instance.get(3).is_ok());
        assert_eq!(instance.get(3), Ok(Some(vec![3])));
        until("there is a wire again", || instance.link.has_wire());
        assert_eq!(instance.get(1), Ok(Some(vec![1])));
    }
}

#[test]
fn a_wire_that_is_cut_is_replaced() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    put(&server, key(1), &[1], SOON);
    for _ in 0..10 {
        server.pause().unwrap();
        let asked: Vec<Read> = (0..10).map(|_| instance.reads.ask(key(1))).collect();
        server.resume().unwrap();
        server
            .command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
            .unwrap();
        for told in block_on(join_all(asked)) {
            match told {
                Ok(Some(found)) => assert_eq!(found.envelope(), [1]),
                Ok(None) | Err(LinkError::Disconnected(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        until("it answers", || instance.get(1) == Ok(Some(vec![1])));
        until("there is a wire again", || instance.link.has_wire());
    }
}

#[test]
fn a_breaker_that_opens_is_for_those_in_the_queue_too() {
    let server = start!();
    let timeout = Duration::from_millis(200);
    let instance = Instance::with(&server, timeout, 1);
    server.pause().unwrap();
    let began = Instant::now();
    let asked: Vec<Read> = (0..3 * BURST).map(|_| instance.reads.ask(key(0))).collect();
    let last = began.elapsed();
    for told in block_on(join_all(asked)) {
        let told = told.err();
        assert!(
            matches!(told, Some(LinkError::TimedOut | LinkError::BreakerOpen)),
            "{told:?}"
        );
    }
    assert!(
        began.elapsed() < last + timeout + SLACK,
        "{:?}",
        began.elapsed()
    );
    assert_eq!(instance.get(0), Err(LinkError::BreakerOpen));
    assert_eq!(instance.link.health().breaker_opened, 1);
    until("nothing is under way", || {
        lock(&instance.reads.queue.waiting).under_way == 0
    });
    server.resume().unwrap();
    until("it answers", || instance.get(0) == Ok(Some(vec![b'0'])));
}

#[test]
fn an_answer_larger_than_any_value_keeps_nobody_from_his() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    put(&server, key(1), &[1], SOON);
    let large = name(key(2));
    let length = 80 << 20;
    server
        .command([b"SETRANGE", &large[..], length.to_string().as_bytes(), b"x"])
        .unwrap();
    server.pause().unwrap();
    let asked: Vec<Read> = [1, 2, 1, 3].map(|n| instance.reads.ask(key(n))).into();
    server.resume().unwrap();
    let told: Vec<_> = block_on(join_all(asked))
        .into_iter()
        .map(|told| told.unwrap().map(|found| found.envelope().len()))
        .collect();
    assert_eq!(told, [Some(1), Some(length + 1), Some(1), None]);
    assert_eq!(instance.get(1), Ok(Some(vec![1])));
}

#[test]
fn a_stall_with_many_trips_in_the_queue_is_survived() {
    let server = start!();
    let instance = Instance::with(&server, Duration::from_millis(300), 5);
    server.pause().unwrap();
    let mut asked: Vec<Read> = (0..LANES).map(|_| instance.reads.ask(key(0))).collect();
    // As it is after values that are large.
    lock(&instance.reads.queue.waiting).burst = 1;
    asked.extend((0..20_000).map(|_| instance.reads.ask(key(0))));
    assert!(
        block_on(join_all(asked))
            .into_iter()
            .all(|told| told.is_err())
    );
    server.resume().unwrap();
    until("it answers", || instance.get(0) == Ok(Some(vec![b'0'])));
}

#[test]
fn many_trips_that_nobody_waits_for_any_more_are_survived() {
    let server = start!();
    let instance = Instance::of(&server, SOON);
    server.pause().unwrap();
    let sent: Vec<Read> = (0..LANES).map(|_| instance.reads.ask(key(0))).collect();
    lock(&instance.reads.queue.waiting).burst = 1;
    drop(
        (0..20_000)
            .map(|_| instance.reads.ask(key(1)))
            .collect::<Vec<_>>(),
    );
    server.resume().unwrap();
    assert!(
        block_on(join_all(sent))
            .into_iter()
            .all(|told| told.is_ok())
    );
    assert_eq!(instance.get(0), Ok(Some(vec![b'0'])));
}

#[test]
fn what_one_value_alone_did_is_not_expected_of_all() {
    let server = start!();
    let instance = Instance::of(&server, Duration::from_millis(500));
    let keys: Vec<KeyDigest> = (2..=100).map(key).collect();
    let trips = || {
        let ask = || block_on(join_all(instance.reads.ask_many(&keys)));
        let (told, calls) = server.calls_during(ask).unwrap();
        assert!(told.into_iter().all(|found| found.is_ok()));
        calls["mget"]
    };
    put(&server, key(1), &vec![1; 600 << 10], SOON);
    until("the large one is there", || {
        instance.get(1).is_ok_and(|found| found.is_some())
    });
    assert_eq!(trips(), 1, "after one that is large");
    server.pause().unwrap();
    timed_out(&instance, 1);
    server.resume().unwrap();
    until("there is a wire again", || instance.link.has_wire());
    assert_eq!(trips(), 1, "after one that did not come");
}
