//! What was found at the server, and whether it may be believed.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use crate::cipher::Cipher;
use crate::deps::{Dep, DepSet};
use crate::envelope::{Envelope, Unreadable};
use crate::index::Index;
use crate::key::Digest;
use crate::link::scripts;
use crate::position::Position;
use crate::stats::FetchMiss;
use crate::sync::Arc;

/// What Redis has of a value.
pub(crate) struct Found {
    /// Whatever it came in.
    pub(super) text: Arc<dyn Text>,
    pub(super) envelope: Range<usize>,
    /// For how long it is fresh.
    pub(super) left: Duration,
    /// How long ago it ceased to be.
    pub(super) late: Duration,
}

/// What values came in.
pub(crate) trait Text: Send + Sync {
    /// All of it.
    fn bytes(&self) -> &[u8];
}

impl Text for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }
}

/// An envelope of the key that was asked for, which may be served.
pub(crate) struct Sound<'a> {
    pub(crate) envelope: Envelope<'a>,
    /// Up to where it is known to be valid.
    pub(crate) stamp: Position,
    /// Those of the key, and those of the value.
    pub(crate) deps: Cow<'a, [Dep]>,
    /// The version of the index at which it was found valid.
    pub(crate) version: u64,
    /// For how long it is fresh; if it is not, zero.
    pub(crate) left: Duration,
    /// How long ago it ceased to be.
    pub(crate) late: Duration,
}

impl Found {
    /// What is stored at a place, at this time of the server.
    pub(super) fn of(text: Arc<dyn Text>, place: Range<usize>, now: Duration) -> Option<Self> {
        let value = text.bytes().get(place.clone())?;
        let (length, left, late) = match scripts::expiry(value) {
            Some((envelope, at)) => (
                envelope.len(),
                at.saturating_sub(now),
                now.saturating_sub(at),
            ),
            // What was not stored by us does not say when it expires, and is not an envelope either; it is known as that when it is
            // parsed.
            None => (value.len(), Duration::ZERO, Duration::MAX),
        };
        let envelope = place.start..place.start + length;
        Some(Self {
            text,
            envelope,
            left,
            late,
        })
    }

    /// The same without what it came with, which may be large.
    pub(super) fn alone(&self) -> Self {
        let bytes = self.envelope().to_vec();
        Self {
            envelope: 0..bytes.len(),
            text: Arc::new(bytes),
            ..*self
        }
    }

    /// The envelope's bytes.
    pub(crate) fn envelope(&self) -> &[u8] {
        let envelope = self.envelope.clone();
        self.text.bytes().get(envelope).unwrap_or_default()
    }

    /// The envelope, if it is one of this key and of this schema, valid, and fresh or within `grace` of it; or why it is not to be
    /// served.
    pub(crate) fn judge<'a>(
        &'a self,
        cipher: &Cipher,
        whole: Digest,
        schema: u64,
        own: &'a [Dep],
        index: &Index,
        grace: Duration,
    ) -> Result<Sound<'a>, FetchMiss> {
        let envelope = Envelope::parse_beside(self.envelope(), cipher, own);
        let envelope = envelope.map_err(|why| match why {
            Unreadable::Encryption => FetchMiss::Encryption,
            _ => FetchMiss::Unreadable,
        })?;
        // Half of the digest is in the key, and anybody can write anything under it.
        if envelope.digest != whole {
            return Err(FetchMiss::Foreign);
        }
        if envelope.schema != schema {
            return Err(FetchMiss::Type);
        }
        if self.left.is_zero() && self.late >= grace {
            return Err(FetchMiss::Expired);
        }
        // Most depend on nothing else.
        let deps: Cow<'_, [Dep]> = if envelope.deps.is_empty() {
            own.into()
        } else {
            let mut deps = DepSet::default();
            deps.extend(own, usize::MAX);
            deps.extend(&envelope.deps, usize::MAX);
            deps.behind(&[]).into_vec().into()
        };
        // In its order what is pending here is later than what comes from elsewhere, whenever that was computed.
        let verdict = index.check(envelope.stamp, 0, &deps);
        if !verdict.valid {
            return Err(FetchMiss::Invalidated);
        }
        // When it expires stands outside of what is checked, and is by a clock that may have been set since.
        let most = match envelope.fresh_for {
            u32::MAX => Duration::MAX,
            millis => Duration::from_millis(millis.into()),
        };
        Ok(Sound {
            left: self.left.min(most),
            late: self.late,
            stamp: verdict.raised(envelope.stamp),
            envelope,
            deps,
            version: verdict.version,
        })
    }
}
