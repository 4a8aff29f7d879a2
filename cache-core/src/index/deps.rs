//! What a value depends on: its own key and tags, and those of every cached call inside its computation.

use std::collections::HashSet;

use super::{ADDRESS, TAG, hash, key_hash};
use crate::key::KeyDigest;
use crate::sync::Arc;

/// What patterns see before a tag.
const TAG_PREFIX: &str = "tag:";

/// One dependency, with its hashes at hand: it is looked up more often than it is made.
#[derive(Clone, Debug)]
pub(crate) enum Dep {
    /// One entry, which may be named by its key or by its address.
    Entry {
        key_hash: u64,
        address_hash: u64,
        address: Arc<str>,
    },
    /// A tag. `address` is what patterns see of it: `tag:` and the tag.
    Tag {
        hash: u64,
        address_hash: u64,
        address: Arc<str>,
    },
    /// Every entry whose address begins with this: many dependencies, coarsened.
    Prefix(Arc<str>),
}

impl Dep {
    pub(crate) fn entry(key: KeyDigest, address: Arc<str>) -> Self {
        Self::Entry {
            key_hash: key_hash(&key),
            address_hash: hash(ADDRESS, address.as_bytes()),
            address,
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

    /// The address, tag or prefix.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Entry { address, .. } | Self::Tag { address, .. } | Self::Prefix(address) => {
                address
            }
        }
    }

    /// The text, of a tag without what patterns see before it.
    pub(crate) fn tag_text(&self) -> &str {
        let text = self.text();
        text.strip_prefix(TAG_PREFIX).unwrap_or(text)
    }

    fn identity(&self) -> (u8, u64, u64) {
        match self {
            Self::Entry {
                key_hash,
                address_hash,
                ..
            } => (0, *key_hash, *address_hash),
            Self::Tag { hash, .. } => (1, *hash, 0),
            Self::Prefix(prefix) => prefix_identity(prefix),
        }
    }

    /// The label a coarsened group is named by: everything up to the address's last `:`.
    fn group(address: &str) -> &str {
        address
            .rfind(':')
            .map_or(address, |colon| &address[..=colon])
    }
}

fn prefix_identity(prefix: &str) -> (u8, u64, u64) {
    (2, hash(super::PREFIX, prefix.as_bytes()), 0)
}

/// The dependencies of a value, its own first.
pub(crate) type Deps = Box<[Dep]>;

/// Dependencies being collected: no doubles, and not more than `max`.
#[derive(Debug, Default)]
pub(crate) struct DepSet {
    deps: Vec<Dep>,
    seen: HashSet<(u8, u64, u64), foldhash::fast::RandomState>,
    /// How many there were after they were last coarsened; 0 if they never were.
    coarse: usize,
}

impl DepSet {
    /// Adds dependencies. Beyond `max`, those of one group become one prefix: more is invalidated then, never less.
    pub(crate) fn extend(&mut self, deps: &[Dep], max: usize) {
        for dep in deps {
            if self.coarse > 0
                && let Dep::Entry { address, .. } = dep
                && self.seen.contains(&prefix_identity(Dep::group(address)))
            {
                continue;
            }
            if self.seen.insert(dep.identity()) {
                self.deps.push(dep.clone());
            }
            // Tags cannot be coarsened. Where they are what there is too many of, each round waits for twice as many,
            // or every further one would be paid for by all before it.
            if self.deps.len() > max.max(2 * self.coarse) {
                self.coarsen();
            }
        }
    }

    fn coarsen(&mut self) {
        let mut coarse: Vec<Dep> = Vec::new();
        let mut seen = HashSet::default();
        for dep in self.deps.drain(..) {
            let dep = match dep {
                Dep::Entry { address, .. } => Dep::Prefix(Dep::group(&address).into()),
                other => other,
            };
            if seen.insert(dep.identity()) {
                coarse.push(dep);
            }
        }
        self.coarse = coarse.len();
        self.deps = coarse;
        self.seen = seen;
    }

    /// The dependencies so far, behind `own`.
    pub(crate) fn behind(&self, own: &[Dep]) -> Deps {
        own.iter().chain(&self.deps).cloned().collect()
    }
}
