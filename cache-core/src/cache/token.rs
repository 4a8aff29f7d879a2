//! Places in the log, to be waited for.

use std::fmt;
use std::str::FromStr;

use super::Cache;
use crate::error::{Error, ErrorKind};
use crate::position::Position;

/// The place in the log of an invalidation, if it has one by now: one that waits for the commit of a
/// [transaction](Cache::transaction) has none, and comes before all others.
///
/// As text it can travel, in a header or a cookie, to whoever is to read what was written:
///
/// ```
/// # cache_core::__private::block_on(async {
/// use cache_core::{Token, at_least, cache, invalidate};
///
/// #[cache(ttl = 300)]
/// async fn square(n: u64) -> u64 { n * n }
///
/// let written: Token = invalidate(square(3)).await?;
/// let header = written.to_string();
/// // In another process, perhaps:
/// let token: Token = header.parse()?;
/// assert_eq!(at_least(token, square(3)).await, 9);
/// # Ok::<(), cache_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub(crate) Option<Position>);

/// As text, what has no place yet.
const NONE: &str = "-";

impl Token {
    /// The place in the log. `None` for an invalidation inside a transaction: its place is given by the commit, before
    /// that of any invalidation after it.
    #[must_use]
    pub fn position(self) -> Option<Position> {
        self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, "{}-{}", at.generation, at.sequence),
            None => f.write_str(NONE),
        }
    }
}

impl FromStr for Token {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == NONE {
            return Ok(Self(None));
        }
        let parse = || {
            let (generation, sequence) = text.split_once('-')?;
            Some(Position {
                generation: number(generation)?,
                sequence: number(sequence)?,
            })
        };
        parse().map(|at| Self(Some(at))).ok_or_else(|| {
            // Not repeated: it came from outside.
            let text =
                "a token is two numbers with a `-` between them, as its `Display` writes them";
            Error::new(ErrorKind::Token, text)
        })
    }
}

/// Nothing but digits, so that a token has one text.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let padded = digits.len() > 1 && digits.starts_with('0');
    digits.parse().ok().filter(|_| plain && !padded)
}

impl Cache {
    /// Runs a future in which no cached call is served anything older than an invalidation, wherever that was made: a reader reads
    /// his own writes from whichever process answers him.
    ///
    /// If this process has not heard of it yet, the log is asked once. If the log does not answer, or has no such place (of
    /// another namespace, from before a failover, of a transaction that was not committed), the future runs
    /// [uncached](crate::uncached).
    ///
    /// Cancel safe as far as the future is.
    pub async fn at_least<F: Future>(&self, token: Token, future: F) -> F::Output {
        if !self.has_reached(token) {
            self.catch_up().await;
        }
        let here = self.scope(future);
        if self.has_reached(token) {
            here.await
        } else {
            crate::modifiers::uncached(here).await
        }
    }

    fn has_reached(&self, token: Token) -> bool {
        token.0.is_some_and(|at| self.0.index.has_reached(at))
    }

    #[cfg(feature = "redis")]
    async fn catch_up(&self) {
        if let Some(remote) = &self.0.remote {
            // Whether it was asked in vain is seen by where the index is then.
            let _ = remote.confirm().await;
        }
    }

    #[cfg(not(feature = "redis"))]
    async fn catch_up(&self) {}
}

/// [`Cache::at_least`] of the [current](crate::current) cache.
///
/// Cancel safe as far as the future is.
pub async fn at_least<F: Future>(token: Token, future: F) -> F::Output {
    crate::global::current().at_least(token, future).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_text() {
        for at in [(0, 0), (7, 12), (u64::MAX, u64::MAX)] {
            let at = Position {
                generation: at.0,
                sequence: at.1,
            };
            let token = Token(Some(at));
            assert_eq!(token.to_string().parse::<Token>().unwrap(), token);
        }
        assert_eq!(
            Token(None).to_string().parse::<Token>().unwrap(),
            Token(None)
        );
        for bad in [
            "",
            "-1",
            "1-",
            "1",
            "1-2-3",
            "+1-2",
            "01-2",
            "1-00",
            " 1-2",
            "1-2\n",
            "99999999999999999999-0",
        ] {
            let error = bad.parse::<Token>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Token, "{bad:?}");
        }
    }
}
