//! What a value depends on: its own key and tags, and those of every cached call inside its computation.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::key::KeyDigest;
#[cfg(feature = "redis")]
use crate::matcher::Packed;
use crate::sync::Arc;

#[cfg(test)]
#[cfg(feature = "redis")]
mod tests;

/// What patterns see before a tag.
const TAG_PREFIX: &str = "tag:";

/// Fixed, so that a dependency can carry its hashes from one index to another.
pub(crate) fn hash(kind: u8, text: &[u8]) -> u64 {
    FixedState::with_seed(u64::from(kind)).hash_one(text)
}

pub(crate) const ADDRESS: u8 = 2;
pub(crate) const TAG: u8 = 3;
pub(crate) const PREFIX: u8 = 4;

/// A digest is as good as any hash of it.
pub(crate) fn key_hash(key: &KeyDigest) -> u64 {
    key.head()
}

/// One dependency, with the hashes of its texts at hand: it is looked up more often than it is made.
#[derive(Clone, Debug)]
pub(crate) enum Dep {
    /// One entry, which may be named by its key or by its address.
    Entry {
        key: KeyDigest,
        address_hash: u64,
        address: Address,
    },
    /// A tag. `address` is what patterns see of it: `tag:` and the tag.
    Tag {
        hash: u64,
        address_hash: u64,
        address: Arc<str>,
    },
    /// Every entry whose address begins with this, and every such tag: many dependencies, coarsened.
    Prefix(Arc<str>),
}

/// The address of an entry. What no template gives ends in the digest of the key: nobody can mean some letters of that.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    /// Of which patterns see the first `seen` bytes.
    Written { text: Arc<str>, seen: u32 },
    /// This and the digest: most addresses, and nothing of them is kept with each entry.
    Made(&'static str),
}

impl Address {
    /// That of a key.
    fn written(key: KeyDigest, text: Arc<str>) -> Self {
        let head = text.len().saturating_sub(KeyDigest::TEXT_LEN);
        let seen = match text.get(head..) {
            Some(tail) if key.is_written(tail) => head,
            _ => text.len(),
        };
        Self::Written {
            text,
            seen: u32::try_from(seen).unwrap_or(u32::MAX),
        }
    }

    fn seen(&self) -> &str {
        match self {
            Self::Written { text, seen } => text.get(..*seen as usize).unwrap_or(text),
            Self::Made(head) => head,
        }
    }

    fn text(&self, key: KeyDigest) -> Cow<'_, str> {
        match self {
            Self::Written { text, .. } => Cow::Borrowed(text),
            Self::Made(head) => Cow::Owned(format!("{head}{key}")),
        }
    }

    /// Whether it is this; nothing is made for that.
    fn is(&self, key: KeyDigest, other: &str) -> bool {
        match self {
            Self::Written { text, .. } => **text == *other,
            Self::Made(head) => other
                .strip_prefix(head)
                .is_some_and(|tail| key.is_written(tail)),
        }
    }
}

/// The hash of an address that is made, for which mostly nothing is put on the heap.
fn hash_made(head: &str, key: KeyDigest) -> u64 {
    let (mut room, len) = ([0; 192], head.len() + KeyDigest::TEXT_LEN);
    match room.get_mut(..len) {
        Some(text) => {
            let (before, letters) = text.split_at_mut(head.len());
            before.copy_from_slice(head.as_bytes());
            letters.copy_from_slice(&key.letters());
            hash(ADDRESS, text)
        }
        None => hash(ADDRESS, &[head.as_bytes(), &key.letters()].concat()),
    }
}

impl Dep {
    pub(crate) fn entry(key: KeyDigest, address: Arc<str>) -> Self {
        Self::Entry {
            key,
            address_hash: hash(ADDRESS, address.as_bytes()),
            address: Address::written(key, address),
        }
    }

    /// An entry whose address is this and the digest of its key.
    pub(crate) fn unnamed(key: KeyDigest, head: &'static str) -> Self {
        Self::Entry {
            key,
            address_hash: hash_made(head, key),
            address: Address::Made(head),
        }
    }

    pub(crate) fn tag(tag: &str) -> Self {
        let address = format!("{TAG_PREFIX}{tag}");
        Self::Tag {
            hash: hash(TAG, tag.as_bytes()),
            address_hash: hash(ADDRESS, address.as_bytes()),
            address: address.into(),
        }
    }

    /// The hashes of the keys, addresses and tags that this is, if that can be told.
    #[inline]
    pub(crate) fn hashes(&self) -> Option<[u64; 2]> {
        match self {
            Self::Entry {
                key, address_hash, ..
            } => Some([key_hash(key), *address_hash]),
            Self::Tag {
                hash, address_hash, ..
            } => Some([*hash, *address_hash]),
            Self::Prefix(_) => None,
        }
    }

    /// The address, tag or prefix.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Entry { key, address, .. } => address.text(*key),
            Self::Tag { address, .. } | Self::Prefix(address) => Cow::Borrowed(address),
        }
    }

    /// Whether that is this.
    pub(crate) fn is(&self, text: &str) -> bool {
        match self {
            Self::Entry { key, address, .. } => address.is(*key, text),
            Self::Tag { address, .. } | Self::Prefix(address) => **address == *text,
        }
    }

    /// What patterns see of the text: all but a digest.
    pub(crate) fn seen(&self) -> &str {
        match self {
            Self::Entry { address, .. } => address.seen(),
            Self::Tag { address, .. } | Self::Prefix(address) => address,
        }
    }

    /// What it occupies beside itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        const COUNTS: usize = 2 * size_of::<usize>();
        match self {
            Self::Entry { address, .. } => match address {
                Address::Written { text, .. } => COUNTS + text.len(),
                Address::Made(_) => 0,
            },
            Self::Tag { address, .. } | Self::Prefix(address) => COUNTS + address.len(),
        }
    }

    /// The text, of a tag without what patterns see before it.
    pub(crate) fn tag_text(&self) -> &str {
        let text = self.seen();
        text.strip_prefix(TAG_PREFIX).unwrap_or(text)
    }

    fn identity(&self) -> (u8, u64, u64) {
        match self {
            Self::Entry {
                key, address_hash, ..
            } => (0, key_hash(key), *address_hash),
            Self::Tag { hash, .. } => (1, *hash, 0),
            Self::Prefix(prefix) => (2, hash(PREFIX, prefix.as_bytes()), 0),
        }
    }

    /// Whether this is what stands there, of this kind and in these bytes.
    #[cfg(feature = "redis")]
    fn is_packed(&self, kind: u8, body: &[u8]) -> bool {
        match (self, kind) {
            (Self::Entry { key, address, .. }, b'K') => {
                body.split_first_chunk().is_some_and(|(digest, text)| {
                    let text = str::from_utf8(text);
                    key.to_bytes() == *digest && text.is_ok_and(|text| address.is(*key, text))
                })
            }
            (Self::Tag { .. }, b'T') => self.tag_text().as_bytes() == body,
            (Self::Prefix(prefix), b'P') => prefix.as_bytes() == body,
            _ => false,
        }
    }

    /// What this is one of many of: the text up to its last `:`, a prefix's without its own. Nothing is above all.
    fn group(&self) -> Option<&str> {
        // No digest has a `:`.
        let text = self.seen();
        let inner = match self {
            Self::Entry { .. } | Self::Tag { .. } => text,
            Self::Prefix(_) if text.is_empty() => return None,
            Self::Prefix(_) => text.strip_suffix(':').unwrap_or(text),
        };
        Some(inner.rfind(':').map_or("", |colon| &inner[..=colon]))
    }
}

/// The dependencies of a value, its own first.
pub(crate) type Deps = Box<[Dep]>;

/// Dependencies being collected: no doubles, and not more than `max`.
#[derive(Debug, Default)]
pub(crate) struct DepSet {
    deps: Vec<Dep>,
    seen: HashSet<(u8, u64, u64), foldhash::fast::RandomState>,
    /// Whether there is a prefix among them.
    coarse: bool,
}

impl DepSet {
    /// Adds dependencies. Beyond `max`, those of the largest group become one prefix: more is invalidated then, never
    /// less.
    pub(crate) fn extend(&mut self, deps: &[Dep], max: usize) {
        for dep in deps {
            if self.coarse && self.covers(&dep.text()) {
                continue;
            }
            if self.seen.insert(dep.identity()) {
                self.coarse |= matches!(dep, Dep::Prefix(_));
                self.deps.push(dep.clone());
            }
            if self.deps.len() > max {
                // Not to `max` alone, or each one more would group them all again.
                self.coarsen((max / 2).max(1));
            }
        }
    }

    fn covers(&self, text: &str) -> bool {
        let covers = |dep: &Dep| matches!(dep, Dep::Prefix(p) if text.starts_with(&**p));
        self.deps.iter().any(covers)
    }

    fn coarsen(&mut self, enough: usize) {
        while self.deps.len() > enough {
            let Some(group) = self.largest_group() else {
                break;
            };
            self.deps.retain(|dep| !dep.text().starts_with(&*group));
            self.deps.push(Dep::Prefix(group));
        }
        self.coarse = true;
        self.seen = self.deps.iter().map(Dep::identity).collect();
    }

    /// The group with the most members; among several the longest, which covers the least beside.
    fn largest_group(&self) -> Option<Arc<str>> {
        let mut sizes: HashMap<&str, usize> = HashMap::new();
        for group in self.deps.iter().filter_map(Dep::group) {
            *sizes.entry(group).or_default() += 1;
        }
        let largest = sizes
            .into_iter()
            .max_by_key(|(group, members)| (*members, group.len(), *group));
        largest.map(|(group, _)| group.into())
    }

    /// The dependencies so far.
    pub(crate) fn as_slice(&self) -> &[Dep] {
        &self.deps
    }

    /// The dependencies so far, behind `own`.
    pub(crate) fn behind(&self, own: &[Dep]) -> Deps {
        own.iter().chain(&self.deps).cloned().collect()
    }
}

/// Dependencies as they stand in an envelope.
///
/// A text that has no such bytes is cut to a prefix: more is invalidated then, never less.
#[cfg(feature = "redis")]
pub(crate) fn pack(deps: &[Dep]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for dep in deps {
        let text = dep.text();
        let packed = match dep {
            Dep::Entry { key, .. } => Packed::Key(*key, &text),
            Dep::Tag { .. } => Packed::Tag(dep.tag_text()),
            Dep::Prefix(prefix) => Packed::Prefix(prefix),
        };
        if !packed.write(&mut bytes) {
            let fits = |end: &usize| *end <= usize::from(u16::MAX);
            let boundaries = text.char_indices().map(|(at, _)| at);
            let end = boundaries.take_while(fits).last().unwrap_or(0);
            Packed::Prefix(&text[..end]).write(&mut bytes);
        }
    }
    bytes
}

/// Dependencies from an envelope. `None` for what cannot be read: what a value depends on must be known.
#[cfg(test)]
#[cfg(feature = "redis")]
pub(crate) fn unpack(bytes: &[u8]) -> Option<Vec<Dep>> {
    unpack_beside(bytes, &[])
}

/// Those that are none of `own`: most values depend on nothing else, and nothing is made for them.
#[cfg(feature = "redis")]
pub(crate) fn unpack_beside(bytes: &[u8], own: &[Dep]) -> Option<Vec<Dep>> {
    let known = |kind: u8, body: &[u8]| own.iter().any(|dep| dep.is_packed(kind, body));
    let read = |packed: Option<Packed<'_>>| match packed? {
        Packed::Key(key, address) => Some(Dep::entry(key, address.into())),
        Packed::Tag(tag) => Some(Dep::tag(tag)),
        Packed::Prefix(prefix) => Some(Dep::Prefix(prefix.into())),
        Packed::Address(_) | Packed::Glob(_) | Packed::All => None,
    };
    Packed::read_beside(bytes, known).map(read).collect()
}
