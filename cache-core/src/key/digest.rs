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
/// blake3 of function identity, type arguments and canonical bytes, then of version and value schema, each behind its length; keyed
/// with the secret where one is configured, so that nobody without it can tell an argument from a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// The digest of the key with these canonical bytes.
    pub(crate) fn new(secret: Option<&[u8; 32]>, identity: &Identity<'_>, key: &[u8]) -> Self {
        let mut hasher = secret.map_or_else(blake3::Hasher::new, blake3::Hasher::new_keyed);
        let mut hash = |parts: &[&[u8]]| {
            for part in parts {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
            *hasher.finalize().as_bytes()
        };
        let (function, types) = (identity.function, identity.type_arguments);
        let of_all_releases = hash(&[function.as_bytes(), types.as_bytes(), key]);
        let mut digest = hash(&[
            &identity.version.to_le_bytes(),
            &identity.schema.to_le_bytes(),
        ]);
        for (to, from) in digest.iter_mut().zip(of_all_releases).take(8) {
            *to = from;
        }
        Self(digest)
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
        let bits = u128::from_be_bytes(self.0);
        let mut letters = [0; Self::TEXT_LEN];
        for (at, letter) in (0..).zip(&mut letters) {
            // 128 bits are 25 groups of five and three bits, which RFC 4648 pads with zeros on the right.
            let group = if at < 25 {
                bits >> (123 - 5 * at)
            } else {
                bits << 2
            } as u8
                & 31;
            *letter = group + if group < 26 { b'a' } else { b'2' - 26 };
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
