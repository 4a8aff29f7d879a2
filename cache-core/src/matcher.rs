//! What an invalidation names.

use crate::deps::Dep;
use crate::key::KeyDigest;
use crate::pattern::{Pattern, PatternShape};
use crate::sync::Arc;

#[cfg(feature = "redis")]
mod packed;
#[cfg(feature = "redis")]
pub(crate) use packed::{MOST, Packed};
#[cfg(test)]
#[cfg(feature = "redis")]
mod tests;

/// What a record invalidates.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    /// One entry.
    Key(KeyDigest, Arc<str>),
    /// Every entry with this address.
    Address(Arc<str>),
    /// Every entry with this tag.
    Tag(Arc<str>),
    /// Every address that begins with this.
    Prefix(Arc<str>),
    /// Every address that matches this.
    Glob(Arc<Pattern>),
    /// Everything.
    All,
}

impl Matcher {
    /// About how many bytes it has in a record.
    #[cfg(feature = "redis")]
    pub(crate) fn size(&self) -> usize {
        let text = match self {
            Self::Key(_, text) | Self::Address(text) | Self::Tag(text) | Self::Prefix(text) => {
                text.len()
            }
            Self::Glob(pattern) => pattern.as_str().len(),
            Self::All => 0,
        };
        size_of::<KeyDigest>() + 3 + text
    }

    /// Whether it names this. Of what stands for many, rather too often than too rarely.
    pub(crate) fn names(&self, dep: &Dep) -> bool {
        match (self, dep) {
            (Self::All, _) | (_, Dep::Prefix(_)) => true,
            (Self::Key(key, _), Dep::Entry { key: own, .. }) => key == own,
            (Self::Tag(tag), Dep::Tag { .. }) => **tag == *dep.tag_text(),
            (Self::Key(..), Dep::Tag { .. }) | (Self::Tag(_), Dep::Entry { .. }) => false,
            (Self::Address(address), _) => dep.is(address),
            (Self::Prefix(prefix), _) => dep.seen().starts_with(&**prefix),
            (Self::Glob(pattern), _) => pattern.matches(dep.seen()),
        }
    }

    /// What is invalidated, for people.
    pub(crate) fn text(&self) -> Arc<str> {
        match self {
            Self::Key(_, text) | Self::Address(text) => Arc::clone(text),
            Self::Tag(tag) => format!("tag:{tag}").into(),
            Self::Prefix(prefix) => format!("{prefix}*").into(),
            Self::Glob(pattern) => pattern.as_str().into(),
            Self::All => "*".into(),
        }
    }
}

impl From<Pattern> for Matcher {
    fn from(pattern: Pattern) -> Self {
        match pattern.shape() {
            PatternShape::Exact(address) => Self::Address(address.as_str().into()),
            PatternShape::Prefix(prefix) => Self::Prefix(prefix.as_str().into()),
            PatternShape::All => Self::All,
            _ => Self::Glob(Arc::new(pattern)),
        }
    }
}

/// The matchers of a record, as its bytes.
///
/// What has no such bytes becomes everything: more is invalidated then, never less.
#[cfg(feature = "redis")]
pub(crate) fn pack(matchers: &[Matcher]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if matchers.len() > MOST {
        Packed::All.write(&mut bytes);
        return bytes;
    }
    for matcher in matchers {
        let packed = match matcher {
            Matcher::Key(key, address) => Packed::Key(*key, address),
            Matcher::Address(address) => Packed::Address(address),
            Matcher::Tag(tag) => Packed::Tag(tag),
            Matcher::Prefix(prefix) => Packed::Prefix(prefix),
            Matcher::Glob(pattern) => Packed::Glob(pattern.as_str()),
            Matcher::All => Packed::All,
        };
        if !packed.write(&mut bytes) {
            Packed::All.write(&mut bytes);
        }
    }
    bytes
}

/// The matchers of a record, from its bytes.
///
/// What cannot be read is everything: who wrote it meant something, and nothing of it may be served.
#[cfg(feature = "redis")]
pub(crate) fn unpack(bytes: &[u8]) -> Vec<Matcher> {
    let read = |packed: Option<Packed<'_>>| {
        Some(match packed? {
            Packed::Key(key, address) => Matcher::Key(key, address.into()),
            Packed::Address(address) => Matcher::Address(address.into()),
            Packed::Tag(tag) => Matcher::Tag(tag.into()),
            Packed::Prefix(prefix) => Matcher::Prefix(prefix.into()),
            Packed::Glob(pattern) => Pattern::parse(pattern).ok()?.into(),
            Packed::All => Matcher::All,
        })
    };
    let matchers: Option<Vec<_>> = Packed::read(bytes).map(read).collect();
    matchers.unwrap_or_else(|| vec![Matcher::All])
}
