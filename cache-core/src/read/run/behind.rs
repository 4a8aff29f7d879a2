//! A call that owns its body: when its caller has been given what is no longer fresh, the body runs on behind it.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

#[cfg(feature = "tokio")]
use super::tasks::Task;
use super::threads::Thread;
use super::{Job, Rear};
use crate::modifiers::blocking;
use crate::read::compute::Driver;
use crate::read::{Keep, Miss};
use crate::shape::Split;
use crate::sync::block_on;

type Body<R> = Pin<Box<dyn Future<Output = R> + Send>>;
type Rules<T> = Box<dyn FnMut(&T, &mut Keep) + Send>;

/// A call with all that it needs to go on without its caller. Generic over the return type alone.
struct Owned<S: Split> {
    // Dropped before the driver, as part of the computation.
    body: Body<S::Return>,
    rules: Rules<S::Item>,
    driver: Box<Driver>,
}

impl<S: Split> Drop for Owned<S> {
    fn drop(&mut self) {
        self.driver.go_in();
    }
}

impl<S: Split + 'static> Owned<S> {
    fn new(miss: Miss<S>, body: Body<S::Return>, rules: Rules<S::Item>, rear: Rear) -> Box<Self> {
        let mut driver = Driver::new(miss);
        driver.may_go_on(rear);
        Box::new(Self {
            body,
            rules,
            driver,
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<S::Return>> {
        let mut job = Job::<S> {
            body: self.body.as_mut(),
            rules: &mut *self.rules,
            out: None,
        };
        self.driver.poll(cx, &mut job).map(|()| job.out)
    }

    /// What is given to a caller who has waited long enough.
    fn cut_short(&mut self, cx: &mut Context<'_>) -> Option<S::Return> {
        let mut job = Job::<S> {
            body: self.body.as_mut(),
            rules: &mut *self.rules,
            out: None,
        };
        let cut = self.driver.cut_short(cx, &mut job);
        job.out.filter(|_| cut)
    }

    /// A poll that nobody waits for: a panic is counted, and told by the panic hook alone.
    fn poll_behind(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match catch_unwind(AssertUnwindSafe(|| self.poll(cx).map(drop))) {
            Ok(polled) => polled,
            Err(_) => {
                self.driver.fail_behind();
                Poll::Ready(())
            }
        }
    }
}

/// A call of an async function whose body may go on behind it. `Send` exactly if its body is.
#[must_use = "futures do nothing unless awaited"]
pub struct Behind<S: Split>(Option<Box<Owned<S>>>);

impl<S: Split> Unpin for Behind<S> {}

impl<S: Split + 'static> Future for Behind<S> {
    type Output = S::Return;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Return> {
        let this = self.get_mut();
        let Some(owned) = &mut this.0 else {
            return Poll::Pending;
        };
        let out = match owned.poll(cx) {
            Poll::Ready(out) => out,
            Poll::Pending => owned.cut_short(cx),
        };
        let Some(out) = out else {
            return Poll::Pending;
        };
        if let Some(owned) = this.0.take().filter(|owned| owned.driver.goes_on()) {
            #[cfg(feature = "tokio")]
            spawn(owned);
            // Without the feature there is no runtime to go on, and the refresh has failed.
            #[cfg(not(feature = "tokio"))]
            drop(owned);
        }
        Poll::Ready(out)
    }
}

/// To the end, on the caller's runtime. Without one, or without room, the computation ends here, and a later call begins another.
#[cfg(feature = "tokio")]
fn spawn<S: Split + 'static>(owned: Box<Owned<S>>) {
    match Task::of(&owned.driver.ticket.seat) {
        Some(task) => {
            let patience = owned.driver.patience_behind();
            task.run(patience, owned, |owned, cx| owned.poll_behind(cx));
        }
        None => owned.driver.fail_behind(),
    }
}

/// What an async function comes to whose body may go on behind the call.
pub fn run_behind<S: Split + 'static>(
    miss: Miss<S>,
    body: impl Future<Output = S::Return> + Send + 'static,
    rules: impl FnMut(&S::Item, &mut Keep) + Send + 'static,
) -> Behind<S> {
    let mut owned = Owned::new(miss, Box::pin(body), Box::new(rules), Rear::Runtime);
    owned.driver.start_waiting();
    Behind(Some(owned))
}

/// The same of a function that is not async.
pub fn run_blocking_behind<S: Split + 'static>(
    miss: Miss<S>,
    body: impl FnOnce() -> S::Return + Send + 'static,
    rules: impl FnMut(&S::Item, &mut Keep) + Send + 'static,
) -> S::Return {
    block(miss, Box::pin(async move { body() }), Box::new(rules))
}

/// The same for all functions of one return type.
fn block<S: Split + 'static>(
    miss: Miss<S>,
    body: Body<S::Return>,
    rules: Rules<S::Item>,
) -> S::Return {
    let mut owned = Owned::new(miss, body, rules, Rear::Thread);
    let out = block_on(poll_fn(|cx| owned.poll(cx)));
    if owned.driver.goes_on() {
        let patience = owned.driver.patience_behind();
        match Thread::of(&owned.driver.ticket.seat, patience) {
            Some(thread) => thread.run(Box::new(move || {
                block_on(poll_fn(|cx| owned.poll_behind(cx)));
            })),
            None => owned.driver.fail_behind(),
        }
    }
    match out {
        Some(out) => out,
        // A driver that is through has an outcome.
        None => blocking::leave(),
    }
}
