//! Types that are traced completely, and what makes a difference.

#![expect(dead_code, reason = "types that are only shapes")]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::num::NonZeroU8;
use std::sync::Arc;

use serde::Deserialize;

use super::complete;

#[test]
fn types_of_the_standard_library_are_complete() {
    complete::<(
        bool,
        char,
        f32,
        f64,
        u8,
        u16,
        u32,
        u64,
        u128,
        i8,
        i16,
        i32,
        i64,
        i128,
        usize,
        (isize, ()),
    )>();
    complete::<(
        String,
        Box<str>,
        Cow<'static, str>,
        Arc<[u8]>,
        std::ffi::CString,
    )>();
    complete::<(
        Vec<u8>,
        BTreeSet<u8>,
        HashSet<u8>,
        BTreeMap<u8, u8>,
        HashMap<String, Vec<u8>>,
    )>();
    complete::<(
        [u8; 4],
        Option<u8>,
        Result<u8, String>,
        Box<u8>,
        Arc<u8>,
        std::cell::Cell<u8>,
    )>();
    complete::<(
        NonZeroU8,
        std::num::NonZeroI64,
        std::num::Wrapping<u8>,
        std::ops::Range<u8>,
        std::ops::Bound<u8>,
    )>();
    complete::<(
        std::time::Duration,
        std::time::SystemTime,
        std::path::PathBuf,
        std::marker::PhantomData<u8>,
    )>();
    complete::<(
        std::net::IpAddr,
        std::net::SocketAddr,
        std::cmp::Reverse<u8>,
    )>();
}

#[test]
fn types_of_well_known_crates_are_complete() {
    complete::<uuid::Uuid>();
    complete::<(
        chrono::DateTime<chrono::Utc>,
        u8,
        chrono::DateTime<chrono::FixedOffset>,
    )>();
    complete::<(chrono::NaiveDate, chrono::NaiveTime, chrono::NaiveDateTime)>();
    complete::<(chrono::Weekday, chrono::Month, chrono::TimeDelta)>();
    complete::<Vec<Option<BTreeMap<uuid::Uuid, chrono::DateTime<chrono::Utc>>>>>();
}

#[test]
fn every_scalar_is_its_own() {
    let all = [
        complete::<bool>(),
        complete::<char>(),
        complete::<f32>(),
        complete::<f64>(),
        complete::<u8>(),
        complete::<u16>(),
        complete::<u32>(),
        complete::<u64>(),
        complete::<u128>(),
        complete::<i8>(),
        complete::<i16>(),
        complete::<i32>(),
        complete::<i64>(),
        complete::<i128>(),
        complete::<String>(),
        complete::<()>(),
        complete::<Option<u8>>(),
        complete::<Vec<u8>>(),
        complete::<[u8; 1]>(),
        complete::<[u8; 2]>(),
        complete::<(u8, u16)>(),
        complete::<(u16, u8)>(),
        complete::<BTreeMap<u8, u8>>(),
        complete::<BTreeMap<u8, u16>>(),
        complete::<Result<u8, u8>>(),
        complete::<Result<u8, u16>>(),
        complete::<uuid::Uuid>(),
    ];
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
}

#[test]
fn pointers_make_no_difference() {
    assert_eq!(complete::<Arc<String>>(), complete::<String>());
    assert_eq!(complete::<Box<str>>(), complete::<String>());
    assert_eq!(complete::<Cow<'static, str>>(), complete::<String>());
    assert_eq!(complete::<Vec<Box<u8>>>(), complete::<Vec<u8>>());
}

/// Two releases of one module, and whether a `Value` of one is a `Value` of the other.
macro_rules! releases {
    ($name:ident: { $($old:item)* } $relation:tt { $($new:item)* }) => {
        #[test]
        fn $name() {
            mod old {
                use super::*;
                $(#[derive(Deserialize)] $old)*
            }
            mod new {
                use super::*;
                $(#[derive(Deserialize)] $new)*
            }
            assert!(complete::<old::Value>() $relation complete::<new::Value>());
        }
    };
}

releases!(the_same_source_is_the_same:
    { pub(super) struct Value { a: u8, b: Inner } enum Inner { A, B(u8) } } ==
    { pub(super) struct Value { a: u8, b: Inner } enum Inner { A, B(u8) } });
releases!(a_field_is_renamed: { pub(super) struct Value { a: u8 } } != { pub(super) struct Value { b: u8 } });
releases!(a_field_is_renamed_by_serde:
    { pub(super) struct Value { a: u8 } } != { pub(super) struct Value { #[serde(rename = "b")] a: u8 } });
releases!(a_field_is_added: { pub(super) struct Value { a: u8 } } != { pub(super) struct Value { a: u8, b: u8 } });
releases!(a_field_with_default_is_added:
    { pub(super) struct Value { a: u8 } } != { pub(super) struct Value { a: u8, #[serde(default)] b: u8 } });
releases!(a_skipped_field_is_added:
    { pub(super) struct Value { a: u8 } } == { pub(super) struct Value { a: u8, #[serde(skip)] b: u8 } });
releases!(fields_change_places:
    { pub(super) struct Value { a: u8, b: u8 } } != { pub(super) struct Value { b: u8, a: u8 } });
releases!(a_type_is_widened: { pub(super) struct Value { a: u8 } } != { pub(super) struct Value { a: u16 } });
releases!(a_field_becomes_optional:
    { pub(super) struct Value { a: u8 } } != { pub(super) struct Value { a: Option<u8> } });
releases!(a_second_option_changes:
    { pub(super) struct Value(Option<u8>, Option<u16>, Option<u8>); } !=
    { pub(super) struct Value(Option<u8>, Option<u16>, Option<u16>); });
releases!(an_element_changes_behind_an_empty_list:
    { pub(super) struct Value(Vec<u8>, Vec<A>, Vec<u8>); struct A { a: u8 } } !=
    { pub(super) struct Value(Vec<u8>, Vec<A>, Vec<u8>); struct A { a: u16 } });
releases!(a_variant_is_added: { pub(super) enum Value { A } } != { pub(super) enum Value { A, B } });
releases!(a_variant_is_renamed: { pub(super) enum Value { A, B } } != { pub(super) enum Value { A, C } });
releases!(a_later_variant_gets_a_field:
    { pub(super) enum Value { A, B, C, D { a: u8 } } } != { pub(super) enum Value { A, B, C, D { a: u8, b: u8 } } });
releases!(a_variant_changes_its_kind: { pub(super) enum Value { A, B(u8) } } != { pub(super) enum Value { A, B { b: u8 } } });
releases!(a_last_variant_deep_inside_changes:
    { pub(super) struct Value { a: BTreeMap<String, Option<A>> } enum A { A(B), X } enum B { X, Y(C) } enum C { X, Y, Z(u8) } } !=
    { pub(super) struct Value { a: BTreeMap<String, Option<A>> } enum A { A(B), X } enum B { X, Y(C) } enum C { X, Y, Z(u16) } });
releases!(a_last_variant_behind_recursion_changes:
    { pub(super) enum Value { Node(Option<Box<Value>>, Vec<Value>), Leaf(F) } enum F { A, B, C, D(u8) } } !=
    { pub(super) enum Value { Node(Option<Box<Value>>, Vec<Value>), Leaf(F) } enum F { A, B, C, D(u16) } });
releases!(a_variant_of_a_mutually_recursive_pair_changes:
    { pub(super) enum Value { A(Box<F>), B } enum F { X(Box<Value>, Box<F>), Y, Z(G) } enum G { A, B(u8) } } !=
    { pub(super) enum Value { A(Box<F>), B } enum F { X(Box<Value>, Box<F>), Y, Z(G) } enum G { A, B(i8) } });
releases!(a_variant_beside_skipped_and_aliased_ones_changes:
    { pub(super) enum Value { A, #[serde(skip_deserializing)] S, B(u8) } } !=
    { pub(super) enum Value { A, #[serde(skip_deserializing)] S, #[serde(alias = "C", alias = "D")] B(u16) } });
releases!(a_codec_of_a_field_changes:
    { pub(super) struct Value { #[serde(deserialize_with = "one")] a: u8 } } !=
    { pub(super) struct Value { #[serde(deserialize_with = "other")] a: u8 } });
releases!(a_validated_field_does_not_hide_what_follows:
    { pub(super) struct Value(Even, Vec<Date>, Even, u8); } != { pub(super) struct Value(Even, Vec<Date>, Even, u16); });
releases!(a_generic_argument_changes:
    { pub(super) struct Value(G<u8>, G<String>); struct G<T> { t: Option<T> } } !=
    { pub(super) struct Value(G<u8>, G<u64>); struct G<T> { t: Option<T> } });

fn one<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    String::deserialize(deserializer).map(|text| text.len() as u8)
}

fn other<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    u64::deserialize(deserializer).map(|number| number as u8)
}

/// Refuses the first dummy, after the visitor has accepted it.
#[derive(Deserialize)]
#[serde(try_from = "u8")]
struct Even;

impl TryFrom<u8> for Even {
    type Error = String;

    fn try_from(value: u8) -> Result<Self, String> {
        if value.is_multiple_of(2) {
            Ok(Self)
        } else {
            Err(format!("{value} is odd"))
        }
    }
}

/// Accepts nothing but a date.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Date;

impl TryFrom<String> for Date {
    type Error = chrono::ParseError;

    fn try_from(value: String) -> Result<Self, Self::Error> {
        value.parse::<chrono::NaiveDate>().map(|_| Self)
    }
}

/// A change here makes every entry in every remote tier unreachable.
#[test]
fn hashes_are_the_same_for_ever() {
    #[derive(Deserialize)]
    struct User {
        id: u64,
        name: Option<String>,
        role: Role,
        children: Vec<User>,
    }
    #[derive(Deserialize)]
    enum Role {
        Admin,
        Member(u8, f64),
        Guest { until: HashMap<String, usize> },
    }
    assert_eq!(complete::<u64>(), 7_878_704_633_241_293_097);
    assert_eq!(complete::<User>(), 10026271413814125130);
}
