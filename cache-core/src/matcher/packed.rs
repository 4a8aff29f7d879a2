//! How matchers and dependencies stand in records and envelopes: a kind byte, a length in two bytes, big-endian, and
//! text.

use crate::key::KeyDigest;

/// How many are read from one record or envelope at most.
pub(crate) const MOST: usize = 100_000;

/// One matcher, or one dependency, between its type and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packed<'a> {
    /// `K`: the 16 bytes of a key's digest, and its address.
    Key(KeyDigest, &'a str),
    /// `N`: an address.
    Address(&'a str),
    /// `T`: a tag, without `tag:`.
    Tag(&'a str),
    /// `P`: a prefix of addresses, and of tags behind `tag:`.
    Prefix(&'a str),
    /// `G`: a pattern.
    Glob(&'a str),
    /// `A`: everything.
    All,
}

impl<'a> Packed<'a> {
    /// Appends it; whether it could be. Longer than a length can say is nothing written.
    pub(crate) fn write(self, into: &mut Vec<u8>) -> bool {
        let (kind, digest, text) = match self {
            Self::Key(digest, text) => (b'K', Some(digest.to_bytes()), text),
            Self::Address(text) => (b'N', None, text),
            Self::Tag(text) => (b'T', None, text),
            Self::Prefix(text) => (b'P', None, text),
            Self::Glob(text) => (b'G', None, text),
            Self::All => (b'A', None, ""),
        };
        let digest = digest.as_ref().map_or(&[][..], |digest| digest);
        let Ok(length) = u16::try_from(digest.len() + text.len()) else {
            return false;
        };
        into.push(kind);
        into.extend_from_slice(&length.to_be_bytes());
        into.extend_from_slice(digest);
        into.extend_from_slice(text.as_bytes());
        true
    }

    /// Reads all of `bytes`: `None` for what is not readable, which is then the last.
    pub(crate) fn read(bytes: &'a [u8]) -> impl Iterator<Item = Option<Self>> {
        Self::read_beside(bytes, |_, _| false)
    }

    /// The same without what is `known` by its kind and its bytes.
    pub(crate) fn read_beside(
        mut bytes: &'a [u8],
        known: impl Fn(u8, &[u8]) -> bool,
    ) -> impl Iterator<Item = Option<Self>> {
        let mut count = 0;
        std::iter::from_fn(move || {
            loop {
                if bytes.is_empty() {
                    return None;
                }
                count += 1;
                // Nothing can be found behind what was not understood.
                let first = Self::first(std::mem::take(&mut bytes)).filter(|_| count <= MOST);
                let Some((kind, body, rest)) = first else {
                    return Some(None);
                };
                if known(kind, body) {
                    bytes = rest;
                    continue;
                }
                let one = Self::of(kind, body);
                bytes = one.map_or(&[], |_| rest);
                return Some(one);
            }
        })
    }

    /// The kind and the bytes of the first, and what is behind it.
    fn first(bytes: &'a [u8]) -> Option<(u8, &'a [u8], &'a [u8])> {
        let ([kind, high, low], rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (body, rest) = rest.split_at_checked(length)?;
        Some((*kind, body, rest))
    }

    fn of(kind: u8, body: &'a [u8]) -> Option<Self> {
        let text = |bytes| std::str::from_utf8(bytes).ok();
        Some(match kind {
            b'K' => {
                let (digest, address) = body.split_first_chunk()?;
                Self::Key(KeyDigest::from_bytes(*digest), text(address)?)
            }
            b'N' => Self::Address(text(body)?),
            b'T' => Self::Tag(text(body)?),
            b'P' => Self::Prefix(text(body)?),
            b'G' => Self::Glob(text(body)?),
            b'A' => Self::All,
            _ => return None,
        })
    }
}
