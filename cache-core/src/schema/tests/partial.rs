//! Types that do not say all about themselves.

#![expect(dead_code, reason = "types that are only shapes")]

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, de};

use super::super::fingerprint;
use super::complete;

#[derive(Deserialize)]
struct Flat {
    a: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Untagged {
    A(u8),
    B(String),
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Internal {
    A { a: u8 },
    B { b: u8 },
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "content")]
enum Adjacent {
    A(u8),
    B(String),
}

#[test]
fn what_is_asked_of_the_data_is_partial() {
    assert!(!fingerprint::<Flat>().complete);
    assert!(!fingerprint::<Untagged>().complete);
    assert!(!fingerprint::<Internal>().complete);
    assert!(!fingerprint::<serde_json::Value>().complete);
    assert!(!fingerprint::<Vec<(u8, Untagged)>>().complete);
    assert!(!fingerprint::<BTreeMap<String, serde_json::Value>>().complete);
    complete::<Vec<Adjacent>>();
}

#[test]
fn a_partial_fingerprint_covers_name_and_size() {
    #[derive(Deserialize)]
    struct Other(serde_json::Value);
    assert_ne!(
        fingerprint::<Other>().hash,
        fingerprint::<serde_json::Value>().hash
    );
    assert_ne!(fingerprint::<Flat>().hash, fingerprint::<Untagged>().hash);
    assert_eq!(fingerprint::<Flat>(), fingerprint::<Flat>());
}

#[test]
fn what_was_traced_of_a_partial_type_counts() {
    mod old {
        #[derive(serde::Deserialize)]
        pub(super) struct Value(u8, serde_json::Value, u8);
    }
    mod new {
        #[derive(serde::Deserialize)]
        pub(super) struct Value(u8, serde_json::Value, i8);
    }
    let name = core::any::type_name::<old::Value>().len();
    assert_eq!(name, core::any::type_name::<new::Value>().len());
    assert_eq!(size_of::<old::Value>(), size_of::<new::Value>());
    let traced = |run: &mut dyn FnMut(super::super::tracer::Tracer<'_>) -> _| {
        super::super::trace::trace(run, "Value", 1)
    };
    let old = traced(&mut |tracer| old::Value::deserialize(tracer).map(drop));
    let new = traced(&mut |tracer| new::Value::deserialize(tracer).map(drop));
    assert!(!old.complete && !new.complete);
    assert_ne!(old.hash, new.hash);
}

/// Accepts none of the dummies.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Stubborn;

impl TryFrom<String> for Stubborn {
    type Error = fmt::Error;

    fn try_from(_: String) -> Result<Self, fmt::Error> {
        Err(fmt::Error)
    }
}

#[test]
fn a_type_that_refuses_everything_is_partial() {
    assert!(!fingerprint::<Stubborn>().complete);
    assert!(!fingerprint::<(u8, Stubborn)>().complete);
    assert_ne!(
        fingerprint::<(u8, Stubborn)>().hash,
        fingerprint::<(u16, Stubborn)>().hash
    );
}

#[test]
fn a_type_that_goes_on_after_an_error_is_partial() {
    #[derive(Debug)]
    struct Lenient;
    impl<'de> Deserialize<'de> for Lenient {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> de::Visitor<'de> for Visitor {
                type Value = Lenient;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a list")
                }

                fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Lenient, A::Error> {
                    while !matches!(seq.next_element::<Stubborn>(), Ok(None)) {}
                    Ok(Lenient)
                }
            }
            deserializer.deserialize_seq(Visitor)
        }
    }
    assert!(!fingerprint::<Lenient>().complete);
}

/// A visitor that takes fields by name only.
#[test]
fn fields_may_have_to_come_by_name() {
    struct Named;
    impl<'de> Deserialize<'de> for Named {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> de::Visitor<'de> for Visitor {
                type Value = Named;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("fields by name")
                }

                fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Named, A::Error> {
                    while map.next_key::<String>()?.is_some() {
                        map.next_value::<chrono::NaiveDate>()?;
                    }
                    Ok(Named)
                }
            }
            deserializer.deserialize_struct("Named", &["a", "b"], Visitor)
        }
    }
    assert_ne!(complete::<(Named, u8)>(), complete::<(Named, u16)>());
}
