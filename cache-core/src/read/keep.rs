//! What the rules of an attribute decide about a value once it is there.

use std::any::TypeId;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde::Serialize;

use crate::address::{Piece, UNWRITABLE, render};
use crate::key::Encoder;
use crate::stats::RefusalReason;
use crate::tier::memory::Lookup;

/// The decisions about one value.
#[derive(Debug, Default)]
pub struct Keep {
    pub(super) ttl: Option<Duration>,
    pub(super) refused: bool,
    /// A tag could not be written.
    pub(super) unnamed: bool,
    pub(super) tags: Vec<String>,
    /// A hash of the value.
    pub(super) content: Option<u64>,
    /// Nothing else is asked.
    pub(super) content_alone: bool,
}

impl Keep {
    /// `ttl = adaptive(…, …)`; whether anything else is to be decided.
    pub fn content<T: Comparable + ?Sized>(&mut self, value: &T) -> bool {
        let hash = || {
            let mut encoder = Encoder::new();
            encoder.push(value).ok()?;
            Some(Lookup::new(&TypeId::of::<Self>(), encoder.mixed()).hash())
        };
        // A `Serialize` that fails, or panics, tells nothing; the call has its value.
        self.content = catch_unwind(AssertUnwindSafe(hash)).ok().flatten();
        !self.content_alone
    }

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

/// A value of which it can be told whether it has changed.
#[diagnostic::on_unimplemented(
    message = "nobody can tell whether `{Self}` has changed",
    label = "`ttl = adaptive(..)` needs a value that is `serde::Serialize`",
    note = "derive `Serialize` for it, or give `ttl` one length of time"
)]
pub trait Comparable: Serialize {}
#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> Comparable for T {}

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
