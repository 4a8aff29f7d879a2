//! What the memory tier looks up: the identity of a function and its encoded arguments.

use super::Resident;
use crate::{key::Encoded, sync::Arc};
use foldhash::{SharedSeed, fast::FoldHasher};
use std::{
    any::TypeId,
    fmt,
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::LazyLock,
};

/// The seeds of this process: 64 bits from the operating system for each hasher, and the tables derived from 64 more.
static SEEDS: LazyLock<(u64, SharedSeed)> = LazyLock::new(|| {
    let random = |nonce: u64| RandomState::new().hash_one(nonce);
    (random(0), SharedSeed::from_u64(random(1)))
});

/// The hash of a key in this process.
///
/// foldhash is fast, not cryptographic. Its seeds differ from process to process and never leave it, so that keys cannot be prepared
/// to collide; somebody who could measure single look-ups precisely enough might still find some. That costs time, in one shard, and
/// within the byte bound; it never serves a wrong value, because bytes are compared.
#[inline(always)]
fn hash(identity: TypeId, front: Front, encoded: Encoded<'_>) -> u64 {
    let (seed, shared) = &*SEEDS;
    let mut hasher = FoldHasher::with_seed(*seed, shared);
    // The bytes go in first and the identity is folded in by `finish`: that last multiplication spreads them over all 64 bits, of
    // which an engine uses both ends and the middle (test: `every_part_of_the_hash_is_even`).
    if Front::is_all_of(encoded) {
        hasher.write_u64(front.head);
    } else {
        hasher.write(encoded.bytes);
    }
    hasher.write_u64(front.word);
    identity.hash(&mut hasher);
    hasher.finish()
}

/// Of encoded arguments, what fits beside the entry in the table: all of short ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Front {
    /// The tags, and above them how many bits they take.
    word: u64,
    /// The first eight bytes of the values; zeros behind fewer.
    head: u64,
}

impl Front {
    #[inline(always)]
    pub(crate) fn of(Encoded { bytes, word, bits }: Encoded<'_>) -> Self {
        // The tag word is left in a register only while it has room for another tag.
        debug_assert!(bits == 0 || word >> bits == 0 && u32::from(bits) <= Self::BITS_AT);
        Self {
            word: word | u64::from(bits) << Self::BITS_AT,
            head: head(bytes),
        }
    }

    /// Whether it is all there is to compare: tags and their number say how many bytes of values there are, so that two
    /// keys with the same tags and the same first eight bytes are one key if one of them has no more.
    #[inline(always)]
    pub(crate) fn is_all_of(Encoded { bytes, bits, .. }: Encoded<'_>) -> bool {
        bits > 0 && bytes.len() <= size_of::<u64>()
    }

    const BITS_AT: u32 = 58;
}

/// The first eight bytes, little-endian, with zeros behind fewer; without a copy of unknown length.
#[inline(always)]
fn head(bytes: &[u8]) -> u64 {
    if let Some(head) = bytes.first_chunk::<8>() {
        return u64::from_le_bytes(*head);
    }
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

    /// Whether this is the entry.
    fn matches<R: Resident>(&self, face: &R::Face, entry: &R) -> bool;
}

/// A key as a caller has it at hand, borrowed and hashed once.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a> {
    hash: u64,
    identity: TypeId,
    front: Front,
    encoded: Encoded<'a>,
}

impl<'a> Lookup<'a> {
    /// The key of the function `identity` for these arguments.
    #[inline(always)]
    pub(crate) fn new(identity: TypeId, encoded: Encoded<'a>) -> Self {
        let front = Front::of(encoded);
        Self {
            hash: hash(identity, front, encoded),
            identity,
            front,
            encoded,
        }
    }

    /// A key whose hash is known.
    #[inline(always)]
    pub(crate) fn hashed_before(hash: u64, identity: TypeId, encoded: Encoded<'a>) -> Self {
        Self {
            hash,
            identity,
            front: Front::of(encoded),
            encoded,
        }
    }

    /// The key of a text, or of bytes from elsewhere.
    pub(crate) fn whole(identity: TypeId, bytes: &'a [u8]) -> Self {
        Self::new(identity, Encoded::whole(bytes))
    }

    /// The hash of the key in this process.
    #[inline]
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether both are one key; their hashes are not asked.
    #[inline(always)]
    pub(super) fn is(&self, other: &Lookup<'_>) -> bool {
        self.identity == other.identity && self.has_arguments(other.encoded)
    }

    /// Whether this is the key of an instance's entry with this front, and these encoded arguments if the front is not all.
    #[inline(always)]
    pub(crate) fn names<'k>(
        &self,
        identity: TypeId,
        front: Front,
        encoded: impl FnOnce() -> Encoded<'k>,
    ) -> bool {
        self.front == front
            && self.identity == identity
            && (Front::is_all_of(self.encoded) || self.has_arguments(encoded()))
    }

    #[inline(always)]
    fn has_arguments(&self, other: Encoded<'_>) -> bool {
        let own = self.encoded;
        (own.word, own.bits) == (other.word, other.bits) && equal(own.bytes, other.bytes)
    }

    /// The same key, to be kept; allocates if the bytes do not fit in line.
    pub(crate) fn to_key(self) -> MemoryKey {
        MemoryKey {
            hash: self.hash,
            identity: self.identity,
            word: self.encoded.word,
            bytes: KeyBytes::new(self.encoded),
        }
    }
}

impl Probe for Lookup<'_> {
    #[inline(always)]
    fn hashed(&self) -> u64 {
        self.hash
    }

    #[inline(always)]
    fn matches<R: Resident>(&self, face: &R::Face, entry: &R) -> bool {
        entry.has(face, self)
    }
}

/// A key as an entry keeps it.
#[derive(Clone)]
pub(crate) struct MemoryKey {
    hash: u64,
    identity: TypeId,
    word: u64,
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
        self.bytes.encoded(self.word)
    }

    /// The same key, borrowed; nothing is hashed again.
    #[inline]
    pub(crate) fn as_lookup(&self) -> Lookup<'_> {
        Lookup::hashed_before(self.hash, self.identity, self.encoded())
    }

    /// Its parts, without the hash.
    pub(crate) fn into_parts(self) -> (u64, u64, KeyBytes) {
        (self.hash, self.word, self.bytes)
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
fn equal(a: &[u8], b: &[u8]) -> bool {
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

/// Encoded arguments but for the word, in line if they are short.
#[derive(Clone)]
pub(crate) enum KeyBytes {
    /// So many bits of the word and so many bytes from the start of the array.
    Inline(u8, u8, [u8; KeyBytes::INLINE]),
    /// More than fit in line.
    Shared(u8, Arc<[u8]>),
}

impl KeyBytes {
    /// The greatest length that needs no allocation: what fills 40 bytes beside the variant and the two numbers.
    pub(crate) const INLINE: usize = 37;

    fn new(Encoded { bytes, bits, .. }: Encoded<'_>) -> Self {
        let mut inline = [0; Self::INLINE];
        match (inline.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(bytes);
                Self::Inline(bits, len, inline)
            }
            _ => Self::Shared(bits, bytes.into()),
        }
    }

    /// With the word that belongs to it.
    #[inline(always)]
    pub(crate) fn encoded(&self, word: u64) -> Encoded<'_> {
        let (bits, bytes) = match self {
            Self::Inline(bits, len, bytes) => {
                (*bits, bytes.get(..usize::from(*len)).unwrap_or(bytes))
            }
            Self::Shared(bits, bytes) => (*bits, &**bytes),
        };
        Encoded { bytes, word, bits }
    }

    /// What they occupy outside.
    pub(crate) fn heap_bytes(&self) -> u64 {
        const COUNTS: u64 = 2 * size_of::<usize>() as u64;
        match self {
            Self::Inline(..) => 0,
            Self::Shared(_, bytes) => COUNTS + bytes.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests;
