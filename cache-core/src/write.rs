//! Values that are put by those who write them: write-through.
//!
//! What a write gives is the value from now on, unless somebody else has written meanwhile: which of two writes that overlap came
//! first in the source is not known here. So
//!
//! 1. before the body runs, a [`Witness`] begins to listen to all that is invalidated;
//! 2. when it is through, a record that names the entry is appended, at some position *p*: what was there is dead, everywhere, and
//!    so is whatever a read that began before makes of what it has read;
//! 3. the value is shown with the stamp *p*, if the witness has heard of nothing before *p* that names it, but that record.
//!
//! Of two writes that overlap, the one whose record is the later has heard of the other's, and shows nothing; its record kills what
//! the other has shown. Then there is no value, and who reads next has the source's. Of two that do not overlap, the later has not
//! heard of the earlier. **In one process** the log may take two records together, at one position, by which neither value
//! would be dead: the witness hears of each where it is pending, too, by a number of its own.

use std::fmt::Display;
use std::pin::Pin;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::address::{Piece, UNWRITABLE, render};
use crate::cache::{Cache, Started};
use crate::entry::Payload;
use crate::error::{Error, ErrorKind};
use crate::events::EventKind;
use crate::flight;
use crate::global;
use crate::index::{Dep, Heard, Index, Listener};
use crate::invalidate::Matchers;
use crate::matcher::Matcher;
use crate::modifiers::{Given, Giving, Reached};
use crate::position::Position;
use crate::read::IntoTtl;
use crate::scope::{self, Frame, Scope};
use crate::shape::{CacheValue, Inner};
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, Mutex, block_on, lock};

/// Knows what has been invalidated since a write began.
#[derive(Debug)]
pub(crate) struct Witness {
    index: Arc<Index>,
    listener: Listener,
    heard: Mutex<Vec<Heard>>,
    /// When the body began: what it has read was so then.
    pub(crate) started: Started,
    /// What its body has used.
    frame: Arc<Frame>,
}

impl Witness {
    fn new(cache: &Cache) -> Self {
        // As if a function had asked for each: a `set` tells of itself from now on.
        cache.0.values_used.store(true, Ordering::SeqCst);
        let index = &cache.0.index;
        let parent = scope::current().and_then(|scope| scope.frame.clone());
        let (stamp, max_deps) = (index.applied(), cache.0.config.max_deps);
        Self {
            index: Arc::clone(index),
            listener: index.listen(),
            heard: Mutex::default(),
            started: cache.started(),
            frame: Arc::new(Frame::new(
                flight::next_id(),
                parent,
                index,
                stamp,
                max_deps,
            )),
        }
    }

    /// Whether what was written was made of cached values: what invalidates those would not be known to invalidate it, and may have
    /// done so already.
    pub(crate) fn is_derived(&self) -> bool {
        self.frame.has_used()
    }

    /// Whether it listens to this.
    pub(crate) fn is_of(&self, index: &Arc<Index>) -> bool {
        Arc::ptr_eq(&self.index, index)
    }

    /// Whether what was written is the last word on these: nothing was said that names any of them, but by who asks, which stands at
    /// these places; and nothing cached went into it.
    pub(crate) fn is_alone(&self, deps: &[Dep], own: &[Position]) -> bool {
        if self.is_derived() {
            return false;
        }
        let mut all = lock(&self.heard);
        all.extend(std::iter::from_fn(|| self.listener.take()));
        let named = |matcher: &Matcher| deps.iter().any(|dep| matcher.names(dep));
        let mut others = all.iter().filter(|heard| !own.contains(&heard.at));
        !others.any(|heard| named(&heard.matcher))
    }
}

/// A value that can be put by the function that writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be put under an address",
    label = "this value would have to be `Clone + Send + Sync + 'static`, `serde::Serialize` and `serde::de::DeserializeOwned`",
    note = "derive `Clone`, `Serialize` and `Deserialize` for it"
)]
pub trait MustBePuttable: CacheValue + Serialize + DeserializeOwned {}
#[diagnostic::do_not_recommend]
impl<T: CacheValue + Serialize + DeserializeOwned> MustBePuttable for T {}

/// What a `#[cache_put]` puts when its function is through.
pub struct Writing {
    cache: Cache,
    function: &'static str,
    witness: Arc<Witness>,
    /// What may have been changed, for as long as nobody knows to what.
    named: Matchers,
    /// Not all of it could be named.
    unnamed: bool,
    /// There is a value to put.
    came: bool,
    puts: Vec<Box<dyn Put>>,
}

impl Writing {
    /// It begins.
    #[must_use]
    pub fn new(function: &'static str) -> Self {
        let cache = global::current();
        Self {
            witness: Arc::new(Witness::new(&cache)),
            cache,
            function,
            named: Matchers::default(),
            unnamed: false,
            came: false,
            puts: Vec::new(),
        }
    }

    /// Where the body runs.
    #[must_use]
    pub fn inside(&self) -> Inside {
        Inside(Arc::clone(&self.witness))
    }

    /// An address that is known before the body runs.
    pub fn names(&mut self, pieces: &[Piece<'_>]) {
        self.address(pieces);
    }

    /// The function has failed: it has changed nothing.
    pub fn failed(&mut self) {
        self.named = Matchers::default();
    }

    /// The function has succeeded: its value is to be found under this address.
    pub fn value<T: MustBePuttable>(
        &mut self,
        pieces: &[Piece<'_>],
        value: &T,
        ttl: Option<Duration>,
    ) {
        self.came = true;
        if let Some(address) = self.address(pieces) {
            let value = value.clone();
            self.puts.push(Box::new(Value {
                address,
                value,
                ttl,
            }));
        }
    }

    fn address(&mut self, pieces: &[Piece<'_>]) -> Option<Arc<str>> {
        let mut address = String::new();
        if render(pieces, &mut address).is_err() || address.contains(UNWRITABLE) {
            self.everything(&"an argument in it cannot be written");
            return None;
        }
        let address: Arc<str> = address.into();
        let named = Matcher::Address(Arc::clone(&address));
        self.named.add(&self.cache, [named]);
        Some(address)
    }

    /// What was meant cannot be said.
    fn everything(&mut self, why: &dyn Display) {
        let text = format!("{why}; everything is invalidated in its place");
        let events = &self.cache.0.events;
        events.tell(EventKind::NotInvalidated, || {
            (self.function.into(), text.into())
        });
        self.named.add(&self.cache, [Matcher::All]);
        self.unnamed = true;
    }

    /// A call of a cached function, as far as its key.
    pub fn target(&mut self, target: Option<Result<Reached, Error>>) {
        match target {
            Some(Ok(reached)) => self.named.add(&reached.cache, reached.matchers()),
            Some(Err(error)) => self.everything(&error),
            None => self.everything(&"it reaches no cached call before it ends or waits"),
        }
    }

    /// The function has succeeded: its value is to be that of calls.
    pub fn given<I: Inner>(&mut self, _: I, value: &I::Value) -> Given
    where
        I::Value: CacheValue,
    {
        self.came = true;
        Given {
            // As it is kept where a call always gives one, and where it may give none.
            payloads: [
                I::pack(value.clone()),
                Arc::new(Some(value.clone())) as Payload,
            ],
            witness: Arc::clone(&self.witness),
        }
    }

    /// Begins to give a call its value; nothing if it is not known of each what its key is.
    #[must_use]
    pub fn give(&self, given: &Given) -> Option<Giving> {
        (!self.unnamed).then(|| Giving::new(given.clone()))
    }

    /// The call is through.
    pub fn gave(&mut self, giving: Giving) {
        if let Err(error) = giving.outcome() {
            self.complain(&error);
            if error.kind() != ErrorKind::NotLogged {
                self.everything(&error);
            }
        }
    }

    /// There is nobody else to be told.
    fn complain(&self, error: &Error) {
        if error.kind() == ErrorKind::NotLogged {
            return self.cache.complain(self.function, error);
        }
        self.cache.0.events.tell(EventKind::NotPut, || {
            (self.function.into(), error.to_string().into())
        });
    }

    /// The function is through.
    pub async fn finish(mut self) {
        for put in std::mem::take(&mut self.puts) {
            if let Err(error) = put.put(&self.cache, &self.witness).await {
                self.complain(&error);
            }
        }
        // A `None` is nothing to put, and what was there is none any more.
        let invalidates = !self.came || self.unnamed;
        let named = std::mem::take(&mut self.named);
        if invalidates {
            named.settle(self.function).await;
        }
    }

    /// The function is through, and not async.
    pub fn finish_blocking(self) {
        block_on(self.finish());
    }
}

impl Drop for Writing {
    /// Cancelled, or panicking: perhaps after the write. Nobody is there to wait, they go on by themselves.
    fn drop(&mut self) {
        drop(std::mem::take(&mut self.named).invalidate());
    }
}

/// Around the body: it is seen what it uses.
pub struct Inside(Arc<Witness>);

impl Inside {
    /// Runs it.
    pub async fn run<F: Future>(self, body: F) -> F::Output {
        let out = scope::within(self.scope(), body).await;
        self.share();
        out
    }

    /// Runs one that is not async.
    pub fn call<R>(self, body: impl FnOnce() -> R) -> R {
        let out = scope::enter(Some(Arc::new(self.scope())), body);
        self.share();
        out
    }

    fn scope(&self) -> Scope {
        Scope {
            frame: Some(Arc::clone(&self.0.frame)),
            ..scope::copy()
        }
    }

    /// What the body has used, whoever computes around it has, too.
    fn share(&self) {
        let Witness { frame, index, .. } = &*self.0;
        frame.share(index, frame.parent.as_deref().into_iter());
    }
}

/// A `ttl` that is decided from the value.
pub fn lifetime(ttl: impl IntoTtl) -> Option<Duration> {
    Some(ttl.into_ttl())
}

/// Something to be put.
trait Put: Send {
    fn put<'a>(
        self: Box<Self>,
        cache: &'a Cache,
        witness: &'a Witness,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;
}

/// A value under an address.
struct Value<T> {
    address: Arc<str>,
    value: T,
    ttl: Option<Duration>,
}

impl<T: MustBePuttable> Put for Value<T> {
    fn put<'a>(
        self: Box<Self>,
        cache: &'a Cache,
        witness: &'a Witness,
    ) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>> {
        Box::pin(async move {
            let Self {
                address,
                value,
                ttl,
            } = *self;
            cache.put_written(&address, value, ttl, witness).await
        })
    }
}
