//! Whether what is in memory may be served.

use super::{Cache, Parts};
use crate::entry::{Face, Kept, Payload};
use crate::policy::Policy;
use crate::stats::MissReason;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::tier::memory::{Lookup, Resident, Seen};

impl Parts {
    /// A value that may be served now, if anything is known of it: the way of a hit that nothing surrounds, which takes no reference to the
    /// entry. Counts the hit, unless there is `more` to look at.
    #[inline(always)]
    pub(crate) fn serve(
        &self,
        lookup: &Lookup<'_>,
        now: impl FnOnce() -> u64,
        more: impl FnOnce(&Face, &Kept, u64, u64) -> Option<Payload>,
    ) -> Option<Payload> {
        self.memory.view(lookup, |seen| {
            // Not before the look-up: the processor does this while it waits for the entry.
            let now = now();
            // After what was invalidated before this call began, or at the same time.
            if seen.face.is_checked(self.index.version()) && self.is_hit(seen.due, now) {
                Some(seen.face.hit())
            } else {
                more(seen.face, seen.entry, seen.due, now)
            }
        })?
    }

    /// Whether what is valid may be served without a closer look.
    #[inline(always)]
    fn is_hit(&self, due: u64, now: u64) -> bool {
        due > now && self.trusted_until.load(Ordering::Relaxed) >= now
    }
}

impl Cache {
    /// The same, or why there is none.
    #[inline]
    pub(crate) fn serve(
        &self,
        lookup: &Lookup<'_>,
        now: impl FnOnce() -> u64,
    ) -> Result<Payload, MissReason> {
        let mut why = None;
        let served = self.0.serve(lookup, now, |face, entry, due, now| {
            let served = self.serve_after_check(face, entry, due, now);
            served.map_err(|reason| why = Some(reason)).ok()
        });
        served.ok_or_else(|| why.unwrap_or_else(|| self.recall_ghost(lookup.hash())))
    }

    /// Why there is no entry.
    pub(crate) fn recall_ghost(&self, hash: u64) -> MissReason {
        self.0.ghosts.recall(hash)
    }

    /// Makes every thread ask what the global cache is: this one is no longer.
    pub(crate) fn retire(&self) {
        self.0.trusted_until.store(0, Ordering::Relaxed);
    }

    /// The same when there is more to look at.
    #[cold]
    #[inline(never)]
    pub(crate) fn serve_after_check(
        &self,
        face: &Face,
        entry: &Kept,
        due: u64,
        now: u64,
    ) -> Result<Payload, MissReason> {
        if self.0.is_hit(due, now) && face.passes() {
            return Ok(face.hit());
        }
        self.judge(entry, due, now)?;
        self.watch_use(entry);
        face.remember(entry);
        face.instance.served(entry.late(now));
        Ok(face.payload())
    }

    /// An entry that may be served now to a call, or why there is none.
    pub(crate) fn find_for_call(&self, lookup: &Lookup<'_>) -> Result<Arc<Kept>, MissReason> {
        let (entry, due) = self.recall(lookup)?;
        self.judge(&entry, due, self.now())?;
        self.watch_use(&entry);
        Ok(entry)
    }

    /// An entry that may be shown now, or why there is none. Where freshness is strict, a call has to ask the log before.
    pub(crate) fn find(&self, lookup: &Lookup<'_>) -> Result<Arc<Kept>, MissReason> {
        let (entry, _) = self.recall(lookup)?;
        self.check(&entry, entry.fresh_until()).map(|()| entry)
    }

    /// An entry that is valid, and may be served for some time yet, fresh or not.
    pub(crate) fn find_late(&self, lookup: &Lookup<'_>) -> Option<Arc<Kept>> {
        let (entry, _) = self.recall(lookup).ok()?;
        self.check(&entry, entry.expires()).ok().map(|()| entry)
    }

    /// An entry, and from when on a hit had to look closer at it.
    fn recall(&self, lookup: &Lookup<'_>) -> Result<(Arc<Kept>, u64), MissReason> {
        let ghost = || self.recall_ghost(lookup.hash());
        let found = |seen: Seen<'_, Kept>| (Arc::clone(seen.entry), seen.due);
        self.0.memory.view(lookup, found).ok_or_else(ghost)
    }

    /// Whether an entry may be served to a call that looks at `now`, which is not to try to replace it.
    fn judge(&self, entry: &Kept, due: u64, now: u64) -> Result<(), MissReason> {
        let fresh_until = entry.fresh_until();
        let mut verdict = self.check_at(entry, entry.due(), now);
        if verdict == Err(MissReason::Expired) && due < fresh_until {
            verdict = self.check_at(entry, fresh_until, now);
            if verdict.is_ok() && self.draws(entry, due) {
                verdict = Err(MissReason::Expired);
            }
        }
        verdict?;
        if self.is_strict() {
            Err(MissReason::Unconfirmed)
        } else {
            Ok(())
        }
    }

    /// Whether a call that was not served, for this reason, may be served from memory all the same.
    pub(crate) fn may_be_hit_yet(&self, why: MissReason, policy: &Policy) -> bool {
        match why {
            MissReason::Unconfirmed => self.is_strict(),
            MissReason::Expired => policy.falls_back(),
            _ => false,
        }
    }

    /// Whether each call asks the log.
    pub(crate) fn is_strict(&self) -> bool {
        #[cfg(feature = "redis")]
        return self.0.remote.is_some()
            && self.0.config.freshness == crate::config::Freshness::Strict;
        #[cfg(not(feature = "redis"))]
        false
    }

    /// Whether an entry is valid, as far as is known here, at a time before `until`.
    pub(crate) fn check(&self, entry: &Kept, until: u64) -> Result<(), MissReason> {
        self.check_at(entry, until, self.now())
    }

    /// The same of a call that looks at `now`.
    fn check_at(&self, entry: &Kept, until: u64, now: u64) -> Result<(), MissReason> {
        if !entry.is_checked(self.0.index.version()) && !entry.is_valid() {
            return Err(MissReason::Invalidated);
        }
        if until <= now {
            return Err(MissReason::Expired);
        }
        if !self.is_trusted_at(now) && !self.counts(entry, now) {
            return Err(MissReason::Unconfirmed);
        }
        Ok(())
    }

    /// Whether an entry is young enough for a call that looks at `now`, whatever has been heard of the log.
    pub(crate) fn counts(&self, entry: &Kept, now: u64) -> bool {
        crate::time::deadline(entry.began(), self.0.config.max_staleness) >= now
    }

    /// Whether what was asked for at `sent` may be served now, as far as the age of what is known of the log goes.
    #[cfg(feature = "redis")]
    pub(crate) fn may_count(&self, sent: u64) -> bool {
        let now = self.now();
        self.is_trusted_at(now) || crate::time::deadline(sent, self.0.config.max_staleness) >= now
    }

    /// Whether the log had been heard of, not too long before `now`.
    pub(crate) fn is_trusted_at(&self, now: u64) -> bool {
        self.heard_until() >= now
    }

    /// When the log was last heard of; now, if it is in this process.
    pub(crate) fn last_contact(&self) -> u64 {
        match self.heard_until() {
            u64::MAX => u64::MAX,
            until => until.saturating_sub(crate::time::millis(self.0.config.max_staleness)),
        }
    }

    /// As long as the last word from the log counts.
    fn heard_until(&self) -> u64 {
        #[cfg(feature = "redis")]
        if let Some(remote) = &self.0.remote {
            return remote.heard_until();
        }
        u64::MAX
    }

    /// Whether the log has been heard of, not too long ago.
    #[cfg(feature = "redis")]
    pub(crate) fn is_trusted(&self) -> bool {
        self.is_trusted_at(self.now())
    }
}
