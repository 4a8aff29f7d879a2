//! What the rules of an attribute decide about a value once it is there.

use std::time::Duration;

use crate::address::{Piece, UNWRITABLE, render};
use crate::stats::RefusalReason;

/// The decisions about one value.
#[derive(Debug, Default)]
pub struct Keep {
    pub(super) ttl: Option<Duration>,
    pub(super) refused: bool,
    /// A tag could not be written.
    pub(super) unnamed: bool,
    pub(super) tags: Vec<String>,
}

impl Keep {
    /// `ttl = |value| …`
    pub fn ttl(&mut self, ttl: impl IntoTtl) {
        self.ttl = Some(ttl.into_ttl());
    }

    /// `when = |value| …`
    pub fn when(&mut self, keep: bool) {
        self.refused |= !keep;
    }

    /// A tag with `{return.…}`.
    pub fn tag(&mut self, pieces: &[Piece<'_>]) {
        let mut tag = String::new();
        match render(pieces, &mut tag) {
            Ok(()) if !tag.contains(UNWRITABLE) => self.tags.push(tag),
            // Without its tag the value could not be invalidated.
            _ => {
                self.refused = true;
                self.unnamed = true;
            }
        }
    }

    pub(super) fn refusal(&self) -> Option<RefusalReason> {
        if self.refused {
            Some(RefusalReason::When)
        } else if self.ttl.is_some_and(|ttl| ttl.is_zero()) {
            Some(RefusalReason::Expired)
        } else {
            None
        }
    }
}

/// What `ttl = |value| …` may give: a `Duration`, or whole seconds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a length of time",
    label = "expected a `Duration`, or whole seconds as `u64`",
    note = "write `Duration::from_secs(60)`, or `60_u64`"
)]
pub trait IntoTtl {
    /// As a duration.
    fn into_ttl(self) -> Duration;
}

impl IntoTtl for Duration {
    fn into_ttl(self) -> Duration {
        self
    }
}

impl IntoTtl for u64 {
    fn into_ttl(self) -> Duration {
        Duration::from_secs(self)
    }
}

impl IntoTtl for u32 {
    fn into_ttl(self) -> Duration {
        Duration::from_secs(self.into())
    }
}

impl IntoTtl for i32 {
    /// A negative number of seconds is zero: nothing is stored.
    fn into_ttl(self) -> Duration {
        Duration::from_secs(u64::try_from(self).unwrap_or(0))
    }
}
