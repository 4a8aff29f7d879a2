//! Values that hold other values.

use serde::ser::{self, Serialize};

use super::encoder::{Buffer, length};
use super::error::KeyError;
use super::names::Names;
use super::serializer::Writer;
use super::set::{Elements, complete};
use super::tag;
use super::trail::Trail;

/// An open list or tuple.
pub(super) struct Compound<'a> {
    pub(super) out: &'a mut Buffer,
    pub(super) trail: Trail,
}

impl Compound<'_> {
    #[inline(always)]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        self.trail = value.serialize(Writer::of_part(self.out, self.trail))?;
        Ok(())
    }

    #[inline(always)]
    fn close(self) -> Result<Trail, KeyError> {
        self.trail.and(tag::END, self.out)
    }
}

/// An open struct, whose names follow its values: they are known only then, as fields may be left out.
pub(super) struct Fields<'a> {
    pub(super) list: Compound<'a>,
    pub(super) names: Names,
}

impl Fields<'_> {
    #[inline(always)]
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), KeyError> {
        self.names = self.names.and(name);
        self.list.element(value)
    }

    #[inline(always)]
    fn close(mut self) -> Result<Trail, KeyError> {
        let list = &mut self.list;
        list.trail = list
            .trail
            .and_scalar(self.names.bits().to_le_bytes(), list.out);
        self.list.close()
    }
}

macro_rules! compounds {
    ($($trait:ident for $type:ident: $method:ident($($name:ident)?) => $call:ident),* $(,)?) => {$(
        impl ser::$trait for $type<'_> {
            type Ok = Trail;
            type Error = KeyError;

            #[inline(always)]
            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? value: &T) -> Result<(), KeyError> {
                self.$call($($name,)? value)
            }

            #[inline(always)]
            fn end(self) -> Result<Trail, KeyError> {
                self.close()
            }
        }
    )*};
}

compounds! {
    SerializeTuple for Compound: serialize_element() => element,
    SerializeTupleStruct for Compound: serialize_field() => element,
    SerializeTupleVariant for Compound: serialize_field() => element,
    SerializeStruct for Fields: serialize_field(name) => field,
    SerializeStructVariant for Fields: serialize_field(name) => field,
}

/// An open sequence: a list, or a set that is put in order at its end.
pub(super) struct Sequence<'a> {
    pub(super) list: Compound<'a>,
    pub(super) elements: Option<Elements>,
}

impl ser::SerializeSeq for Sequence<'_> {
    type Ok = Trail;
    type Error = KeyError;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), KeyError> {
        match &mut self.elements {
            None => self.list.element(value),
            Some(elements) => elements.add(value),
        }
    }

    #[inline]
    fn end(mut self) -> Result<Trail, KeyError> {
        if let Some(elements) = self.elements {
            self.list.trail = elements.put(self.list.out, self.list.trail)?;
        }
        self.list.close()
    }
}

/// An open map, whose entries are put in order at its end.
pub(super) struct Entries<'a> {
    pub(super) inner: Compound<'a>,
    pub(super) entries: Vec<(Vec<u8>, Vec<u8>)>,
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = Trail;
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

    fn end(mut self) -> Result<Trail, KeyError> {
        if self.entries.iter().any(|(_, value)| value.is_empty()) {
            return Err(ser::Error::custom(
                "its `Serialize` wrote a map key without a value",
            ));
        }
        self.entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let Compound { out, mut trail } = self.inner;
        trail = trail.and_scalar(length(self.entries.len())?.to_le_bytes(), out);
        for (key, value) in &self.entries {
            trail = trail.and_framed(key, out)?.and_framed(value, out)?;
        }
        Ok(trail)
    }
}
