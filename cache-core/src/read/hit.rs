//! The look-up of a call: the short way of a hit, and the long one of whatever is none, or is told to somebody.

use std::any::TypeId;
use std::cell::Cell;
use std::ptr;

use super::{Callee, Ticket};
use crate::cache::{Cache, Parts};
use crate::entry::{Face, Kept, Payload};
use crate::events::EventKind;
use crate::global;
use crate::key::Encoder;
use crate::modifiers::{Mode, Modifier};
use crate::scope::{self, Scope};
use crate::stats::MissReason;
use crate::sync::{Arc, lock};
use crate::tier::memory::Lookup;
use crate::time;

/// What may be served of a plain cache, as most are: what is not found here is [found](find) otherwise. One for all functions, with
/// everything below it inlined, and nothing on its way that is not a hit's.
#[inline(never)]
pub(super) fn hit(encoder: &Encoder, identity: &TypeId) -> Option<Payload> {
    let cache = scope::plain()?;
    let lookup = Lookup::new(identity, encoder.short()?);
    let served = cache.serve(&lookup, time::coarse, |face, entry, due, now| {
        look_closer(cache, face, entry, due, now)
    });
    if served.is_none() {
        not_there(cache, lookup.hash());
    }
    served
}

thread_local! {
    /// Why [`hit`] found nothing, if it knows, for [`find`] right behind it: returned, it would cost every hit.
    static WHY: Cell<Option<MissReason>> = const { Cell::new(None) };
}

/// What may be served of an entry that may be no longer.
#[cold]
#[inline(never)]
fn look_closer(
    plain: &'static Parts,
    face: &Face,
    entry: &Kept,
    due: u64,
    now: u64,
) -> Option<Payload> {
    let served = still(plain)?.serve_after_check(face, entry, due, now);
    served.map_err(|why| WHY.set(Some(why))).ok()
}

#[cold]
#[inline(never)]
fn not_there(plain: &'static Parts, hash: u64) {
    if WHY.get().is_none() {
        WHY.set(still(plain).map(|cache| cache.recall_ghost(hash)));
    }
}

/// The global cache, if it is still this one.
fn still(plain: &'static Parts) -> Option<&'static Cache> {
    Some(global::get()).filter(|cache| ptr::eq(&*cache.0, plain))
}

/// What may be served, and the same for whatever is no plain hit.
#[cold]
#[inline(never)]
pub(super) fn find(encoder: &mut Encoder, callee: Callee) -> Result<Payload, Box<Ticket>> {
    if let Some(why) = WHY.take() {
        return Err(Ticket::new(encoder, callee, why, None));
    }
    if scope::is_active() {
        return find_with_care(encoder, callee);
    }
    scope::know(global::plain());
    let cache = global::get();
    if cache.0.events.listening() || encoder.broken().is_some() {
        return find_with_care(encoder, callee);
    }
    let lookup = Lookup::new(&callee.identity, encoder.mixed());
    let served = cache.serve(&lookup, || cache.now());
    served.map_err(|why| Ticket::new(encoder, callee, why, None))
}

/// The same where something surrounds the call, somebody listens, or the arguments are no key.
#[inline(never)]
fn find_with_care(encoder: &mut Encoder, callee: Callee) -> Result<Payload, Box<Ticket>> {
    let scope = scope::current().unwrap_or_default();
    let modifier = scope.modifier.clone().filter(|modifier| modifier.take());
    look_with_care(encoder, callee, &scope, modifier.as_deref())
        .map_err(|why| Ticket::new(encoder, callee, why, modifier))
}

/// The same when it is known who has taken the modifier; or why there is nothing to be served.
pub(super) fn look_with_care(
    encoder: &mut Encoder,
    callee: Callee,
    scope: &Scope,
    modifier: Option<&Modifier>,
) -> Result<Payload, MissReason> {
    scope.count();
    let mode = modifier.map(|modifier| modifier.mode);
    let looks = matches!(mode, None | Some(Mode::Peek | Mode::Explain));
    if encoder.broken().is_some() || scope.holds_back() || !looks {
        return Err(MissReason::Bypass);
    }
    let cache = scope.cache.as_ref().unwrap_or_else(|| global::get());
    let lookup = Lookup::new(&callee.identity, encoder.mixed());
    let found = match mode {
        Some(Mode::Peek) => cache.find(&lookup),
        _ => cache.find_for_call(&lookup),
    };
    let entry = found?;
    let late = entry.late(cache.now());
    if mode != Some(Mode::Peek) {
        entry.instance.served(late);
        cache
            .0
            .events
            .tell(late.map_or(EventKind::Hit, EventKind::Stale), || {
                let name = Arc::clone(&cache.seat(callee.site, (callee.path)()).name);
                (name, entry.address().into())
            });
    }
    scope.count_kept();
    if let Some(frame) = &scope.frame {
        frame.report(&cache.0.index, entry.stamp(), entry.deps());
        if entry.is_late_for_others(cache.now()) {
            frame.report_late();
        }
    }
    if let Some(modifier) = modifier {
        let mut found = lock(&modifier.found);
        let trace = found.trace.of(&entry.address());
        trace.cached = true;
        trace.tier = Some("memory");
        trace.age = Some(std::time::Duration::from_millis(
            cache.now().saturating_sub(entry.began()),
        ));
        trace.stale = late;
        trace.stamp = Some(entry.stamp());
        trace.cost = Some(std::time::Duration::from_nanos(entry.cost_ns()));
    }
    Ok(entry.payload())
}
