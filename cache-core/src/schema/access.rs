//! The insides of lists, maps, structs and enums.

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer};

use super::trace::Refused;
use super::tracer::Tracer;

/// Elements by position.
pub(super) struct Elements<'t> {
    pub(super) outer: Tracer<'t>,
    pub(super) next: usize,
    pub(super) len: usize,
}

impl<'de> de::SeqAccess<'de> for Elements<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        if self.next == self.len {
            return Ok(None);
        }
        self.next += 1; // before anything can fail: a visitor that skips errors must come to an end
        self.outer.make(self.next, seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len - self.next)
    }
}

/// Entries of a map.
pub(super) struct Pairs<'t> {
    pub(super) outer: Tracer<'t>,
    pub(super) left: usize,
}

impl<'de> de::MapAccess<'de> for Pairs<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.outer.make(2 * self.left, seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        self.outer.make(2 * self.left + 1, seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// Fields by name.
pub(super) struct Fields<'t> {
    pub(super) outer: Tracer<'t>,
    pub(super) names: &'static [&'static str],
    pub(super) next: usize,
}

impl<'de> de::MapAccess<'de> for Fields<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        let Some(name) = self.names.get(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        let name: StrDeserializer<'_, Refused> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        self.outer.make(self.next, seed)
    }
}

/// A variant of an enum.
pub(super) struct Chosen<'t> {
    pub(super) tracer: Tracer<'t>,
    pub(super) name: &'static str,
    pub(super) index: usize,
}

impl<'de, 't> de::EnumAccess<'de> for Chosen<'t> {
    type Error = Refused;
    type Variant = Tracer<'t>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        mut self,
        seed: V,
    ) -> Result<(V::Value, Tracer<'t>), Refused> {
        // By name, because names of skipped variants are not in the list; by number for those that know no names.
        let value = match self.tracer.choose::<V>(2) {
            0 => seed.deserialize(IntoDeserializer::<Refused>::into_deserializer(self.name))?,
            _ => seed.deserialize(IntoDeserializer::<Refused>::into_deserializer(
                self.index as u32,
            ))?,
        };
        Ok((value, self.tracer))
    }
}
