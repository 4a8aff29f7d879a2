//! A run of a batch's body, for all or some of the elements that it is to compute.

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use super::super::Keep;
use super::super::compute::Stage;
use super::super::run::Job;
use super::Batch;
use crate::entry::Kept;
use crate::flight::Waiting;
use crate::scope::{self, Scope};
use crate::shape::{Elements, Ids, Outer, Split};
use crate::sync::Arc;
use crate::tier::memory::MemoryKey;

/// What judges an element.
pub(super) type Rules<'r, K, I> = &'r mut dyn FnMut(&K, &I, &mut Keep);

/// See the module.
pub(super) struct Part {
    /// The elements, by their places among the batch's; the body is part of the computation of the first.
    members: Vec<usize>,
    scope: Arc<Scope>,
    /// Whoever waits for one of the batch's elements waits for this body.
    _edges: Option<Waiting<MemoryKey, Arc<Kept>>>,
    /// Whether the body runs now.
    polling: bool,
}

impl<K: Clone, V: Clone, I, C: Ids<Id = K>, R> Batch<K, V, I, C, C::Held, R> {
    /// The ids of a run of the body, which now begins.
    pub(super) fn begin_part(&mut self) -> C::Held {
        let most = self.most.min(self.claimed.len());
        let first = std::iter::from_fn(|| self.claimed.pop_first());
        let part: Vec<usize> = first.take(most).collect();
        self.begin(&part);
        let ids = part.iter().map(|at| self.members[*at].at);
        ids.map(|at| self.given[at].clone()).collect()
    }

    /// All ids, as they were given, for an answer of which nothing is kept.
    pub(super) fn begin_whole(&mut self) -> C::Held {
        // What is claimed is others' now, and the rest of no use: all but one, to run the body for.
        self.members.truncate(1);
        if let Some(first) = self.members.first_mut() {
            let driver = &mut first.driver;
            driver.stage = driver.compute(None, false);
        }
        self.claimed.clear();
        self.begin(&[0]);
        self.given.iter().cloned().collect()
    }

    fn begin(&mut self, members: &[usize]) {
        let sharers = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let flight = |at: &usize| self.members[*at].driver.flight();
        let mut waiting: Vec<u64> = members.iter().skip(1).filter_map(flight).collect();
        waiting.push(self.node);
        self.stand_by();
        for at in members {
            let member = &mut self.members[*at];
            member.edge = None;
            member.driver.begin_with(sharers);
        }
        let first = members.first().map(|at| &self.members[*at].driver);
        let Some((first, Stage::Computing(computation))) = first.map(|first| (first, &first.stage))
        else {
            return;
        };
        self.part = Some(Part {
            members: members.to_vec(),
            scope: Arc::clone(&computation.scope),
            _edges: first
                .ticket
                .cache
                .0
                .flights
                .wait(&waiting, computation.frame.id),
            polling: false,
        });
    }

    /// Whoever waits for what has been claimed since waits for the batch until that begins: an edge to each body would be one for each
    /// element and body.
    fn stand_by(&mut self) {
        for at in std::mem::take(&mut self.fresh) {
            let member = &mut self.members[at];
            if let (Some(flight), true) = (member.driver.flight(), self.claimed.contains(&at)) {
                let flights = &member.driver.ticket.cache.0.flights;
                member.edge = flights.wait(&[flight], self.node);
            }
        }
    }

    /// The body has given its elements.
    pub(super) fn finish<O, S>(&mut self, out: R, rules: Rules<'_, K, I>) -> Option<R>
    where
        O: Outer<Return = R, Value: Elements<K, Element = V>>,
        S: Split<Item = I, Return = <O::With<V> as Outer>::Return>,
    {
        let part = self.part.as_ref()?;
        let members = part.members.clone();
        if self.whole {
            let driver = &mut self.members[0].driver;
            driver.give_up();
            return Some(out);
        }
        self.share(&members);
        let ids = members.iter().map(|at| self.members[*at].at);
        let ids: Vec<K> = ids.map(|at| self.given[at].clone()).collect();
        let elements = match O::open(out) {
            Err(failure) => {
                let mut out = Some(O::With::<V>::failure(failure));
                for (at, id) in members.iter().zip(&ids) {
                    out = self.keep::<S>(*at, id, out, rules);
                }
                let failure = out.and_then(|out| O::With::<V>::open(out).err());
                return failure.map(O::failure);
            }
            Ok(elements) => elements.split(&ids),
        };
        match elements {
            Ok((elements, foreign)) => {
                if let Some(first) = members.first() {
                    let driver = &self.members[*first].driver;
                    driver.ticket.seat.counters.foreign(foreign as u64);
                }
                for ((at, id), element) in members.iter().zip(&ids).zip(elements) {
                    let out = self.keep::<S>(*at, id, Some(O::With::<V>::success(element)), rules);
                    let element = out.and_then(|out| O::With::<V>::open(out).ok());
                    self.found[self.members[*at].at] = element;
                }
                None
            }
            Err(elements) => {
                for at in &members {
                    self.members[*at].driver.give_up();
                }
                if ids.len() == self.given.len() {
                    return Some(O::success(elements));
                }
                self.whole = true;
                None
            }
        }
    }

    /// What the body used, it used for each of its elements.
    fn share(&self, members: &[usize]) {
        let mut computations =
            members
                .iter()
                .filter_map(|at| match &self.members[*at].driver.stage {
                    Stage::Computing(computation) => {
                        Some((&self.members[*at].driver, &computation.frame))
                    }
                    _ => None,
                });
        if let Some((driver, first)) = computations.next() {
            let index = &driver.ticket.cache.0.index;
            first.share(index, computations.map(|(_, frame)| &**frame));
        }
    }

    /// Ends the computation of one element, and gives its outcome back.
    fn keep<S: Split<Item = I>>(
        &mut self,
        at: usize,
        id: &K,
        out: Option<S::Return>,
        rules: Rules<'_, K, I>,
    ) -> Option<S::Return> {
        let driver = &mut self.members[at].driver;
        driver.is_in_body();
        let mut job = Job::<S> {
            body: pin!(pending()),
            rules: &mut |item, keep| rules(id, item, keep),
            out,
        };
        driver.finish(&mut job);
        job.out
    }
}

impl<K, V, I, C, H, R> Batch<K, V, I, C, H, R> {
    /// The answer, if the body's is the last word.
    fn poll_part(
        &mut self,
        cx: &mut Context<'_>,
        body: Pin<&mut (dyn Future<Output = R> + '_)>,
        rules: Rules<'_, K, I>,
    ) -> Poll<Option<R>> {
        let Some(part) = &mut self.part else {
            return Poll::Pending;
        };
        part.polling = true;
        let scope = Arc::clone(&part.scope);
        match scope::enter(Some(scope), || body.poll(cx)) {
            Poll::Ready(out) => {
                let last = (self.finish)(self, out, rules);
                self.part = None;
                Poll::Ready(last)
            }
            Poll::Pending => {
                part.polling = false;
                Poll::Pending
            }
        }
    }

    /// Makes this code part of the computation, if there is one, until the batch is dropped: what the body holds is dropped in
    /// between.
    fn go_in(&mut self) {
        if let Some(part) = &self.part {
            self.outside = Some(scope::set(Some(Arc::clone(&part.scope))));
        }
    }
}

impl<K, V, I, C, H, R> Drop for Batch<K, V, I, C, H, R> {
    fn drop(&mut self) {
        if let Some(outside) = self.outside.take() {
            scope::set(outside);
        }
        if let Some(part) = self.part.as_ref().filter(|part| part.polling) {
            for at in &part.members {
                self.members[*at].driver.is_in_body();
            }
        }
    }
}

/// The batch until its body is dropped.
struct Around<'b, K, V, I, C, H, R>(&'b mut Batch<K, V, I, C, H, R>);

impl<K, V, I, C, H, R> Drop for Around<'_, K, V, I, C, H, R> {
    fn drop(&mut self) {
        self.0.go_in();
    }
}

/// Runs the body with the ids of a turn; the answer, if it is the last word.
pub async fn run_part<K, V, I, C, H, R>(
    batch: &mut Batch<K, V, I, C, H, R>,
    mut body: Pin<&mut impl Future<Output = R>>,
    mut rules: impl FnMut(&K, &I, &mut Keep),
) -> Option<R> {
    let batch = Around(batch);
    let run = |cx: &mut Context<'_>| batch.0.poll_part(cx, body.as_mut(), &mut rules);
    poll_fn(run).await
}
