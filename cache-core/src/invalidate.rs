//! Invalidation: by pattern, by tag, of everything, and by attribute.

use std::cell::Cell;
use std::fmt::Display;

use crate::address::{Piece, UNWRITABLE, render};
use crate::cache::{Cache, Token};
use crate::error::Error;
use crate::events::EventKind;
use crate::global;
use crate::invalidating::Invalidating;
use crate::matcher::Matcher;
use crate::modifiers::blocking::{self, Captive};
use crate::modifiers::{self, Reached};
use crate::pattern::Pattern;
use crate::sync::{Arc, block_on};

impl Cache {
    /// Invalidates every entry whose address matches: one append to the log, whatever the number of entries.
    ///
    /// Once it has returned, no call that starts later is served an older value, nor one whose computation began
    /// before.
    ///
    /// Cancel safe: dropped, it has invalidated all of it or nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Pattern`](crate::ErrorKind::Pattern) if the pattern does not parse, or has a `{` that is not escaped: a forgotten `format!`;
    /// [`ErrorKind::NotLogged`](crate::ErrorKind::NotLogged) if the log is elsewhere and does not answer; never with memory alone.
    pub async fn invalidate_pattern(&self, pattern: &str) -> Result<Token, Error> {
        self.append_pattern(pattern)?.await
    }

    /// Invalidates every entry with this tag.
    ///
    /// Cancel safe: dropped, it has invalidated all of it or nothing.
    ///
    /// # Errors
    /// [`ErrorKind::NotLogged`](crate::ErrorKind::NotLogged) if the log is elsewhere and does not answer; never with memory alone.
    pub async fn invalidate_tag(&self, tag: &str) -> Result<Token, Error> {
        self.append_tag(tag).await
    }

    /// Invalidates everything.
    ///
    /// Cancel safe: dropped, it has invalidated all of it or nothing.
    ///
    /// # Errors
    /// [`ErrorKind::NotLogged`](crate::ErrorKind::NotLogged) if the log is elsewhere and does not answer; never with memory alone.
    pub async fn clear(&self) -> Result<Token, Error> {
        self.append_all().await
    }

    pub(crate) fn append_pattern(&self, pattern: &str) -> Result<Invalidating, Error> {
        Ok(self.invalidate(vec![Matcher::from(Pattern::by_hand(pattern)?)]))
    }

    pub(crate) fn append_tag(&self, tag: &str) -> Invalidating {
        self.invalidate(vec![Matcher::Tag(tag.into())])
    }

    pub(crate) fn append_all(&self) -> Invalidating {
        let token = self.invalidate(vec![Matcher::All]);
        if !crate::scope::in_transaction() {
            // Only to free memory: what is left behind is dead already.
            self.0.memory.clear();
        }
        token
    }
}

/// [`Cache::invalidate_pattern`] of the [current](crate::current) cache.
///
/// ```
/// # cache_core::__private::block_on(async {
/// cache_core::invalidate_pattern("resource:users:*").await?;
/// # Ok::<(), cache_core::Error>(()) }).unwrap();
/// ```
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::invalidate_pattern`].
pub async fn invalidate_pattern(pattern: &str) -> Result<Token, Error> {
    global::current().invalidate_pattern(pattern).await
}

/// [`Cache::invalidate_tag`] of the [current](crate::current) cache.
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::invalidate_tag`].
pub async fn invalidate_tag(tag: &str) -> Result<Token, Error> {
    global::current().invalidate_tag(tag).await
}

/// [`Cache::clear`] of the [current](crate::current) cache.
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::clear`].
pub async fn clear() -> Result<Token, Error> {
    global::current().clear().await
}

/// What is to be invalidated, by cache.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matchers(Vec<(Cache, Vec<Matcher>)>);

impl Matchers {
    pub(crate) fn add(&mut self, cache: &Cache, matchers: impl IntoIterator<Item = Matcher>) {
        let same = |(other, _): &&mut (Cache, Vec<Matcher>)| Arc::ptr_eq(&other.0, &cache.0);
        match self.0.iter_mut().find(same) {
            Some((_, all)) => {
                all.extend(matchers);
                cache.0.index.fit(all);
            }
            None => self.0.push((cache.clone(), matchers.into_iter().collect())),
        }
    }

    /// One record per cache, or a part of that of the transaction that surrounds this code.
    pub(crate) fn invalidate(self) -> Vec<(Cache, Invalidating)> {
        let begin = |(cache, matchers): (Cache, Vec<Matcher>)| {
            let invalidating = cache.invalidate(matchers);
            (cache, invalidating)
        };
        self.0.into_iter().map(begin).collect()
    }

    /// The same, for a caller who has no use for an error: whoever listens is told.
    pub(crate) async fn settle(self, function: &str) {
        for (cache, invalidating) in self.invalidate() {
            if let Err(error) = invalidating.await {
                cache.complain(function, &error);
            }
        }
    }
}

/// What an `#[invalidate_cache]` invalidates when its function is through.
pub struct Targets {
    cache: Cache,
    function: &'static str,
    matchers: Matchers,
    always: bool,
}

impl Targets {
    /// None yet.
    #[must_use]
    pub fn new(function: &'static str) -> Self {
        Self {
            cache: global::current(),
            function,
            matchers: Matchers::default(),
            always: false,
        }
    }

    /// `on = always`: also if the function fails.
    pub fn always(&mut self) {
        self.always = true;
    }

    /// A template: literal text is pattern, arguments are not.
    pub fn pattern(&mut self, pieces: &[Piece<'_>]) {
        let mut text = String::new();
        if render(pieces, &mut text).is_err() || text.contains(UNWRITABLE) {
            return self.widen(pieces);
        }
        match Pattern::parse(&text) {
            Ok(pattern) => self.matchers.add(&self.cache, [pattern.into()]),
            Err(error) => self.everything(&error),
        }
    }

    /// An argument's `Display` failed: more is invalidated, never less.
    fn widen(&mut self, pieces: &[Piece<'_>]) {
        match pieces.first() {
            // A backslash at its end would take the `*` as it is.
            Some(Piece::Text(text)) if !text.ends_with(['\\', UNWRITABLE]) => {
                self.pattern(&[Piece::Text(text), Piece::Text("*")]);
            }
            _ => self.everything(&"an argument in it cannot be written"),
        }
    }

    /// What was meant cannot be said.
    fn everything(&mut self, why: &dyn Display) {
        let text = format!("{why}; everything is invalidated in its place");
        #[cfg(feature = "tracing")]
        tracing::error!(target: "cache", function = self.function, "a target: {text}");
        let events = &self.cache.0.events;
        events.tell(EventKind::NotInvalidated, || {
            (Arc::from(self.function), text.into())
        });
        self.matchers.add(&self.cache, [Matcher::All]);
    }

    /// A tag.
    pub fn tag(&mut self, pieces: &[Piece<'_>]) {
        let mut tag = String::new();
        if render(pieces, &mut tag).is_err() || tag.contains(UNWRITABLE) {
            return self.everything(&"an argument in it cannot be written");
        }
        self.matchers.add(&self.cache, [Matcher::Tag(tag.into())]);
    }

    /// A call of a cached function, as far as its key.
    pub fn call(&mut self, reached: Option<Result<Reached, Error>>) {
        match reached {
            Some(Ok(reached)) => self.matchers.add(&reached.cache, reached.matchers()),
            Some(Err(error)) => self.everything(&error),
            None => self.everything(&"it reaches no cached call before it ends or waits"),
        }
    }

    /// `before`.
    pub async fn now(&self) {
        self.matchers.clone().settle(self.function).await;
    }

    /// `before`, in a function that is not async.
    pub fn now_blocking(&self) {
        block_on(self.now());
    }

    /// The function is through.
    pub async fn finish(mut self, succeeded: bool) {
        let matchers = std::mem::take(&mut self.matchers);
        if succeeded || self.always {
            matchers.settle(self.function).await;
        }
    }

    /// The function is through, and not async.
    pub fn finish_blocking(self, succeeded: bool) {
        block_on(self.finish(succeeded));
    }
}

impl Drop for Targets {
    /// Cancelled, or panicking: perhaps after the write. Nobody is there to wait, they go on by themselves.
    fn drop(&mut self) {
        drop(std::mem::take(&mut self.matchers).invalidate());
    }
}

/// What a typed target's call came to: its key if the function is sync, its future if it is async.
pub struct Captured<R>(pub(crate) Cell<Option<Result<R, Captive>>>);

/// Makes a typed target's call, up to its key.
pub fn attempt<R>(call: impl FnOnce() -> R) -> Captured<R> {
    Captured(Cell::new(Some(blocking::attempt(call))))
}

/// How the key of a typed target is had; imported `as _` by generated code.
pub mod capture {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::{Captured, Error, Reached, modifiers};

    /// Of a call that gives a future.
    pub trait OfFuture {
        /// Polls it once: the key is there before the body begins.
        fn __cache_target(&self) -> Option<Result<Reached, Error>>;
    }
    impl<R: Future> OfFuture for &Captured<R> {
        fn __cache_target(&self) -> Option<Result<Reached, Error>> {
            let call = match self.0.take()? {
                Ok(call) => pin!(modifiers::capture(call)),
                Err(target) => return target,
            };
            match call.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(target) => target,
                Poll::Pending => None,
            }
        }
    }

    /// Of any other call.
    pub trait OfValue {
        /// The key, if the call was left.
        fn __cache_target(&self) -> Option<Result<Reached, Error>>;
    }
    impl<R> OfValue for Captured<R> {
        fn __cache_target(&self) -> Option<Result<Reached, Error>> {
            self.0.take()?.err().flatten()
        }
    }
}
