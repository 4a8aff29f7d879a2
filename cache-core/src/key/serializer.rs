//! From serde events to values and tags.

use std::fmt::{self, Display};

use serde::ser::{self, Serialize};

use super::compound::{Compound, Entries, Fields, Sequence};
use super::encoder::{Buffer, length};
use super::error::KeyError;
use super::names::Names;
use super::set::Elements;
use super::tag;
use super::trail::Trail;

/// Writes one value: gives the trail back, so that it is never written to memory on the way.
pub(super) struct Writer<'a> {
    out: &'a mut Buffer,
    trail: Trail,
    /// Whether a sequence is a set. Asked only at a sequence: any other argument never pays for the question.
    is_set: fn() -> bool,
}

impl<'a> Writer<'a> {
    #[inline(always)]
    pub(super) fn of_argument(out: &'a mut Buffer, trail: Trail, is_set: fn() -> bool) -> Self {
        Self { out, trail, is_set }
    }

    #[inline(always)]
    pub(super) fn of_part(out: &'a mut Buffer, trail: Trail) -> Self {
        Self {
            out,
            trail,
            is_set: || false,
        }
    }

    #[inline(always)]
    fn scalar<const N: usize>(self, tag: u8, value: [u8; N]) -> Result<Trail, KeyError> {
        self.trail.and_scalar(value, self.out).and(tag, self.out)
    }

    #[inline(always)]
    fn framed(self, tag: u8, value: &[u8]) -> Result<Trail, KeyError> {
        self.trail.and_framed(value, self.out)?.and(tag, self.out)
    }

    #[inline(always)]
    fn open(self, tag: u8) -> Result<Compound<'a>, KeyError> {
        Ok(Compound {
            trail: self.trail.and(tag, self.out)?,
            out: self.out,
        })
    }

    #[inline(always)]
    fn open_fields(self, tag: u8, names: Names) -> Result<Fields<'a>, KeyError> {
        Ok(Fields {
            list: self.open(tag)?,
            names,
        })
    }

    #[inline(always)]
    fn variant(&mut self, name: &str, index: u32, variant: &str) {
        self.index(index);
        self.names(Names::of(name).and(variant));
    }

    #[inline(always)]
    fn index(&mut self, index: u32) {
        self.trail = self.trail.and_scalar(index.to_le_bytes(), self.out);
    }

    #[inline(always)]
    fn names(&mut self, names: Names) {
        self.trail = self.trail.and_scalar(names.bits().to_le_bytes(), self.out);
    }
}

macro_rules! scalars {
    ($($method:ident: $type:ty => $tag:ident),* $(,)?) => {$(
        #[inline(always)]
        fn $method(self, value: $type) -> Result<Trail, KeyError> {
            self.scalar(tag::$tag, value.to_le_bytes())
        }
    )*};
}

impl<'a> ser::Serializer for Writer<'a> {
    type Ok = Trail;
    type Error = KeyError;
    type SerializeSeq = Sequence<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Fields<'a>;

    scalars! {
        serialize_i8: i8 => I8, serialize_i16: i16 => I16, serialize_i32: i32 => I32, serialize_i64: i64 => I64,
        serialize_i128: i128 => I128, serialize_u8: u8 => U8, serialize_u16: u16 => U16, serialize_u32: u32 => U32,
        serialize_u64: u64 => U64, serialize_u128: u128 => U128,
    }

    #[inline(always)]
    fn serialize_bool(self, value: bool) -> Result<Trail, KeyError> {
        self.trail
            .and(if value { tag::TRUE } else { tag::FALSE }, self.out)
    }

    #[inline(always)]
    fn serialize_f32(self, value: f32) -> Result<Trail, KeyError> {
        let normal = if value.is_nan() {
            0x7fc0_0000
        } else {
            value.to_bits()
        };
        self.scalar(tag::F32, normal.to_le_bytes())
    }

    #[inline(always)]
    fn serialize_f64(self, value: f64) -> Result<Trail, KeyError> {
        let normal = if value.is_nan() {
            0x7ff8_0000_0000_0000
        } else {
            value.to_bits()
        };
        self.scalar(tag::F64, normal.to_le_bytes())
    }

    #[inline(always)]
    fn serialize_char(self, value: char) -> Result<Trail, KeyError> {
        self.scalar(tag::CHAR, u32::from(value).to_le_bytes())
    }

    #[inline(always)]
    fn serialize_str(self, value: &str) -> Result<Trail, KeyError> {
        self.framed(tag::STR, value.as_bytes())
    }

    /// Writes the text where it stays; the default would make a `String` first.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<Trail, KeyError> {
        let start = self.out.len();
        self.out.put_slice(&[0; 4]);
        let mut text = Text(self.out);
        fmt::write(&mut text, format_args!("{value}")).map_err(<KeyError as ser::Error>::custom)?;
        let written = length(self.out.len() - start - 4)?;
        self.out.patch(start, written.to_le_bytes());
        let trail = self.trail.and_written(start + 4, self.out);
        trail.and(tag::STR, self.out)
    }

    #[inline(always)]
    fn serialize_bytes(self, value: &[u8]) -> Result<Trail, KeyError> {
        self.framed(tag::BYTES, value)
    }

    #[inline(always)]
    fn serialize_none(self) -> Result<Trail, KeyError> {
        self.trail.and(tag::NONE, self.out)
    }

    #[inline(always)]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Trail, KeyError> {
        let trail = self.trail.and(tag::SOME, self.out)?;
        value.serialize(Writer::of_part(self.out, trail))
    }

    #[inline(always)]
    fn serialize_unit(self) -> Result<Trail, KeyError> {
        self.trail.and(tag::UNIT, self.out)
    }

    #[inline(always)]
    fn serialize_unit_struct(mut self, name: &'static str) -> Result<Trail, KeyError> {
        self.names(Names::of(name));
        self.trail.and(tag::UNIT_STRUCT, self.out)
    }

    #[inline(always)]
    fn serialize_unit_variant(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<Trail, KeyError> {
        self.variant(name, index, variant);
        self.trail.and(tag::UNIT_VARIANT, self.out)
    }

    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        value: &T,
    ) -> Result<Trail, KeyError> {
        self.names(Names::of(name));
        let trail = self.trail.and(tag::NEWTYPE_STRUCT, self.out)?;
        value.serialize(Writer::of_part(self.out, trail))
    }

    #[inline(always)]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Trail, KeyError> {
        self.variant(name, index, variant);
        let trail = self.trail.and(tag::NEWTYPE_VARIANT, self.out)?;
        value.serialize(Writer::of_part(self.out, trail))
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Sequence<'a>, KeyError> {
        let elements = (self.is_set)().then(|| Elements::new(len));
        Ok(Sequence {
            list: self.open(tag::SEQ)?,
            elements,
        })
    }

    #[inline(always)]
    fn serialize_tuple(self, _len: usize) -> Result<Compound<'a>, KeyError> {
        self.open(tag::TUPLE)
    }

    #[inline(always)]
    fn serialize_tuple_struct(
        mut self,
        name: &'static str,
        _len: usize,
    ) -> Result<Compound<'a>, KeyError> {
        self.names(Names::of(name));
        self.open(tag::TUPLE_STRUCT)
    }

    #[inline(always)]
    fn serialize_tuple_variant(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Compound<'a>, KeyError> {
        self.variant(name, index, variant);
        self.open(tag::TUPLE_VARIANT)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Entries<'a>, KeyError> {
        let entries = Vec::with_capacity(len.unwrap_or(0).min(1024));
        Ok(Entries {
            inner: self.open(tag::MAP)?,
            entries,
        })
    }

    #[inline(always)]
    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Fields<'a>, KeyError> {
        self.open_fields(tag::STRUCT, Names::of(name))
    }

    #[inline(always)]
    fn serialize_struct_variant(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Fields<'a>, KeyError> {
        self.index(index);
        self.open_fields(tag::STRUCT_VARIANT, Names::of(name).and(variant))
    }

    #[inline(always)]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Text that is formatted straight into the values.
struct Text<'a>(&'a mut Buffer);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.put_slice(text.as_bytes());
        Ok(())
    }
}
