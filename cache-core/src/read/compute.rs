//! The way of a miss: wait for another's computation, or compute, and store what may be stored.
//!
//! Nothing here is generic over the function; what depends on its types is behind [`Work`].

use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::run::Work;
use super::{Keep, Miss, Ticket};
use crate::cache::Started;
use crate::entry::{Class, Head, Kept};
use crate::error::{Error, ErrorKind};
use crate::events::EventKind;
use crate::flight::{Leader, Role, Status, Waiter, Waiting};
use crate::index::{Dep, Deps};
use crate::modifiers::{Mode, Target, Trace, blocking};
use crate::position::Position;
use crate::scope::{self, Frame, Scope};
use crate::shape::Split;
use crate::stats::{MissReason, RefusalReason};
use crate::sync::{Arc, lock};
use crate::tier::memory::MemoryKey;
use crate::time;

/// How often a call is given a value that is gone by then, before it computes for itself.
const MAX_GONE: u32 = 2;

/// How many times its patience a call has waited when it no longer waits for another leader, but computes for itself.
///
/// From the beginning of a flight that is the end of the sixth turn, after 27 times: three of one, three of eight. Who
/// has joined later waits less than 32 times.
const MAX_PATIENCE: u32 = 24;

/// A call on the way of a miss.
pub(super) struct Driver {
    ticket: Ticket,
    target: Target,
    stage: Stage,
    /// Since when it has waited for others.
    since: Option<Instant>,
    /// Values that were gone.
    gone: u32,
}

impl Drop for Driver {
    /// A call that is dropped has no value, and what surrounds it may make one of that: it depends on what the body had
    /// used by then.
    fn drop(&mut self) {
        if let Stage::Computing(computation) = &self.stage {
            let used = computation.frame.take();
            let stamp = used.stamp.unwrap_or(computation.stamp);
            self.report(stamp, used.deps.as_slice());
        }
    }
}

enum Stage {
    Begin,
    Waiting {
        waiter: Waiter<Arc<Kept>>,
        /// Who waits for whom, for as long as this does.
        _edges: Option<Waiting<MemoryKey, Arc<Kept>>>,
    },
    Computing(Computation),
    /// A modifier has what it wanted.
    Parked,
}

/// A body under way.
struct Computation {
    leader: Option<Leader<MemoryKey, Arc<Kept>>>,
    frame: Arc<Frame>,
    scope: Arc<Scope>,
    started: Started,
    stamp: Position,
    may_store: bool,
}

impl Driver {
    pub(super) fn new<S: Split>(miss: Miss) -> Box<Self> {
        // Before the digest is made, which covers the schema.
        let schema = miss.0.learn::<S>();
        Self::of(*miss.0, schema)
    }

    fn of(mut ticket: Ticket, schema: u64) -> Box<Self> {
        let target = ticket.target(schema);
        Box::new(Self {
            ticket,
            target,
            stage: Stage::Begin,
            since: None,
            gone: 0,
        })
    }

    /// To the end, in this thread.
    pub(super) fn block(&mut self, work: &mut dyn Work) {
        struct Unpark(std::thread::Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut cx = Context::from_waker(&waker);
        while self.poll(&mut cx, work).is_pending() {
            if matches!(self.stage, Stage::Parked) {
                if blocking::CAN_LEAVE {
                    return;
                }
                // The body cannot be left: run it, for nothing.
                self.stage = self.compute(None, false);
                continue;
            }
            std::thread::park();
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, work: &mut dyn Work) -> Poll<()> {
        loop {
            match &mut self.stage {
                Stage::Parked => return Poll::Pending,
                Stage::Begin => match self.begin(work) {
                    Some(stage) => self.stage = stage,
                    None => return Poll::Ready(()),
                },
                Stage::Waiting { waiter, .. } => {
                    let Poll::Ready(status) = waiter.poll(cx) else {
                        return Poll::Pending;
                    };
                    match self.waited_for(status, work) {
                        Some(stage) => self.stage = stage,
                        None => return Poll::Ready(()),
                    }
                }
                Stage::Computing(computation) => {
                    if let Some(leader) = &mut computation.leader {
                        leader.computing = true;
                    }
                    let scope = Arc::clone(&computation.scope);
                    let polled = scope::enter(Some(scope), || work.poll(cx));
                    if polled.is_ready() {
                        self.finish(work);
                        return Poll::Ready(());
                    }
                    if let Some(leader) = &mut computation.leader {
                        leader.computing = false;
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Runs `f` as part of the computation, if there is one.
    pub(super) fn inside(&self, f: impl FnOnce()) {
        match &self.stage {
            Stage::Computing(computation) => {
                scope::enter(Some(Arc::clone(&computation.scope)), f);
            }
            Stage::Begin | Stage::Waiting { .. } | Stage::Parked => f(),
        }
    }

    /// What this call becomes; nothing if it has its value.
    fn begin(&mut self, work: &mut dyn Work) -> Option<Stage> {
        let mode = self.ticket.mode();
        let broken = self.ticket.broken.is_some();
        if let Some(frame) = self.frame().filter(|_| mode != Some(Mode::Capture)) {
            // Before there is a value: a call that fails, is left or gives nothing is something to depend on, too.
            let now = self.ticket.cache.0.index.applied();
            frame.report(if broken { Position::ZERO } else { now }, &self.target.own);
        }
        if self.since.is_none() && !matches!(mode, Some(Mode::Capture | Mode::Peek)) {
            self.tell(EventKind::Miss(self.ticket.why));
        }
        let held_back = self
            .ticket
            .scope
            .as_ref()
            .is_some_and(|scope| scope.holds_back());
        match mode {
            Some(Mode::Capture | Mode::Peek) => {
                if let Some(modifier) = &self.ticket.modifier {
                    let mut found = lock(&modifier.found);
                    found.trace.cached = true;
                    found.target = Some(match &self.ticket.broken {
                        None => Ok(self.target.clone()),
                        Some(why) => Err(Error::new(ErrorKind::Key, why.as_str())),
                    });
                }
                return Some(Stage::Parked);
            }
            // What a transaction has not committed must not be stored, whoever asks for it.
            Some(Mode::Refresh) if !broken && !held_back => {}
            Some(Mode::Bypass | Mode::Refresh) => return Some(self.compute(None, false)),
            Some(Mode::Explain) | None if broken || held_back => {
                return Some(self.compute(None, false));
            }
            Some(Mode::Explain) | None => {}
        }
        let refresh = mode == Some(Mode::Refresh);
        let ticket = &self.ticket;
        let (parts, own) = (&ticket.cache.0, &self.target.own);
        let role = parts.flights.join_or_lead(
            &ticket.key,
            ticket.key.hash(),
            ticket.cache.patience(&ticket.seat),
            // What began before an invalidation is not for those who come after it, nor anybody's for a refresh.
            |flight| !refresh && parts.index.check(flight.stamp, own).valid,
            || parts.index.applied(),
        );
        match role {
            Role::Lead(leader) => {
                // Between our look-up and our becoming the leader, another leader may have finished.
                if !refresh && let Some(entry) = self.look(work) {
                    leader.finish(Status::Done(Arc::clone(&entry)));
                    self.serve_shared(&entry);
                    return None;
                }
                Some(self.compute(Some(leader), true))
            }
            Role::Wait(waiter) => {
                let waiting = match self.frame().map(Frame::chain) {
                    None => None,
                    Some(chain) => match parts.flights.wait(&chain, waiter.flight.id) {
                        Some(waiting) => Some(waiting),
                        // Recursion, or a circle: the one who is waited for waits for us.
                        None => return Some(self.compute(None, false)),
                    },
                };
                self.since.get_or_insert_with(Instant::now);
                Some(Stage::Waiting {
                    waiter,
                    _edges: waiting,
                })
            }
        }
    }

    /// What is stored by now, taken as this call's answer.
    fn look(&self, work: &mut dyn Work) -> Option<Arc<Kept>> {
        if self.ticket.why == MissReason::Type {
            return None;
        }
        let entry = self.ticket.cache.find(&self.ticket.key.as_lookup()).ok()?;
        work.accept(entry.payload(), entry.class).then_some(entry)
    }

    /// What comes after another's flight.
    fn waited_for(&mut self, status: Status<Arc<Kept>>, work: &mut dyn Work) -> Option<Stage> {
        match status {
            Status::Running if self.is_out_of_patience() => Some(self.compute(None, false)),
            Status::Running => Some(Stage::Begin),
            Status::Abandoned => Some(Stage::Begin),
            Status::Failed => Some(self.compute(None, true)),
            Status::Done(entry) => {
                // What the function depends on by itself was checked when we joined, and what came later may be
                // missing in our value. What it turned out to depend on was not.
                let inherited = entry.deps().len() > self.target.own.len();
                if inherited && !entry.is_valid() || !work.accept(entry.payload(), entry.class) {
                    self.gone += 1;
                    return Some(if self.gone > MAX_GONE {
                        self.compute(None, false)
                    } else {
                        Stage::Begin
                    });
                }
                self.serve_shared(&entry);
                None
            }
        }
    }

    fn is_out_of_patience(&self) -> bool {
        let patience = self.ticket.cache.patience(&self.ticket.seat);
        self.since
            .is_some_and(|since| since.elapsed() >= patience.saturating_mul(MAX_PATIENCE))
    }

    /// Another's value is this call's answer.
    fn serve_shared(&mut self, entry: &Kept) {
        self.ticket.seat.counters.coalesced();
        self.tell(EventKind::Coalesced);
        self.report(entry.stamp(), entry.deps());
        self.trace(|trace| {
            trace.coalesced = true;
            trace.stamp = Some(entry.stamp());
        });
        self.stage = Stage::Parked;
    }

    fn compute(&self, leader: Option<Leader<MemoryKey, Arc<Kept>>>, may_store: bool) -> Stage {
        let cache = &self.ticket.cache;
        let outer = self.ticket.scope.as_deref();
        let id = leader
            .as_ref()
            .map_or_else(|| cache.0.flights.next_id(), |leader| leader.flight().id);
        // The stamp is what the log was when the computation began, never later.
        let stamp = leader
            .as_ref()
            .map_or_else(|| cache.0.index.applied(), |leader| leader.flight().stamp);
        let parent = outer.and_then(|scope| scope.frame.clone());
        let frame = Arc::new(Frame::new(id, parent, cache.0.config.max_deps));
        let scope = Scope {
            cache: outer.and_then(|scope| scope.cache.clone()),
            frame: Some(Arc::clone(&frame)),
            modifier: None,
            transaction: outer.and_then(|scope| scope.transaction.clone()),
            counter: outer.and_then(|scope| scope.counter.clone()),
            off: outer.is_some_and(|scope| scope.off),
        };
        Stage::Computing(Computation {
            leader,
            frame,
            scope: Arc::new(scope),
            started: cache.started(),
            stamp,
            may_store,
        })
    }

    /// The body has given its value.
    fn finish(&mut self, work: &mut dyn Work) {
        let Stage::Computing(computation) = std::mem::replace(&mut self.stage, Stage::Parked)
        else {
            return;
        };
        let Some(class) = work.class() else { return };
        let Computation {
            leader,
            frame,
            started,
            stamp,
            may_store,
            ..
        } = computation;
        let cache = self.ticket.cache.clone();
        let counters = Arc::clone(&self.ticket.seat.counters);
        let cost_ns = cache.cost_ns(started);
        counters.computed(cost_ns, class == Class::Failed);
        self.tell(EventKind::Computed(Duration::from_nanos(cost_ns)));
        self.trace(|trace| trace.cost = Some(Duration::from_nanos(cost_ns)));

        let used = frame.take();
        let stamp = used.stamp.map_or(stamp, |inner| inner.min(stamp));
        // Before the user's rules, which may panic. Its own dependencies were told when it began.
        self.report(stamp, used.deps.as_slice());
        let mut keep = Keep::default();
        if may_store && class == Class::Value {
            work.judge(&mut keep);
        }
        let mut own = self.target.own.clone();
        own.extend(keep.tags.iter().map(|tag| Dep::tag(tag)));
        let deps: Deps = used.deps.behind(&own);
        if deps.len() > own.len() {
            self.ticket.seat.derives();
        }
        let stamp = if keep.unnamed || self.ticket.broken.is_some() {
            // What has no name could not be invalidated, and neither could what is computed from it.
            Position::ZERO
        } else {
            stamp
        };
        self.report(stamp, &own[self.target.own.len()..]);

        let verdict = cache.0.index.check(stamp, &deps);
        let expires = self
            .lifetime(class, &keep, cost_ns, may_store)
            .and_then(|ttl| {
                // A refresh that began later has replaced what this one was asked for.
                if !verdict.valid || leader.as_ref().is_some_and(Leader::superseded) {
                    return Err(RefusalReason::Invalidated);
                }
                let expires = time::deadline(started.at, ttl);
                if expires <= cache.now() {
                    Err(RefusalReason::Expired)
                } else {
                    Ok(expires)
                }
            });
        let waited_for = leader.as_ref().is_some_and(Leader::has_waiters);
        let head = Head {
            key: self.ticket.key.clone(),
            class,
            stamp,
            checked: if verdict.valid { verdict.version } else { 0 },
            expires: expires.unwrap_or(0),
            stats: counters,
            deps,
            began: started.at,
            cost_ns,
            ring: self.ticket.seat.ring.clone(),
            index: Arc::clone(&cache.0.index),
        };
        // What is not stored need not be weighed.
        let limit = expires.map_or(0, |_| cache.max_weight());
        let entry = if expires.is_ok() || waited_for {
            work.keep(head, limit)
        } else {
            None
        };
        match (expires, &entry) {
            (Ok(_), Some(entry)) => self.store(entry, limit),
            (Err(reason), _) => {
                self.refuse(reason);
                let refreshed = may_store && self.ticket.mode() == Some(Mode::Refresh);
                if refreshed
                    && !matches!(reason, RefusalReason::Failed | RefusalReason::Invalidated)
                {
                    // Whoever asked for it has seen that the old value is none any more.
                    self.ticket
                        .cache
                        .0
                        .memory
                        .remove(&self.ticket.key.as_lookup());
                }
            }
            // An `Err` with an `err_ttl` whose error cannot be kept does not compile.
            (Ok(_), None) => self.refuse(RefusalReason::Failed),
        }
        if let Some(leader) = leader {
            leader.finish(match entry {
                Some(entry) => Status::Done(entry),
                None if class == Class::Failed => Status::Failed,
                None => Status::Abandoned,
            });
        }
    }

    /// How long a value may be kept, or why it may not.
    fn lifetime(
        &self,
        class: Class,
        keep: &Keep,
        cost_ns: u64,
        may_store: bool,
    ) -> Result<Duration, RefusalReason> {
        let site = self.ticket.seat.site;
        let policy = &site.spec.policy;
        if !may_store {
            return Err(RefusalReason::Bypass);
        }
        let ttl = match class {
            Class::Failed => policy.err_ttl.ok_or(RefusalReason::Failed)?,
            Class::Absent => policy.none_ttl.ok_or(RefusalReason::Absent)?,
            Class::Value => match (keep.refusal(), keep.ttl) {
                (Some(reason), _) => return Err(reason),
                (None, Some(ttl)) => ttl,
                (None, None) => {
                    let address = self.target.own.first().map_or("", Dep::seen);
                    self.ticket.cache.ttl(site, policy, address)
                }
            },
        };
        if Duration::from_nanos(cost_ns) < policy.min_cost {
            return Err(RefusalReason::Cheap);
        }
        if policy.jitter == 0 || ttl == Duration::MAX {
            return Ok(ttl);
        }
        // Only ever shorter: a `ttl` is a promise.
        Ok(ttl.mul_f64(1.0 - crate::cache::fraction() * f64::from(policy.jitter) / 1000.0))
    }

    fn store(&self, entry: &Arc<Kept>, limit: usize) {
        if !self.ticket.cache.insert(entry, limit) {
            self.refuse(RefusalReason::TooLarge);
            return;
        }
        self.tell(EventKind::Stored);
        self.trace(|trace| trace.stored = true);
    }

    fn refuse(&self, reason: RefusalReason) {
        self.ticket.seat.counters.refusal(reason);
        self.tell(EventKind::Refused(reason));
        self.trace(|trace| trace.refused = Some(reason));
    }

    /// Tells the computation that this call is part of.
    fn report(&self, stamp: Position, deps: &[Dep]) {
        if let Some(frame) = self.frame() {
            frame.report(stamp, deps);
        }
    }

    /// The computation that this call is part of.
    fn frame(&self) -> Option<&Frame> {
        self.ticket.scope.as_ref()?.frame.as_deref()
    }

    fn tell(&self, kind: EventKind) {
        let address = || self.target.own.first().map_or("", Dep::text).into();
        self.ticket
            .cache
            .0
            .events
            .tell(kind, || (Arc::clone(&self.ticket.seat.name), address()));
    }

    fn trace(&self, note: impl FnOnce(&mut Trace)) {
        let Some(modifier) = &self.ticket.modifier else {
            return;
        };
        let mut found = lock(&modifier.found);
        let trace = &mut found.trace;
        trace.cached = true;
        trace.miss = Some(self.ticket.why);
        trace.address = self.target.own.first().map(|dep| dep.text().to_owned());
        note(trace);
    }
}
