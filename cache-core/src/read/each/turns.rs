//! What a batch does between the runs of its body: whatever can go on does, and nothing else is asked.

use std::future::pending;
use std::pin::pin;
use std::task::{Context, Poll};

use super::super::run::{Job, no_rules};
use super::bells::Bells;
use super::{Batch, Member, Turn};
use crate::scope;
use crate::shape::{Elements, Ids, Outer, Split};
use crate::sync::Arc;

impl<K: Clone, V: Clone, I, C: Ids<Id = K>, R> Batch<K, V, I, C, C::Held, R> {
    pub(super) fn poll_next<O, S>(&mut self, cx: &mut Context<'_>) -> Poll<Turn<C::Held, R>>
    where
        O: Outer<Return = R, Value: Elements<K, Element = V>>,
        S: Split<Item = I, Return = <O::With<V> as Outer>::Return>,
    {
        if self.whole {
            return Poll::Ready(Turn::Run(self.begin_whole()));
        }
        self.meet_poller();
        let count = self.members.len();
        let bells = Arc::clone(self.bells.get_or_insert_with(|| Bells::rung(count)));
        let mut due = bells.take();
        while !due.is_empty() {
            if let Some(failed) = self.go_on::<O, S>(&due, &bells) {
                return Poll::Ready(Turn::Answer(failed));
            }
            due = self.ask(due);
        }
        if self.soon == 0 && !self.claimed.is_empty() {
            return Poll::Ready(Turn::Run(self.begin_part()));
        }
        if self.open == 0 {
            return Poll::Ready(Turn::Answer(self.answer::<O>()));
        }
        bells.wait(cx.waker());
        Poll::Pending
    }

    /// Whoever polls this call depends on all of its elements, also on those that are not polled.
    fn meet_poller(&mut self) {
        let Some(frame) = scope::current().and_then(|scope| scope.frame.clone()) else {
            return;
        };
        if !self.pollers.iter().any(|known| Arc::ptr_eq(known, &frame)) {
            for member in &mut self.members {
                member.driver.meet_poller();
            }
            self.pollers.push(frame);
        }
    }

    /// Lets these elements go on; the answer, if one of them is another's failure.
    fn go_on<O, S>(&mut self, due: &[usize], bells: &Arc<Bells>) -> Option<R>
    where
        O: Outer<Return = R, Value: Elements<K, Element = V>>,
        S: Split<Item = I, Return = <O::With<V> as Outer>::Return>,
    {
        for nth in due {
            let Member { driver, at, .. } = &mut self.members[*nth];
            if !driver.stage.is_open() {
                continue;
            }
            self.soon -= usize::from(driver.stage.is_about_to_be_known());
            let mut job = Job::<S> {
                body: pin!(pending()),
                rules: &mut no_rules,
                out: None,
            };
            let bell = bells.bell(*nth);
            let _ = driver.poll(&mut Context::from_waker(&bell), &mut job);
            self.soon += usize::from(driver.stage.is_about_to_be_known());
            self.open -= usize::from(!driver.stage.is_open());
            if driver.stage.is_claimed() {
                self.claimed.insert(*nth);
                self.fresh.push(*nth);
            }
            match job.out.map(O::With::<V>::open) {
                Some(Ok(element)) => self.found[*at] = Some(element),
                Some(Err(failure)) => return Some(O::failure(failure)),
                // It waits, or is claimed.
                None => {}
            }
        }
        None
    }

    /// There is nobody to ask.
    #[cfg(not(feature = "redis"))]
    fn ask(&self, _: Vec<usize>) -> Vec<usize> {
        Vec::new()
    }

    /// Asks Redis for those of these elements that are to be asked for, in one trip; which they were.
    #[cfg(feature = "redis")]
    fn ask(&mut self, mut due: Vec<usize>) -> Vec<usize> {
        due.retain(|nth| self.members[*nth].driver.is_asking());
        let Some(first) = due.first() else {
            return due;
        };
        let cache = self.members[*first].driver.ticket.cache.clone();
        let Some(remote) = &cache.0.remote else {
            return Vec::new();
        };
        let key = |nth: &usize| self.members[*nth].driver.target.digest;
        let keys: Vec<_> = due.iter().map(key).collect();
        let sent = cache.now();
        for (nth, read) in due.iter().zip(remote.fetch_many(&keys)) {
            self.members[*nth].driver.asked(read, sent);
            self.soon += 1;
        }
        due
    }
}
