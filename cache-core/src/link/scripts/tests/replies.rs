//! What is made of replies that are none.

use super::*;

#[test]
fn replies_that_are_none_are_errors() {
    let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
    let fields = |all: &[&str]| Value::Array(all.iter().map(|field| text(field)).collect());
    let good = ["t", "i", "m", "Ka", "s", "me", "o", "1-2"];
    let whole = |id: &str, all: &[&str]| Value::Array(vec![text(id), fields(all)]);
    assert_eq!(record(whole("3-4", &good)).unwrap().origin, Some(at(1, 2)));
    let mut unknown = Vec::new();
    let mut bad = vec![
        Value::Nil,
        Value::Int(1),
        text("x"),
        Value::Okay,
        Value::Array(Vec::new()),
    ];
    for id in [
        "",
        "-",
        "1",
        "1-",
        "-1",
        "1-2-3",
        "x-1",
        "18446744073709551616-0",
        "\u{ff}-1",
    ] {
        bad.push(whole(id, &good));
        let mut all = good;
        all[7] = id;
        if !id.is_empty() {
            unknown.push(whole("1-1", &all));
        }
    }
    for field in 0..8 {
        let mut all = good;
        all[field] = "ii";
        if ![3, 5].contains(&field) {
            unknown.push(whole("1-1", &all));
        }
        unknown.push(whole("1-1", &good[field + 1..]));
        let Value::Array(mut items) = fields(&good) else {
            unreachable!()
        };
        items[field] = Value::Nil;
        unknown.push(Value::Array(vec![text("1-1"), Value::Array(items)]));
    }
    unknown.push(whole("1-1", &[&good[..], &["x", "y"]].concat()));
    // Of a later release, say: in its place in the log, and nobody knows what it means.
    for value in unknown {
        let record = record(value.clone()).unwrap();
        assert_eq!(
            (record.kind, record.position),
            (b'?', at(1, 1)),
            "{value:?}"
        );
    }
    for value in bad {
        assert!(record(value.clone()).is_err(), "{value:?}");
        assert!(records(Value::Array(vec![value.clone()])).is_err());
        let reply = Value::Array(vec![value.clone(), text("1-1"), Value::Array(Vec::new())]);
        assert!(appended(reply).is_err(), "{value:?}");
        let stream = Value::Array(vec![text("log"), Value::Array(vec![value.clone()])]);
        assert!(tailed(Value::Array(vec![stream])).is_err());
        let map = vec![(text("log"), Value::Array(vec![value.clone()]))];
        assert!(tailed(Value::Map(map)).is_err());
        assert!(appended(value.clone()).is_err() && flag(text("1")).is_err());
        assert!(value == Value::Nil || leased(value).is_err());
    }
}
