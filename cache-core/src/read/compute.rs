//! The way of a miss: wait for another's computation, or compute, and store what may be stored.
//!
//! Nothing here is generic over the function; what depends on its types is behind [`Work`].

use std::borrow::Cow;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use super::run::{Rear, Work};
use super::{Miss, Ticket};
use crate::alarm::Sleep;
use crate::cache::{Learnt, Started};
use crate::entry::{Kept, Payload};
use crate::flight::{Leader, Role, Status, Waiter, Waiting};
#[cfg(feature = "redis")]
use crate::key::KeyDigest;
use crate::modifiers::{Mode, Target};
#[cfg(feature = "redis")]
use crate::remote::Claim;
use crate::scope::{self, Frame, Scope};
use crate::shape::Split;
use crate::stats::MissReason;
use crate::sync::{Arc, block_on};
use crate::tier::memory::MemoryKey;
use crate::write::Witness;

mod beginning;
#[cfg(feature = "redis")]
mod confirming;
mod grace;
mod leaving;
mod lifetime;
mod limit;
mod outcome;
mod putting;
mod report;
mod role;
#[cfg(test)]
#[cfg(not(loom))]
mod tests;
mod waiting;

/// A call on the way of a miss.
pub(super) struct Driver {
    pub(super) ticket: Ticket,
    pub(super) learnt: Cow<'static, Arc<Learnt>>,
    pub(super) target: Target,
    pub(super) stage: Stage,
    /// When it began, in milliseconds of the cache's clock.
    asked: u64,
    /// Whether the log was asked since.
    #[cfg(feature = "redis")]
    pub(super) confirmed: bool,
    /// Whether it has joined others when nothing had been heard of the log for long: what they give may be too old for it.
    doubts: bool,
    /// Since when it has waited for others.
    since: Option<Instant>,
    /// What is no longer fresh, or soon will be, and can be given to this call.
    pub(super) late: Option<Arc<Kept>>,
    /// Values that were gone.
    gone: u32,
    /// Where it can go on when its caller has a value.
    rear: Rear,
    /// Whether its caller has, and it goes on.
    pub(super) behind: bool,
    /// Until when nobody else refreshes what it is about to replace; 0 if it has kept nobody from that.
    postponed: u64,
    /// How long its caller waits.
    limit: Option<Sleep>,
    /// Computations that have polled this call and did not begin it.
    others: Vec<Arc<Frame>>,
    /// What a write gives this call in place of its body, and who knows what has been said since that began.
    given: Option<(Payload, Arc<Witness>)>,
    /// Where the thread was before it [went in](Self::go_in).
    outside: Option<Option<Arc<Scope>>>,
    /// Whether others ask and compute together with it, and not each for itself.
    pub(super) together: bool,
    /// What is asked for together with it, as somebody will ask for it soon.
    #[cfg(feature = "redis")]
    pub(super) followers: Vec<KeyDigest>,
}

impl Drop for Driver {
    /// A call that is dropped has no value, and what surrounds it may make one of that: it depends on what the body had
    /// used by then.
    fn drop(&mut self) {
        if let Some(outside) = self.outside.take() {
            scope::set(outside);
        }
        if let Stage::Computing(computation) = &self.stage {
            let used = computation.frame.take();
            self.report(used.stamp, used.deps.as_slice());
        }
        self.end_behind();
    }
}

pub(super) enum Stage {
    Begin,
    Waiting {
        waiter: Waiter<Arc<Kept>>,
        /// Who waits for whom, for as long as this does.
        _edges: Option<Waiting<MemoryKey, Arc<Kept>>>,
    },
    /// The log is asked whether what is here is so.
    #[cfg(feature = "redis")]
    Confirming(crate::log::Confirming),
    /// Others may have computed it.
    #[cfg(feature = "redis")]
    Fetching(super::fetch::Fetching),
    /// They may, and nothing is computed here.
    #[cfg(feature = "redis")]
    Peeking(super::peek::Peeking),
    Computing(Computation),
    /// One of a [batch](super::each) would ask Redis, leading others or not.
    #[cfg(feature = "redis")]
    Asking(Option<Leader<MemoryKey, Arc<Kept>>>),
    /// One of a batch is to be computed.
    Claimed {
        leader: Option<Leader<MemoryKey, Arc<Kept>>>,
        may_store: bool,
    },
    /// A write gives the value.
    Putting(putting::Putting),
    /// A modifier has what it wanted, and whoever polls this should leave it.
    Left,
    /// There is a value, or none to come.
    Done,
}

/// A body under way.
pub(super) struct Computation {
    /// The lease, before the leader: it is given back before somebody here asks for it again.
    #[cfg(feature = "redis")]
    pub(super) claim: Option<Claim>,
    pub(super) leader: Option<Leader<MemoryKey, Arc<Kept>>>,
    pub(super) frame: Arc<Frame>,
    pub(super) scope: Arc<Scope>,
    /// Less than that of every computation that begins later; co-leaders of a flight have each their own.
    ordinal: u64,
    started: Started,
    may_store: bool,
    /// How many have one body.
    pub(super) sharers: u32,
}

impl Computation {
    /// Whether a drop is not the caller's doing.
    fn computing(&mut self, so: bool) {
        if let Some(leader) = &mut self.leader {
            leader.computing = so;
        }
        #[cfg(feature = "redis")]
        if let Some(claim) = &mut self.claim {
            claim.computing = so;
        }
    }
}

impl Driver {
    pub(super) fn new<S: Split>(miss: Miss<S>) -> Box<Self> {
        // Before the digest is made, which covers the schema.
        let learnt = miss.0.learn::<S>();
        Self::of(*miss.0, learnt)
    }

    fn of(mut ticket: Ticket, learnt: Cow<'static, Arc<Learnt>>) -> Box<Self> {
        let target = ticket.target(&learnt);
        Box::new(Self {
            asked: ticket.cache.now(),
            #[cfg(feature = "redis")]
            confirmed: false,
            doubts: false,
            ticket,
            learnt,
            target,
            stage: Stage::Begin,
            since: None,
            late: None,
            gone: 0,
            rear: Rear::None,
            behind: false,
            postponed: 0,
            limit: None,
            others: Vec::new(),
            given: None,
            outside: None,
            together: false,
            #[cfg(feature = "redis")]
            followers: Vec::new(),
        })
    }

    /// To the end, in this thread.
    pub(super) fn block(&mut self, work: &mut dyn Work) {
        block_on(poll_fn(|cx| self.poll(cx, work)));
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, work: &mut dyn Work) -> Poll<()> {
        self.meet_poller();
        loop {
            match &mut self.stage {
                Stage::Done | Stage::Claimed { .. } => return Poll::Pending,
                #[cfg(feature = "redis")]
                Stage::Asking(_) => return Poll::Pending,
                Stage::Left => self.stage = self.leave(),
                Stage::Begin => match self.begin(work) {
                    Some(Stage::Left) => {
                        self.stage = Stage::Left;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Some(stage) => self.stage = stage,
                    None => return Poll::Ready(()),
                },
                Stage::Putting(_) => return self.poll_put(cx, work),
                Stage::Waiting { waiter, .. } => {
                    let Poll::Ready(status) = waiter.poll(cx) else {
                        return Poll::Pending;
                    };
                    if let Status::Meanwhile(entry) = &status {
                        if self.is_content_with(entry, work) {
                            return Poll::Ready(());
                        }
                        continue;
                    }
                    match self.waited_for(status, work) {
                        Some(stage) => self.stage = stage,
                        None => return Poll::Ready(()),
                    }
                }
                #[cfg(feature = "redis")]
                Stage::Confirming(confirming) => {
                    let Poll::Ready(outcome) = std::pin::Pin::new(confirming).poll(cx) else {
                        return Poll::Pending;
                    };
                    match self.confirmed(outcome.is_ok(), work) {
                        Some(stage) => self.stage = stage,
                        None => return Poll::Ready(()),
                    }
                }
                #[cfg(feature = "redis")]
                Stage::Fetching(fetching) => {
                    let Poll::Ready(told) = fetching.poll(cx) else {
                        return Poll::Pending;
                    };
                    let stage = std::mem::replace(&mut self.stage, Stage::Done);
                    let Stage::Fetching(fetching) = stage else {
                        continue;
                    };
                    match self.fetched(told, fetching, work) {
                        Some(stage) => self.stage = stage,
                        None => return Poll::Ready(()),
                    }
                }
                #[cfg(feature = "redis")]
                Stage::Peeking(peeking) => {
                    let Poll::Ready(outcome) = peeking.poll(cx) else {
                        return Poll::Pending;
                    };
                    if self.peeked(outcome, work) {
                        return Poll::Ready(());
                    }
                    self.stage = self.left();
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Stage::Computing(computation) => {
                    computation.computing(true);
                    let scope = Arc::clone(&computation.scope);
                    let polled = scope::enter(Some(scope), || work.poll(cx));
                    if polled.is_ready() {
                        self.finish(work);
                        return Poll::Ready(());
                    }
                    computation.computing(false);
                    return Poll::Pending;
                }
            }
        }
    }

    /// Makes this code part of the computation, if there is one, until the driver is dropped: what the body holds is
    /// dropped in between.
    pub(super) fn go_in(&mut self) {
        if let Stage::Computing(computation) = &self.stage {
            self.outside = Some(scope::set(Some(Arc::clone(&computation.scope))));
        }
    }

    /// What this call becomes; nothing if it has its value.
    fn begin(&mut self, work: &mut dyn Work) -> Option<Stage> {
        if self.ticket.mode() == Some(Mode::Put) {
            return Some(self.put(work));
        }
        #[cfg(feature = "redis")]
        if let Some(stage) = self.confirm() {
            return Some(stage);
        }
        let mode = self.ticket.mode();
        let broken = self.ticket.broken.is_some();
        let held_back = self
            .ticket
            .scope
            .as_ref()
            .is_some_and(|scope| scope.holds_back());
        let looks = matches!(mode, None | Some(Mode::Explain)) && !broken && !held_back;
        if looks && self.fall_back(work) {
            return None;
        }
        if self.frame().is_some() && mode != Some(Mode::Capture) {
            self.report_call();
        }
        if self.since.is_none() && !matches!(mode, Some(Mode::Capture | Mode::Peek)) {
            self.miss();
        }
        match mode {
            #[cfg(feature = "redis")]
            Some(Mode::Peek) if !broken && !held_back => return Some(self.peek()),
            Some(Mode::Capture | Mode::Peek) => return Some(self.left()),
            // What a transaction has not committed must not be stored, whoever asks for it.
            Some(Mode::Refresh) if !broken && !held_back => {}
            Some(Mode::Bypass | Mode::Put | Mode::Refresh) => {
                return Some(self.compute(None, false));
            }
            Some(Mode::Explain) | None if broken || held_back => {
                return Some(self.compute(None, false));
            }
            Some(Mode::Explain) | None => {}
        }
        let refresh = mode == Some(Mode::Refresh);
        match self.role(refresh) {
            Role::Lead(leader) => {
                // Between our look-up and our becoming the leader, another leader may have finished.
                let in_memory = !self.ticket.seat.site.spec.policy.redis_only;
                if !refresh
                    && in_memory
                    && let Some(entry) = self.look(work)
                {
                    leader.finish(Status::Done(Arc::clone(&entry)));
                    self.serve_shared(&entry);
                    return None;
                }
                if refresh {
                    return Some(self.compute(Some(leader), true));
                }
                #[cfg(feature = "redis")]
                let leader = self.take_ahead(leader, work)?;
                Some(self.lead(leader))
            }
            Role::Wait(waiter) => {
                #[cfg(feature = "redis")]
                if let Some(stage) = self.confirm_to_join() {
                    return Some(stage);
                }
                let cache = &self.ticket.cache;
                let waiting = match self.frame().map(Frame::chain) {
                    None => None,
                    Some(chain) => match cache.0.flights.wait(&chain, waiter.flight.id) {
                        Some(waiting) => Some(waiting),
                        // Recursion, or a circle: the one who is waited for waits for us.
                        None => return Some(self.compute(None, false)),
                    },
                };
                self.doubts |= !cache.is_trusted_at(self.asked);
                self.since.get_or_insert_with(Instant::now);
                Some(Stage::Waiting {
                    waiter,
                    _edges: waiting,
                })
            }
        }
    }

    /// What is stored by now, taken as this call's answer.
    pub(super) fn look(&self, work: &mut dyn Work) -> Option<Arc<Kept>> {
        if self.ticket.why == MissReason::Type {
            return None;
        }
        let entry = self.ticket.cache.find(&self.ticket.key.as_lookup()).ok()?;
        work.accept(entry.payload()).then_some(entry)
    }
}
