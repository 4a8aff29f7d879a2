//! What an invalidation names.

use crate::key::KeyDigest;
use crate::pattern::{Pattern, PatternShape};
use crate::sync::Arc;

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
