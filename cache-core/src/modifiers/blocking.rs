//! What waits for something, for code that is not async. The modifiers take a closure that makes the call.
//!
//! `invalidate`, `peek` and `key_of` leave the body before it begins by unwinding from there, without a panic message.
//! What the closure holds at the call is dropped on the way, and a `Mutex` whose guard is alive there is poisoned: give
//! the call plain arguments.
//!
//! Under `panic = "abort"` they return [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use super::{Key, Mode, Modifier, Reached, Trace};
use crate::cache::Token;
use crate::error::Error;
use crate::global;
use crate::invalidating::Invalidating;
use crate::scope::{self, Scope};
use crate::shape::CacheValue;
use crate::sync::{Arc, block_on};

/// What the prologue of a call unwinds with.
struct Left;

/// Leaves the call that is under way.
pub(crate) fn leave() -> ! {
    resume_unwind(Box::new(Left))
}

/// Whether a body can be left before it begins.
pub(crate) const CAN_LEAVE: bool = cfg!(panic = "unwind");

/// Runs `f` in a modifier's scope; nothing if a call inside was left.
pub(super) fn within<R>(scope: &Arc<Scope>, f: impl FnOnce() -> R) -> Option<R> {
    let scope = Some(Arc::clone(scope));
    match catch_unwind(AssertUnwindSafe(|| scope::enter(scope, f))) {
        Ok(out) => Some(out),
        Err(payload) if payload.is::<Left>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

fn run<R>(modifier: &Arc<Modifier>, call: impl FnOnce() -> R) -> Option<R> {
    within(&Arc::new(modifier.scope()), call)
}

/// Runs the body, stores what it gives, and returns it; see [`refresh`](crate::refresh).
pub fn refresh<R>(call: impl FnOnce() -> R) -> R {
    scope::enter(Some(Arc::new(Modifier::new(Mode::Refresh).scope())), call)
}

/// Runs the body, neither looking nor storing; see [`bypass`](crate::bypass).
pub fn bypass<R>(call: impl FnOnce() -> R) -> R {
    scope::enter(Some(Arc::new(Modifier::new(Mode::Bypass).scope())), call)
}

/// Runs a closure as if nothing were cached; see [`uncached`](crate::uncached).
pub fn uncached<R>(f: impl FnOnce() -> R) -> R {
    let scope = Scope {
        off: true,
        ..scope::copy()
    };
    scope::enter(Some(Arc::new(scope)), f)
}

/// The value, and what happened to the call; see [`explain`](crate::explain).
pub fn explain<R>(call: impl FnOnce() -> R) -> (R, Trace) {
    let modifier = Modifier::new(Mode::Explain);
    let out = scope::enter(Some(Arc::new(modifier.scope())), call);
    (out, modifier.trace())
}

/// What is cached, without ever running the body: `None` for a miss; see [`peek`](crate::peek).
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) under `panic = "abort"`.
pub fn peek<R>(call: impl FnOnce() -> R) -> Result<Option<R>, Error> {
    if !CAN_LEAVE {
        return Err(Error::unsupported("peek"));
    }
    Ok(run(&Modifier::new(Mode::Peek), call))
}

/// The address, key and tags of a call, without running its body; see [`key_of`](crate::key_of).
///
/// # Errors
/// [`NoCachedCall`](crate::ErrorKind::NoCachedCall), [`Key`](crate::ErrorKind::Key), and [`Unsupported`](crate::ErrorKind::Unsupported) under
/// `panic = "abort"`.
pub fn key_of<R>(call: impl FnOnce() -> R) -> Result<Key, Error> {
    captured("key_of", call)?.only().map(Key::from)
}

/// Drops exactly the entry of this call, without running its body; see [`invalidate`](crate::invalidate).
///
/// ```
/// use cache_core::{blocking, cache};
///
/// #[cache(ttl = 300)]
/// fn square(n: u64) -> u64 { n * n }
///
/// blocking::invalidate(|| square(3))?;
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Errors
/// [`NoCachedCall`](crate::ErrorKind::NoCachedCall), [`Key`](crate::ErrorKind::Key), and [`Unsupported`](crate::ErrorKind::Unsupported) under
/// `panic = "abort"`; [`NotLogged`](crate::ErrorKind::NotLogged) if the log is elsewhere and does not answer.
pub fn invalidate<R>(call: impl FnOnce() -> R) -> Result<Token, Error> {
    let reached = captured("invalidate", call)?;
    reached.cache.invalidate(reached.matchers()).wait()
}

fn captured<R>(what: &str, call: impl FnOnce() -> R) -> Result<Reached, Error> {
    if !CAN_LEAVE {
        return Err(Error::unsupported(what));
    }
    let modifier = Modifier::new(Mode::Capture);
    let _ = run(&modifier, call);
    modifier
        .target()
        .unwrap_or_else(|| Err(Error::no_cached_call(what)))
}

/// What a call was captured as: nothing if it reached no cached call.
pub(crate) type Captive = Option<Result<Reached, Error>>;

/// Captures the key of a call that may be sync, in which case it is left, or async, in which case its future is handed back.
pub(crate) fn attempt<R>(call: impl FnOnce() -> R) -> Result<R, Captive> {
    let modifier = Modifier::new(Mode::Capture);
    let out = run(&modifier, call);
    // Under `panic = "abort"` a sync call cannot be left, and has run for nothing: its key is known all the same.
    match (out, modifier.target()) {
        (_, Some(target)) => Err(Some(target)),
        (Some(out), None) => Ok(out),
        (None, None) => Err(None),
    }
}

/// Invalidates every entry whose address matches; see [`invalidate_pattern`](crate::invalidate_pattern).
///
/// # Errors
/// As [`invalidate_pattern`](crate::invalidate_pattern).
pub fn invalidate_pattern(pattern: &str) -> Result<Token, Error> {
    global::current().append_pattern(pattern)?.wait()
}

/// Invalidates every entry with this tag; see [`invalidate_tag`](crate::invalidate_tag).
///
/// # Errors
/// As [`invalidate_tag`](crate::invalidate_tag).
pub fn invalidate_tag(tag: &str) -> Result<Token, Error> {
    global::current().append_tag(tag).wait()
}

/// Invalidates everything; see [`clear`](crate::clear).
///
/// # Errors
/// As [`clear`](crate::clear).
pub fn clear() -> Result<Token, Error> {
    global::current().append_all().wait()
}

/// Tells of an event, and invalidates what it is mapped to; see [`emit`](crate::emit).
///
/// # Errors
/// As [`emit`](crate::emit).
pub fn emit<E: Any>(name: &str, event: &E) -> Result<Option<Token>, Error> {
    let emitted = global::current().append_event(name, event)?;
    emitted.map(Invalidating::wait).transpose()
}

/// The value under an address; see [`get`](crate::get).
///
/// # Errors
/// As [`Cache::get`](crate::Cache::get).
pub fn get<T: CacheValue + DeserializeOwned>(address: &str) -> Result<Option<T>, Error> {
    block_on(global::current().get(address))
}

/// Puts a value under an address; see [`set`](crate::set).
///
/// # Errors
/// As [`Cache::set`](crate::Cache::set).
pub fn set<T: CacheValue + Serialize + DeserializeOwned>(
    address: &str,
    value: T,
    ttl: Duration,
) -> Result<(), Error> {
    block_on(global::current().set(address, value, ttl))
}

/// Removes the value under an address; see [`remove`](crate::remove).
///
/// # Errors
/// As [`Cache::remove`](crate::Cache::remove).
pub fn remove(address: &str) -> Result<Token, Error> {
    global::current().drop_addresses(&[address]).wait()
}

/// The values under many addresses; see [`get_many`](crate::get_many).
///
/// ```
/// use cache_core::blocking;
/// use std::time::Duration;
///
/// blocking::set_many([("one", 1_u8), ("two", 2)], Duration::from_secs(60))?;
/// assert_eq!(blocking::get_many::<u8>(&["two", "three", "one"])?, [Some(2), None, Some(1)]);
/// blocking::remove_many(&["one", "two"])?;
/// assert_eq!(blocking::get_many::<u8>(&["one", "two"])?, [None, None]);
/// # Ok::<(), cache_core::Error>(())
/// ```
///
/// # Errors
/// As [`Cache::get_many`](crate::Cache::get_many).
pub fn get_many<T: CacheValue + DeserializeOwned>(
    addresses: &[&str],
) -> Result<Vec<Option<T>>, Error> {
    block_on(global::current().get_many(addresses))
}

/// Puts many values; see [`set_many`](crate::set_many).
///
/// # Errors
/// As [`Cache::set_many`](crate::Cache::set_many).
pub fn set_many<T: CacheValue + Serialize + DeserializeOwned>(
    values: impl IntoIterator<Item = (impl AsRef<str>, T)>,
    ttl: Duration,
) -> Result<(), Error> {
    block_on(global::current().set_many(values, ttl))
}

/// Removes the values under many addresses, as one record; see [`remove_many`](crate::remove_many).
///
/// # Errors
/// As [`Cache::remove_many`](crate::Cache::remove_many).
pub fn remove_many(addresses: &[&str]) -> Result<Token, Error> {
    global::current().drop_addresses(addresses).wait()
}
