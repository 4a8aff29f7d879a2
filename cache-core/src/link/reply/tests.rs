//! Answers that come in pieces, and what is none.

use super::*;

const ANSWER: &[u8] = b"*3\r\n$5\r\na\r\nbc\r\n$-1\r\n_\r\n*2\r\n$1\r\n1\r\n$0\r\n\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*0\r\n-ERR no\r\n";

#[test]
fn the_parts_are_the_same_however_they_come() {
    let reply = Reply::read(ANSWER, ANSWER.len()).unwrap();
    assert_eq!(reply.len(), 4);
    for step in 1..ANSWER.len() {
        assert_eq!(Reply::read(ANSWER, step).as_ref(), Ok(&reply), "{step}");
    }
    let items = reply.items(0, 3).unwrap();
    let items: Vec<_> = items
        .into_iter()
        .map(|item| item.map(|item| &reply.bytes()[item]))
        .collect();
    assert_eq!(items, [Some(&b"a\r\nbc"[..]), None, None]);
    assert!(reply.items(0, 2).is_err() && reply.items(2, 1).is_err());
    assert!(reply.items(3, 1).is_err() && reply.items(9, 0).is_err());
    assert_eq!(
        reply.value(1).unwrap(),
        Value::Array(vec![
            Value::BulkString(b"1".to_vec()),
            Value::BulkString(Vec::new())
        ])
    );
    assert!(reply.is_refused(3) && !reply.is_refused(1));
}

#[test]
fn what_claims_to_be_too_large_is_no_answer() {
    for bytes in [
        &b"$99999999999\r\n"[..],
        b"*1\r\n$536870912\r\n",
        b"*99999999999999999999999\r\n",
        b"%18446744073709551615\r\n",
        b"$-2\r\n",
        b"$\r\n",
        b"$1 \r\n",
        b"$5\n",
        b"hello\r\n",
        b"$11111111111111111111111111111111111111111111",
        &[b'*', b'1', b'\r', b'\n'].repeat(100),
    ] {
        assert!(Reply::read(bytes, 1).is_err(), "{:?}", bytes.escape_ascii());
    }
}

#[test]
fn what_was_taken_apart_is_the_same_again() {
    let list = b"*3\r\n$5\r\na\r\nbc\r\n_\r\n*1\r\n$0\r\n\r\n%1\r\n$1\r\na\r\n*0\r\n_\r\n";
    let reply = Reply::read(list, list.len()).unwrap();
    let values = (0..3).map(|at| reply.value(at).unwrap());
    assert_eq!(Reply::of(values.collect()).as_ref(), Ok(&reply));
    assert!(reply.is_nothing(2) && !reply.is_nothing(0) && !reply.is_nothing(1));
    let none = b"*-1\r\n$-1\r\n*0\r\n";
    let none = Reply::read(none, none.len()).unwrap();
    assert_eq!(
        [0, 1, 2, 3].map(|at| none.is_nothing(at)),
        [true, false, false, false]
    );
    assert!(Reply::of(vec![Value::Int(1)]).is_err());
}
