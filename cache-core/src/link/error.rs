//! Why a request has no answer.

use std::fmt;
use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerError};

/// Why a request has no answer. It never holds credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LinkError {
    /// No answer within the time-out. The request may have been executed, or may be later.
    TimedOut,
    /// No connection, or it broke before the answer came.
    Disconnected(Arc<str>),
    /// The last requests failed; none is tried until a probe succeeds.
    BreakerOpen,
    /// The server answered with an error.
    Refused(Arc<str>),
    /// What came is no answer to what was asked.
    Unexpected(Arc<str>),
}

impl LinkError {
    pub(crate) fn closed() -> Self {
        Self::Disconnected("the link is closed".into())
    }

    pub(super) fn forked() -> Self {
        Self::Disconnected(
            "this process was forked from the one that opened the cache, and has none of its connections; open a cache of its own"
                .into(),
        )
    }

    pub(super) fn unexpected(what: impl Into<Arc<str>>) -> Self {
        Self::Unexpected(what.into())
    }

    /// Whether the same request may be answered well a little later. The codes are those of a Redis server that cannot at the moment.
    pub(super) fn may_pass(&self) -> bool {
        const FOR_NOW: [&str; 9] = [
            "BUSY",
            "CLUSTERDOWN",
            "LOADING",
            "MASTERDOWN",
            "MISCONF",
            "NOREPLICAS",
            "OOM",
            "READONLY",
            "TRYAGAIN",
        ];
        match self {
            Self::TimedOut | Self::Disconnected(_) | Self::BreakerOpen => true,
            Self::Refused(why) => FOR_NOW.iter().any(|code| why.starts_with(code)),
            Self::Unexpected(_) => false,
        }
    }

    /// What a failed exchange or attempt to connect means.
    pub(super) fn of(error: &RedisError, secrets: &Secrets) -> Self {
        match error.kind() {
            ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::AuthenticationFailed => {
                let code = error.code().unwrap_or_else(|| error.category());
                Self::Refused(secrets.text(code, error.detail()))
            }
            _ if error.is_timeout() => Self::TimedOut,
            ErrorKind::Io => Self::Disconnected(secrets.text("", Some(&error.to_string()))),
            _ => Self::Unexpected(secrets.text(error.category(), error.detail())),
        }
    }

    /// The error that a server put in the place of an answer.
    pub(super) fn refused(error: &ServerError, secrets: &Secrets) -> Self {
        Self::Refused(secrets.text(error.code(), error.details()))
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("Redis did not answer in time"),
            Self::Disconnected(why) => write!(f, "no connection to Redis: {why}"),
            Self::BreakerOpen => f.write_str(
                "Redis failed several times in a row and is left alone until it recovers",
            ),
            Self::Refused(why) => write!(f, "Redis refused: {why}"),
            Self::Unexpected(why) => write!(f, "Redis gave an unexpected answer: {why}"),
        }
    }
}

impl std::error::Error for LinkError {}

/// What must not be shown of an URL.
#[derive(Default)]
pub(super) struct Secrets(Vec<Box<str>>);

impl Secrets {
    /// Longer texts of a server are cut.
    const LONGEST: usize = 200;

    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all: Vec<Box<str>> = secrets
            .into_iter()
            .filter(|secret| !secret.is_empty())
            .map(Into::into)
            .collect();
        // Where one contains the other, nothing of the longer one is left over.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(all)
    }

    /// The code of a server's error, and its words without credentials and without the caller's arguments.
    fn text(&self, code: &str, detail: Option<&str>) -> Arc<str> {
        let detail = detail.unwrap_or_default();
        let detail = detail
            .split_once(", with args beginning with")
            .map_or(detail, |(before, _)| before);
        let mut text = self.0.iter().fold(detail.to_owned(), |text, secret| {
            text.replace(&**secret, "***")
        });
        if let Some((end, _)) = text.char_indices().nth(Self::LONGEST) {
            text.truncate(end);
        }
        match (code.is_empty(), text.is_empty()) {
            (true, _) => text.into(),
            (false, true) => code.into(),
            (false, false) => format!("{code} {text}").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_arguments_are_not_shown() {
        let secrets = Secrets::new(["ann", "annette", ""]);
        let text = |detail| secrets.text("ERR", Some(detail)).to_string();
        assert_eq!(text("user ann with annette"), "ERR user *** with ***");
        assert_eq!(
            text("unknown command 'X', with args beginning with: 'key' 'value'"),
            "ERR unknown command 'X'"
        );
        assert_eq!(secrets.text("LOADING", None).as_ref(), "LOADING");
        assert_eq!(text(&"ä".repeat(300)).chars().count(), 4 + 200);
    }
}
