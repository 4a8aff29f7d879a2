//! What can be asked of one call in place of "give me the value": a wrapper around it that has not been awaited.
//!
//! A modifier takes effect on the first cached call that the wrapped future starts; code before it runs, and cached
//! calls inside its body are not affected. A call that is spawned inside is out of reach.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::cache::{Cache, Token};
use crate::error::{Error, ErrorKind};
use crate::scope::{self, Scope};
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::{Arc, Mutex, lock};

pub mod blocking;
mod giving;
mod reached;
mod trace;
pub(crate) use giving::Given;
pub use giving::{Giving, made};
pub(crate) use reached::{Reached, Target};
pub use trace::Trace;

/// What the first cached call should do; where several are said, the last of them here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// As without a modifier, but tell.
    Explain,
    /// Run the body and store.
    Refresh,
    /// Run the body; neither look nor store.
    Bypass,
    /// Take a value that is given, in place of running the body.
    Put,
    /// Look, and never run the body.
    Peek,
    /// Only say what the key is.
    Capture,
}

/// A modifier under way.
#[derive(Debug)]
pub(crate) struct Modifier {
    pub(crate) mode: Mode,
    /// Calls whose keys are being made: what these are made with is not what it is around.
    preparing: AtomicU32,
    taken: AtomicBool,
    pub(crate) found: Arc<Mutex<Found>>,
    /// What a [`Mode::Put`] gives.
    given: Mutex<Option<Given>>,
}

/// What came of it, for all modifiers of one call.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The call was reached and left before its body.
    pub(crate) target: Option<Result<Reached, Error>>,
    pub(crate) trace: Trace,
}

impl Modifier {
    /// A modifier for the code that now begins, together with the one around it that still waits for its call.
    pub(crate) fn new(mode: Mode) -> Arc<Self> {
        // A question is no call: what is around it goes on waiting.
        let outer = match mode {
            Mode::Peek | Mode::Capture | Mode::Put => None,
            Mode::Explain | Mode::Refresh | Mode::Bypass => {
                scope::current().and_then(|scope| scope.modifier.clone())
            }
        };
        let (mode, found) = match outer.filter(|outer| outer.take()) {
            Some(outer) => (mode.max(outer.mode), Arc::clone(&outer.found)),
            None => (mode, Arc::default()),
        };
        Arc::new(Self {
            mode,
            preparing: AtomicU32::new(0),
            taken: AtomicBool::new(false),
            found,
            given: Mutex::default(),
        })
    }

    /// For the first call only, and not for those that its key is made with.
    pub(crate) fn take(&self) -> bool {
        self.preparing.load(Ordering::Relaxed) == 0 && !self.taken.swap(true, Ordering::Relaxed)
    }

    /// A call is left here that is about this.
    pub(crate) fn leave(&self, cache: &Cache, target: Option<Result<&Target, &str>>) {
        let mut found = lock(&self.found);
        found.trace.cached = true;
        let none = || Reached {
            cache: cache.clone(),
            targets: Vec::new(),
        };
        let reached = found.target.get_or_insert_with(|| Ok(none()));
        match (target, reached) {
            (Some(Ok(target)), Ok(reached)) => reached.targets.push(target.clone()),
            (Some(Err(why)), reached) => *reached = Err(Error::new(ErrorKind::Key, why)),
            _ => {}
        }
    }

    /// Whether a call was left.
    fn has_left(&self) -> bool {
        lock(&self.found).target.is_some()
    }

    fn target(&self) -> Option<Result<Reached, Error>> {
        lock(&self.found).target.take()
    }

    fn trace(&self) -> Trace {
        lock(&self.found).trace.clone()
    }

    fn scope(self: &Arc<Self>) -> Scope {
        Scope {
            modifier: Some(Arc::clone(self)),
            ..scope::copy()
        }
    }
}

/// A call's key is being made, by code that may make calls of its own.
pub struct Preparing(Option<Arc<Modifier>>);

impl Preparing {
    /// Until it is dropped.
    #[expect(clippy::new_without_default, reason = "for generated code only")]
    #[must_use]
    pub fn new() -> Self {
        let modifier = scope::current().and_then(|scope| scope.modifier.clone());
        if let Some(modifier) = &modifier {
            modifier.preparing.fetch_add(1, Ordering::Relaxed);
        }
        Self(modifier)
    }
}

impl Drop for Preparing {
    fn drop(&mut self) {
        if let Some(modifier) = &self.0 {
            modifier.preparing.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The name of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// The readable name: what patterns match.
    pub address: String,
    /// What tells it from every other entry, in base32: function, arguments and schema.
    pub digest: String,
    /// Its tags.
    pub tags: Vec<String>,
}

impl From<&Target> for Key {
    fn from(target: &Target) -> Self {
        let tags = target
            .own
            .iter()
            .skip(1)
            .map(|dep| dep.tag_text().to_owned())
            .collect();
        let address = target
            .own
            .first()
            .map_or_else(String::new, |dep| dep.text().into_owned());
        Self {
            address,
            digest: target.digest.to_string(),
            tags,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// Runs the body, stores what it gives, and returns it. Never joins another caller's computation.
///
/// ```
/// # cache_core::__private::block_on(async {
/// use cache_core::{cache, refresh};
///
/// #[cache(ttl = 300)]
/// async fn square(n: u64) -> u64 { n * n }
///
/// assert_eq!(square(3).await, 9);
/// assert_eq!(refresh(square(3)).await, 9); // runs again, and replaces what was there
/// # });
/// ```
///
/// Cancel safe: dropped, it has stored nothing.
pub async fn refresh<F: Future>(call: F) -> F::Output {
    scope::within(Modifier::new(Mode::Refresh).scope(), call).await
}

/// Runs the body: nothing is looked up and nothing stored. An enclosing cached function still inherits what the call depends on.
///
/// ```
/// # cache_core::__private::block_on(async {
/// use cache_core::{bypass, cache, peek};
///
/// #[cache(ttl = 300)]
/// async fn square(n: u64) -> u64 { n * n }
///
/// assert_eq!(bypass(square(3)).await, 9);
/// assert_eq!(peek(square(3)).await, None);
/// # });
/// ```
///
/// Cancel safe: it leaves what is stored as it is.
pub async fn bypass<F: Future>(call: F) -> F::Output {
    scope::within(Modifier::new(Mode::Bypass).scope(), call).await
}

/// Runs a future as if nothing were cached: every cached call inside, at any depth, runs its body, and nothing is
/// stored. For comparing with and without, and for the moment when the cache is under suspicion.
///
/// [`bypass`] is for one call; invalidations inside take effect as usual.
///
/// Cancel safe as far as the future is: it leaves what is stored as it is.
pub async fn uncached<F: Future>(future: F) -> F::Output {
    scope::within(
        Scope {
            off: true,
            ..scope::copy()
        },
        future,
    )
    .await
}

/// What is cached, in memory or in Redis, without ever running the body: `None` for a miss.
///
/// Where the future reaches no cached call it runs to its end, and `Some` is what it gave. It counts as no call: neither
/// statistics nor events know of it.
///
/// ```
/// # cache_core::__private::block_on(async {
/// use cache_core::{cache, peek};
///
/// #[cache(ttl = 300)]
/// async fn square(n: u64) -> u64 { n * n }
///
/// assert_eq!(peek(square(3)).await, None);
/// assert_eq!(square(3).await, 9);
/// assert_eq!(peek(square(3)).await, Some(9));
/// # });
/// ```
///
/// With Redis what is in memory is shown as it is: it asks nobody whether another process has just invalidated it, whatever the freshness.
///
/// Cancel safe as far as the future is: no body runs.
pub async fn peek<F: Future>(call: F) -> Option<F::Output> {
    let modifier = Modifier::new(Mode::Peek);
    let scope = Arc::new(modifier.scope());
    let mut call = pin!(call);
    poll_fn(|cx| {
        let polled = blocking::within(&scope, || call.as_mut().poll(cx));
        match polled {
            Some(polled) if !modifier.has_left() => polled.map(Some),
            _ => Poll::Ready(None),
        }
    })
    .await
}

/// The value, and what happened to the call.
///
/// ```
/// # cache_core::__private::block_on(async {
/// use cache_core::{cache, explain};
///
/// #[cache(ttl = 300)]
/// async fn square(n: u64) -> u64 { n * n }
///
/// let (nine, trace) = explain(square(3)).await;
/// assert_eq!((nine, trace.tier), (9, None));
/// let (nine, trace) = explain(square(3)).await;
/// assert_eq!((nine, trace.tier), (9, Some("memory")));
/// # });
/// ```
///
/// Cancel safe as far as the call is.
pub async fn explain<F: Future>(call: F) -> (F::Output, Trace) {
    let modifier = Modifier::new(Mode::Explain);
    let out = scope::within(modifier.scope(), call).await;
    (out, modifier.trace())
}

/// The address, key and tags of a call, without running its body or looking anything up.
///
/// ```
/// # cache_core::__private::block_on(async {
/// use cache_core::{cache, key_of};
///
/// #[cache(ttl = 300)]
/// async fn square(n: u64) -> u64 { n * n }
///
/// let key = key_of(square(3)).await?;
/// assert!(key.address.starts_with("square:"));
/// # Ok::<(), cache_core::Error>(()) }).unwrap();
/// ```
///
/// Cancel safe: it is through at its first poll.
///
/// # Errors
/// [`NoCachedCall`](crate::ErrorKind::NoCachedCall) if the future suspends or ends before it reaches a cached call,
/// [`Key`](crate::ErrorKind::Key) if its arguments cannot be a key.
pub async fn key_of<F: Future>(call: F) -> Result<Key, Error> {
    let reached = capture(call)
        .await
        .ok_or_else(|| Error::no_cached_call("key_of"))??;
    reached.only().map(Key::from)
}

/// Drops exactly the entry of this call, without running its body: no later call is served the old value.
///
/// ```
/// # cache_core::__private::block_on(async {
/// use cache_core::{cache, invalidate};
///
/// #[cache(ttl = 300)]
/// async fn square(n: u64) -> u64 { n * n }
///
/// invalidate(square(3)).await?;
/// # Ok::<(), cache_core::Error>(()) }).unwrap();
/// ```
///
/// Cancel safe: dropped, it has invalidated the entry or has not.
///
/// # Errors
/// [`NoCachedCall`](crate::ErrorKind::NoCachedCall) if the future suspends or ends before it reaches a cached call,
/// [`Key`](crate::ErrorKind::Key) if its arguments cannot be a key,
/// [`NotLogged`](crate::ErrorKind::NotLogged) if the log is elsewhere and does not answer; never with memory alone.
pub async fn invalidate<F: Future>(call: F) -> Result<Token, Error> {
    let reached = capture(call)
        .await
        .ok_or_else(|| Error::no_cached_call("invalidate"))??;
    reached.cache.invalidate(reached.matchers()).await
}

/// Polls a call once, up to the point where its key is known.
pub(crate) async fn capture<F: Future>(call: F) -> Option<Result<Reached, Error>> {
    let modifier = Modifier::new(Mode::Capture);
    let scope = Arc::new(modifier.scope());
    let mut call = pin!(call);
    poll_fn(|cx| {
        let _ = blocking::within(&scope, || call.as_mut().poll(cx));
        Poll::Ready(modifier.target())
    })
    .await
}
