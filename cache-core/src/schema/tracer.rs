//! The deserializer that writes down what it is asked for.

use std::any::type_name;
use std::fmt::{self, Display};

use serde::de::{self, DeserializeSeed, Visitor};

use super::access::{Chosen, Elements, Fields, Pairs};
use super::dummy;
use super::trace::{Refused, Trace, Type};

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no value to deserialize: this only traces a type")
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// Answers for one value.
pub(super) struct Tracer<'t> {
    pub(super) trace: &'t mut Trace,
    /// Where the value is: a hash of the way to it.
    pub(super) path: u64,
    pub(super) depth: u32,
}

/// A type as the trace knows it.
fn type_of<'de, V: Visitor<'de>>(variants: &'static [&'static str]) -> Type {
    Type {
        visitor: type_name::<V>(),
        value: type_name::<V::Value>(),
        variants,
    }
}

impl<'t> Tracer<'t> {
    pub(super) fn root(trace: &'t mut Trace) -> Self {
        Self {
            trace,
            path: 0,
            depth: 0,
        }
    }

    /// Answers for a value inside of this one.
    pub(super) fn inner(&mut self, step: usize) -> Tracer<'_> {
        let path = (self.path ^ (step as u64 + 1))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
        Tracer {
            trace: self.trace,
            path,
            depth: self.depth + 1,
        }
    }

    /// Makes a value inside of this one.
    pub(super) fn make<'de, S: DeserializeSeed<'de>>(
        &mut self,
        step: usize,
        seed: S,
    ) -> Result<S::Value, Refused> {
        let value = seed.deserialize(self.inner(step));
        if value.is_err() {
            self.trace.doubt();
        }
        value
    }

    fn asked(&mut self, kind: u8) -> Result<(), Refused> {
        self.trace.step(self.depth)?;
        self.trace.record(kind);
        Ok(())
    }

    pub(super) fn choose<V>(&mut self, choices: usize) -> usize {
        self.trace.choose(self.path, type_name::<V>(), choices)
    }

    /// Asks for one dummy out of several.
    fn leaf<V, D: Copy + Default>(mut self, kind: u8, dummies: &[D]) -> Result<D, Refused> {
        self.asked(kind)?;
        let choice = self.choose::<V>(dummies.len());
        Ok(dummies.get(choice).copied().unwrap_or_default())
    }

    /// A list of a length that the type does not know.
    fn list<'de, V: Visitor<'de>>(&mut self) -> usize {
        let once = usize::from(self.trace.opens(type_of::<V>(&[])));
        match self.choose::<V>(dummy::LENGTHS.len() + 1) {
            0 => once,
            choice => dummy::LENGTHS.get(choice - 1).copied().unwrap_or(once),
        }
    }

    fn elements<'de, V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_seq(Elements {
            outer: self,
            next: 0,
            len,
        })
    }
}

/// Kinds of questions. They only ever meet kinds of the same release's fingerprints of other types and of other
/// releases' fingerprints: renumbering makes every remote entry unreachable.
mod kind {
    pub(super) const ANY: u8 = 0;
    pub(super) const BOOL: u8 = 1;
    pub(super) const I8: u8 = 2;
    pub(super) const I16: u8 = 3;
    pub(super) const I32: u8 = 4;
    pub(super) const I64: u8 = 5;
    pub(super) const I128: u8 = 6;
    pub(super) const U8: u8 = 7;
    pub(super) const U16: u8 = 8;
    pub(super) const U32: u8 = 9;
    pub(super) const U64: u8 = 10;
    pub(super) const U128: u8 = 11;
    pub(super) const F32: u8 = 12;
    pub(super) const F64: u8 = 13;
    pub(super) const CHAR: u8 = 14;
    pub(super) const STR: u8 = 15;
    pub(super) const BYTES: u8 = 16;
    pub(super) const OPTION: u8 = 17;
    pub(super) const UNIT: u8 = 18;
    pub(super) const UNIT_STRUCT: u8 = 19;
    pub(super) const NEWTYPE_STRUCT: u8 = 20;
    pub(super) const SEQ: u8 = 21;
    pub(super) const TUPLE: u8 = 22;
    pub(super) const TUPLE_STRUCT: u8 = 23;
    pub(super) const MAP: u8 = 24;
    pub(super) const STRUCT: u8 = 25;
    pub(super) const ENUM: u8 = 26;
    pub(super) const IDENTIFIER: u8 = 27;
    pub(super) const IGNORED: u8 = 28;
    pub(super) const UNIT_VARIANT: u8 = 29;
    pub(super) const NEWTYPE_VARIANT: u8 = 30;
    pub(super) const TUPLE_VARIANT: u8 = 31;
    pub(super) const STRUCT_VARIANT: u8 = 32;
}

macro_rules! numbers {
    ($($method:ident => $kind:ident, $visit:ident($type:ty) from $dummies:ident);* $(;)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            visitor.$visit(self.leaf::<V, _>(kind::$kind, &dummy::$dummies)? as $type)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Tracer<'_> {
    type Error = Refused;

    numbers! {
        deserialize_i8 => I8, visit_i8(i8) from INTEGERS;
        deserialize_i16 => I16, visit_i16(i16) from INTEGERS;
        deserialize_i32 => I32, visit_i32(i32) from INTEGERS;
        deserialize_i64 => I64, visit_i64(i64) from INTEGERS;
        deserialize_i128 => I128, visit_i128(i128) from INTEGERS;
        deserialize_u8 => U8, visit_u8(u8) from INTEGERS;
        deserialize_u16 => U16, visit_u16(u16) from INTEGERS;
        deserialize_u32 => U32, visit_u32(u32) from INTEGERS;
        deserialize_u64 => U64, visit_u64(u64) from INTEGERS;
        deserialize_u128 => U128, visit_u128(u128) from INTEGERS;
        deserialize_f32 => F32, visit_f32(f32) from FLOATS;
        deserialize_f64 => F64, visit_f64(f64) from FLOATS;
        deserialize_char => CHAR, visit_char(char) from CHARS;
    }

    /// Whatever there is: the type does not say what that will be.
    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.asked(kind::ANY)?;
        self.trace.doubt();
        match self.choose::<V>(9) {
            0 => visitor.visit_unit(),
            1 => visitor.visit_str("a"),
            2 => visitor.visit_u64(1),
            3 => visitor.visit_i64(-1),
            4 => visitor.visit_f64(0.5),
            5 => visitor.visit_bool(true),
            6 => visitor.visit_map(Pairs {
                outer: self,
                left: 0,
            }),
            7 => visitor.visit_bytes(&[]),
            _ => self.elements(0, visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_bool(self.leaf::<V, _>(kind::BOOL, &[true, false])?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_str(self.leaf::<V, _>(kind::STR, &dummy::STRINGS)?)
    }

    /// One kind with `str`: they are the same in every format.
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let len = self.leaf::<V, _>(kind::BYTES, &dummy::BYTES)?;
        visitor.visit_bytes(dummy::LONGEST.get(..len).unwrap_or_default())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.asked(kind::OPTION)?;
        if self.trace.opens(type_of::<V>(&[])) {
            visitor.visit_some(self.inner(0))
        } else {
            visitor.visit_none()
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.asked(kind::UNIT)?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.asked(kind::UNIT_STRUCT)?;
        self.trace.record_name(name);
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.asked(kind::NEWTYPE_STRUCT)?;
        self.trace.record_name(name);
        visitor.visit_newtype_struct(self.inner(0))
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.asked(kind::SEQ)?;
        let len = self.list::<V>();
        self.elements(len, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.asked(kind::TUPLE)?;
        self.trace.record_number(len);
        self.elements(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.asked(kind::TUPLE_STRUCT)?;
        self.trace.record_name(name);
        self.trace.record_number(len);
        self.elements(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.asked(kind::MAP)?;
        let left = self.list::<V>();
        visitor.visit_map(Pairs { outer: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.asked(kind::STRUCT)?;
        self.trace.record_name(name);
        self.trace.record_names(fields);
        // Most visitors take fields in order as well as by name; some only one of them.
        match self.choose::<V>(2) {
            0 => self.elements(fields.len(), visitor),
            _ => visitor.visit_map(Fields {
                outer: self,
                names: fields,
                next: 0,
            }),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.asked(kind::ENUM)?;
        self.trace.record_name(name);
        self.trace.record_names(variants);
        let index = self.trace.enter(type_of::<V>(variants))?;
        self.trace.record_number(index);
        let name = variants.get(index).copied().unwrap_or_default();
        let value = visitor.visit_enum(Chosen {
            tracer: self.inner(index),
            name,
            index,
        });
        self.trace.leave(value.is_ok());
        value
    }

    /// The name of a field where we do not know the fields, as below `flatten`.
    fn deserialize_identifier<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.asked(kind::IDENTIFIER)?;
        self.trace.doubt();
        visitor.visit_str("")
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.asked(kind::IGNORED)?;
        visitor.visit_unit()
    }

    /// As the codec for values says.
    fn is_human_readable(&self) -> bool {
        false
    }
}

impl<'de> de::VariantAccess<'de> for Tracer<'_> {
    type Error = Refused;

    fn unit_variant(mut self) -> Result<(), Refused> {
        self.asked(kind::UNIT_VARIANT)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        mut self,
        seed: T,
    ) -> Result<T::Value, Refused> {
        self.asked(kind::NEWTYPE_VARIANT)?;
        self.make(0, seed)
    }

    fn tuple_variant<V: Visitor<'de>>(
        mut self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.asked(kind::TUPLE_VARIANT)?;
        self.trace.record_number(len);
        self.elements(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.asked(kind::STRUCT_VARIANT)?;
        self.trace.record_names(fields);
        self.elements(fields.len(), visitor)
    }
}
