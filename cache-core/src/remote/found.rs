//! What was found at the server, and whether it may be believed.

use std::time::Duration;

use crate::deps::{Dep, DepSet, Deps};
use crate::envelope::{Envelope, Unreadable};
use crate::flight;
use crate::index::Index;
use crate::key::Digest;

/// What Redis has of a value.
pub(crate) struct Found {
    pub(crate) envelope: Vec<u8>,
    pub(crate) left: Duration,
}

/// An envelope of the key that was asked for, which may be served.
pub(crate) struct Sound<'a> {
    pub(crate) envelope: Envelope<'a>,
    /// Those of the key, and those of the value.
    pub(crate) deps: Deps,
    /// The version of the index at which it was found valid.
    pub(crate) version: u64,
    /// Less than that of whatever is said from now on.
    pub(crate) ordinal: u64,
}

/// Why what was found is not to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsound {
    /// It is no envelope.
    Unreadable(Unreadable),
    /// It is of another key, of which the name under which it stands has but half.
    Foreign,
    /// It was invalidated, or nobody knows.
    Invalid,
}

impl Found {
    /// The envelope, if it is one of this key and valid.
    pub(crate) fn judge(
        &self,
        whole: Digest,
        own: &[Dep],
        index: &Index,
    ) -> Result<Sound<'_>, Unsound> {
        let envelope = Envelope::parse(&self.envelope).map_err(Unsound::Unreadable)?;
        // Half of the digest is in the key, and anybody can write anything under it.
        if envelope.digest != whole {
            return Err(Unsound::Foreign);
        }
        // Drawn before it is judged: what is said from now on is later.
        let ordinal = flight::next_id();
        let mut deps = DepSet::default();
        deps.extend(own, usize::MAX);
        deps.extend(&envelope.deps, usize::MAX);
        let deps = deps.behind(&[]);
        // In its order what is pending here is later than what comes from elsewhere, whenever that was computed.
        let verdict = index.check(envelope.stamp, 0, &deps);
        if !verdict.valid {
            return Err(Unsound::Invalid);
        }
        Ok(Sound {
            envelope,
            deps,
            version: verdict.version,
            ordinal,
        })
    }
}
