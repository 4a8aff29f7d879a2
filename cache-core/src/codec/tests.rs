use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

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

#[derive(Deserialize)]
#[expect(dead_code, reason = "as deep as the bytes are")]
struct Deep(Vec<Deep>);

/// A few bytes must not exhaust the stack or the memory.
#[test]
fn hostile_bytes_are_no_value() {
    assert!(Rmp::decode::<Deep>(&vec![0x91; 1_000_000]).is_none());
    let huge = b"\xdd\xff\xff\xff\xff";
    assert!(Rmp::decode::<Vec<[u64; 32]>>(huge).is_none());
    assert!(Rmp::decode::<String>(b"\xdb\xff\xff\xff\xff").is_none());
    assert!(Rmp::decode::<BTreeMap<u8, u8>>(b"\xdf\xff\xff\xff\xff").is_none());
}

proptest! {
    #[test]
    fn anything_is_judged(bytes in vec(any::<u8>(), 0..64)) {
        let _ = Rmp::decode::<Vec<Mixed>>(&bytes);
        let _ = Rmp::decode::<Flat>(&bytes);
        let _ = Rmp::decode::<Deep>(&bytes);
        let _ = Rmp::decode::<Sparse>(&bytes);
    }
}
