//! From serde events to values and tags.

use std::fmt::{self, Display};

use serde::ser::{self, Serialize};

use super::encoder::{Buffer, Tags, length};
use super::error::KeyError;
use super::set::{Elements, complete};
use super::{name_hash, tag};

/// Writes one value: gives the tag word back, so that it is never written to memory on the way.
pub(super) struct Writer<'a> {
    out: &'a mut Buffer,
    tags: Tags,
    /// Whether a sequence is a set. Asked only at a sequence: any other argument never pays for the question.
    is_set: fn() -> bool,
}

impl<'a> Writer<'a> {
    #[inline(always)]
    pub(super) fn of_argument(out: &'a mut Buffer, tags: Tags, is_set: fn() -> bool) -> Self {
        Self { out, tags, is_set }
    }

    #[inline(always)]
    pub(super) fn of_part(out: &'a mut Buffer, tags: Tags) -> Self {
        Self {
            out,
            tags,
            is_set: || false,
        }
    }

    #[inline(always)]
    fn scalar<const N: usize>(self, tag: u8, value: [u8; N]) -> Result<Tags, KeyError> {
        self.out.put(value);
        self.tags.and(tag, self.out)
    }

    #[inline(always)]
    fn framed(self, tag: u8, value: &[u8]) -> Result<Tags, KeyError> {
        self.out.put_framed(value)?;
        self.tags.and(tag, self.out)
    }

    #[inline(always)]
    fn open(self, tag: u8) -> Result<Compound<'a>, KeyError> {
        Ok(Compound {
            tags: self.tags.and(tag, self.out)?,
            out: self.out,
        })
    }

    #[inline(always)]
    fn variant(&mut self, name: &str, index: u32, variant: &str) {
        self.out.put(index.to_le_bytes());
        self.name(name);
        self.name(variant);
    }

    #[inline(always)]
    fn name(&mut self, name: &str) {
        self.out.put(name_hash(name).to_le_bytes());
    }
}

macro_rules! scalars {
    ($($method:ident: $type:ty => $tag:ident),* $(,)?) => {$(
        #[inline(always)]
        fn $method(self, value: $type) -> Result<Tags, KeyError> {
            self.scalar(tag::$tag, value.to_le_bytes())
        }
    )*};
}

impl<'a> ser::Serializer for Writer<'a> {
    type Ok = Tags;
    type Error = KeyError;
    type SerializeSeq = Sequence<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    scalars! {
        serialize_i8: i8 => I8, serialize_i16: i16 => I16, serialize_i32: i32 => I32, serialize_i64: i64 => I64,
        serialize_i128: i128 => I128, serialize_u8: u8 => U8, serialize_u16: u16 => U16, serialize_u32: u32 => U32,
        serialize_u64: u64 => U64, serialize_u128: u128 => U128,
    }

    #[inline(always)]
    fn serialize_bool(self, value: bool) -> Result<Tags, KeyError> {
        self.tags
            .and(if value { tag::TRUE } else { tag::FALSE }, self.out)
    }

    #[inline(always)]
    fn serialize_f32(self, value: f32) -> Result<Tags, KeyError> {
        let normal = if value.is_nan() {
            f32::from_bits(0x7fc0_0000)
        } else {
            value + 0.0
        }; // -0.0 + 0.0 is 0.0
        self.scalar(tag::F32, normal.to_bits().to_le_bytes())
    }

    #[inline(always)]
    fn serialize_f64(self, value: f64) -> Result<Tags, KeyError> {
        let normal = if value.is_nan() {
            f64::from_bits(0x7ff8_0000_0000_0000)
        } else {
            value + 0.0
        };
        self.scalar(tag::F64, normal.to_bits().to_le_bytes())
    }

    #[inline(always)]
    fn serialize_char(self, value: char) -> Result<Tags, KeyError> {
        self.scalar(tag::CHAR, u32::from(value).to_le_bytes())
    }

    #[inline(always)]
    fn serialize_str(self, value: &str) -> Result<Tags, KeyError> {
        self.framed(tag::STR, value.as_bytes())
    }

    /// Writes the text where it stays; the default would make a `String` first.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<Tags, KeyError> {
        let start = self.out.len();
        self.out.put([0; 4]);
        let mut text = Text(self.out);
        fmt::write(&mut text, format_args!("{value}")).map_err(<KeyError as ser::Error>::custom)?;
        let written = length(self.out.len() - start - 4)?;
        self.out.patch(start, written.to_le_bytes());
        self.tags.and(tag::STR, self.out)
    }

    #[inline(always)]
    fn serialize_bytes(self, value: &[u8]) -> Result<Tags, KeyError> {
        self.framed(tag::BYTES, value)
    }

    #[inline(always)]
    fn serialize_none(self) -> Result<Tags, KeyError> {
        self.tags.and(tag::NONE, self.out)
    }

    #[inline(always)]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Tags, KeyError> {
        let tags = self.tags.and(tag::SOME, self.out)?;
        value.serialize(Writer::of_part(self.out, tags))
    }

    #[inline(always)]
    fn serialize_unit(self) -> Result<Tags, KeyError> {
        self.tags.and(tag::UNIT, self.out)
    }

    #[inline(always)]
    fn serialize_unit_struct(mut self, name: &'static str) -> Result<Tags, KeyError> {
        self.name(name);
        self.tags.and(tag::UNIT_STRUCT, self.out)
    }

    #[inline(always)]
    fn serialize_unit_variant(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<Tags, KeyError> {
        self.variant(name, index, variant);
        self.tags.and(tag::UNIT_VARIANT, self.out)
    }

    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        value: &T,
    ) -> Result<Tags, KeyError> {
        self.name(name);
        let tags = self.tags.and(tag::NEWTYPE_STRUCT, self.out)?;
        value.serialize(Writer::of_part(self.out, tags))
    }

    #[inline(always)]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Tags, KeyError> {
        self.variant(name, index, variant);
        let tags = self.tags.and(tag::NEWTYPE_VARIANT, self.out)?;
        value.serialize(Writer::of_part(self.out, tags))
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
        self.name(name);
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
    fn serialize_struct(
        mut self,
        name: &'static str,
        _len: usize,
    ) -> Result<Compound<'a>, KeyError> {
        self.name(name);
        self.open(tag::STRUCT)
    }

    #[inline(always)]
    fn serialize_struct_variant(
        mut self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Compound<'a>, KeyError> {
        self.variant(name, index, variant);
        self.open(tag::STRUCT_VARIANT)
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

/// An open tuple, struct or variant.
pub(super) struct Compound<'a> {
    out: &'a mut Buffer,
    tags: Tags,
}

impl Compound<'_> {
    #[inline(always)]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        self.tags = value.serialize(Writer::of_part(self.out, self.tags))?;
        Ok(())
    }

    #[inline(always)]
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), KeyError> {
        self.out.put(name_hash(name).to_le_bytes());
        self.element(value)
    }

    #[inline(always)]
    fn close(self) -> Result<Tags, KeyError> {
        self.tags.and(tag::END, self.out)
    }
}

macro_rules! compounds {
    ($($trait:ident: $method:ident($($name:ident)?) => $call:ident),* $(,)?) => {$(
        impl ser::$trait for Compound<'_> {
            type Ok = Tags;
            type Error = KeyError;

            #[inline(always)]
            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? value: &T) -> Result<(), KeyError> {
                self.$call($($name,)? value)
            }

            #[inline(always)]
            fn end(self) -> Result<Tags, KeyError> {
                self.close()
            }
        }
    )*};
}

compounds! {
    SerializeTuple: serialize_element() => element,
    SerializeTupleStruct: serialize_field() => element,
    SerializeTupleVariant: serialize_field() => element,
    SerializeStruct: serialize_field(name) => field,
    SerializeStructVariant: serialize_field(name) => field,
}

/// An open sequence: a list, or a set that is put in order at its end.
pub(super) struct Sequence<'a> {
    list: Compound<'a>,
    elements: Option<Elements>,
}

impl ser::SerializeSeq for Sequence<'_> {
    type Ok = Tags;
    type Error = KeyError;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        match &mut self.elements {
            None => self.list.element(value),
            Some(elements) => elements.add(value),
        }
    }

    #[inline]
    fn end(mut self) -> Result<Tags, KeyError> {
        if let Some(elements) = self.elements {
            self.list.tags = elements.put(self.list.out, self.list.tags)?;
        }
        self.list.close()
    }
}

/// An open map, whose entries are put in order at its end.
pub(super) struct Entries<'a> {
    inner: Compound<'a>,
    entries: Vec<(Vec<u8>, Vec<u8>)>,
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = Tags;
    type Error = KeyError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), KeyError> {
        self.entries.push((complete(key)?, Vec::new()));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        match self.entries.last_mut() {
            Some((_, bytes)) if bytes.is_empty() => *bytes = complete(value)?,
            _ => {
                return Err(ser::Error::custom(
                    "its `Serialize` wrote a map value without a key",
                ));
            }
        }
        Ok(())
    }

    fn end(mut self) -> Result<Tags, KeyError> {
        if self.entries.iter().any(|(_, value)| value.is_empty()) {
            return Err(ser::Error::custom(
                "its `Serialize` wrote a map key without a value",
            ));
        }
        self.entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let Compound { out, tags } = self.inner;
        out.put(length(self.entries.len())?.to_le_bytes());
        for (key, value) in &self.entries {
            out.put_framed(key)?;
            out.put_framed(value)?;
        }
        Ok(tags)
    }
}
