//! From events to values: what [`Writer`](super::serializer) has written is read.
//!
//! Of names there are only hashes. A type says which names it has, and those that give the hash are the ones that were written, also where
//! some fields were left out; where no choice of them gives it (they are others for `Serialize`, say), fields are taken in their order.
//! Nothing here knows whether that was right: who reads encodes once more, and compares.

use serde::de::value::{Error, MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::decoder::Events;
use super::names::Names;
use super::tag;

/// So many choices of fields are tried for one struct.
const TRIALS: u32 = 10_000;

/// So many levels of a value need not have been written, one in the other. Of a type that is its own level there is no end of them.
const UNWRITTEN: u8 = 16;

/// One value, to be read; and how many levels around it may be taken for such as were not written.
pub(super) struct Reader(Events, u8);

impl Reader {
    pub(super) fn of(events: Events) -> Self {
        Self(events, UNWRITTEN)
    }

    /// The same value, as what is inside of a level that was not written.
    fn inside(self) -> Result<Self, Error> {
        let Self(events, left) = self;
        let left = left.checked_sub(1);
        left.map(|left| Self(events, left))
            .ok_or_else(|| Error::custom("a value without the levels around it"))
    }
}

impl<'de> Deserializer<'de> for Reader {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Events::Plain(tag) => match tag {
                tag::FALSE => visitor.visit_bool(false),
                tag::TRUE => visitor.visit_bool(true),
                tag::NONE => visitor.visit_none(),
                _ => visitor.visit_unit(),
            },
            Events::Scalar(tag, bits) => scalar(tag, bits, visitor),
            Events::Framed(tag::STR, text) => match String::from_utf8(text) {
                Ok(text) => visitor.visit_string(text),
                Err(_) => Err(Error::custom("text that is no text")),
            },
            Events::Framed(_, bytes) => visitor.visit_byte_buf(bytes),
            Events::Some(inner) => visitor.visit_some(Self::of(*inner)),
            Events::UnitStruct(_) => visitor.visit_unit(),
            Events::NewtypeStruct(_, inner) => visitor.visit_newtype_struct(Self::of(*inner)),
            Events::Seq(list)
            | Events::Tuple(list)
            | Events::TupleStruct(_, list)
            | Events::Struct(list, _) => in_order(list, visitor),
            Events::Map(entries) => {
                let entries = entries.into_iter();
                let entries = entries.map(|(key, value)| (Self::of(key), Self::of(value)));
                let mut map = MapDeserializer::new(entries);
                let read = visitor.visit_map(&mut map)?;
                map.end()?;
                Ok(read)
            }
            variant => visitor.visit_enum(Choice {
                names: None,
                events: variant,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Events::Plain(tag::NONE) | Events::Some(_) => self.deserialize_any(visitor),
            // A `Serialize` may leave out that it is there.
            _ => visitor.visit_some(self.inside()?),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Events::NewtypeStruct(_, inner) => visitor.visit_newtype_struct(Self::of(*inner)),
            _ => visitor.visit_newtype_struct(self.inside()?),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Events::Struct(list, names) => by_name(list, Names::of(name), fields, names, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let is = |names: u64| {
            let found = variants
                .iter()
                .find(|variant| Names::of(name).and(variant).bits() == names);
            found.copied()
        };
        let variant = match &self.0 {
            Events::UnitVariant((_, names))
            | Events::NewtypeVariant((_, names), _)
            | Events::TupleVariant((_, names), _) => is(*names),
            // Its fields' names are among those that are hashed.
            Events::StructVariant(index, ..) => variants.get(*index as usize).copied(),
            _ => return self.deserialize_any(visitor),
        };
        visitor.visit_enum(Choice {
            names: variant.map(|variant| (name, variant)),
            events: self.0,
        })
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for Reader {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn scalar<'de, V: Visitor<'de>>(tag: u8, bits: u128, visitor: V) -> Result<V::Value, Error> {
    match tag {
        tag::I8 => visitor.visit_i8(bits as i8),
        tag::I16 => visitor.visit_i16(bits as i16),
        tag::I32 => visitor.visit_i32(bits as i32),
        tag::I64 => visitor.visit_i64(bits as i64),
        tag::I128 => visitor.visit_i128(bits as i128),
        tag::U8 => visitor.visit_u8(bits as u8),
        tag::U16 => visitor.visit_u16(bits as u16),
        tag::U32 => visitor.visit_u32(bits as u32),
        tag::U64 => visitor.visit_u64(bits as u64),
        tag::F32 => visitor.visit_f32(f32::from_bits(bits as u32)),
        tag::F64 => visitor.visit_f64(f64::from_bits(bits as u64)),
        tag::CHAR => match char::from_u32(bits as u32) {
            Some(letter) => visitor.visit_char(letter),
            None => Err(Error::custom("a letter that is none")),
        },
        _ => visitor.visit_u128(bits),
    }
}

/// Elements, or fields, without names.
fn in_order<'de, V: Visitor<'de>>(list: Vec<Events>, visitor: V) -> Result<V::Value, Error> {
    let mut list = SeqDeserializer::new(list.into_iter().map(Reader::of));
    let read = visitor.visit_seq(&mut list)?;
    list.end()?;
    Ok(read)
}

/// Fields with those of these names that were written: `known` comes before them, and `wanted` of all.
fn by_name<'de, V: Visitor<'de>>(
    list: Vec<Events>,
    known: Names,
    fields: &'static [&'static str],
    wanted: u64,
    visitor: V,
) -> Result<V::Value, Error> {
    let mut names = Vec::with_capacity(list.len());
    let mut trials = TRIALS;
    let count = list.len();
    if !choose(fields, count, known, wanted, &mut trials, &mut names) {
        return in_order(list, visitor);
    }
    let values = list.into_iter().map(Reader::of);
    let mut map = MapDeserializer::new(names.into_iter().zip(values));
    let read = visitor.visit_map(&mut map)?;
    map.end()?;
    Ok(read)
}

/// Finds so many of the fields, in their order, that give the hash. All of them are the first choice.
fn choose(
    fields: &'static [&'static str],
    count: usize,
    known: Names,
    wanted: u64,
    trials: &mut u32,
    chosen: &mut Vec<&'static str>,
) -> bool {
    if count == 0 {
        return known.bits() == wanted;
    }
    let mut rest = fields;
    while rest.len() >= count
        && let Some((field, others)) = rest.split_first()
        && *trials > 0
    {
        *trials -= 1;
        chosen.push(field);
        if choose(others, count - 1, known.and(field), wanted, trials, chosen) {
            return true;
        }
        chosen.pop();
        rest = others;
    }
    false
}

/// A variant: the names of its enum and its own, where they are known.
struct Choice {
    names: Option<(&'static str, &'static str)>,
    events: Events,
}

impl Choice {
    fn index(&self) -> u32 {
        match &self.events {
            Events::UnitVariant((index, _))
            | Events::NewtypeVariant((index, _), _)
            | Events::TupleVariant((index, _), _)
            | Events::StructVariant(index, ..) => *index,
            _ => u32::MAX,
        }
    }
}

impl<'de> EnumAccess<'de> for Choice {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let variant = match self.names {
            Some((_, variant)) => seed.deserialize(StrDeserializer::new(variant)),
            None => seed.deserialize(self.index().into_deserializer()),
        };
        Ok((variant?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.events {
            Events::UnitVariant(_) => Ok(()),
            _ => Err(other_form()),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        match self.events {
            Events::NewtypeVariant(_, inner) => seed.deserialize(Reader::of(*inner)),
            _ => Err(other_form()),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        match self.events {
            Events::TupleVariant(_, list) => in_order(list, visitor),
            _ => Err(other_form()),
        }
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match (self.events, self.names) {
            (Events::StructVariant(_, list, names), Some((name, variant))) => {
                let known = Names::of(name).and(variant);
                by_name(list, known, fields, names, visitor)
            }
            (Events::StructVariant(_, list, _), None) => in_order(list, visitor),
            _ => Err(other_form()),
        }
    }
}

fn other_form() -> Error {
    Error::custom("a variant of another form")
}
