//! Values that MessagePack cannot tell apart: it writes `Some(x)` as `x`, so that `Some(None)`, `Some(())` and a `Some`
//! of JSON's `null` become `None`.

use serde::{Serialize, ser};

/// Whether a value would come back as another, or cannot be written at all.
pub(super) fn is_ambiguous<T: Serialize + ?Sized>(value: &T) -> bool {
    value.serialize(Walk).is_err()
}

/// Goes through a value. What comes out is whether it is written as nothing.
#[derive(Clone, Copy)]
struct Walk;

#[derive(Debug)]
struct Ambiguous;

impl std::fmt::Display for Ambiguous {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a `Some` of nothing")
    }
}
impl std::error::Error for Ambiguous {}
impl ser::Error for Ambiguous {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

type Nothing = Result<bool, Ambiguous>;

macro_rules! scalars {
    ($($method:ident($type:ty))+) => {$(
        fn $method(self, _: $type) -> Nothing { Ok(false) }
    )+};
}

macro_rules! compounds {
    ($($method:ident($($type:ty),*))+) => {$(
        fn $method(self, $(_: $type),*) -> Result<Self, Ambiguous> { Ok(self) }
    )+};
}

impl ser::Serializer for Walk {
    type Ok = bool;
    type Error = Ambiguous;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    scalars! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_i128(i128) serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64)
        serialize_u128(u128) serialize_f32(f32) serialize_f64(f64) serialize_char(char)
        serialize_str(&str) serialize_bytes(&[u8]) serialize_unit_struct(&'static str)
    }
    compounds! {
        serialize_seq(Option<usize>)
        serialize_tuple(usize)
        serialize_tuple_struct(&'static str, usize)
        serialize_tuple_variant(&'static str, u32, &'static str, usize)
        serialize_map(Option<usize>)
        serialize_struct(&'static str, usize)
        serialize_struct_variant(&'static str, u32, &'static str, usize)
    }
    fn serialize_none(self) -> Nothing {
        Ok(true)
    }
    fn serialize_unit(self) -> Nothing {
        Ok(true)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Nothing {
        if value.serialize(self)? {
            return Err(Ambiguous);
        }
        Ok(false)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Nothing {
        value.serialize(self)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Nothing {
        Ok(false)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Nothing {
        value.serialize(self).map(|_| false)
    }
    fn collect_str<T: std::fmt::Display + ?Sized>(self, _: &T) -> Nothing {
        Ok(false)
    }
    fn is_human_readable(&self) -> bool {
        // As what writes it: a type may write something else for people.
        false
    }
}

macro_rules! parts {
    ($($trait:ident { $($method:ident($($name:ty)?)),+ })+) => {$(
        impl ser::$trait for Walk {
            type Ok = bool;
            type Error = Ambiguous;
            $(
                fn $method<T: Serialize + ?Sized>(&mut self, $(_: $name,)? value: &T) -> Result<(), Ambiguous> {
                    value.serialize(*self).map(drop)
                }
            )+
            fn end(self) -> Nothing { Ok(false) }
        }
    )+};
}

parts! {
    SerializeSeq { serialize_element() }
    SerializeTuple { serialize_element() }
    SerializeTupleStruct { serialize_field() }
    SerializeTupleVariant { serialize_field() }
    SerializeMap { serialize_key(), serialize_value() }
    SerializeStruct { serialize_field(&'static str) }
    SerializeStructVariant { serialize_field(&'static str) }
}
