//! What a call tells: the computations that it is part of, whoever listens, and the modifier that is around it.

use std::borrow::Cow;

use super::Driver;
use crate::events::EventKind;
use crate::index::Dep;
use crate::modifiers::Trace;
use crate::position::Position;
use crate::scope::{self, Frame};
use crate::sync::{Arc, lock};

impl Driver {
    /// Tells the computations that this call is part of.
    pub(in crate::read) fn report(&self, stamp: Position, deps: &[Dep]) {
        let others = self.others.iter().map(Arc::as_ref);
        for frame in self.frame().into_iter().chain(others) {
            frame.report(&self.ticket.cache.0.index, stamp, deps);
        }
    }

    /// Before there is a value: a call that fails, is left or gives nothing is something to depend on, too.
    pub(super) fn report_call(&self) {
        let stamp = match self.ticket.broken {
            None => self.ticket.cache.0.index.applied(),
            Some(_) => Position::ZERO,
        };
        self.report(stamp, &self.target.own);
    }

    /// The memory has nothing for this call.
    pub(super) fn miss(&mut self) {
        if std::mem::take(&mut self.ticket.open) {
            let ticket = &self.ticket;
            ticket.seat.counters.miss(ticket.why);
            ticket.cache.watch_miss(ticket.key.hash(), ticket.why);
        }
        self.tell(EventKind::Miss(self.ticket.why));
    }

    /// A future that is shared is begun by one computation and polled by others, each of which depends on it.
    pub(in crate::read) fn meet_poller(&mut self) {
        let Some(frame) = scope::current().and_then(|scope| scope.frame.clone()) else {
            return;
        };
        if !self.frames().any(|known| std::ptr::eq(known, &*frame)) {
            self.others.push(frame);
            self.report_call();
        }
    }

    /// Those that this call is part of.
    fn frames(&self) -> impl Iterator<Item = &Frame> {
        let others = self.others.iter().map(Arc::as_ref);
        self.frame().into_iter().chain(others)
    }

    /// They have used what was no longer fresh.
    pub(in crate::read) fn report_late(&self) {
        self.frames().for_each(Frame::report_late);
    }

    /// The computation that began this call.
    pub(super) fn frame(&self) -> Option<&Frame> {
        self.ticket.scope.as_ref()?.frame.as_deref()
    }

    fn address(&self) -> Cow<'_, str> {
        self.target.own.first().map_or("".into(), Dep::text)
    }

    pub(in crate::read) fn tell(&self, kind: EventKind) {
        let address = || self.address().into();
        self.ticket
            .cache
            .0
            .events
            .tell(kind, || (Arc::clone(&self.ticket.seat.name), address()));
    }

    pub(in crate::read) fn trace(&self, note: impl FnOnce(&mut Trace)) {
        let Some(modifier) = &self.ticket.modifier else {
            return;
        };
        let mut found = lock(&modifier.found);
        let trace = found.trace.of(&self.address());
        trace.cached = true;
        trace.miss = Some(self.ticket.why);
        note(trace);
    }
}
