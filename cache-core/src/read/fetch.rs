//! The way of a miss through Redis: what others have computed, and what they are to be given.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Keep;
use super::compute::{Driver, Stage};
use super::lease::Bid;
use super::run::Work;
use crate::entry::{Class, Head, Kept};
use crate::envelope::Envelope;
use crate::events::EventKind;
use crate::flight::{Leader, Status};
use crate::index::{Dep, Deps};
use crate::lifetime::{Last, Sighting};
use crate::link::{Answer, LinkError};
use crate::modifiers::Mode;
use crate::position::Position;
use crate::remote::{Claim, Found, Read, Remote, Sound};
use crate::stats::FetchMiss;
use crate::sync::Arc;
use crate::tier::memory::{MemoryKey, Resident};
use crate::time;

#[cfg(test)]
#[cfg(not(loom))]
mod tests;

/// A value that was asked for.
pub(super) struct Fetching {
    /// Before the bid, which is given back only when nothing more of it will be sent.
    pub(super) asked: Asked,
    /// The lease that is asked for with it.
    pub(super) bid: Option<Bid>,
    pub(super) leader: Leader<MemoryKey, Arc<Kept>>,
    /// In milliseconds of the cache's clock.
    pub(super) sent: u64,
}

/// What is on its way.
pub(super) enum Asked {
    Value(Read),
    Lease(Answer),
}

/// What came.
pub(super) enum Told {
    Value(Result<Option<Found>, LinkError>),
    Lease(Result<Vec<redis::Value>, LinkError>),
}

impl Fetching {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Told> {
        match &mut self.asked {
            Asked::Value(read) => Pin::new(read).poll(cx).map(Told::Value),
            Asked::Lease(answer) => Pin::new(answer).poll(cx).map(Told::Lease),
        }
    }
}

impl Driver {
    fn schema(&self) -> u64 {
        self.learnt.content.schema.map_or(0, |schema| schema.hash)
    }

    /// What can be asked of Redis for this call, if anything.
    pub(super) fn remote(&self) -> Option<&Remote> {
        let cache = &self.ticket.cache;
        let remote = cache.0.remote.as_ref()?;
        let shared =
            self.learnt.content.is_shared() && !self.ticket.seat.site.spec.policy.memory_only;
        shared.then_some(remote)
    }

    /// Asks Redis before the body is run.
    pub(super) fn fetch(&mut self, leader: Leader<MemoryKey, Arc<Kept>>) -> Stage {
        let followers = std::mem::take(&mut self.followers);
        match self.remote().filter(|remote| !remote.is_refused()) {
            Some(_) if self.together => Stage::Asking(Some(leader)),
            Some(remote) => Stage::Fetching(Fetching {
                sent: self.ticket.cache.now(),
                asked: Asked::Value(remote.fetch_with(self.target.digest, followers)),
                bid: None,
                leader,
            }),
            None => self.compute(Some(leader), true),
        }
    }

    /// What comes after the answer; nothing if it is this call's.
    pub(super) fn fetched(
        &mut self,
        told: Told,
        fetching: Fetching,
        work: &mut dyn Work,
    ) -> Option<Stage> {
        let Fetching {
            leader, sent, bid, ..
        } = fetching;
        let (found, lease) = match told {
            Told::Value(Ok(found)) => (found, None),
            Told::Lease(Ok(mut replies)) if !replies.is_empty() => {
                let lease = replies.remove(0);
                let found = self.remote().and_then(|remote| remote.found(replies).ok());
                (found.flatten(), Some(lease))
            }
            _ => {
                self.missed(FetchMiss::Unanswered);
                return Some(self.compute(Some(leader), true));
            }
        };
        let entry = found
            .ok_or(FetchMiss::Absent)
            .and_then(|found| self.promote(&found, sent, Some(&leader), work))
            .inspect_err(|why| self.missed(*why));
        let Ok(entry) = entry else {
            if self.serve_and_go_on(work, "redis") {
                self.ticket.seat.counters.fetched();
                // Where there is no memory the others would not find it.
                if let Some(late) = &self.late {
                    leader.offer(Arc::clone(late));
                }
                self.stage = match bid {
                    None => self.bid(leader),
                    Some(bid) => self.answered(leader, bid, lease),
                };
                return None;
            }
            // With the stamp of now: what was found dead was so, perhaps, by a record that has only just been applied.
            return Some(match bid {
                None => self.bid(leader),
                Some(bid) => self.answered(leader, bid, lease),
            });
        };
        self.found(leader, entry);
        None
    }

    /// A value from Redis is this call's answer.
    pub(super) fn found(&mut self, leader: Leader<MemoryKey, Arc<Kept>>, entry: Option<Arc<Kept>>) {
        if !self.behind {
            self.ticket.seat.counters.fetched();
        }
        if let Some(remote) = self.remote() {
            remote.fetches.found();
        }
        self.tell(EventKind::Fetched);
        if let Some(scope) = &self.ticket.scope {
            scope.count_kept();
        }
        // Who has come at the last moment, where there is nothing for others, tries again.
        leader.finish(entry.map_or(Status::Abandoned, Status::Done));
        self.stage = Stage::Done;
    }

    /// Takes a value from Redis as this call's, if it is one and valid, and makes an entry of it for others, in memory or waiting for
    /// this call, if there are such; or why not. What is no longer fresh is remembered, to fall back on.
    pub(super) fn promote(
        &mut self,
        found: &Found,
        sent: u64,
        leader: Option<&Leader<MemoryKey, Arc<Kept>>>,
        work: &mut dyn Work,
    ) -> Result<Option<Arc<Kept>>, FetchMiss> {
        let cache = &self.ticket.cache;
        let (target, index) = (&self.target, &cache.0.index);
        let grace = Duration::from_millis(self.learnt.instance.grace.longest());
        let Sound {
            envelope,
            stamp,
            deps,
            version,
            left,
            late,
            ..
        } = found.judge(
            &cache.0.config.cipher,
            target.whole,
            self.schema(),
            &target.own,
            index,
            // A peek asks for what is fresh.
            leader.map_or(Duration::ZERO, |_| grace),
        )?;
        let lifetime = Duration::from_millis(envelope.fresh_for.into());
        let ahead = self.ticket.seat.site.spec.policy.ahead(lifetime);
        // What is here already is as good, and a refresh is for what is newer.
        let due = self.behind && time::millis(left) <= ahead;
        if (left.is_zero() || due || self.behind && envelope.of_late) && self.late.is_some() {
            return Err(FetchMiss::Expired);
        }
        // A `Deserialize` that panics is a user's: the body can still give the value.
        let decode = || work.decode(&envelope.payload, envelope.class);
        if !catch_unwind(AssertUnwindSafe(decode)).unwrap_or(false) {
            return Err(FetchMiss::Type);
        }
        let teaches = leader.is_some() && envelope.class == Class::Value && !envelope.of_late;
        if !left.is_zero() && teaches {
            self.notice(
                sent,
                time::deadline(sent, left),
                &envelope,
                stamp,
                &deps,
                work,
            );
        }
        let is_late = left.is_zero();
        self.trace(|trace| {
            let age = time::unix_millis().saturating_sub(envelope.computed_at);
            trace.age = Some(Duration::from_millis(age));
        });
        if !is_late {
            self.report(stamp, &deps);
            if envelope.of_late {
                self.report_late();
            }
            self.trace(|trace| {
                trace.tier = Some("redis");
                trace.stamp = Some(stamp);
            });
        }
        // A peek leaves none: a refresh under way, which began before, may be about to give a newer one.
        let for_others = |leader: &&Leader<_, _>| {
            let policy = &self.ticket.seat.site.spec.policy;
            is_late || !policy.redis_only || leader.has_waiters()
        };
        let Some(leader) = leader.filter(for_others) else {
            return Ok(None);
        };
        // The copy is the user's `Clone`.
        let copy = catch_unwind(AssertUnwindSafe(|| work.pack()))
            .ok()
            .flatten();
        let Some(copy) = copy else {
            return if is_late {
                Err(FetchMiss::Expired)
            } else {
                Ok(None)
            };
        };
        let deps: Deps = deps.into();
        // Its own key is the first.
        let derived = |dep: &Dep| !matches!(dep, Dep::Tag { .. });
        if deps.iter().skip(1).any(derived) {
            self.ticket.seat.derives();
        }
        let head = Head {
            instance: Arc::clone(&self.learnt.instance),
            key: self.ticket.key.clone(),
            class: envelope.class,
            stamp,
            checked: version,
            expires: time::deadline(sent, left + grace.saturating_sub(late)),
            deps,
            began: sent,
            // It was computed before it was asked for: what has begun since is newer.
            ordinal: leader.flight().id,
            cost_ns: u64::from(envelope.cost) * 1_000,
            of_late: envelope.of_late,
        };
        let entry = head.with(copy, envelope.payload.len());
        entry.refresh_ahead(ahead);
        // Refused or not: it is this call's answer.
        let _ = self.insert(&entry, cache.max_weight(), Some(leader));
        if is_late {
            self.late = Some(entry);
            return Err(FetchMiss::Expired);
        }
        Ok(Some(entry))
    }

    /// Learns from what another process has computed how often it changes.
    fn notice(
        &self,
        sent: u64,
        until: u64,
        envelope: &Envelope<'_>,
        stamp: Position,
        deps: &[Dep],
        work: &mut dyn Work,
    ) {
        let Some(lifetimes) = &self.ticket.seat.lifetimes else {
            return;
        };
        let age = time::unix_millis().saturating_sub(envelope.computed_at);
        // By the clocks of two machines; no more than its lifetime ago, whatever they say.
        let earliest = until.saturating_sub(envelope.fresh_for.into());
        let at = sent.saturating_sub(age).max(earliest);
        let hash = self.ticket.key.hash();
        if lifetimes.knows(hash, at) {
            return;
        }
        let mut keep = Keep {
            content_alone: true,
            ..Keep::default()
        };
        work.judge(&mut keep);
        let Some(content) = keep.content else { return };
        let seen = Sighting {
            content,
            at,
            stamp,
            ordinal: 0,
        };
        let cost_ns = u64::from(envelope.cost) * 1_000;
        let since = |last: &Last| self.since(last, deps, cost_ns);
        lifetimes.learn(hash, seen, since, |_| until);
    }

    /// Redis had nothing for this call.
    fn missed(&self, why: FetchMiss) {
        if let Some(remote) = self.remote() {
            remote.fetches.missed(why);
        }
        self.tell(EventKind::NotFetched(why));
    }

    /// Gives others what was computed here; and where that cannot leave the process, what it was asked for in place of is not left to them.
    pub(super) fn share(&self, entry: &Kept, work: &dyn Work, claim: Option<Claim>) {
        let shared = |remote: &&Remote| entry.class != Class::Failed && !remote.is_refused();
        let Some(remote) = self.remote().filter(shared) else {
            return;
        };
        let sent = self.send(remote, entry, work, claim);
        if sent.is_none() && self.ticket.mode() == Some(Mode::Refresh) {
            self.unshare();
        }
    }

    /// `None` for what cannot leave the process.
    fn send(
        &self,
        remote: &Remote,
        entry: &Kept,
        work: &dyn Work,
        claim: Option<Claim>,
    ) -> Option<()> {
        let now = self.ticket.cache.now();
        // What never expires would never leave Redis.
        if entry.expires() == u64::MAX || entry.expires() <= now {
            return None;
        }
        let millis = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
        let mut lifetime = millis(entry.fresh_until()).saturating_sub(millis(now));
        // What was asked for in place of something else was fresh when that was looked at.
        let replaces = self.ticket.mode() == Some(Mode::Refresh);
        if replaces {
            lifetime = lifetime.max(1);
        }
        let yields = !replaces && entry.is_late_for_others(now);
        let grace = Duration::from_millis(self.learnt.instance.grace_of(entry.class));
        let encoded = catch_unwind(AssertUnwindSafe(|| work.encode()));
        let payload = encoded.ok().flatten()?;
        let age = now.saturating_sub(entry.began());
        let envelope = Envelope {
            stamp: entry.stamp(),
            digest: self.target.whole,
            schema: self.schema(),
            computed_at: time::unix_millis().saturating_sub(age),
            fresh_for: u32::try_from(entry.fresh_until().saturating_sub(entry.began()))
                .unwrap_or(u32::MAX),
            cost: u32::try_from(entry.cost_ns() / 1_000).unwrap_or(u32::MAX),
            class: entry.class,
            of_late: entry.is_of_late(),
            deps: entry.deps().into(),
            payload: payload.into(),
        };
        let mut bytes = Vec::new();
        let config = &self.ticket.cache.0.config;
        let written = envelope.write(config.compress_from, &config.cipher, &mut bytes);
        written.ok()?;
        remote.store(self.target.digest, &bytes, lifetime, grace, yields, claim);
        Some(())
    }

    /// Invalidates what a refresh has shown to be none any more. That it is removed from Redis, some time, would not be enough: the
    /// next call would still find it there.
    pub(super) fn unshare(&self) {
        if let Some(remote) = self.remote() {
            // It is on its way there without anybody who waits for it.
            drop(remote.append(vec![self.target.matcher()]));
        }
    }
}
