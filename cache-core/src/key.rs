//! Keys: what tells two entries apart.
//!
//! An argument list becomes canonical bytes: equal arguments give equal bytes, different arguments different ones.
//! Memory compares those bytes; what leaves the process is named by a [`Digest`] of them.
//!
//! # The encoding
//!
//! Bytes are `V ‖ T ‖ n`. Each serde event appends a 5-bit tag to T and its payload to V, little-endian.
//!
//! * Tags are those of [`tag`]. A named type puts its name into V, a variant its index (u32), then its enum's name and its
//!   own; where fields have names, these and the type's come behind the fields. All names of one value are one u64:
//!   h = 0, then for each name x = (h ⊕ its 64-bit FNV-1a) · 0x9e3779b97f4a7c15 and h = x ⊕ x ≫ 32. Strings and bytes are a
//!   u32 length and the bytes. Compounds other than maps close with [`tag::END`] and carry no lengths.
//! * A map is a u32 count, then its entries, stably sorted by the bytes of their keys; key and value are each a u32 length
//!   and a complete `V ‖ T ‖ n`.
//! * T holds twelve tags in a u64, the first lowest; the last word takes as many bytes as its tags need. n is the number of
//!   tags: one byte, or from 255 on a u32 followed by the byte 255.
//!
//! The end gives n, hence T, hence V; a tag fixes the width of its payload, so there is one parse. Equal bytes therefore
//! mean equal events, up to the order of maps, the kind of NaN and a collision of 64-bit names.
//!
//! The tags stand beside the values, not before them, because then a hit keeps them in a register, with what the values are
//! mixed to for its hash.

mod compound;
#[cfg(any(test, feature = "redis"))]
mod decoder;
#[cfg(feature = "redis")]
mod deserializer;
mod digest;
mod encoder;
mod error;
mod mixture;
mod names;
#[cfg(feature = "redis")]
mod reading;
mod serializer;
mod set;
mod tail;
mod trail;

#[cfg(test)]
mod tests;

pub(crate) use digest::{Digest, Identity, KeyDigest, Stem};
pub(crate) use encoder::{Encoded, Encoder};
pub(crate) use mixture::Mixed;
#[cfg(feature = "redis")]
pub(crate) use reading::Reading;

/// The tags of the data model. Written to remote tiers as part of every digest: never renumber.
mod tag {
    pub(super) const END: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const I8: u8 = 3;
    pub(super) const I16: u8 = 4;
    pub(super) const I32: u8 = 5;
    pub(super) const I64: u8 = 6;
    pub(super) const I128: u8 = 7;
    pub(super) const U8: u8 = 8;
    pub(super) const U16: u8 = 9;
    pub(super) const U32: u8 = 10;
    pub(super) const U64: u8 = 11;
    pub(super) const U128: u8 = 12;
    pub(super) const F32: u8 = 13;
    pub(super) const F64: u8 = 14;
    pub(super) const CHAR: u8 = 15;
    pub(super) const STR: u8 = 16;
    pub(super) const BYTES: u8 = 17;
    pub(super) const NONE: u8 = 18;
    pub(super) const SOME: u8 = 19;
    pub(super) const UNIT: u8 = 20;
    pub(super) const UNIT_STRUCT: u8 = 21;
    pub(super) const UNIT_VARIANT: u8 = 22;
    pub(super) const NEWTYPE_STRUCT: u8 = 23;
    pub(super) const NEWTYPE_VARIANT: u8 = 24;
    pub(super) const SEQ: u8 = 25;
    pub(super) const TUPLE: u8 = 26;
    pub(super) const TUPLE_STRUCT: u8 = 27;
    pub(super) const TUPLE_VARIANT: u8 = 28;
    pub(super) const MAP: u8 = 29;
    pub(super) const STRUCT: u8 = 30;
    pub(super) const STRUCT_VARIANT: u8 = 31;
}
