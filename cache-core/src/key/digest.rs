//! Digests: how a key is called outside of the process.

use std::fmt;

/// What a digest covers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    /// The cached function: its path or configured name, and its arguments' names.
    pub function: &'a str,
    /// The type arguments of this instance of a generic function, empty elsewhere.
    pub type_arguments: &'a str,
    /// The user's `version` option, 0 by default.
    pub version: u64,
    /// The fingerprint of the value's type.
    pub schema: u64,
}

/// The 256-bit name of a key, the same in every process of a fleet.
///
/// Its first 64 bits are of the function and its arguments alone, the rest of version and schema, too: an invalidation, which is
/// looked up by its [head](KeyDigest::head), finds the entry of every release, and no release finds another's value.
///
/// blake3 of the canonical bytes, keyed with blake3 of function identity and type arguments; from its 9th byte on exclusive-ored with
/// blake3 of version and value schema. What is hashed in two parts is hashed with each behind its length; the latter two are keyed with
/// the secret where one is configured, so that nobody without it can tell an argument from a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Digest([u8; 32]);

/// What the digests of one function's keys have in common. Of most keys the rest is one round of the hash.
// Not `Debug`: with it others could tell keys, too.
#[derive(Clone)]
pub(crate) struct Stem {
    /// Of the function.
    key: [u8; 32],
    /// Of its release; nothing where digests are the same in all.
    release: [u128; 2],
}

impl Stem {
    /// That of this function in this release.
    pub(crate) fn new(secret: Option<&[u8; 32]>, identity: &Identity<'_>) -> Self {
        let hash = |parts: [&[u8]; 2]| {
            let mut hasher = secret.map_or_else(blake3::Hasher::new, blake3::Hasher::new_keyed);
            for part in parts {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
            *hasher.finalize().as_bytes()
        };
        let (function, types) = (identity.function, identity.type_arguments);
        let (version, schema) = (identity.version, identity.schema);
        let mut release = hash([&version.to_le_bytes(), &schema.to_le_bytes()]);
        release[..8].fill(0);
        Self {
            key: hash([function.as_bytes(), types.as_bytes()]),
            release: u256(&release),
        }
    }

    /// The digest of the key with these canonical bytes.
    pub(crate) fn digest(&self, key: &[u8]) -> Digest {
        let [high, low] = u256(blake3::keyed_hash(&self.key, key).as_bytes());
        let [turned_high, turned_low] = self.release;
        let halves = [high ^ turned_high, low ^ turned_low].map(u128::to_be_bytes);
        Digest(
            halves
                .as_flattened()
                .first_chunk()
                .copied()
                .unwrap_or_default(),
        )
    }
}

fn u256(bytes: &[u8; 32]) -> [u128; 2] {
    let (halves, _) = bytes.as_chunks::<16>();
    [0, 1].map(|at| halves.get(at).map_or(0, |half| u128::from_be_bytes(*half)))
}

impl Digest {
    /// The digest of one key.
    pub(crate) fn new(secret: Option<&[u8; 32]>, identity: &Identity<'_>, key: &[u8]) -> Self {
        Stem::new(secret, identity).digest(key)
    }

    /// All 32 bytes, as an envelope holds them.
    #[cfg(any(test, feature = "redis"))]
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest that an envelope holds.
    #[cfg(feature = "redis")]
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The first 128 bits, as a remote key holds them.
    pub(crate) fn short(&self) -> KeyDigest {
        KeyDigest(self.0.first_chunk().copied().unwrap_or_default())
    }
}

/// In the order of their numbers.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The first 128 bits of a [`Digest`]; its text is 26 letters and digits of lower-case base32 (RFC 4648, no padding).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KeyDigest([u8; 16]);

impl KeyDigest {
    /// How many characters its text has.
    pub(crate) const TEXT_LEN: usize = 26;

    /// The digest that a record or a remote key holds.
    #[cfg(any(test, feature = "redis"))]
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes, as records hold them.
    #[cfg(any(test, feature = "redis"))]
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Its first 64 bits, which are the same in every release.
    #[inline]
    pub(crate) fn head(self) -> u64 {
        self.0
            .first_chunk()
            .map_or(0, |head| u64::from_le_bytes(*head))
    }

    /// Its base32 text.
    #[cfg(test)] // the wire is still to come
    pub(crate) fn text(self) -> String {
        self.to_string()
    }

    /// Whether this is its text.
    pub(crate) fn is_written(self, text: &str) -> bool {
        self.letters() == *text.as_bytes()
    }

    /// Its base32 text.
    pub(crate) fn letters(self) -> [u8; Self::TEXT_LEN] {
        let mut letters = [0; Self::TEXT_LEN];
        let (groups, rest) = self.0.as_chunks::<5>();
        let (texts, last) = letters.as_chunks_mut::<8>();
        for (text, [a, b, c, d, e]) in texts.iter_mut().zip(groups) {
            let bits = u64::from_be_bytes([0, 0, 0, *a, *b, *c, *d, *e]);
            for (at, letter) in (0..).zip(text) {
                *letter = BASE32[(bits >> (35 - 5 * at)) as usize % BASE32.len()];
            }
        }
        // The last byte, which RFC 4648 pads with zeros on the right.
        if let ([byte], [head, tail]) = (rest, last) {
            *head = BASE32[usize::from(byte >> 3)];
            *tail = BASE32[usize::from(byte << 2) % BASE32.len()];
        }
        letters
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Letters and digits they are.
        f.write_str(str::from_utf8(&self.letters()).unwrap_or_default())
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyDigest({self})")
    }
}
