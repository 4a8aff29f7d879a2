//! What happened, for those who listen: built only if somebody does.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::stats::{FetchMiss, MissReason, RefusalReason};
use crate::sync::Arc;

/// One thing that happened to one call or entry.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The function, with its module; empty for what concerns none.
    pub function: Arc<str>,
    /// The address of the entry, or what was invalidated.
    pub address: Arc<str>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A call was answered from memory.
    Hit,
    /// A call was not.
    Miss(MissReason),
    /// A call was given a value that had ceased to be fresh so long ago.
    Stale(Duration),
    /// A refresh behind a call has failed: the body gave an `Err` or panicked, or took so long that another was begun.
    RefreshFailed,
    /// A call was answered from Redis.
    Fetched,
    /// Redis was asked, and had no answer for the call.
    NotFetched(FetchMiss),
    /// A call was answered by another caller's computation.
    Coalesced,
    /// A body ran to its end, this long.
    Computed(Duration),
    /// A value was stored.
    Stored,
    /// A value was not stored.
    Refused(RefusalReason),
    /// An entry had to make room for others.
    Evicted,
    /// Something was invalidated.
    Invalidated,
    /// A target of an `#[invalidate_cache]` could not be made, and everything is invalidated in its place; the address
    /// says why.
    NotInvalidated,
    /// A value could not be put by a `#[cache_put]`, and there is none in its place. The address says why.
    NotPut,
    /// Values that are [written behind](crate::Cache::write_behind) could not be, and are tried again. The address says why.
    NotWritten,
    /// An event of the application was emitted, and nothing is mapped to it: it has invalidated nothing. The address is its
    /// name.
    Unmapped,
    /// An invalidation has taken effect here, and could not be written to the log: others do not know of it yet. The
    /// address says why.
    NotLogged,
    /// Redis was reached for the first time, or is another one than before; the address says what it is.
    Greeted,
    /// Something about Redis looks wrong, or it cannot be used; the address says what, and what to do.
    Warned,
    /// The arguments could not be encoded: the call was not cached.
    Unkeyable,
    /// The calls that [began with the cache](crate::Builder::warmup_on_startup) are through, or a shutdown has ended them; the address says
    /// what came of them.
    WarmedUp,
    /// There is a connection with Redis, again or for the first time. This and the next three are told by the thread of the
    /// connection, and concern no function.
    Connected,
    /// So many trips to Redis have failed that it is left alone.
    BreakerOpened,
    /// Redis has answered a probe, and is used again.
    BreakerClosed,
    /// The Redis server is another one, or has lost a part of the log. What it has lost is said again.
    Generation,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            EventKind::Hit => f.write_str("hit"),
            EventKind::Miss(reason) => write!(f, "miss ({})", reason.as_str()),
            EventKind::Stale(late) => write!(f, "stale for {late:.1?}"),
            EventKind::RefreshFailed => f.write_str("refresh failed"),
            EventKind::Fetched => f.write_str("fetched"),
            EventKind::NotFetched(reason) => write!(f, "not fetched ({})", reason.as_str()),
            EventKind::Coalesced => f.write_str("coalesced"),
            EventKind::Computed(cost) => write!(f, "computed in {cost:.1?}"),
            EventKind::Stored => f.write_str("stored"),
            EventKind::Refused(reason) => write!(f, "not stored ({})", reason.as_str()),
            EventKind::Evicted => f.write_str("evicted"),
            EventKind::Invalidated => f.write_str("invalidated"),
            EventKind::NotInvalidated => f.write_str("not invalidated as written:"),
            EventKind::NotPut => f.write_str("not put:"),
            EventKind::NotWritten => f.write_str("not written behind yet:"),
            EventKind::Unmapped => f.write_str("nothing is mapped to the event"),
            EventKind::NotLogged => f.write_str("not in the log yet:"),
            EventKind::Greeted => f.write_str("connected with"),
            EventKind::Warned => f.write_str("Redis:"),
            EventKind::Unkeyable => f.write_str("arguments cannot be a key"),
            EventKind::WarmedUp => f.write_str("start-up calls:"),
            EventKind::Connected => f.write_str("connected with Redis"),
            EventKind::BreakerOpened => f.write_str("Redis fails, and is left alone"),
            EventKind::BreakerClosed => f.write_str("Redis answers again"),
            EventKind::Generation => f.write_str("the log at Redis has a new generation"),
        }?;
        write!(f, " {}", self.address)
    }
}

/// Told of every event, in the thread and at the moment that it happens.
pub(crate) type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// Whoever listens to one cache.
#[derive(Clone, Default)]
pub(crate) struct Events(pub(crate) Option<Listener>);

impl Events {
    /// Whether anybody wants every event, hits included.
    #[inline(always)]
    pub(crate) fn listening(&self) -> bool {
        self.0.is_some()
    }

    /// Whether anybody, `tracing` included, wants what is not a hit.
    pub(crate) fn wanted(&self) -> bool {
        self.0.is_some() || traced()
    }

    /// Tells of an event; its parts are built only if somebody listens.
    #[inline]
    pub(crate) fn tell(&self, kind: EventKind, parts: impl FnOnce() -> (Arc<str>, Arc<str>)) {
        // Hits would be a flood, and reading whether somebody wants them would be paid by each.
        let traced = !matches!(kind, EventKind::Hit) && traced();
        if !traced && self.0.is_none() {
            return;
        }
        let (function, address) = parts();
        let event = Event {
            kind,
            function,
            address,
        };
        #[cfg(feature = "tracing")]
        if traced {
            tracing::debug!(target: "cache", function = &*event.function, "{event}");
        }
        self.hear(&event);
    }

    /// Tells of something that whoever runs the program should see: `tracing` at level `INFO`, or `WARN`.
    pub(crate) fn announce(&self, kind: EventKind, text: &str) {
        let event = Event {
            kind,
            function: "".into(),
            address: text.into(),
        };
        #[cfg(feature = "tracing")]
        match kind {
            EventKind::Warned | EventKind::NotWritten => tracing::warn!(target: "cache", "{event}"),
            _ => tracing::info!(target: "cache", "{event}"),
        }
        self.hear(&event);
    }

    fn hear(&self, event: &Event) {
        if let Some(listener) = &self.0 {
            // A listener's panic is no caller's: the panic hook has told of it, and the call goes on.
            let _ = catch_unwind(AssertUnwindSafe(|| listener(event)));
        }
    }
}

/// Whether a `tracing` subscriber wants events of the target `cache`.
#[cfg(feature = "tracing")]
fn traced() -> bool {
    tracing::enabled!(target: "cache", tracing::Level::DEBUG)
}
#[cfg(not(feature = "tracing"))]
const fn traced() -> bool {
    false
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Events").field(&self.0.is_some()).finish()
    }
}
