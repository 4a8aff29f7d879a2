//! Arguments come back from their bytes, or not at all.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::Encoder;
use super::super::reading::Reading;
use super::bytes;

fn read<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut arguments = Reading::of(bytes)?;
    let read = arguments.next()?;
    arguments.end()?;
    Ok(read)
}

#[track_caller]
fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    assert_eq!(read::<T>(&bytes(&value)).as_ref(), Ok(&value));
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct Id(u64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair(i8, String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Form {
    Nothing,
    One(Box<Option<Form>>),
    Two(u8, char),
    Named { a: Option<u8>, b: Vec<Form> },
}

/// As it stands in many a service: what is not asked for is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", alias = "words")]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_price: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_price: Option<u32>,
    #[serde(skip)]
    seen: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u64,
    #[serde(flatten)]
    filter: Filter,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u32),
    Text(String),
    Pair(u8, u8),
    Named { a: u8, b: Option<u8> },
    Inner(Form),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Internal {
    Nothing,
    Named { x: u8, y: Vec<u8> },
    Inner(Filter),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "of")]
enum Adjacent {
    Nothing,
    One(u8),
    Two(u8, String),
    Named { x: u8 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent(Form);

fn form() -> impl Strategy<Value = Form> {
    let leaf = prop_oneof![
        Just(Form::Nothing),
        Just(Form::One(Box::new(None))),
        any::<(u8, char)>().prop_map(|(a, b)| Form::Two(a, b)),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            inner.prop_map(|form| Form::One(Box::new(Some(form)))),
            (any::<Option<u8>>(), list).prop_map(|(a, b)| Form::Named { a, b }),
        ]
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let tags = prop::collection::vec(".{0,5}", 0..3);
    let price = any::<Option<u32>>;
    (any::<Option<String>>(), tags, price(), price()).prop_map(
        |(text, tags, min_price, max_price)| Filter {
            text,
            tags,
            min_price,
            max_price,
            seen: 0,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn plain_values_come_back(
        numbers in any::<(u8, i16, u32, i64, u128, i128, usize, isize)>(),
        texts in any::<(String, char, Option<String>, Vec<u8>, bool)>(),
        deep in any::<Option<Option<Option<bool>>>>(),
        array in any::<[[u16; 3]; 2]>(),
    ) {
        again((numbers, texts, deep, array));
    }

    /// By their bits: of all NaNs one comes back, whose key is that of all others.
    #[test]
    fn floats_come_back(a in any::<u32>(), b in any::<u64>()) {
        let (a, b) = (f32::from_bits(a), f64::from_bits(b));
        let (c, d): (f32, f64) = read(&bytes(&(a, b))).unwrap();
        prop_assert!(a.is_nan() && c.is_nan() || a.to_bits() == c.to_bits());
        prop_assert!(b.is_nan() && d.is_nan() || b.to_bits() == d.to_bits());
    }

    #[test]
    fn derived_types_come_back(form in form(), id in any::<u64>(), pair in any::<(i8, String)>()) {
        again((form.clone(), Unit, Id(id), Pair(pair.0, pair.1)));
        again(Transparent(form));
    }

    #[test]
    fn collections_come_back(
        map in any::<HashMap<String, Option<u16>>>(),
        sorted in any::<BTreeMap<(u8, u8), Vec<i32>>>(),
        set in any::<HashSet<u16>>(),
        tree in any::<BTreeSet<String>>(),
    ) {
        again(map.clone());
        again(set);
        again(vec![Some((map, sorted, tree))]);
    }

    #[test]
    fn what_is_left_out_is_known(filter in filter(), id in any::<u64>()) {
        again(filter.clone());
        again(Internal::Inner(Filter { text: Some(String::new()), ..Filter::default() }));
        let rest = BTreeMap::from([("more".to_owned(), 1)]);
        again(Flat { id, filter, rest });
    }

    /// As arguments, which nobody has to have written: what is read gives the bytes, or is not read.
    #[test]
    fn whatever_the_bytes_are(mut bytes in prop::collection::vec(any::<u8>(), 0..60), count in 0_u8..20) {
        bytes.push(count);
        any_type(&bytes);
    }

    #[test]
    fn whatever_has_become_of_the_bytes(form in form(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = bytes(&(form, "text", HashMap::from([(1_u8, 2.5_f64)])));
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        any_type(&bytes);
        any_type(&bytes[..at]);
        any_type(&[&bytes[..], &[0]].concat());
    }
}

fn one<T: Serialize + DeserializeOwned>(given: &[u8]) {
    if let Ok(read) = read::<T>(given) {
        assert_eq!(bytes(&read), given);
    }
}

fn any_type(bytes: &[u8]) {
    one::<(Form, String, HashMap<u8, f64>)>(bytes);
    one::<Form>(bytes);
    one::<Untagged>(bytes);
    one::<Internal>(bytes);
    one::<Adjacent>(bytes);
    one::<Flat>(bytes);
    one::<serde_json::Value>(bytes);
    one::<Vec<String>>(bytes);
    one::<(u8, char)>(bytes);
    one::<Duration>(bytes);
}

#[test]
fn other_representations_come_back() {
    for untagged in [
        Untagged::Number(7),
        Untagged::Text("seven".to_owned()),
        Untagged::Pair(1, 2),
    ] {
        again(untagged);
    }
    // Of what says nothing but its fields' names, or its variant's, a key has their hash alone.
    let named = Untagged::Named { a: 1, b: None };
    assert!(read::<Untagged>(&bytes(&named)).is_err());
    let inner = Untagged::Inner(Form::Nothing);
    assert!(read::<Untagged>(&bytes(&inner)).is_err());
    again(Internal::Nothing);
    let y = vec![1, 2];
    again(Internal::Named { x: 1, y });
    for adjacent in [
        Adjacent::Nothing,
        Adjacent::One(1),
        Adjacent::Two(2, "two".to_owned()),
    ] {
        again(adjacent);
    }
    assert!(read::<Adjacent>(&bytes(&Adjacent::Named { x: 3 })).is_err());
    again(serde_json::json!({ "a": [1, -2, 2.5, null, true, "text"], "b": {} }));
}

#[test]
fn types_of_libraries_come_back() {
    again(Duration::from_millis(1_500));
    again("10.0.0.1:80".parse::<SocketAddr>().unwrap());
    again("::1".parse::<IpAddr>().unwrap());
    again(PathBuf::from("/some/path"));
    again(NonZero::<u16>::MAX);
    again(uuid::Uuid::from_u128(7));
    again(chrono::DateTime::from_timestamp(1_700_000_000, 5).unwrap());
    again(chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap());
    again::<Result<u8, String>>(Err("no".to_owned()));
    again::<Arc<str>>("shared".into());
    again::<Arc<[Id]>>([Id(1), Id(2)].into());
    again::<Cow<'static, str>>("borrowed".into());
    again(Box::new(std::ops::Bound::Included(3)));
    again(0_u8..9);
}

#[test]
fn what_was_borrowed_comes_back_owned() {
    assert_eq!(read::<String>(&bytes("text")), Ok("text".to_owned()));
    assert_eq!(read::<Vec<u8>>(&bytes(&[1_u8, 2][..])), Ok(vec![1, 2]));
    assert_eq!(read::<Id>(&bytes(&&Id(3))), Ok(Id(3)));
}

#[test]
fn a_list_of_arguments_comes_back_one_by_one() {
    let mut encoder = Encoder::new();
    encoder.push("DE").unwrap();
    encoder.push(&7_u64).unwrap();
    let bytes = encoder.finish().to_vec();
    let mut arguments = Reading::of(&bytes).unwrap();
    assert_eq!(arguments.next::<String>().unwrap(), "DE");
    assert_eq!(arguments.next::<u64>().unwrap(), 7);
    assert!(arguments.next::<u64>().is_err(), "too few");
    let mut arguments = Reading::of(&bytes).unwrap();
    arguments.next::<String>().unwrap();
    assert!(arguments.end().is_err(), "too many");
    assert!(Reading::of(&[]).unwrap().end().is_err(), "no list at all");
    let none = Encoder::new().finish().to_vec();
    assert_eq!(Reading::of(&none).unwrap().end(), Ok(()));
}

#[test]
fn what_would_be_another_key_is_not_read() {
    // A number of another type, which `u64` takes.
    assert!(read::<u64>(&bytes(&7_u32)).is_err());
    #[derive(Serialize, Deserialize, Debug)]
    struct Renamed {
        #[serde(rename(serialize = "a", deserialize = "b"))]
        b: u8,
    }
    assert!(read::<Renamed>(&bytes(&Renamed { b: 1 })).is_ok());
    mod other {
        #[derive(serde::Serialize, serde::Deserialize)]
        pub(super) struct Id(u64);
        #[derive(serde::Serialize, serde::Deserialize)]
        pub(super) struct Account(u64);
    }
    assert!(read::<other::Id>(&bytes(&Id(1))).is_ok());
    assert!(read::<other::Account>(&bytes(&Id(1))).is_err());
    // In the order in which they happen to come back.
    let nested = vec![(0..100).collect::<HashSet<u8>>()];
    let refused = read::<Vec<HashSet<u8>>>(&bytes(&nested));
    assert!(refused.is_err_and(|why| why.contains("HashSet")));
}

#[test]
fn what_is_too_deep_is_not_read() {
    let deep = |levels: usize| {
        (0..levels).fold(Form::Nothing, |inner, _| Form::One(Box::new(Some(inner))))
    };
    again(deep(60));
    assert!(read::<Form>(&bytes(&deep(70))).is_err());
    let mut encoder = Encoder::new();
    encoder.push(&deep(60)).unwrap();
    // As long as a list can be, and nothing but levels.
    let hostile = [&[0xFF_u8; 8][..], &100_000_u32.to_le_bytes(), &[255]].concat();
    assert!(Reading::of(&hostile).is_err());
    let mut tags = vec![0x52_u8; 62_500]; // some of it nests
    tags.extend(100_000_u32.to_le_bytes());
    tags.push(255);
    assert!(read::<Form>(&tags).is_err());
}

/// Each of its levels could be written, or left out: nothing of the bytes is read on the way to the next.
#[test]
fn what_would_be_read_without_an_end_is_not() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Chain(Option<Box<Chain>>);
    again(Chain(Some(Box::new(Chain(None)))));
    assert!(read::<Chain>(&bytes(&7_u8)).is_err());
}

/// A map may say that it has four thousand million entries.
#[test]
fn a_length_is_not_believed() {
    for mut hostile in [
        bytes(&HashMap::<u8, u8>::new()),
        bytes(""),
        bytes(&BTreeMap::from([(1, 2)])),
    ] {
        hostile[..4].copy_from_slice(&[255; 4]);
        any_type(&hostile);
        assert!(Reading::of(&hostile).is_err());
    }
}
