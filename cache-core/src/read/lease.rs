//! A miss in Redis: of all processes one computes, and the others wait for its value.

use std::time::{Duration, Instant};

use redis::Value;

use super::compute::{Driver, Stage};
use super::fetch::{Asked, Fetching};
use crate::entry::Kept;
use crate::flight::Leader;
use crate::link::scripts::Lease;
use crate::remote::{Claim, Claimed, Remote, claimed};
use crate::sync::Arc;
use crate::tier::memory::MemoryKey;
use crate::time;

/// How long the first pause is at most, and every one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// A lease that is asked for, together with the value.
pub(super) struct Bid {
    claim: Claim,
    /// How long this call waits for others.
    until: Instant,
    /// How long the next pause is at most.
    pause: Duration,
}

impl Bid {
    /// By chance half of the pause or all of it, so that those who wait for the same do not come together.
    fn pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSES.1);
        let left = self.until.saturating_duration_since(Instant::now());
        pause.mul_f64(0.5 + 0.5 * time::fraction()).min(left)
    }
}

impl Driver {
    /// There is no value in Redis: asks for the lease.
    pub(super) fn bid(&self, leader: Leader<MemoryKey, Arc<Kept>>) -> Stage {
        // Behind one that is overdue nobody waits again; and nobody who has others with him, who would have to wait, too.
        let claim = self
            .remote()
            .filter(|_| leader.is_first() && !self.together)
            .and_then(|remote| Some((remote, remote.claim(self.target.digest)?)));
        let Some((remote, claim)) = claim else {
            return self.compute(Some(leader), true);
        };
        let bid = Bid {
            claim,
            until: Instant::now() + self.ticket.cache.patience(&self.ticket.seat),
            pause: PAUSES.0,
        };
        self.ask(remote, leader, bid, None, Duration::ZERO)
    }

    /// There was none with the answer to a bid either. Whatever has failed means: compute.
    pub(super) fn answered(
        &self,
        leader: Leader<MemoryKey, Arc<Kept>>,
        mut bid: Bid,
        reply: Option<Value>,
    ) -> Stage {
        let claimed = reply.and_then(|reply| claimed(reply).ok());
        match (claimed, self.remote()) {
            (Some(Claimed::Granted), _) => {
                bid.claim.renew(self.ticket.cache.0.config.lease);
                self.compute_with(leader, bid.claim)
            }
            // As long as there is nothing for others all compute for themselves, and say so.
            (Some(Claimed::Refused(Some(lease))), _) if lease.is_nobodys() => {
                self.compute_with(leader, bid.claim)
            }
            (Some(Claimed::Refused(lease)), Some(remote)) if Instant::now() < bid.until => {
                let dead = lease.filter(|lease| self.is_dead(*lease));
                let pause = match dead {
                    Some(_) => Duration::ZERO,
                    None => bid.pause(),
                };
                self.ask(remote, leader, bid, dead, pause)
            }
            _ => self.compute(Some(leader), true),
        }
    }

    fn compute_with(&self, leader: Leader<MemoryKey, Arc<Kept>>, mut claim: Claim) -> Stage {
        let mut stage = self.compute(Some(leader), true);
        if let Stage::Computing(computation) = &mut stage {
            claim.begin();
            computation.claim = Some(claim);
        }
        stage
    }

    /// Whether what the holder computes has been invalidated. It may have seen more of the log than this process, and is not dead for that.
    fn is_dead(&self, lease: Lease) -> bool {
        let verdict = self
            .ticket
            .cache
            .0
            .index
            .check(lease.began, 0, &self.target.own);
        !verdict.valid && lease.began <= verdict.applied
    }

    fn ask(
        &self,
        remote: &Remote,
        leader: Leader<MemoryKey, Arc<Kept>>,
        bid: Bid,
        dead: Option<Lease>,
        pause: Duration,
    ) -> Stage {
        let cache = &self.ticket.cache;
        let began = cache.0.index.applied();
        Stage::Fetching(Fetching {
            asked: Asked::Lease(remote.ask_for(self.target.digest, &bid.claim, began, dead, pause)),
            // Before it is sent: a pause makes what it finds count for less long, never for longer.
            sent: cache.now(),
            leader,
            bid: Some(bid),
        })
    }
}
