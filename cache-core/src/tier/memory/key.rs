//! What the memory tier looks up: the identity of a function and its encoded arguments.

use super::{Resident, places::Place, remainder::Remainder};
use crate::{
    key::{Encoded, Mixed},
    sync::Arc,
};
use std::{
    any::TypeId,
    fmt,
    hash::{Hash, Hasher},
};

/// What of a key a hit compares at first: all of a short one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Front {
    /// The tags, with the bit of [`Encoded::WHOLE`] where there is more.
    tags: u64,
    /// The first bytes, with zeros behind.
    head: u64,
}

impl Front {
    /// That of a short key.
    #[inline(always)]
    fn of_short(Encoded { bytes, tags }: Encoded<'_>) -> Option<Self> {
        let head = match bytes.len() {
            0..8 => head(bytes),
            8 => u64::from_le_bytes(*bytes.first_chunk()?),
            _ => return None,
        };
        Some(Self { tags, head })
    }

    /// That of a key that is not.
    #[inline(always)]
    fn of_long(Encoded { bytes, tags }: Encoded<'_>) -> Self {
        let first = bytes.first_chunk().copied().unwrap_or_default();
        Self {
            tags: tags | Encoded::WHOLE,
            head: u64::from_le_bytes(first),
        }
    }

    /// The tags of the key. Those that are left in a word are never nothing, so that no others become [`Encoded::WHOLE`].
    #[cfg(any(test, feature = "redis"))]
    pub(super) fn tags(self) -> u64 {
        match self.tags {
            Encoded::WHOLE => Encoded::WHOLE,
            tags => tags & !Encoded::WHOLE,
        }
    }

    /// The first bytes of the key.
    #[cfg(any(test, feature = "redis"))]
    pub(super) fn bytes(self) -> [u8; 8] {
        self.head.to_le_bytes()
    }

    /// Whether it is all there is to compare: the tags say of each value how long it is, or that it begins with its length, so that the zeros
    /// behind are of no value (test: `no_short_key_is_another_one_with_zeros_behind`).
    #[inline(always)]
    fn is_all(self) -> bool {
        self.tags & Encoded::WHOLE == 0
    }
}

/// Fewer than eight bytes, little-endian, with zeros behind; without a copy of unknown length.
#[inline(always)]
fn head(bytes: &[u8]) -> u64 {
    let behind = 8 * bytes.len() as u32;
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return u64::from(first) | u64::from(last) << (behind - 32);
    }
    let add = |head: u64, byte: &u8| head << 8 | u64::from(*byte);
    bytes.iter().rev().fold(0, add)
}

/// A way to point at an entry in an engine.
pub(crate) trait Probe {
    /// The hash of the keys that may match.
    fn hashed(&self) -> u64;

    /// Whether this is what stands there, if it has that hash.
    fn finds<R: Resident>(&self, place: &Place<R>, remainder: &Remainder) -> bool;
}

/// A key as a caller has it at hand, borrowed and hashed once.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a> {
    hash: u64,
    identity: &'a TypeId,
    front: Front,
    encoded: Encoded<'a>,
}

impl<'a> Lookup<'a> {
    /// The key of the function `identity` for these arguments.
    #[inline(always)]
    pub(crate) fn new(identity: &'a TypeId, arguments: Mixed<'a>) -> Self {
        Self::hashed_before(arguments.hash(identity), identity, arguments.encoded())
    }

    /// A key whose hash is known.
    #[inline(always)]
    pub(crate) fn hashed_before(hash: u64, identity: &'a TypeId, encoded: Encoded<'a>) -> Self {
        let short = Front::of_short(encoded);
        Self {
            hash,
            identity,
            front: short.unwrap_or_else(|| Front::of_long(encoded)),
            encoded,
        }
    }

    /// The key of a text, or of bytes from elsewhere; not of what an encoder wrote, which has another hash.
    pub(crate) fn whole(identity: &'a TypeId, bytes: &'a [u8]) -> Self {
        Self::new(identity, Mixed::of(Encoded::whole(bytes)))
    }

    /// The hash of the key in this process.
    #[inline]
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// What of it is compared at first.
    pub(crate) fn front(&self) -> Front {
        self.front
    }

    /// Whether both are one key; their hashes are not asked.
    #[inline(always)]
    pub(super) fn is(&self, other: &Lookup<'_>) -> bool {
        self.identity == other.identity && self.encoded == other.encoded
    }

    /// Whether what stands there may have this key, and has it if [it is short](Front::is_all).
    #[inline(always)]
    pub(super) fn may_be<R: Resident>(&self, place: &Place<R>) -> bool {
        self.front == place.front && R::is_of(&place.face, self.identity)
    }

    /// Whether this is the remainder of what it may be.
    #[inline(always)]
    pub(super) fn continues(&self, remainder: &Remainder) -> bool {
        self.front.is_all() || remainder.is_of(self.encoded.bytes)
    }

    /// The same key, to be kept; allocates if the bytes do not fit in line.
    pub(crate) fn to_key(self) -> MemoryKey {
        MemoryKey {
            hash: self.hash,
            identity: *self.identity,
            tags: self.encoded.tags,
            bytes: KeyBytes::new(self.encoded.bytes),
        }
    }
}

impl Probe for Lookup<'_> {
    #[inline(always)]
    fn hashed(&self) -> u64 {
        self.hash
    }

    #[inline(always)]
    fn finds<R: Resident>(&self, place: &Place<R>, remainder: &Remainder) -> bool {
        self.may_be(place) && self.continues(remainder)
    }
}

/// A key to be kept.
#[derive(Clone)]
pub(crate) struct MemoryKey {
    hash: u64,
    identity: TypeId,
    tags: u64,
    bytes: KeyBytes,
}

impl MemoryKey {
    /// The hash of the key in this process.
    #[inline]
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The function's instance.
    pub(crate) fn identity(&self) -> TypeId {
        self.identity
    }

    /// The encoded arguments.
    #[inline(always)]
    pub(crate) fn encoded(&self) -> Encoded<'_> {
        self.bytes.encoded(self.tags)
    }

    /// The same key, borrowed; nothing is hashed again.
    #[inline]
    pub(crate) fn as_lookup(&self) -> Lookup<'_> {
        Lookup::hashed_before(self.hash, &self.identity, self.encoded())
    }

    /// What of it does not stand in front.
    pub(super) fn remainder(&self) -> Remainder {
        Remainder::of(&self.bytes)
    }

    /// What it occupies outside.
    pub(crate) fn heap_bytes(&self) -> u64 {
        self.bytes.heap_bytes()
    }

    /// Its bytes, if they do not fit in line.
    #[cfg(test)]
    pub(super) fn shared_bytes(&self) -> Option<&Arc<[u8]>> {
        match &self.bytes {
            KeyBytes::Inline(..) => None,
            KeyBytes::Shared(bytes) => Some(bytes),
        }
    }
}

impl PartialEq for MemoryKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_lookup().is(&other.as_lookup())
    }
}

impl Eq for MemoryKey {}

impl Hash for MemoryKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Debug for MemoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the bytes: they are a user's arguments.
        write!(f, "MemoryKey({:016x})", self.hash)
    }
}

/// `a == b`, in line for the usual lengths: on a hit the call of `memcmp` costs more than the comparison.
#[inline]
pub(super) fn equal(a: &[u8], b: &[u8]) -> bool {
    // All whole chunks of N bytes, and the last N bytes, which overlap them.
    #[inline]
    fn by<const N: usize>(a: &[u8], b: &[u8]) -> bool {
        let same_end = match (a.last_chunk::<N>(), b.last_chunk::<N>()) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        };
        same_end
            && a.as_chunks::<N>()
                .0
                .iter()
                .zip(b.as_chunks::<N>().0)
                .all(|(a, b)| a == b)
    }
    a.len() == b.len()
        && match a.len() {
            8..16 => by::<8>(a, b),
            16..=64 => by::<16>(a, b),
            _ => a == b,
        }
}

/// Encoded arguments but for the tags, in line if they are short.
#[derive(Clone)]
pub(crate) enum KeyBytes {
    /// So many bytes from the start of the array.
    Inline(u8, [u8; KeyBytes::INLINE]),
    /// More than fit in line.
    Shared(Arc<[u8]>),
}

impl KeyBytes {
    /// The greatest length that needs no allocation: what fills 40 bytes beside the variant and the length.
    pub(crate) const INLINE: usize = 38;

    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut inline = [0; Self::INLINE];
        match (inline.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(bytes);
                Self::Inline(len, inline)
            }
            _ => Self::Shared(bytes.into()),
        }
    }

    /// With the tags that belong to it.
    #[inline(always)]
    pub(crate) fn encoded(&self, tags: u64) -> Encoded<'_> {
        let bytes = match self {
            Self::Inline(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or(bytes),
            Self::Shared(bytes) => bytes,
        };
        Encoded { bytes, tags }
    }

    /// What they occupy outside.
    pub(crate) fn heap_bytes(&self) -> u64 {
        const COUNTS: u64 = 2 * size_of::<usize>() as u64;
        match self {
            Self::Inline(..) => 0,
            Self::Shared(bytes) => COUNTS + bytes.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests;
