//! A call that is given its value, in place of running its body.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::pin;
use std::task::Poll;

use super::{Mode, Modifier, blocking};
use crate::entry::Payload;
use crate::error::Error;
use crate::shape::Returns;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, lock};
use crate::write::Witness;

/// What a write gives the calls of cached functions.
#[derive(Clone, Debug)]
pub struct Given {
    /// One of them is what the function's entries have.
    pub(crate) payloads: [Payload; 2],
    /// What has been said since the write began.
    pub(crate) witness: Arc<Witness>,
}

/// A modifier for one call.
pub struct Giving(Arc<Modifier>);

impl Giving {
    pub(crate) fn new(given: Given) -> Self {
        let modifier = Modifier::new(Mode::Put);
        *lock(&modifier.given) = Some(given);
        Self(modifier)
    }

    /// Makes the call: one that is not async is through then.
    pub fn make<R>(&self, call: impl FnOnce() -> R) -> Made<R> {
        Made(Cell::new(blocking::within(&Arc::new(self.0.scope()), call)))
    }

    /// What came of it.
    pub(crate) fn outcome(&self) -> Result<(), Error> {
        match self.0.target() {
            Some(outcome) => outcome.map(drop),
            None if self.is_reached() => Ok(()),
            None => Err(Error::no_cached_call("cache_put")),
        }
    }

    fn is_reached(&self) -> bool {
        self.0.taken.load(Ordering::Relaxed)
    }
}

impl Modifier {
    /// What the call is given.
    pub(crate) fn given(&self) -> Option<Given> {
        lock(&self.given).take()
    }

    /// Why the call was not given it.
    pub(crate) fn refuse(&self, error: Error) {
        lock(&self.found).target = Some(Err(error));
    }
}

/// What a call gave that was made: its value, or its future.
pub struct Made<R>(Cell<Option<R>>);

/// What has a future, or had a value; of the traits of [`made`].
pub struct Eventually<F>(Option<F>);

/// What had a value.
pub struct AtOnce<R>(PhantomData<fn() -> R>);

impl<F: Future> Eventually<F> {
    /// What the call returns.
    #[inline(always)]
    pub fn __cache_returns(&self) -> Returns<F::Output> {
        Returns::new()
    }

    /// Polls the call until it has the value, or has not reached a cached call at the first time.
    pub async fn __cache_given(self, giving: &Giving) {
        let Some(call) = self.0 else { return };
        let scope = Arc::new(giving.0.scope());
        let mut call = pin!(call);
        poll_fn(|cx| {
            let polled = blocking::within(&scope, || call.as_mut().poll(cx));
            match polled {
                Some(Poll::Pending) if giving.is_reached() && !giving.0.has_left() => Poll::Pending,
                _ => Poll::Ready(()),
            }
        })
        .await;
    }
}

impl<R> AtOnce<R> {
    /// What the call returns.
    #[inline(always)]
    pub fn __cache_returns(&self) -> Returns<R> {
        Returns::new()
    }

    /// It has the value.
    pub async fn __cache_given(self, _: &Giving) {}
}

/// Whether a call is async; imported `as _` by generated code.
pub mod made {
    use super::{AtOnce, Eventually, Future, Made, PhantomData};

    /// Of a call that gives a future.
    pub trait OfFuture {
        /// The future.
        type Made;
        /// Takes it.
        fn __cache_made(&self) -> Self::Made;
    }
    impl<R: Future> OfFuture for &Made<R> {
        type Made = Eventually<R>;
        fn __cache_made(&self) -> Eventually<R> {
            Eventually(self.0.take())
        }
    }

    /// Of any other call.
    pub trait OfValue {
        /// Nothing.
        type Made;
        /// There is nothing to take.
        fn __cache_made(&self) -> Self::Made;
    }
    impl<R> OfValue for Made<R> {
        type Made = AtOnce<R>;
        fn __cache_made(&self) -> AtOnce<R> {
            AtOnce(PhantomData)
        }
    }
}
