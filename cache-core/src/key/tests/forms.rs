//! The forms that Rust types take.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use proptest::prelude::*;
use serde::{Serialize, Serializer};

use super::super::encoder::length;
use super::super::names::{Names, hash};
use super::super::{Encoder, error::KeyError};
use super::{bytes, events, try_bytes};

#[test]
fn arguments_do_not_run_into_each_other() {
    let list = |a: &str, b: &str| {
        let mut encoder = Encoder::new();
        encoder.push(a).unwrap();
        encoder.push(b).unwrap();
        encoder.finish().to_vec()
    };
    assert_ne!(list("a", "bc"), list("ab", "c"));
    assert_ne!(list("", "abc"), list("abc", ""));
    assert_ne!(bytes("ab"), list("a", "b"));
}

#[test]
fn numbers_of_other_types_are_other_keys() {
    let all = [
        bytes(&1_u8),
        bytes(&1_u16),
        bytes(&1_u32),
        bytes(&1_u64),
        bytes(&1_u128),
        bytes(&1_i8),
        bytes(&1_i64),
    ];
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    assert_eq!(bytes(&7_usize), bytes(&7_u64));
    assert_eq!(bytes(&-7_isize), bytes(&-7_i64));
}

#[test]
fn floats_have_two_zeros_and_one_nan() {
    assert_ne!(bytes(&-0.0_f64), bytes(&0.0_f64));
    assert_ne!(bytes(&-0.0_f32), bytes(&0.0_f32));
    assert_eq!(
        bytes(&f64::from_bits(0xfff8_0000_0000_0001)),
        bytes(&f64::NAN)
    );
    assert_eq!(bytes(&f32::from_bits(0xffc0_0001)), bytes(&f32::NAN));
    assert_ne!(bytes(&f64::INFINITY), bytes(&f64::NEG_INFINITY));
}

#[test]
fn hash_maps_are_canonical() {
    let forward = (0..200).map(|n| (n, n * n)).collect::<HashMap<u32, u32>>();
    let backward = (0..200)
        .rev()
        .map(|n| (n, n * n))
        .collect::<HashMap<u32, u32>>();
    let sorted = (0..200).map(|n| (n, n * n)).collect::<BTreeMap<u32, u32>>();
    assert_ne!(
        forward.iter().collect::<Vec<_>>(),
        sorted.iter().collect::<Vec<_>>(),
        "the test sees an order"
    );
    assert_eq!(bytes(&forward), bytes(&backward));
    assert_eq!(bytes(&forward), bytes(&sorted));
    assert_eq!(
        bytes(&Some(forward)),
        bytes(&Some(sorted)),
        "maps are canonical inside of values too"
    );
}

#[test]
fn hash_sets_are_canonical_as_arguments() {
    let make = || {
        (0..100)
            .map(|n| format!("element {n}"))
            .collect::<HashSet<String>>()
    };
    let (one, other) = (make(), make());
    assert!(one.iter().ne(other.iter()), "the test sees two orders");
    let expected = bytes(&one);
    assert_eq!(expected, bytes(&other));
    assert_eq!(expected, bytes(&&&other));
    assert_eq!(expected, bytes(&&mut other.clone()));
    assert_eq!(expected, bytes(&Box::new(other.clone())));
    assert_eq!(expected, bytes(&Rc::new(other.clone())));
    assert_eq!(expected, bytes(&Arc::new(Box::new(&other))));
    assert_eq!(expected, bytes(&Cow::Borrowed(&other)));
    let mut list = other.iter().collect::<Vec<_>>();
    list.sort_by_key(|element| bytes(*element));
    assert_eq!(
        expected,
        bytes(&list),
        "a set is the list in the order of its elements' bytes"
    );
    list.reverse();
    assert_ne!(expected, bytes(&list), "the order of a list is part of it");
}

#[test]
fn sets_of_compounds_read_back() {
    let set = HashSet::from([(1_u8, Some("a")), (2, None), (3, Some(""))]);
    let list = BTreeSet::from([(1_u8, Some("a")), (2, None), (3, Some(""))]);
    let mut list = list.into_iter().collect::<Vec<_>>();
    list.sort_by_key(bytes);
    assert_eq!(events(&set), events(&list));
}

#[derive(Serialize)]
#[serde(untagged)]
enum Untagged {
    Bits(u32),
    Float(f32),
    Text(String),
    Pair(u8, u8),
    Named { a: u8 },
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Internal {
    A { x: u8 },
    B { x: u8 },
}

#[derive(Serialize)]
struct Sparse {
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    b: Option<u8>,
    #[serde(flatten)]
    rest: BTreeMap<String, Untagged>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn untagged_payloads_stay_apart(n in any::<u32>(), s in ".{0,5}") {
        let all = [
            bytes(&Untagged::Bits(n)),
            bytes(&Untagged::Float(f32::from_bits(n))),
            bytes(&Untagged::Text(s)),
            bytes(&Untagged::Pair(n as u8, (n >> 8) as u8)),
            bytes(&Untagged::Named { a: n as u8 }),
        ];
        prop_assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn skipped_and_flattened_fields_stay_apart(
        one in (any::<Option<u8>>(), any::<Option<u8>>(), prop::collection::btree_map("[ab]{1,2}", 0_u32..3, 0..3)),
        two in (any::<Option<u8>>(), any::<Option<u8>>(), prop::collection::btree_map("[ab]{1,2}", 0_u32..3, 0..3)),
    ) {
        let sparse = |(a, b, rest): &(Option<u8>, Option<u8>, BTreeMap<String, u32>)| Sparse {
            a: *a, b: *b, rest: rest.iter().map(|(k, v)| (k.clone(), Untagged::Bits(*v))).collect(),
        };
        prop_assert_eq!(bytes(&sparse(&one)) == bytes(&sparse(&two)), one == two);
    }

    #[test]
    fn strings_and_numbers_are_equal_only_to_themselves(a in (".{0,20}", any::<u16>(), any::<bool>()), b in (".{0,20}", any::<u16>(), any::<bool>())) {
        prop_assert_eq!(bytes(&a) == bytes(&b), a == b);
    }
}

#[test]
fn internally_tagged_variants_stay_apart() {
    assert_ne!(bytes(&Internal::A { x: 1 }), bytes(&Internal::B { x: 1 }));
}

/// Says where its text goes, and that nobody calls for a form meant for humans.
struct Shown(&'static str);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| write!(f, "{letter}"))
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(!serializer.is_human_readable());
        serializer.collect_str(self)
    }
}

#[test]
fn displayed_text_is_a_string() {
    assert_eq!(bytes(&Shown("grüße")), bytes("grüße"));
}

#[test]
fn an_error_keeps_the_users_message_and_says_what_to_do() {
    struct Secretive;
    impl Serialize for Secretive {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("a password is no argument"))
        }
    }
    let error = try_bytes(&(1, Secretive)).unwrap_err().to_string();
    assert!(error.contains("a password is no argument"), "{error}");
    assert!(
        error.contains("help:") && error.contains("`key(..)`") && error.contains("`skip(..)`"),
        "{error}"
    );
}

#[test]
fn a_map_must_pair_keys_and_values() {
    struct Odd(bool);
    impl Serialize for Odd {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeMap as _;
            let mut map = serializer.serialize_map(None)?;
            if self.0 {
                map.serialize_key(&1)?
            } else {
                map.serialize_value(&1)?
            }
            map.end()
        }
    }
    assert!(try_bytes(&Odd(true)).is_err());
    assert!(try_bytes(&Odd(false)).is_err());
}

#[test]
#[cfg(target_pointer_width = "64")]
fn a_length_of_four_gigabytes_is_an_error() {
    assert_eq!(length(u32::MAX as usize).unwrap(), u32::MAX);
    let error: KeyError = length(u32::MAX as usize + 1).unwrap_err();
    assert!(error.to_string().contains("4294967296"), "{error}");
}

#[test]
fn names_are_hashed_with_fnv_1a() {
    // The published vectors of 64-bit FNV-1a.
    assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
}

/// Names that 32-bit FNV-1a takes for one.
#[test]
fn names_that_are_easily_confused_stay_apart() {
    #[derive(Default, Serialize)]
    struct Filter {
        #[serde(skip_serializing_if = "Option::is_none")]
        costarring: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        liquid: Option<u64>,
    }
    let (costarring, liquid) = (
        Filter {
            costarring: Some(1),
            ..Filter::default()
        },
        Filter {
            liquid: Some(1),
            ..Filter::default()
        },
    );
    assert_ne!(bytes(&costarring), bytes(&liquid));
}

/// Every choice among short names, which differ in a few bits only, and every order of some.
#[test]
fn lists_of_names_stay_apart() {
    const LETTERS: &str = "abcdefghijklmnop";
    let letters = || LETTERS.split("").filter(|letter| !letter.is_empty());
    let chosen = (0_u32..1 << 16).map(|set| {
        let picked = letters().enumerate().filter(|(at, _)| set >> at & 1 == 1);
        picked.fold(Names::of("Filter"), |names, (_, letter)| names.and(letter))
    });
    let pairs = letters().flat_map(|a| letters().map(move |b| Names::of("Filter").and(b).and(a)));
    let alone = letters().map(Names::of);
    let all = chosen.chain(pairs).chain(alone).map(Names::bits);
    // Of the 256 pairs 120 are choices, too.
    assert_eq!(all.collect::<HashSet<_>>().len(), (1 << 16) + 136 + 16);
}
