use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::nesting::{MAX_DEPTH, is_one_value};
use super::{Codec, Rmp};

/// As it comes back.
fn again<T: Serialize + DeserializeOwned>(value: &T) -> Option<T> {
    let bytes = Rmp::encode(value)?;
    Some(Rmp::decode(&bytes).expect("what was written is read"))
}

#[track_caller]
fn returns<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    assert_eq!(again(&value), Some(value));
}

#[track_caller]
fn stays<T: Serialize + DeserializeOwned>(value: T) {
    assert!(again(&value).is_none());
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Default, Clone)]
#[serde(default)]
struct Sparse {
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<u8>,
    second: Option<u8>,
    #[serde(skip)]
    third: u8,
    fourth: u8,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Unit;
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Newtype<T>(T);

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Named { of: Option<String> },
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
enum Mixed {
    Unit,
    Newtype(Option<()>),
    Tuple(u8, Option<Newtype<()>>),
    Struct { inner: Option<Option<u8>> },
}

#[test]
fn values_come_back_as_they_were() {
    returns(());
    returns((1_u8, -1_i64, u128::MAX, 1.5_f32, 'ß', "text".to_owned()));
    returns(vec![Some(1), None]);
    returns(BTreeMap::from([((1, 2), vec![0_u8])]));
    returns((Some(Unit), None::<Unit>, Newtype(None::<u8>)));
    returns(vec![Untagged::Number(1), Untagged::Named { of: None }]);
    returns(chrono::DateTime::from_timestamp_nanos(1));
    returns(uuid::Uuid::from_u128(1));
    returns(Flat {
        id: 1,
        rest: BTreeMap::from([("a".into(), serde_json::json!([null, {"b": 1.5}]))]),
    });
    returns(vec![
        Mixed::Unit,
        Mixed::Newtype(None),
        Mixed::Tuple(1, None),
        Mixed::Struct {
            inner: Some(Some(1)),
        },
        Mixed::Struct { inner: None },
    ]);
}

/// Without the names of fields, `second` would come back as `first`.
#[test]
fn a_field_that_is_left_out_moves_no_other() {
    returns(Sparse {
        second: Some(7),
        fourth: 8,
        ..Sparse::default()
    });
}

#[test]
fn what_would_come_back_as_something_else_stays() {
    stays(Some(None::<u8>));
    stays(Some(()));
    stays(Some(serde_json::Value::Null));
    stays(Some(Newtype(None::<u8>)));
    stays(vec![Some(Some(1)), Some(None)]);
    stays(BTreeMap::from([(1, Some(()))]));
    stays(BTreeMap::from([(Some(()), 1)]));
    stays((1, [Some(())]));
    stays(Mixed::Newtype(Some(())));
    stays(Mixed::Tuple(1, Some(Newtype(()))));
    stays(Mixed::Struct { inner: Some(None) });
}

#[test]
fn all_bytes_are_the_value() {
    let bytes = Rmp::encode(&"text").unwrap();
    assert_eq!(Rmp::decode::<String>(&bytes).as_deref(), Some("text"));
    for end in 0..bytes.len() {
        assert_eq!(Rmp::decode::<String>(&bytes[..end]), None);
    }
    for trailing in 0..=u8::MAX {
        let longer = [&bytes[..], &[trailing]].concat();
        assert_eq!(Rmp::decode::<String>(&longer), None, "{trailing:x}");
        assert_eq!(Rmp::decode::<Option<u8>>(&[0xc0, trailing]), None);
        assert_eq!(Rmp::decode::<Vec<u8>>(&[0x90, trailing]), None);
    }
    assert_eq!(Rmp::decode::<u8>(&bytes), None);
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Deep(Vec<Deep>);

#[derive(Serialize, Deserialize, PartialEq, Debug)]
enum Chain {
    End,
    Next(Box<Chain>),
}

fn nested(levels: usize) -> (Deep, Chain) {
    let deep = (1..levels).fold(Deep(Vec::new()), |inner, _| Deep(vec![inner]));
    let chain = (0..levels).fold(Chain::End, |inner, _| Chain::Next(inner.into()));
    (deep, chain)
}

#[test]
fn a_value_that_is_too_deep_stays() {
    // An array without elements is no level.
    let (deep, chain) = nested(MAX_DEPTH);
    returns(deep);
    returns(chain);
    let (_, chain) = nested(MAX_DEPTH + 1);
    stays(chain);
    let (deep, _) = nested(MAX_DEPTH + 2);
    stays(deep);
}

/// A few bytes must not exhaust the stack or the memory.
#[test]
fn hostile_bytes_are_no_value() {
    assert!(Rmp::decode::<Deep>(&vec![0x91; 1_000_000]).is_none());
    assert!(Rmp::decode::<Chain>(&b"\x81\xa4Next".repeat(1_000_000)).is_none());
    let huge = b"\xdd\xff\xff\xff\xff";
    assert!(Rmp::decode::<Vec<[u64; 32]>>(huge).is_none());
    assert!(Rmp::decode::<String>(b"\xdb\xff\xff\xff\xff").is_none());
    assert!(Rmp::decode::<BTreeMap<u8, u8>>(b"\xdf\xff\xff\xff\xff").is_none());
}

/// Every form that there is, at both ends of its range.
#[test]
fn every_form_has_its_length() {
    let text = |length| "x".repeat(length);
    for length in [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536] {
        returns(text(length));
        returns(vec![1_u8; length]);
        returns((0..length).map(|at| (at, ())).collect::<BTreeMap<_, _>>());
        returns(Bytes(vec![1; length]));
    }
    for shift in 0..64 {
        returns((1_u64 << shift, (1_u64 << shift) - 1, -1_i64 << shift));
    }
    for extension in [
        &b"\xd4ta"[..],
        b"\xd5taa",
        b"\xd6taaaa",
        b"\xd7taaaaaaaa",
        b"\xd8taaaaaaaaaaaaaaaa",
        b"\xc7\x02taa",
        b"\xc8\x00\x01ta",
        b"\xc9\x00\x00\x00\x00t",
    ] {
        assert!(is_one_value(extension));
        assert!(!is_one_value(&extension[..extension.len() - 1]));
        assert!(!is_one_value(&[extension, b"\xc0"].concat()));
    }
    assert!(!is_one_value(b"") && !is_one_value(b"\xc1"));
}

/// Bytes that are written as bytes.
#[derive(PartialEq, Debug)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

proptest! {
    #[test]
    fn anything_is_judged(bytes in vec(any::<u8>(), 0..64)) {
        let _ = Rmp::decode::<Vec<Mixed>>(&bytes);
        let _ = Rmp::decode::<Flat>(&bytes);
        let _ = Rmp::decode::<Deep>(&bytes);
        let _ = Rmp::decode::<Chain>(&bytes);
        let _ = Rmp::decode::<Sparse>(&bytes);
    }
}
