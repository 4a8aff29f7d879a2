//! Any tree of serde events survives the way to bytes and back.

use proptest::prelude::*;
use serde::ser::{
    Serialize, SerializeMap as _, SerializeSeq as _, SerializeStruct as _,
    SerializeStructVariant as _, SerializeTuple as _, SerializeTupleStruct as _,
    SerializeTupleVariant as _, Serializer,
};

use super::super::decoder::{Events, Variant, decode};
use std::{any::TypeId, hash::BuildHasher};

use super::super::{Encoder, names::Names, tag};
use super::{bytes, events};

const NAMES: [&str; 5] = [
    "",
    "a",
    "b",
    "User",
    "a rather long name, as generated code has them",
];

/// What a `Serialize` may say.
#[derive(Clone, Debug)]
enum Tree {
    Bool(bool),
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    I128(i128),
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    U128(u128),
    F32(u32),
    F64(u64),
    Char(char),
    Str(String),
    Displayed(String),
    Bytes(Vec<u8>),
    None,
    Some(Box<Tree>),
    Unit,
    UnitStruct(usize),
    UnitVariant(u32, usize, usize),
    NewtypeStruct(usize, Box<Tree>),
    NewtypeVariant(u32, usize, usize, Box<Tree>),
    Seq(Vec<Tree>),
    Tuple(Vec<Tree>),
    TupleStruct(usize, Vec<Tree>),
    TupleVariant(u32, usize, usize, Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
    Struct(usize, Vec<(usize, Tree)>),
    StructVariant(u32, usize, usize, Vec<(usize, Tree)>),
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(v) => s.serialize_bool(*v),
            Self::I8(v) => s.serialize_i8(*v),
            Self::I16(v) => s.serialize_i16(*v),
            Self::I32(v) => s.serialize_i32(*v),
            Self::I64(v) => s.serialize_i64(*v),
            Self::I128(v) => s.serialize_i128(*v),
            Self::U8(v) => s.serialize_u8(*v),
            Self::U16(v) => s.serialize_u16(*v),
            Self::U32(v) => s.serialize_u32(*v),
            Self::U64(v) => s.serialize_u64(*v),
            Self::U128(v) => s.serialize_u128(*v),
            Self::F32(v) => s.serialize_f32(f32::from_bits(*v)),
            Self::F64(v) => s.serialize_f64(f64::from_bits(*v)),
            Self::Char(v) => s.serialize_char(*v),
            Self::Str(v) => s.serialize_str(v),
            Self::Displayed(v) => s.collect_str(v),
            Self::Bytes(v) => s.serialize_bytes(v),
            Self::None => s.serialize_none(),
            Self::Some(v) => s.serialize_some(v),
            Self::Unit => s.serialize_unit(),
            Self::UnitStruct(n) => s.serialize_unit_struct(NAMES[*n]),
            Self::UnitVariant(i, n, v) => s.serialize_unit_variant(NAMES[*n], *i, NAMES[*v]),
            Self::NewtypeStruct(n, v) => s.serialize_newtype_struct(NAMES[*n], v),
            Self::NewtypeVariant(i, n, v, value) => {
                s.serialize_newtype_variant(NAMES[*n], *i, NAMES[*v], value)
            }
            Self::Seq(list) => {
                let mut s = s.serialize_seq(None)?;
                list.iter().try_for_each(|v| s.serialize_element(v))?;
                s.end()
            }
            Self::Tuple(list) => {
                let mut s = s.serialize_tuple(list.len())?;
                list.iter().try_for_each(|v| s.serialize_element(v))?;
                s.end()
            }
            Self::TupleStruct(n, list) => {
                let mut s = s.serialize_tuple_struct(NAMES[*n], list.len())?;
                list.iter().try_for_each(|v| s.serialize_field(v))?;
                s.end()
            }
            Self::TupleVariant(i, n, v, list) => {
                let mut s = s.serialize_tuple_variant(NAMES[*n], *i, NAMES[*v], list.len())?;
                list.iter().try_for_each(|v| s.serialize_field(v))?;
                s.end()
            }
            Self::Map(entries) => {
                let mut s = s.serialize_map(Some(entries.len()))?;
                entries
                    .iter()
                    .try_for_each(|(k, v)| s.serialize_entry(k, v))?;
                s.end()
            }
            Self::Struct(n, fields) => {
                let mut s = s.serialize_struct(NAMES[*n], fields.len())?;
                fields
                    .iter()
                    .try_for_each(|(f, v)| s.serialize_field(NAMES[*f], v))?;
                s.end()
            }
            Self::StructVariant(i, n, v, fields) => {
                let mut s = s.serialize_struct_variant(NAMES[*n], *i, NAMES[*v], fields.len())?;
                fields
                    .iter()
                    .try_for_each(|(f, v)| s.serialize_field(NAMES[*f], v))?;
                s.end()
            }
        }
    }
}

impl Tree {
    /// What must come back: the tree itself, with names hashed, maps in order, and the normal form of NaN.
    fn expected(&self) -> Events {
        let name = |at: &usize| Names::of(NAMES[*at]).bits();
        let both = |n: &usize, v: &usize| Names::of(NAMES[*n]).and(NAMES[*v]);
        let variant = |i: &u32, n: &usize, v: &usize| -> Variant { (*i, both(n, v).bits()) };
        let list = |trees: &[Tree]| trees.iter().map(Tree::expected).collect::<Vec<_>>();
        let one = |tree: &Tree| Box::new(tree.expected());
        let values =
            |fields: &[(usize, Tree)]| fields.iter().map(|(_, v)| v.expected()).collect::<Vec<_>>();
        let named = |names: Names, fields: &[(usize, Tree)]| {
            let names = fields
                .iter()
                .fold(names, |names, (f, _)| names.and(NAMES[*f]));
            names.bits()
        };
        match self {
            Self::Bool(v) => Events::Plain(if *v { tag::TRUE } else { tag::FALSE }),
            Self::I8(v) => Events::Scalar(tag::I8, u128::from(*v as u8)),
            Self::I16(v) => Events::Scalar(tag::I16, u128::from(*v as u16)),
            Self::I32(v) => Events::Scalar(tag::I32, u128::from(*v as u32)),
            Self::I64(v) => Events::Scalar(tag::I64, u128::from(*v as u64)),
            Self::I128(v) => Events::Scalar(tag::I128, *v as u128),
            Self::U8(v) => Events::Scalar(tag::U8, u128::from(*v)),
            Self::U16(v) => Events::Scalar(tag::U16, u128::from(*v)),
            Self::U32(v) => Events::Scalar(tag::U32, u128::from(*v)),
            Self::U64(v) => Events::Scalar(tag::U64, u128::from(*v)),
            Self::U128(v) => Events::Scalar(tag::U128, *v),
            Self::F32(v) => Events::Scalar(tag::F32, {
                let float = f32::from_bits(*v);
                u128::from(if float.is_nan() { 0x7fc0_0000 } else { *v })
            }),
            Self::F64(v) => Events::Scalar(tag::F64, {
                let float = f64::from_bits(*v);
                u128::from(if float.is_nan() { 0x7ff8 << 48 } else { *v })
            }),
            Self::Char(v) => Events::Scalar(tag::CHAR, u128::from(u32::from(*v))),
            Self::Str(v) | Self::Displayed(v) => Events::Framed(tag::STR, v.clone().into_bytes()),
            Self::Bytes(v) => Events::Framed(tag::BYTES, v.clone()),
            Self::None => Events::Plain(tag::NONE),
            Self::Some(v) => Events::Some(one(v)),
            Self::Unit => Events::Plain(tag::UNIT),
            Self::UnitStruct(n) => Events::UnitStruct(name(n)),
            Self::UnitVariant(i, n, v) => Events::UnitVariant(variant(i, n, v)),
            Self::NewtypeStruct(n, v) => Events::NewtypeStruct(name(n), one(v)),
            Self::NewtypeVariant(i, n, v, value) => {
                Events::NewtypeVariant(variant(i, n, v), one(value))
            }
            Self::Seq(v) => Events::Seq(list(v)),
            Self::Tuple(v) => Events::Tuple(list(v)),
            Self::TupleStruct(n, v) => Events::TupleStruct(name(n), list(v)),
            Self::TupleVariant(i, n, v, values) => {
                Events::TupleVariant(variant(i, n, v), list(values))
            }
            Self::Map(entries) => {
                let mut entries = entries.iter().collect::<Vec<_>>();
                entries.sort_by_key(|(key, _)| bytes(key));
                Events::Map(
                    entries
                        .into_iter()
                        .map(|(k, v)| (k.expected(), v.expected()))
                        .collect(),
                )
            }
            Self::Struct(n, fields) => {
                Events::Struct(values(fields), named(Names::of(NAMES[*n]), fields))
            }
            Self::StructVariant(i, n, v, fields) => {
                Events::StructVariant(*i, values(fields), named(both(n, v), fields))
            }
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let name = || 0..NAMES.len();
    let leaf = prop_oneof![
        any::<bool>().prop_map(Tree::Bool),
        any::<i8>().prop_map(Tree::I8),
        any::<i16>().prop_map(Tree::I16),
        any::<i32>().prop_map(Tree::I32),
        any::<i64>().prop_map(Tree::I64),
        any::<i128>().prop_map(Tree::I128),
        any::<u8>().prop_map(Tree::U8),
        any::<u16>().prop_map(Tree::U16),
        any::<u32>().prop_map(Tree::U32),
        any::<u64>().prop_map(Tree::U64),
        any::<u128>().prop_map(Tree::U128),
        any::<f32>().prop_map(|v| Tree::F32(v.to_bits())),
        any::<u32>().prop_map(Tree::F32),
        prop_oneof![any::<u64>(), Just(1 << 63), Just(0), Just(0x7ff0 << 48 | 1)]
            .prop_map(Tree::F64),
        any::<char>().prop_map(Tree::Char),
        ".{0,24}".prop_map(Tree::Str),
        ".{0,24}".prop_map(Tree::Displayed),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Tree::Bytes),
        Just(Tree::None),
        Just(Tree::Unit),
        name().prop_map(Tree::UnitStruct),
        (any::<u32>(), name(), name()).prop_map(|(i, n, v)| Tree::UnitVariant(i, n, v)),
    ];
    leaf.prop_recursive(5, 64, 12, move |inner| {
        let one = || inner.clone().prop_map(Box::new);
        let list = || prop::collection::vec(inner.clone(), 0..12);
        let fields = || prop::collection::vec((name(), inner.clone()), 0..6);
        prop_oneof![
            one().prop_map(Tree::Some),
            (name(), one()).prop_map(|(n, v)| Tree::NewtypeStruct(n, v)),
            (any::<u32>(), name(), name(), one())
                .prop_map(|(i, n, v, value)| Tree::NewtypeVariant(i, n, v, value)),
            list().prop_map(Tree::Seq),
            list().prop_map(Tree::Tuple),
            (name(), list()).prop_map(|(n, v)| Tree::TupleStruct(n, v)),
            (any::<u32>(), name(), name(), list())
                .prop_map(|(i, n, v, values)| Tree::TupleVariant(i, n, v, values)),
            prop::collection::vec((inner.clone(), inner.clone()), 0..5).prop_map(Tree::Map),
            (name(), fields()).prop_map(|(n, f)| Tree::Struct(n, f)),
            (any::<u32>(), name(), name(), fields())
                .prop_map(|(i, n, v, f)| Tree::StructVariant(i, n, v, f)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_argument_list_reads_back(arguments in prop::collection::vec(tree(), 0..5)) {
        let mut encoder = Encoder::new();
        for (at, argument) in arguments.iter().enumerate() {
            if at == 2 {
                let first = encoder.finish().to_vec();
                prop_assert_eq!(encoder.finish(), first);
            }
            encoder.push(argument).unwrap();
        }
        let expected = arguments.iter().map(Tree::expected).collect::<Vec<_>>();
        prop_assert_eq!(decode(encoder.finish()), Some(expected));
        let bytes = encoder.finish().to_vec();
        prop_assert_eq!(encoder.mixed().encoded().with_canonical(<[u8]>::to_vec), bytes);
        let mut again = Encoder::new();
        arguments.iter().for_each(|argument| again.push(argument).unwrap());
        prop_assert_eq!(again.mixed().encoded(), encoder.mixed().encoded());
    }

    #[test]
    fn what_is_looked_up_is_equal_exactly_if_the_bytes_are(
        a in prop::collection::vec(tree(), 0..3),
        b in prop::collection::vec(tree(), 0..3),
    ) {
        let (mut first, mut second) = (Encoder::new(), Encoder::new());
        a.iter().for_each(|argument| first.push(argument).unwrap());
        b.iter().for_each(|argument| second.push(argument).unwrap());
        let equal = first.mixed().encoded() == second.mixed().encoded();
        prop_assert_eq!(equal, first.finish() == second.finish());
        let hash = |encoder: &mut Encoder| encoder.mixed().hash(&TypeId::of::<Tree>());
        prop_assert_eq!(equal, hash(&mut first) == hash(&mut second));
    }

    #[test]
    fn text_is_one_key_however_it_is_written(words in prop::collection::vec(".{0,24}", 1..9)) {
        let tree = |form: fn(String) -> Tree| Tree::Seq(words.iter().cloned().map(form).collect());
        prop_assert_eq!(bytes(&tree(Tree::Str)), bytes(&tree(Tree::Displayed)));
    }

    #[test]
    fn maps_have_one_order(entries in prop::collection::btree_map(".{0,6}", any::<u16>(), 0..9), seed in any::<u64>()) {
        let mut shuffled = entries.iter().collect::<Vec<_>>();
        shuffled.sort_by_key(|(key, _)| foldhash::fast::FixedState::with_seed(seed).hash_one(key));
        let tree = |list: &[(&String, &u16)]| {
            Tree::Map(list.iter().map(|(k, v)| (Tree::Str((*k).clone()), Tree::U16(**v))).collect())
        };
        prop_assert_eq!(bytes(&tree(&shuffled)), bytes(&entries));
    }
}

#[test]
fn entries_of_one_key_keep_their_order() {
    let entry = |value| (Tree::Unit, Tree::U8(value));
    assert_ne!(
        bytes(&Tree::Map(vec![entry(1), entry(2)])),
        bytes(&Tree::Map(vec![entry(2), entry(1)]))
    );
}

/// Lengths around every place where the way of writing changes.
#[test]
fn long_keys_read_back_at_every_boundary() {
    for items in (0..300).chain([1000, 4096]) {
        let list = Tree::Seq(vec![Tree::Unit; items]);
        assert_eq!(events(&list), list.expected(), "{items} tags");
        let numbers = Tree::Tuple((0..items as u64).map(Tree::U64).collect());
        assert_eq!(events(&numbers), numbers.expected(), "{items} numbers");
        let text = Tree::Tuple(vec![
            Tree::Bool(true),
            Tree::Str("x".repeat(items)),
            Tree::U8(9),
        ]);
        assert_eq!(events(&text), text.expected(), "{items} characters");
        let shown = Tree::Tuple(vec![Tree::Displayed("y".repeat(items)), Tree::U8(9)]);
        assert_eq!(events(&shown), shown.expected(), "{items} displayed");
    }
}
