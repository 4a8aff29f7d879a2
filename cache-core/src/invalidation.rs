//! What is to be invalidated, or has been, in words of the user's.

use crate::error::Error;
use crate::matcher::Matcher;
use crate::pattern::Pattern;
use crate::sync::Arc;

/// What an invalidation names.
///
/// Text is a pattern: `"resource:users:*".into()`. An argument in it, or in an address or a tag, is written with
/// [`escape`](crate::escape), as templates do by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Invalidation {
    /// What has this address, and of several entries that have it perhaps one only. Nothing in it is a wildcard.
    Address(Arc<str>),
    /// What has this tag.
    Tag(Arc<str>),
    /// Whose address, or tag behind `tag:`, matches this pattern.
    Pattern(Arc<str>),
    /// Everything.
    Everything,
}

impl Invalidation {
    /// Of an address.
    pub fn address(address: impl Into<Arc<str>>) -> Self {
        Self::Address(address.into())
    }

    /// Of a tag.
    pub fn tag(tag: impl Into<Arc<str>>) -> Self {
        Self::Tag(tag.into())
    }

    /// Of a pattern.
    pub fn pattern(pattern: impl Into<Arc<str>>) -> Self {
        Self::Pattern(pattern.into())
    }

    /// Whether it names what has this address, and these tags.
    ///
    /// ```
    /// use cache_core::Invalidation;
    ///
    /// assert!(Invalidation::pattern("resource:users:*").names("resource:users:42", &[]));
    /// assert!(Invalidation::tag("tenant:7").names("resource:users:42", &["tenant:7"]));
    /// assert!(Invalidation::Everything.names("resource:users:42", &[]));
    /// assert!(!Invalidation::address("resource:users:7").names("resource:users:42", &[]));
    /// ```
    ///
    /// A pattern that does not parse names everything.
    #[must_use]
    pub fn names(&self, address: &str, tags: &[&str]) -> bool {
        match self {
            Self::Address(own) => **own == *address,
            Self::Tag(own) => tags.contains(&&**own),
            Self::Pattern(pattern) => Pattern::parse(pattern).map_or(true, |pattern| {
                let matches = |tag: &&str| pattern.matches(&format!("tag:{tag}"));
                pattern.matches(address) || tags.iter().any(matches)
            }),
            Self::Everything => true,
        }
    }

    /// What the log calls it.
    ///
    /// # Errors
    /// Those of a pattern that was written by hand.
    pub(crate) fn matcher(self) -> Result<Matcher, Error> {
        Ok(match self {
            Self::Address(address) => Matcher::Address(address),
            Self::Tag(tag) => Matcher::Tag(tag),
            Self::Pattern(pattern) => Pattern::by_hand(&pattern)?.into(),
            Self::Everything => Matcher::All,
        })
    }
}

impl From<&str> for Invalidation {
    fn from(pattern: &str) -> Self {
        Self::pattern(pattern)
    }
}

impl From<String> for Invalidation {
    fn from(pattern: String) -> Self {
        Self::pattern(pattern)
    }
}

impl From<Matcher> for Invalidation {
    fn from(matcher: Matcher) -> Self {
        match matcher {
            Matcher::Key(_, address) | Matcher::Address(address) => Self::Address(address),
            Matcher::Tag(tag) => Self::Tag(tag),
            Matcher::Prefix(prefix) => {
                let mut pattern = String::with_capacity(prefix.len() + 1);
                for c in prefix.chars() {
                    if matches!(c, '*' | '?' | '[' | ']' | '\\' | '{' | '}') {
                        pattern.push('\\');
                    }
                    pattern.push(c);
                }
                pattern.push('*');
                Self::pattern(pattern)
            }
            Matcher::Glob(pattern) => Self::pattern(pattern.as_str()),
            Matcher::All => Self::Everything,
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    /// What was said comes back with its meaning, whatever the log makes of it.
    #[test]
    fn what_is_said_is_what_is_told() {
        let long = Invalidation::pattern(r"a\*b\{c:*");
        for said in [
            Invalidation::address("a*b"),
            Invalidation::tag("t:1"),
            Invalidation::pattern("a:?:*"),
            long.clone(),
            Invalidation::Everything,
        ] {
            let told: Invalidation = said.clone().matcher().unwrap().into();
            assert_eq!(told, said);
        }
        assert!(long.names("a*b{c:7", &[]) && !long.names("axb{c:7", &[]));
        // A prefix is made of text that is no pattern.
        let told = Invalidation::from(Matcher::Prefix(r"a\[x".into()));
        assert!(told.names(r"a\[xy", &[]), "{told:?}");
        assert!(Invalidation::pattern("tag:t:*").names("", &["t:1"]));
        assert!(!Invalidation::tag("t:2").names("t:2", &["t:1"]));
    }

    #[test]
    fn a_pattern_that_does_not_parse_is_an_error() {
        for bad in ["", "[", "a{id}"] {
            let error = Invalidation::from(bad).matcher().unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Pattern, "{bad}");
        }
        assert!(Invalidation::pattern("[").names("anything", &[]));
    }
}
