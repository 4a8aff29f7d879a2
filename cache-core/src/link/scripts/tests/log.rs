//! Appending, syncing, and servers that lose records.

use super::*;

#[test]
fn records_are_appended_and_read() {
    for protocol in ["", "?protocol=resp3"] {
        let server = start!();
        appended_and_read(&patient(&format!("{}{protocol}", server.url())));
    }
}

fn appended_and_read(link: &Link) {
    let started = sync(link, Position::ZERO, now());
    opened(&started, Position::ZERO, None);
    let generation = started.tip.generation;
    let first = add(link, started.tip, "Kuser:1", None);
    assert_eq!(first.tip, at(generation, 1));
    let binary = "\0\r\n\u{ff}";
    let second = add(link, first.tip, binary, Some(at(7, 8)));
    let record = RawRecord {
        position: at(generation, 2),
        kind: b'i',
        matchers: binary.as_bytes().to_vec(),
        source: b"instance".to_vec(),
        origin: Some(at(7, 8)),
    };
    let one = std::slice::from_ref(&record);
    assert_eq!(second.records, *one);
    assert_eq!(second.first.position, at(generation, 0));
    // Without the script, and without a record.
    let mut packed = Vec::new();
    pack_news(LOG, first.tip, 10, &mut packed);
    let mut whole = Vec::new();
    Request::of(news(LOG, first.tip, 10)).pack(&mut whole);
    assert_eq!(packed, whole);
    let read = |after, count| tailed(ask(link, news(LOG, after, count))).unwrap();
    assert_eq!(read(first.tip, 10), *one);
    assert_eq!(read(Position::ZERO, 2).len(), 2);
    assert_eq!(read(second.tip, 10), []);
    assert_eq!(sync(link, second.tip, now()).records, []);
    assert_eq!(sync(link, first.tip, now()).records, *one);
    // Waiting for it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let own = runtime.block_on(link.dedicated()).unwrap();
    let wait = |after, ms| {
        let answer = own.ask(
            Request::of(tail(LOG, after, 10, ms)),
            Duration::from_secs(20),
        );
        tailed(answer.wait().unwrap().remove(0)).unwrap()
    };
    assert_eq!(wait(first.tip, 0), *one);
    assert_eq!(wait(second.tip, 1), []);
}

#[test]
fn an_unknown_script_costs_one_more_trip_once() {
    let server = start!();
    let link = patient(&server.url());
    let tip = sync(&link, Position::ZERO, now()).tip;
    server.command(["SCRIPT", "FLUSH"]).unwrap();
    let mut unlink = redis::cmd("UNLINK");
    unlink.arg("key");
    let request = nothing(tip);
    let both = |request: &Append<'_>| Request::of(append(LOG, META, request)).and(unlink.clone());
    let ((), calls) = server
        .calls_during(|| {
            let mut values = link.ask(both(&request)).wait().unwrap();
            assert_eq!(values.pop(), Some(Value::Int(0)));
            assert_eq!(appended(values.remove(0)).unwrap().tip, tip);
        })
        .unwrap();
    assert_eq!(
        (calls["evalsha"], calls["eval"], calls["unlink"]),
        (1, 1, 1)
    );
    let ((), calls) = server
        .calls_during(|| drop(link.ask(both(&request)).wait().unwrap()))
        .unwrap();
    assert_eq!((calls["evalsha"], calls.get("eval")), (1, None));
}

#[test]
fn a_promotion_over_an_open_connection_opens_a_generation() {
    let primary = start!();
    let replica = primary.replica().unwrap();
    let (old, new) = (patient(&primary.url()), patient(&replica.url()));
    let started = sync(&old, Position::ZERO, now());
    let shared = add(&old, started.tip, "Kuser:2", None).tip;
    replica.catch_up(&primary).unwrap();
    assert_eq!(
        tailed(ask(&new, news(LOG, started.tip, 9))).unwrap()[0].position,
        shared
    );
    // To be up to date with a replica means nothing.
    let refused = try_sync(&patient(&replica.url()), shared);
    assert!(
        matches!(&refused, Err(LinkError::Refused(text)) if text.starts_with("READONLY")),
        "{refused:?}"
    );
    replica.promote().unwrap();
    // The old primary goes on alone, and the client's clock is far behind.
    let lost = add(&old, shared, "Kuser:3", None).tip;
    // Who has seen nothing of what is lost is told as well, and nobody opens a second one.
    let reply = sync(&new, shared, 5);
    opened(&reply, lost, Some(shared));
    assert_eq!(sync(&new, lost, now()), reply);
    let again = add(&new, reply.tip, "Kuser:3", Some(lost));
    assert_eq!(again.tip, at(reply.tip.generation, 1));
    assert_eq!(again.records.last().unwrap().origin, Some(lost));
}

#[test]
fn what_was_evicted_opens_a_generation() {
    let server = start!();
    let link = patient(&server.url());
    let start = sync(&link, Position::ZERO, now());
    let tip = add(&link, start.tip, "Ka", None).tip;
    server.command([b"DEL", META]).unwrap();
    let without_meta = sync(&link, tip, now());
    opened(&without_meta, tip, Some(tip));
    let tip = without_meta.tip;
    server.command([b"DEL", LOG]).unwrap();
    let without_log = sync(&link, tip, 7);
    opened(&without_log, tip, None);
    assert_eq!(without_log.first.position, without_log.tip);
}

#[test]
fn records_that_the_server_lost_open_a_generation() {
    let server = start!();
    let link = patient(&server.url());
    let base = sync(&link, Position::ZERO, now()).tip;
    let ahead = add(&link, base, "Ka", None).tip;
    server
        .command([b"XDEL", LOG, id(ahead).as_bytes()])
        .unwrap();
    server
        .command([b"XSETID", LOG, id(base).as_bytes()])
        .unwrap();
    let reply = sync(&link, ahead, now());
    opened(&reply, base, Some(base));
    // The caller has seen a later generation than the server.
    let high = reply.tip;
    server.command([b"DEL", LOG, META]).unwrap();
    assert_eq!(sync(&link, Position::ZERO, 100).tip, at(100, 0));
    opened(&sync(&link, high, 50), high, None);
}

#[test]
fn a_restart_opens_a_generation() {
    let mut server = start!();
    let link = Link::open(&server.url(), LinkOptions::default()).unwrap();
    let again = |applied| {
        loop {
            match try_sync(&link, applied) {
                Ok(reply) => break reply,
                Err(_) => thread::sleep(Duration::from_millis(2)),
            }
        }
    };
    let tip = again(Position::ZERO).tip;
    server.restart().unwrap();
    let with_data = again(tip);
    opened(&with_data, tip, Some(tip));
    server.restart_empty().unwrap();
    opened(&again(with_data.tip), with_data.tip, None);
}

#[test]
fn a_foreign_type_in_the_place_of_the_log_is_refused() {
    let server = start!();
    let link = patient(&server.url());
    server.command([b"SET".as_slice(), LOG, b"x"]).unwrap();
    let answer = try_sync(&link, Position::ZERO);
    assert!(matches!(answer, Err(LinkError::Refused(text)) if text.contains("WRONGTYPE")));
}

#[test]
fn there_is_no_log_where_the_server_may_not_say_who_it_is() {
    let server = start!("user limited on >word ~* &* +@all -info");
    let link = patient(&server.url().replace("//", "//limited:word@"));
    let error = try_sync(&link, Position::ZERO).unwrap_err();
    assert!(
        matches!(&error, LinkError::Refused(why) if why.contains("INFO")),
        "{error}"
    );
}

#[test]
fn the_log_is_trimmed() {
    let server = start!("stream-node-max-entries 10");
    let link = patient(&server.url());
    let tip = sync(&link, Position::ZERO, now()).tip;
    let mut last = None;
    for _ in 0..100 {
        let request = Append {
            length: 20,
            record: Some(Record {
                kind: b'i',
                matchers: b"Ka",
                source: *b"instance",
                origin: None,
            }),
            ..nothing(tip)
        };
        last = Some(appended(ask(&link, append(LOG, META, &request))).unwrap());
    }
    let last = last.unwrap();
    assert_eq!(last.tip, at(tip.generation, 100));
    assert!(
        (70..=81).contains(&last.first.position.sequence),
        "{:?}",
        last.first
    );
}
