//! Appends that are overtaken, refused, or too large; and reads of too much.

use super::traces::{Process, part, server};
use super::*;
use crate::link::Request;

fn tag(text: &str) -> Vec<Matcher> {
    vec![Matcher::Tag(text.into())]
}

#[test]
fn an_append_that_another_server_overtakes_is_still_to_be_said() {
    let old = start!();
    let new = old.replica().unwrap();
    let (a, b) = (Process::of(&old), Process::of(&old));
    part(&old, &new);
    let value = a.begin();
    a.index.pend(flight::next_id, tag("x"));
    let packed = matcher::pack(&tag("x"));
    let record = scripts::Record {
        kind: b'i',
        matchers: &packed,
        source: [0; 8],
        origin: None,
    };
    // The old server has it, and says so; before that arrives, there is news of the new one.
    let reply = a.runtime.block_on(a.shared.ask(Some(record))).unwrap();
    let mut moved = b;
    moved.index = Arc::clone(&a.index);
    moved.move_to(&new);
    let (own, _) = a.shared.take(reply);
    assert!(!a.shared.stands(own));
    a.shared.logged(u64::MAX, own, Ok(()));
    assert_eq!(a.index.pending_count(), 1, "nobody else would say it");
    assert!(!a.takes(value, "x"));
    moved.settle();
    assert_eq!(a.index.pending_count(), 0);
    let other = Process::of(&new);
    assert!(!other.takes(value, "x") && other.takes(value, "y"));
}

#[test]
fn who_comes_while_others_fail_is_tried_first() {
    let Some(server) = server() else { return };
    let a = Process::of(&server);
    let log = Log(Arc::new(a.shared));
    let first = log.append(tag("x"));
    let tried = log.0.index.pending().last().unwrap().ordinal;
    let mut second = log.append(tag("y"));
    assert!(log.0.fail(tried, &LinkError::TimedOut), "somebody waits");
    assert_eq!(wait(first), Err(LinkError::TimedOut));
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(Pin::new(&mut second).poll(&mut cx).is_pending());
    let pending = log.0.index.pending();
    assert_eq!(pending.len(), 2, "the first one is kept");
    a.runtime.block_on(log.0.flush(pending)).unwrap();
    wait(second).unwrap();
    assert_eq!(log.pending(), 0);
}

#[test]
fn while_the_server_is_left_alone_nobody_is_woken() {
    let mut server = start!();
    let a = Process::of(&server);
    server.kill().unwrap();
    until("the server is left alone", || {
        let ping = Request::of(redis::cmd("PING"));
        let _ = wait(a.link.ask(ping));
        a.link.refusal().is_some()
    });
    let log = Log(Arc::new(a.shared));
    let before = (log.0.index.applied(), flight::next_id());
    assert_eq!(wait(log.append(tag("x"))), Err(LinkError::BreakerOpen));
    let woken = log.0.wake.notified();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(std::pin::pin!(woken).poll(&mut cx).is_pending());
    assert_eq!(log.pending(), 1, "the keeper comes by itself");
    assert!(!a.index.check(before.0, before.1, &[Dep::tag("x")]).valid);
}

#[test]
fn much_at_once_is_several_records() {
    let server = start!();
    let (a, b) = (Instance::of(&server), Instance::of(&server));
    a.contact();
    b.contact();
    let before = (a.index.applied(), b.begin());
    let tags = (0..900).map(|n| Matcher::Tag(format!("a long tag, number {n}").as_str().into()));
    let position = wait(a.log.append(tags.collect())).unwrap();
    assert!(position.sequence >= before.0.sequence + 3);
    b.reached(position);
    assert!((0..900).all(|n| !b.serves(before.1, &format!("a long tag, number {n}"))));
    assert!(b.serves(before.1, "another"));
    assert_eq!(a.log.pending(), 0);
}

/// Where it stands counts: what another says between two records of it would be before one and behind the other.
#[test]
fn what_is_said_together_is_one_record_if_it_can_be() {
    let pending = |ordinal, many| crate::index::Pending {
        ordinal,
        origin: None,
        matchers: (0..many)
            .flat_map(|n| tag(&format!("a long tag, number {n:>20}")))
            .collect(),
    };
    let all = [(1, 200), (2, 200), (3, 5), (4, 2_000), (5, 5)];
    let records = keeper::records(all.map(|(ordinal, many)| pending(ordinal, many)).into());
    let said: Vec<(u64, usize)> = records
        .iter()
        .map(|(said, matchers)| (*said, matchers.len()))
        .collect();
    assert_eq!(said[..2], [(1, 200), (3, 205)]);
    assert!(said.len() > 5, "no record is too large: {said:?}");
    assert_eq!(said.iter().map(|(_, many)| many).sum::<usize>(), 2_410);
    assert_eq!(said.last().map(|(said, _)| *said), Some(5));
}

#[test]
fn what_is_too_much_for_one_answer_comes_in_several() {
    let server = start!();
    let a = Process::of(&server);
    let value = a.begin();
    // As another release may have written them: some 32 MB.
    let tags: Vec<Matcher> = (0..60)
        .map(|_| Matcher::Tag("x".repeat(1_000).as_str().into()))
        .collect();
    let packed = matcher::pack(&tags);
    let id = format!("{}-*", a.index.applied().generation);
    for _ in 0..520 {
        let add: [&[u8]; 11] = [
            b"XADD",
            b"fc:{t}:log",
            id.as_bytes(),
            b"t",
            b"i",
            b"m",
            &packed,
            b"s",
            b"",
            b"o",
            b"",
        ];
        server.command(add).unwrap();
    }
    a.invalidate("last");
    let url = server.url();
    let link = Link::open(&url, LinkOptions::default()).unwrap();
    let index = Arc::new(Index::new(value.0, 1_000));
    let options = LogOptions::default();
    let log = Log::follow(
        &link,
        "t",
        Arc::clone(&index),
        Clock::System,
        Arc::default(),
        options,
    );
    until("everything has come", || {
        index.applied() == a.index.applied()
    });
    assert!(log.0.page.load(Ordering::Relaxed) > 0);
    assert!(!index.check(value.0, value.1, &[Dep::tag("last")]).valid);
}
