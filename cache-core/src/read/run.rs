//! What a miss is to its caller: a future that is generic and thin around a [`Driver`] that is not, so that five hundred
//! functions are not five hundred copies of it.
//!
//! Sync functions take the same way: their body is a future that is ready at its first poll.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::compute::Driver;
use super::{Keep, Miss};
use crate::entry::{Class, Head, Kept, Payload};
use crate::modifiers::blocking;
use crate::shape::Split;
use crate::sync::Arc;

mod behind;
#[cfg(feature = "tokio")]
mod tasks;
mod threads;
pub use behind::{Behind, run_behind, run_blocking_behind};

/// After so many times its patience a body that goes on behind its call is given up, so that those that hang do not keep the places when
/// their source is well again. Nobody has waited for it as long.
const PATIENCE: u32 = 32;

/// But not sooner than this, however impatient somebody is.
const LEAST: Duration = Duration::from_secs(2);

/// After how long one is given up.
fn longest(patience: Duration) -> Duration {
    patience.saturating_mul(PATIENCE).max(LEAST)
}

/// Where a call can go on when its caller has a value.
pub(super) enum Rear {
    /// Nowhere.
    None,
    /// On the caller's runtime, if there is one.
    Runtime,
    /// On a thread.
    Thread,
}

impl Rear {
    /// Whether it could begin now.
    pub(super) fn has_room(&self) -> bool {
        match self {
            Self::None => false,
            #[cfg(feature = "tokio")]
            Self::Runtime => tokio::runtime::Handle::try_current().is_ok(),
            #[cfg(not(feature = "tokio"))]
            Self::Runtime => false,
            Self::Thread => true,
        }
    }
}

/// What the driver needs of a function's types.
pub(super) trait Work {
    /// Runs the body, or goes on with it.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    /// The kind of what it gave.
    fn class(&self) -> Option<Class>;
    /// An entry with a copy of it, weighed up to `limit`.
    fn keep(&self, head: Head, limit: usize) -> Option<Arc<Kept>>;
    /// What the attribute's rules say of it.
    fn judge(&mut self, keep: &mut Keep);
    /// The bytes of what it gave, where they can leave the process.
    #[cfg(feature = "redis")]
    fn encode(&self) -> Option<Vec<u8>>;
    /// Takes what bytes stand for; whether it fits.
    #[cfg(feature = "redis")]
    fn decode(&mut self, bytes: &[u8], class: Class) -> bool;
    /// A copy of what it gave, for others.
    #[cfg(feature = "redis")]
    fn pack(&self) -> Option<Payload>;
    /// Takes another's value; whether it fits.
    fn accept(&mut self, payload: Payload) -> bool;
}

/// A body, and what became of it. Generic over the return type alone: functions that return the same share all of it.
pub(super) struct Job<'a, S: Split> {
    pub(super) body: Pin<&'a mut (dyn Future<Output = S::Return> + 'a)>,
    pub(super) rules: &'a mut dyn FnMut(&S::Item, &mut Keep),
    pub(super) out: Option<S::Return>,
}

impl<S: Split> Work for Job<'_, S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.body.as_mut().poll(cx).map(|out| self.out = Some(out))
    }
    fn class(&self) -> Option<Class> {
        self.out.as_ref().map(S::class)
    }
    fn keep(&self, head: Head, limit: usize) -> Option<Arc<Kept>> {
        self.out.as_ref().and_then(|out| S::keep(out, head, limit))
    }
    fn judge(&mut self, keep: &mut Keep) {
        if let Some(item) = self.out.as_ref().and_then(S::item) {
            (self.rules)(item, keep);
        }
    }
    #[cfg(feature = "redis")]
    fn encode(&self) -> Option<Vec<u8>> {
        self.out.as_ref().and_then(S::encode)
    }
    #[cfg(feature = "redis")]
    fn decode(&mut self, bytes: &[u8], class: Class) -> bool {
        self.out = S::decode(bytes, class);
        self.out.is_some()
    }
    #[cfg(feature = "redis")]
    fn pack(&self) -> Option<Payload> {
        self.out.as_ref().and_then(S::pack)
    }
    fn accept(&mut self, payload: Payload) -> bool {
        let unpacked = S::unpack(payload);
        let fits = unpacked.is_some();
        // What it gave stays otherwise: it may be an error, and the only answer there is.
        self.out = unpacked.or(self.out.take());
        fits
    }
}

impl Driver {
    /// One poll, for all functions of one return type.
    fn poll_for<S: Split>(
        &mut self,
        cx: &mut Context<'_>,
        body: Pin<&mut (dyn Future<Output = S::Return> + '_)>,
        rules: &mut dyn FnMut(&S::Item, &mut Keep),
    ) -> Poll<S::Return> {
        let mut job = Job::<S> {
            body,
            rules,
            out: None,
        };
        match self.poll(cx, &mut job) {
            Poll::Ready(()) => job.out.map_or(Poll::Pending, Poll::Ready),
            Poll::Pending => Poll::Pending,
        }
    }

    /// To the end, in this thread, for all functions of one return type.
    fn block_for<S: Split>(
        &mut self,
        body: Pin<&mut (dyn Future<Output = S::Return> + '_)>,
        rules: &mut dyn FnMut(&S::Item, &mut Keep),
    ) -> S::Return {
        let mut job = Job::<S> {
            body,
            rules,
            out: None,
        };
        self.block(&mut job);
        match job.out {
            Some(out) => out,
            // A driver that is through has an outcome.
            None => blocking::leave(),
        }
    }
}

/// The body of a sync function as a future that is ready at its first poll.
struct AtOnce<'a, R>(&'a mut dyn FnMut() -> Option<R>);

impl<R> Future for AtOnce<'_, R> {
    type Output = R;
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R> {
        (self.0)().map_or(Poll::Pending, Poll::Ready)
    }
}

/// The rules of a function without any.
type NoRules<S> = fn(&<S as Split>::Item, &mut Keep);

/// A function without rules.
pub(super) fn no_rules<T>(_: &T, _: &mut Keep) {}

/// What the body of a sync function comes to.
pub fn run_blocking<S: Split>(miss: Miss<S>, body: impl FnOnce() -> S::Return) -> S::Return {
    let mut body = Some(body);
    block(miss, &mut || body.take().map(|body| body()), &mut no_rules)
}

/// The same with rules.
pub fn run_blocking_with<S: Split>(
    miss: Miss<S>,
    body: impl FnOnce() -> S::Return,
    mut rules: impl FnMut(&S::Item, &mut Keep),
) -> S::Return {
    let mut body = Some(body);
    block(miss, &mut || body.take().map(|body| body()), &mut rules)
}

/// The same for all functions of one return type.
fn block<S: Split>(
    miss: Miss<S>,
    body: &mut dyn FnMut() -> Option<S::Return>,
    rules: &mut dyn FnMut(&S::Item, &mut Keep),
) -> S::Return {
    Driver::new(miss).block_for::<S>(std::pin::pin!(AtOnce(body)), rules)
}

/// A call on the way of a miss, around its body. Dropped after it: what the body holds, another may ask for, and the end of
/// this lets a successor begin.
pub struct Driven<S> {
    driver: Box<Driver>,
    shape: PhantomData<fn() -> S>,
}

/// What will drive the body of an async function. Functions, not methods: of a value that cannot be kept the compiler says
/// the same thing at each, and shows it once.
pub fn drive<S: Split>(miss: Miss<S>) -> Driven<S> {
    Driven {
        driver: Driver::new(miss),
        shape: PhantomData,
    }
}

/// What the body of an async function comes to.
#[inline]
pub fn run<'b, S: Split, F: Future<Output = S::Return>>(
    driven: &'b mut Driven<S>,
    body: Pin<&'b mut F>,
) -> Run<'b, S, F, NoRules<S>> {
    Run {
        driver: Around(&mut driven.driver),
        body,
        rules: no_rules,
        shape: PhantomData,
    }
}

/// The same with rules.
#[inline]
pub fn run_with<'b, S: Split, F: Future<Output = S::Return>, J: FnMut(&S::Item, &mut Keep)>(
    driven: &'b mut Driven<S>,
    body: Pin<&'b mut F>,
    rules: J,
) -> Run<'b, S, F, J> {
    Run {
        driver: Around(&mut driven.driver),
        body,
        rules,
        shape: PhantomData,
    }
}

/// The driver until the body is dropped.
struct Around<'b>(&'b mut Box<Driver>);

impl Drop for Around<'_> {
    /// The body is dropped after this and before the driver, as part of the computation.
    fn drop(&mut self) {
        self.0.go_in();
    }
}

/// The future of a miss. `Send` exactly if the body is.
///
/// It borrows what it runs, so that all but the borrowing is dropped by code that is the same for all functions.
#[must_use = "futures do nothing unless awaited"]
pub struct Run<'b, S, F, J> {
    driver: Around<'b>,
    body: Pin<&'b mut F>,
    rules: J,
    shape: PhantomData<fn() -> S>,
}

/// Nothing in it is pinned but the body, which is behind a pin of its own.
impl<S, F, J> Unpin for Run<'_, S, F, J> {}

impl<S, F, J> Future for Run<'_, S, F, J>
where
    S: Split,
    F: Future<Output = S::Return>,
    J: FnMut(&S::Item, &mut Keep),
{
    type Output = S::Return;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Return> {
        let this = self.get_mut();
        this.driver
            .0
            .poll_for::<S>(cx, this.body.as_mut(), &mut this.rules)
    }
}
