//! Every trace comes to an end.

#![expect(dead_code, reason = "types that are only shapes")]

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, VariantAccess as _};
use serde::{Deserialize, Deserializer};

use super::super::fingerprint;
use super::complete;

#[derive(Deserialize)]
struct Tree {
    left: Option<Box<Tree>>,
    right: Option<Box<Tree>>,
    others: BTreeMap<String, Vec<Tree>>,
}

#[derive(Deserialize)]
enum Expression {
    Add(Box<Expression>, Box<Expression>),
    Call {
        function: Box<Expression>,
        arguments: Vec<Expression>,
    },
    Block(Vec<Statement>),
    Number(f64),
}

#[derive(Deserialize)]
enum Statement {
    If(Expression, Box<Statement>, Option<Box<Statement>>),
    While(Expression, Box<Statement>),
    Expression(Expression),
}

#[test]
fn recursive_types_are_complete() {
    complete::<Tree>();
    complete::<Expression>();
    complete::<Statement>();
    assert_ne!(
        complete::<(Statement, u8)>(),
        complete::<(Statement, u16)>()
    );
}

#[derive(Deserialize)]
struct Endless(Box<Endless>);

#[derive(Deserialize)]
enum EndlessEnum {
    A(Box<EndlessEnum>),
    B(Box<EndlessEnum>, Box<EndlessEnum>),
}

#[test]
fn types_without_values_are_partial() {
    assert!(!fingerprint::<Endless>().complete);
    assert!(!fingerprint::<EndlessEnum>().complete);
    assert!(!fingerprint::<Vec<EndlessEnum>>().complete);
    #[derive(Deserialize)]
    enum Never {}
    assert!(!fingerprint::<Option<Never>>().complete);
}

/// A list that is never empty, of itself: every length but zero is one level more.
#[test]
fn a_list_that_must_hold_itself_ends() {
    #[derive(Deserialize)]
    #[serde(try_from = "Vec<Full>")]
    struct Full;
    impl TryFrom<Vec<Full>> for Full {
        type Error = &'static str;

        fn try_from(value: Vec<Full>) -> Result<Self, &'static str> {
            if value.is_empty() {
                Err("empty")
            } else {
                Ok(Self)
            }
        }
    }
    assert!(!fingerprint::<Full>().complete);
}

#[derive(Deserialize)]
struct Pair<T>(Box<T>, Box<T>);

type Pairs4<T> = Pair<Pair<Pair<Pair<T>>>>;

#[test]
fn types_with_too_many_parts_are_partial() {
    complete::<Pairs4<Pairs4<u8>>>();
    assert!(!fingerprint::<Pairs4<Pairs4<Pairs4<Pairs4<Pairs4<u8>>>>>>().complete);

    struct Huge;
    impl<'de> Deserialize<'de> for Huge {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> de::Visitor<'de> for Visitor {
                type Value = Huge;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("bytes")
                }

                fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Huge, A::Error> {
                    while seq.next_element::<u8>()?.is_some() {}
                    Ok(Huge)
                }
            }
            deserializer.deserialize_tuple(usize::MAX, Visitor)
        }
    }
    assert!(!fingerprint::<Huge>().complete);
}

#[test]
fn a_panic_is_caught() {
    struct Panicking;
    impl<'de> Deserialize<'de> for Panicking {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            assert_eq!(text, "an answer that no dummy is");
            Ok(Self)
        }
    }
    assert!(!fingerprint::<(u8, Panicking)>().complete);
}

/// Many variants that are recursive, before the first that is not: as deep as there are variants, and no deeper.
#[test]
fn the_way_out_may_come_late() {
    #[derive(Deserialize)]
    enum Late {
        A(Box<Late>),
        B(Box<Late>, Box<Late>),
        C { c: Box<Late> },
        D(Box<(Late, Late, Late)>),
        E(Box<Late>),
        F(Box<[Late; 8]>),
        Z,
    }
    complete::<Late>();
}

/// Far more recursive variants than values may be deep, behind one that is not recursive.
#[test]
fn the_number_of_variants_is_not_a_depth() {
    const VARIANTS: [&str; 150] = {
        let mut names = ["more"; 150];
        names[0] = "leaf";
        names
    };
    struct Wide;
    struct Visitor;
    impl<'de> Deserialize<'de> for Wide {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_enum("Wide", &VARIANTS, Visitor)
        }
    }
    impl<'de> de::Visitor<'de> for Visitor {
        type Value = Wide;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a variant")
        }

        fn visit_enum<A: de::EnumAccess<'de>>(self, data: A) -> Result<Wide, A::Error> {
            match data.variant::<String>()? {
                (name, variant) if name == "leaf" => variant.unit_variant().map(|()| Wide),
                (_, variant) => variant.newtype_variant(),
            }
        }
    }
    complete::<Wide>();
}

/// Never ends by itself, and says nothing of the error that ends it.
#[test]
fn a_type_that_hides_its_end_is_partial() {
    struct Deep;
    struct Visitor;
    impl<'de> Deserialize<'de> for Deep {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(deserializer
                .deserialize_newtype_struct("Deep", Visitor)
                .unwrap_or(Deep))
        }
    }
    impl<'de> de::Visitor<'de> for Visitor {
        type Value = Deep;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("more of the same")
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(
            self,
            deserializer: D,
        ) -> Result<Deep, D::Error> {
            Deep::deserialize(deserializer)
        }
    }
    assert!(!fingerprint::<Deep>().complete);
}
