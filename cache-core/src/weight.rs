//! How many bytes a value holds on to.

use serde::{Serialize, ser};

/// A value's own answer to how many bytes it holds on to, heap included.
///
/// Needed only for types without `serde::Serialize`; those that have it are measured by it. Without either, a value
/// counts as its `size_of`, which for a `Vec` is 24 bytes whatever it holds: [`Cache::audit`](crate::Cache::audit)
/// names the functions that return such values. An `Arc`, `Box`, `Option` or `Vec` of what has it, has it, too. Errors that `err_ttl` keeps are weighed in the same way.
///
/// ```
/// # #[derive(Clone)]
/// struct Bitmap(Vec<u8>);
///
/// impl cache_core::CacheWeight for Bitmap {
///     fn cache_weight(&self) -> usize {
///         size_of::<Self>() + self.0.capacity()
///     }
/// }
/// # assert_eq!(cache_core::CacheWeight::cache_weight(&Bitmap(Vec::with_capacity(10))), 34);
/// ```
pub trait CacheWeight {
    /// Bytes, heap included.
    fn cache_weight(&self) -> usize;
}

/// What it points to, counted by each that does.
impl<T: CacheWeight + ?Sized> CacheWeight for std::sync::Arc<T> {
    fn cache_weight(&self) -> usize {
        size_of::<Self>().saturating_add((**self).cache_weight())
    }
}

impl<T: CacheWeight + ?Sized> CacheWeight for Box<T> {
    fn cache_weight(&self) -> usize {
        size_of::<Self>().saturating_add((**self).cache_weight())
    }
}

impl<T: CacheWeight> CacheWeight for Option<T> {
    fn cache_weight(&self) -> usize {
        let inside = self.as_ref().map_or(0, T::cache_weight);
        inside.max(size_of::<Self>())
    }
}

impl<T: CacheWeight> CacheWeight for [T] {
    fn cache_weight(&self) -> usize {
        let weights = self.iter().map(T::cache_weight);
        weights.fold(0, usize::saturating_add)
    }
}

impl<T: CacheWeight> CacheWeight for Vec<T> {
    fn cache_weight(&self) -> usize {
        let spare = (self.capacity() - self.len()).saturating_mul(size_of::<T>());
        size_of::<Self>()
            .saturating_add(spare)
            .saturating_add(self.as_slice().cache_weight())
    }
}

/// Bytes that `value` holds on to, by driving its `Serialize`: scalars count their size, strings and collections
/// their content and a header.
///
/// What is larger than `limit` is counted no further: its weight is then more than `limit`, and not known.
pub(crate) fn measure<T: Serialize>(value: &T, limit: usize) -> usize {
    let mut scale = Scale { bytes: 0, limit };
    // A value whose `Serialize` fails half-way still has a size: what was counted until then.
    let _ = value.serialize(&mut scale);
    scale.bytes.max(size_of::<T>())
}

/// `String`, `Vec` and the maps: a pointer, a length and a capacity, more or less.
const HEADER: usize = 24;

struct Scale {
    bytes: usize,
    limit: usize,
}

impl Scale {
    /// Fails where the limit is passed: whatever drives this has no reason to go on.
    fn add(&mut self, bytes: usize) -> Result<(), Unweighable> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limit {
            return Err(Unweighable);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Unweighable;

impl std::fmt::Display for Unweighable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value's `Serialize` failed, or it is too large")
    }
}
impl std::error::Error for Unweighable {}
impl ser::Error for Unweighable {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! scalars {
    ($($method:ident($type:ty))+) => {$(
        fn $method(self, _: $type) -> Result<(), Unweighable> { self.add(size_of::<$type>()) }
    )+};
}

impl ser::Serializer for &mut Scale {
    type Ok = ();
    type Error = Unweighable;
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
    }
    fn serialize_str(self, v: &str) -> Result<(), Unweighable> {
        self.add(HEADER + v.len())
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<(), Unweighable> {
        self.add(HEADER + v.len())
    }
    fn serialize_none(self) -> Result<(), Unweighable> {
        self.add(8)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, v: &T) -> Result<(), Unweighable> {
        v.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Unweighable> {
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unweighable> {
        Ok(())
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<(), Unweighable> {
        self.add(4)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        v: &T,
    ) -> Result<(), Unweighable> {
        v.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        v: &T,
    ) -> Result<(), Unweighable> {
        self.add(8)?;
        v.serialize(self)
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Unweighable> {
        self.add(HEADER)?;
        Ok(self)
    }
    fn serialize_tuple(self, _: usize) -> Result<Self, Unweighable> {
        Ok(self)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Unweighable> {
        Ok(self)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Unweighable> {
        self.add(8)?;
        Ok(self)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Self, Unweighable> {
        self.add(2 * HEADER)?;
        Ok(self)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Unweighable> {
        Ok(self)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Unweighable> {
        self.add(8)?;
        Ok(self)
    }
    fn collect_str<T: std::fmt::Display + ?Sized>(self, v: &T) -> Result<(), Unweighable> {
        // `Display` may stand for a small value (an id, an address): its text is an upper bound, written nowhere.
        struct Count<'a>(&'a mut Scale);
        impl std::fmt::Write for Count<'_> {
            fn write_str(&mut self, s: &str) -> std::fmt::Result {
                self.0.add(s.len()).map_err(|_| std::fmt::Error)
            }
        }
        std::fmt::write(&mut Count(self), format_args!("{v}")).map_err(|_| Unweighable)
    }
}

macro_rules! elements {
    ($($trait:ident::$method:ident)+) => {$(
        impl ser::$trait for &mut Scale {
            type Ok = ();
            type Error = Unweighable;
            fn $method<T: Serialize + ?Sized>(&mut self, v: &T) -> Result<(), Unweighable> {
                v.serialize(&mut **self)
            }
            fn end(self) -> Result<(), Unweighable> { Ok(()) }
        }
    )+};
}
elements! {
    SerializeSeq::serialize_element SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field SerializeTupleVariant::serialize_field
}

macro_rules! fields {
    ($($trait:ident)+) => {$(
        impl ser::$trait for &mut Scale {
            type Ok = ();
            type Error = Unweighable;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, v: &T) -> Result<(), Unweighable> {
                v.serialize(&mut **self)
            }
            fn end(self) -> Result<(), Unweighable> { Ok(()) }
        }
    )+};
}
fields! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for &mut Scale {
    type Ok = ();
    type Error = Unweighable;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unweighable> {
        key.serialize(&mut **self)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unweighable> {
        value.serialize(&mut **self)
    }
    fn end(self) -> Result<(), Unweighable> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    fn measure<T: serde::Serialize>(value: &T) -> usize {
        super::measure(value, usize::MAX)
    }

    #[test]
    fn a_collection_counts_what_it_holds() {
        assert!(measure(&vec![0_u8; 50_000]) >= 50_000);
        assert!(measure(&"x".repeat(1_000)) >= 1_000);
        assert!(measure(&Arc::new(vec![1_u64; 1_000])) >= 8_000);
        assert_eq!(measure(&7_u64), 8);
        assert_eq!(measure(&Some([0_u64; 4])), 40);
    }

    #[test]
    fn counting_ends_at_the_limit() {
        let values = vec![1_u64; 1_000];
        assert_eq!(super::measure(&values, 8_024), 8_024);
        assert_eq!(super::measure(&values, 8_023), 8_024);
        assert_eq!(super::measure(&values, 100), 104);
        // Whatever it is, a value is as large as itself.
        assert_eq!(super::measure(&[1_u64; 10], 0), 80);
        let text = format_args!("{}{}{}", "a".repeat(50), "b".repeat(50), "c".repeat(50));
        assert_eq!(super::measure(&text, 60), 100);
    }
}
