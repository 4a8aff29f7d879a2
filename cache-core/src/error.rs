//! The one error type.

use std::fmt;

/// What went wrong in an explicit call of the cache. Cached functions never return it: they run their body instead.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    text: Box<str>,
}

/// The kinds of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A cache was installed before; a process has one.
    AlreadyInstalled,
    /// The configuration cannot work.
    Config,
    /// A pattern that does not parse.
    Pattern,
    /// An argument whose `Serialize` failed.
    Key,
    /// The wrapped future or closure reached no cached call.
    NoCachedCall,
    /// Not possible in this build, or where it was asked for.
    Unsupported,
    /// The value is larger than one entry may be.
    TooLarge,
    /// The value under this address, or the event of this name, has another type.
    Type,
    /// A text that is no [`Token`](crate::Token).
    Token,
    /// An invalidation has taken effect in this process, and could not be written to the log. It is tried again until it
    /// can.
    NotLogged,
    /// There was no contact with Redis within the time that `Builder::require_redis` gives it.
    Unreachable,
    /// A value that was put by hand could not be given to Redis, and there is none: neither the new one nor an older one.
    NotShared,
    /// What was to be written behind never will be: the writer of its queue was dropped.
    NoWriter,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<Box<str>>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    pub(crate) fn no_cached_call(what: &str) -> Self {
        Self::new(
            ErrorKind::NoCachedCall,
            format!(
                "`{what}` was given something that reached no cached call; pass the un-awaited call of a cached \
                 function itself, for example `{what}(user(&pool, 42))`"
            ),
        )
    }

    pub(crate) fn unsupported(what: &str) -> Self {
        Self::new(
            ErrorKind::Unsupported,
            format!(
                "`{what}` of a sync function leaves its body by unwinding, which `panic = \"abort\"` rules out; \
                 invalidate its address or tag instead"
            ),
        )
    }

    /// The same, with where it comes from said before.
    pub(crate) fn of(self, place: &str) -> Self {
        Self::new(self.kind, format!("{place}: {}", self.text))
    }

    /// Which kind of error this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}
