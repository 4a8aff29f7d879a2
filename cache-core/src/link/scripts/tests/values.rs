//! Values and their leases.

use super::*;

fn envelope(stamped: Position, payload: &[u8]) -> Vec<u8> {
    [b"\xfc\x01\0\0", &stamp(stamped)[..], payload].concat()
}

const G: u64 = 1 << 50;

#[test]
fn an_older_envelope_does_not_replace_a_younger_one() {
    let server = start!();
    let link = patient(&server.url());
    let put = |stamped, payload: &[u8], observed, token| {
        let store = Store {
            envelope: &envelope(stamped, payload),
            lifetime: 100_000,
            grace: 0,
            yields: false,
            observed,
            token,
        };
        flag(ask(&link, super::store(VALUE, LEASE, &store))).unwrap()
    };
    let get = || {
        let value = bytes(ask(&link, Command::from(Cmd::get(VALUE)))).unwrap();
        let (envelope, expiry) = expiry(&value).unwrap();
        let known = server.command([b"PEXPIRETIME".as_slice(), VALUE]).unwrap();
        assert_eq!(known, server::Reply::Integer(expiry.as_millis() as i64));
        envelope.to_vec()
    };
    assert!(put(at(G, 10), b"x", None, None));
    assert!(!put(at(G, 9), b"y", None, None));
    assert!(
        put(at(G, 9), b"z", Some(at(G, 10)), None),
        "it was seen to be invalid"
    );
    assert_eq!(get(), envelope(at(G, 9), b"z"));
    // Each byte counts, and as a number.
    for (younger, older) in [
        (at(G + 1, 0), at(G, u64::MAX)),
        (at(G + 1, 0x80), at(G + 1, 0x7f)),
        (at(G + 1, 0x100), at(G + 1, 0xff)),
        (at(0xff << 56, 0), at(0x7f << 56, 0)),
    ] {
        assert!(put(younger, b"", None, None), "{younger:?}");
        assert!(put(younger, b"again", None, None));
        assert!(!put(older, b"", None, None), "{older:?}");
    }
    // What is no envelope is overwritten, and the lifetime holds.
    server
        .command([b"SET".as_slice(), VALUE, b"garbage"])
        .unwrap();
    assert!(put(at(1, 1), b"", None, None));
    let server::Reply::Integer(left) = server.command([b"PTTL".as_slice(), VALUE]).unwrap() else {
        panic!("no lifetime");
    };
    assert!((1..=100_000).contains(&left), "{left}");
}

#[test]
fn what_is_no_longer_fresh_when_it_is_stored_is_in_the_way_of_nothing_that_is() {
    let server = start!();
    let link = patient(&server.url());
    let put = |stamped, payload: &[u8], lifetime, observed| {
        let store = Store {
            envelope: &envelope(stamped, payload),
            lifetime,
            grace: 100_000,
            yields: lifetime <= 0,
            observed,
            token: None,
        };
        flag(ask(&link, super::store(VALUE, LEASE, &store))).unwrap()
    };
    // Of values that are late the one stays that ceased to be fresh last, unless the other is younger.
    assert!(put(at(G, 1), b"late", -5_000, None));
    let value = bytes(ask(&link, Command::from(Cmd::get(VALUE)))).unwrap();
    let now = time(ask(&link, Command::from(redis::cmd("TIME")))).unwrap();
    let (was, expired) = expiry(&value).unwrap();
    assert_eq!(was, envelope(at(G, 1), b"late"));
    let late = now.checked_sub(expired).unwrap();
    assert!(late >= Duration::from_secs(5) && late < Duration::from_secs(50));
    let Value::Int(left) = ask(&link, Command::from(Cmd::pttl(VALUE))) else {
        panic!("no time");
    };
    assert!((1..=95_000).contains(&left), "{left}");
    assert!(!put(at(G, 1), b"later", -50_000, None));
    assert!(put(at(G, 2), b"later and younger", -50_000, None));
    assert!(!put(at(G, 1), b"late and older", 0, None));
    assert!(put(at(G, 2), b"late again", 0, None));
    assert!(put(at(G, 1), b"fresh", 100_000, None));
    assert!(!put(at(G, 1), b"late", -1, None));
    assert!(!put(at(G, 2), b"late and younger", 0, None));
    assert!(put(at(G, 2), b"late", -1, Some(at(G, 1))));
    assert!(put(at(G, 2), b"fresh", 1, None));
}

#[test]
fn what_is_as_young_as_an_invalidation_is_not_removed() {
    let server = start!();
    let link = patient(&server.url());
    let names: Vec<Vec<u8>> = (0..6).map(|n| [VALUE, &[b'0' + n]].concat()).collect();
    let set = |n: usize, bytes: &[u8]| {
        server
            .command([b"SET".as_slice(), &names[n], bytes])
            .unwrap();
    };
    set(0, &envelope(at(G, 0xff), b"older"));
    set(1, &envelope(at(G, 0x100), b"as old"));
    set(2, &envelope(at(G + 1, 0), b"younger"));
    set(3, b"no envelope");
    server
        .command([b"SADD".as_slice(), &names[4], b"no value"])
        .unwrap();
    let all: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    for removed in [1, 0] {
        let reply = ask(&link, drop_older(&all, at(G, 0x100)));
        assert_eq!(reply, Value::Int(removed));
    }
    let there = [b"EXISTS"].into_iter().map(|word| &word[..]).chain(all);
    assert_eq!(server.command(there).unwrap(), server::Reply::Integer(4));
}

#[test]
fn what_does_not_say_when_it_expires_is_no_value() {
    let expires = |value: &[u8]| expiry(value).map(|(_, at)| at);
    assert_eq!(
        expires(b"1700000000000"),
        Some(Duration::from_millis(1_700_000_000_000))
    );
    for value in [
        &b""[..],
        b"170000000000",
        b"envelope",
        b"x\xff00000000000",
        b"x-170000000000x",
    ] {
        assert_eq!(expires(value), None, "{value:?}");
    }
}

#[test]
fn a_lease_has_one_holder() {
    let server = start!();
    let link = patient(&server.url());
    let token = |byte| [byte; 16];
    let ask_for =
        |byte, began| leased(ask(&link, lease(LEASE, token(byte), began, 100_000))).unwrap();
    let take_over = |seen, byte| {
        flag(ask(
            &link,
            take(LEASE, seen, token(byte), at(G, 5), 100_000),
        ))
        .unwrap()
    };
    assert_eq!(ask_for(1, at(G, 1)), Leased::Mine);
    let held = Lease {
        token: token(1),
        began: at(G, 1),
    };
    assert_eq!(ask_for(2, at(G, 2)), Leased::Theirs(held));
    assert!(!take_over(
        Lease {
            token: token(9),
            ..held
        },
        2
    ));
    assert!(take_over(held, 2));
    assert!(!take_over(held, 3), "it has been taken over already");
    let store = |byte| Store {
        envelope: &[0xfc; 20],
        lifetime: 1_000,
        grace: 0,
        yields: false,
        observed: None,
        token: Some(token(byte)),
    };
    let exists = || ask(&link, Command::from(Cmd::exists(LEASE))) == Value::Int(1);
    assert!(flag(ask(&link, super::store(VALUE, LEASE, &store(1)))).unwrap());
    assert!(exists(), "somebody else's lease was given back");
    assert!(flag(ask(&link, super::store(VALUE, LEASE, &store(2)))).unwrap());
    assert!(!exists());
    // One that is gone can be taken.
    assert!(take_over(held, 3));
    let give_back = |byte| flag(ask(&link, release(LEASE, token(byte)))).unwrap();
    assert!(!give_back(2) && exists(), "it is another's");
    assert!(give_back(3) && !exists());
    assert!(!give_back(3));
}

#[test]
fn who_has_nothing_for_others_lets_nobody_wait() {
    let server = start!();
    let link = patient(&server.url());
    let token = |byte| [byte; 16];
    let ask_for = |byte| leased(ask(&link, lease(LEASE, token(byte), at(G, 1), 100_000))).unwrap();
    let pass_on = |byte| flag(ask(&link, pass(LEASE, token(byte), 50_000))).unwrap();
    assert_eq!(ask_for(1), Leased::Mine);
    assert!(!pass_on(2), "it is another's");
    assert!(pass_on(1));
    let Leased::Theirs(nobodys) = ask_for(2) else {
        panic!("it is nobody's");
    };
    assert!(nobodys.is_nobodys());
    // For releases that do not know it: no value with this stamp is valid.
    assert_eq!(nobodys.began, Position::ZERO);
    let Value::Int(left) = ask(&link, Command::from(Cmd::pttl(LEASE))) else {
        panic!("no time");
    };
    assert!((1..=50_000).contains(&left), "{left}");
    assert!(pass_on(3), "whoever computes then says so, too");
    let taken = take(LEASE, nobodys, token(4), at(G, 1), 100_000);
    assert!(flag(ask(&link, taken)).unwrap());
    assert!(!pass_on(3), "somebody computes for others");
    let give_back = release(LEASE, token(4));
    assert!(flag(ask(&link, give_back)).unwrap());
    assert!(pass_on(3), "nobody does");
    let envelope = envelope(at(G, 1), b"something");
    let store = |token| Store {
        envelope: &envelope,
        lifetime: 100_000,
        grace: 0,
        yields: false,
        observed: None,
        token,
    };
    let kept = |token| flag(ask(&link, super::store(VALUE, LEASE, &store(token)))).unwrap();
    assert!(kept(None));
    assert!(
        matches!(ask_for(1), Leased::Theirs(_)),
        "who asked for no lease"
    );
    assert!(kept(Some(token(3))));
    assert_eq!(ask_for(1), Leased::Mine, "there is something for others");
    assert!(kept(Some(token(3))) && !pass_on(3), "somebody else's stays");
}
