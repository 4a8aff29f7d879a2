//! What the server answers.

use redis::Value;

use super::inputs::matchers;
use super::random::Random;
use crate::deps::Dep;
use crate::index::{Index, OnFork, Page};
use crate::key::KeyDigest;
use crate::link::{Reply, scripts};
use crate::log::logged;
use crate::matcher::{self, Matcher};
use crate::position::Position;

const GENERATION: u64 = 1_000;

fn bytes(text: impl AsRef<[u8]>) -> Value {
    Value::BulkString(text.as_ref().to_vec())
}

fn id(sequence: u64) -> Value {
    bytes(format!("{GENERATION}-{sequence}"))
}

/// A record as the server gives it.
fn record(sequence: u64, kind: &str, named: &[Matcher]) -> Value {
    let (packed, source) = (matcher::pack(named), [7_u8; 8]);
    let fields = [
        bytes("t"),
        bytes(kind),
        bytes("m"),
        bytes(packed),
        bytes("s"),
        bytes(source),
        bytes("o"),
        bytes(""),
    ];
    Value::Array(vec![id(sequence), Value::Array(fields.to_vec())])
}

/// A log of one generation, and what each of its records names.
fn log(random: &mut Random) -> (Vec<Value>, Vec<Vec<Matcher>>) {
    let named: Vec<_> = (0..1 + random.below(4)).map(|_| matchers(random)).collect();
    let records = named.iter().enumerate();
    let records = records.map(|(at, named)| record(at as u64 + 1, "i", named));
    (records.collect(), named)
}

/// Something that a server may answer, and ours does not.
fn other(random: &mut Random) -> Value {
    match random.below(9) {
        0 => Value::Nil,
        1 => Value::Okay,
        2 => Value::Int(random.number() as i64),
        3 => Value::SimpleString(random.text(8)),
        4 => bytes(random.some(40)),
        5 => bytes(format!("{}-{}", random.number(), random.number())),
        6 => Value::Double(random.next() as f64),
        7 => Value::Map(vec![(bytes(random.text(3)), Value::Nil)]),
        _ => Value::Array((0..random.below(5)).map(|_| other(random)).collect()),
    }
}

/// Changes a part of an answer.
fn spoil(random: &mut Random, value: &mut Value) {
    if random.once_in(8) {
        *value = other(random);
        return;
    }
    match value {
        Value::Array(items) if !items.is_empty() => {
            let at = random.below(items.len());
            match random.below(12) {
                0 => drop(items.remove(at)),
                1 => items.insert(at, items[at].clone()),
                2 => items.swap(at, 0),
                _ => spoil(random, &mut items[at]),
            }
        }
        Value::BulkString(bytes) => random.mutate(bytes),
        _ => *value = other(random),
    }
}

fn spoilt(random: &mut Random, value: &mut Value) -> bool {
    let before = value.clone();
    for _ in 0..random.below(3) {
        spoil(random, value);
    }
    *value != before
}

/// What is taken from an answer moves the index on, and nothing that it names stays valid.
fn apply(random: &mut Random, page: Page, named: Option<&[Vec<Matcher>]>) {
    let start = Position {
        generation: 0,
        sequence: 1,
    };
    let index = Index::new(start, 1_000);
    let mut ordinal = 1;
    let before = index.applied();
    let pages = [page.clone(), page];
    for page in pages {
        let on_fork = [OnFork::Repair, OnFork::Flush][random.below(2)];
        index.absorb(page, on_fork, || {
            ordinal += 1;
            ordinal
        });
        assert!(index.applied() >= before, "it goes back");
    }
    // Of before the first record.
    let stamp = Position {
        generation: GENERATION,
        sequence: 0,
    };
    for matcher in named.into_iter().flatten().flatten() {
        let dep = match matcher {
            Matcher::Key(key, address) => Dep::entry(*key, address.clone()),
            Matcher::Address(address) => {
                Dep::entry(KeyDigest::from_bytes([0; 16]), address.clone())
            }
            Matcher::Tag(tag) => Dep::tag(tag),
            Matcher::Prefix(prefix) => Dep::entry(KeyDigest::from_bytes([0; 16]), prefix.clone()),
            Matcher::Glob(_) | Matcher::All => continue,
        };
        assert!(
            !index.check(stamp, 0, &[dep]).valid,
            "{matcher:?} is served"
        );
    }
}

/// What comes in pieces is what comes at once, and no item is found where there is none.
pub(super) fn answer(random: &mut Random) -> bool {
    let (mut text, mut items) = (Vec::new(), Vec::new());
    for _ in 0..random.below(4) {
        items.push((!random.once_in(4)).then(|| random.some(40)));
    }
    text.extend_from_slice(format!("*{}\r\n", items.len()).as_bytes());
    for item in &items {
        match item {
            None => text.extend_from_slice([&b"$-1\r\n"[..], b"_\r\n"][random.below(2)]),
            Some(item) => {
                text.extend_from_slice(format!("${}\r\n", item.len()).as_bytes());
                text.extend_from_slice(item);
                text.extend_from_slice(b"\r\n");
            }
        }
    }
    let whole = text.clone();
    if random.once_in(2) {
        random.mutate(&mut text);
    }
    let changed = text != whole;
    let reply = Reply::read(&text, text.len().max(1));
    if let Ok(reply) = &reply {
        let pieces = Reply::read(&text, 1 + random.below(9));
        assert_eq!(pieces.as_ref(), Ok(reply));
    }
    let found = reply.and_then(|reply| {
        let places = reply.items(0, items.len())?;
        let _ = reply.value(0);
        let bytes = |place: std::ops::Range<usize>| reply.bytes()[place].to_vec();
        Ok(places.into_iter().map(|place| place.map(bytes)).collect())
    });
    assert!(changed || found == Ok(items), "what is right is refused");
    found.is_ok()
}

pub(super) fn append(random: &mut Random) -> bool {
    let (records, named) = log(random);
    let tip = id(named.len() as u64);
    let mut reply = Value::Array(vec![record(0, "o", &[]), tip, Value::Array(records)]);
    let changed = spoilt(random, &mut reply);
    let Ok(reply) = scripts::appended(reply) else {
        assert!(changed, "what is right is refused");
        return false;
    };
    let page = Page {
        first: Some(logged(reply.first)),
        tip: reply.tip,
        records: reply.records.into_iter().map(logged).collect(),
    };
    apply(random, page, (!changed).then_some(&named));
    true
}

pub(super) fn tail(random: &mut Random) -> bool {
    let (records, named) = log(random);
    let records = Value::Array(records);
    let mut reply = if random.once_in(2) {
        Value::Array(vec![Value::Array(vec![bytes("log"), records])])
    } else {
        Value::Map(vec![(bytes("log"), records)])
    };
    let changed = spoilt(random, &mut reply);
    let Ok(read) = scripts::tailed(reply) else {
        assert!(changed, "what is right is refused");
        return false;
    };
    let records: Vec<_> = read.into_iter().map(logged).collect();
    let page = Page {
        first: None,
        tip: records.last().map_or(Position::ZERO, |last| last.position),
        records,
    };
    apply(random, page, (!changed).then_some(&named));
    true
}

pub(super) fn lease(random: &mut Random) -> bool {
    let held: [u8; 32] = random.bytes();
    let mut reply = match random.below(4) {
        0 => Value::Nil,
        1 => Value::Int(random.below(3) as i64),
        _ => bytes(held),
    };
    let nothing = reply == Value::Nil;
    let changed = spoilt(random, &mut reply);
    let flag = scripts::flag(reply.clone());
    let leased = scripts::leased(reply.clone());
    match &leased {
        Ok(scripts::Leased::Mine) => assert!(nothing || changed || reply == Value::Nil),
        Ok(scripts::Leased::Theirs(lease)) => {
            let Value::BulkString(all) = &reply else {
                unreachable!("read from {reply:?}")
            };
            assert_eq!((all.len(), &all[..16]), (32, &lease.token[..]));
        }
        Err(_) => {}
    }
    flag.is_ok() || leased.is_ok()
}
