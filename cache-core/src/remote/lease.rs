//! Leases: of all processes that miss a value, one computes it.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use redis::Value;
use tokio::task::AbortHandle;

use super::{Remote, reads};
use crate::key::KeyDigest;
use crate::link::scripts::{self, Lease, Leased};
use crate::link::{Answer, Link, LinkError, Request};
use crate::position::Position;

/// How long nobody waits after a computation that had nothing for others, beside as long as that took: whoever has waited for it sees that in
/// time, and so does, where it has failed, whoever comes while those compute.
const NOBODYS: Duration = Duration::from_millis(200);

/// A lease that somebody here has, or has asked for. Dropped, it is given back, in the background.
pub(crate) struct Claim {
    link: Link,
    name: String,
    /// None if it is given back by somebody else.
    token: Option<[u8; 16]>,
    /// What renews it.
    renewing: Option<AbortHandle>,
    /// When it was made, or the body begins that it is for.
    since: Instant,
    /// How long a lease lasts.
    longest: Duration,
    /// Set while the body runs, and when it has ended: to drop it in that state is to have nothing for others, as the body has failed, or
    /// panicked. They would all have waited for the next one, and the next: let them all compute, at once.
    pub(crate) computing: bool,
}

impl Claim {
    fn token(&self) -> [u8; 16] {
        self.token.unwrap_or_default()
    }

    /// It was granted: makes it last until it is given back, however long the computation takes.
    pub(crate) fn renew(&mut self, lifetime: Duration) {
        let (link, name, token) = (self.link.weak(), self.name.clone(), self.token());
        let renewing = self.link.spawn(async move {
            loop {
                tokio::time::sleep(lifetime / 2).await;
                let renew = scripts::renew(name.as_bytes(), token, millis(lifetime));
                link.send(Request::of(renew));
            }
        });
        self.renewing = Some(renewing);
    }

    /// The body begins that it is for.
    pub(crate) fn begin(&mut self) {
        self.since = Instant::now();
    }

    /// Leaves it until its time is over.
    pub(crate) fn keep(mut self) {
        self.token = None;
    }

    /// The token, for a store that gives the lease back with it.
    pub(super) fn hand_over(mut self) -> Option<[u8; 16]> {
        self.token.take()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(renewing) = &self.renewing {
            renewing.abort();
        }
        if let Some(token) = self.token {
            let name = self.name.as_bytes();
            let back = match self.computing {
                true => {
                    let took = self.since.elapsed().min(self.longest);
                    scripts::pass(name, token, millis(took + NOBODYS))
                }
                false => scripts::release(name, token),
            };
            // Nobody else could give back what was granted, or is yet to be, by a server that does not answer.
            let release = scripts::release(name, token);
            self.link
                .send(Request::of(back).otherwise(release, self.longest));
        }
    }
}

fn millis(lifetime: Duration) -> u64 {
    u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX >> 2)
}

/// What became of a claim.
pub(crate) enum Claimed {
    Granted,
    /// Somebody else has it.
    Refused(Option<Lease>),
}

/// What the first reply to [`Remote::ask_for`] says.
pub(crate) fn claimed(reply: Value) -> Result<Claimed, LinkError> {
    if let Value::Int(_) = reply {
        let taken = scripts::flag(reply)?;
        return Ok(if taken {
            Claimed::Granted
        } else {
            Claimed::Refused(None)
        });
    }
    Ok(match scripts::leased(reply)? {
        Leased::Mine => Claimed::Granted,
        Leased::Theirs(lease) => Claimed::Refused(Some(lease)),
    })
}

impl Remote {
    /// A claim to what is called so, for as long as this; none if somebody else has it.
    ///
    /// # Errors
    /// The server does not say.
    pub(crate) async fn turn(
        &self,
        name: KeyDigest,
        lifetime: Duration,
    ) -> Result<Option<Claim>, LinkError> {
        let claim = self.claim_of(self.turn_name(name), lifetime);
        let mut set = redis::cmd("SET");
        set.arg(&claim.name).arg(&claim.token());
        set.arg("NX").arg("PX").arg(millis(lifetime).max(1));
        let replies = self.link.ask(Request::of(set)).await?;
        if matches!(replies.first(), Some(Value::Nil)) {
            claim.keep();
            return Ok(None);
        }
        Ok(Some(claim))
    }

    fn claim_of(&self, name: String, longest: Duration) -> Claim {
        let random = RandomState::new();
        // A fork has the same randomness, and another number.
        let half = |n: u8| u128::from(random.hash_one((std::process::id(), n)));
        Claim {
            link: self.link.weak(),
            name,
            token: Some((half(0) << 64 | half(1)).to_be_bytes()),
            renewing: None,
            since: Instant::now(),
            longest,
            computing: false,
        }
    }

    /// A claim of the lease of a value, to ask for it with. None where there are no leases.
    pub(crate) fn claim(&self, key: KeyDigest) -> Option<Claim> {
        (!self.lease.is_zero()).then(|| self.claim_of(self.lease_name(key), self.lease))
    }

    /// After a pause asks for the lease, in place of one that is held for a `dead` computation if there is such a one, and
    /// with the same trip for the value: it may have come with the end of another's lease.
    pub(crate) fn ask_for(
        &self,
        key: KeyDigest,
        claim: &Claim,
        began: Position,
        dead: Option<Lease>,
        pause: Duration,
    ) -> Answer {
        let lifetime = millis(self.lease);
        let (name, token) = (claim.name.as_bytes(), claim.token());
        let command = match dead {
            None => scripts::lease(name, token, began, lifetime),
            Some(dead) => scripts::take(name, dead, token, began, lifetime),
        };
        let keys = std::iter::once(key);
        let request = reads::and_values(Request::of(command), &self.values, keys, &self.log);
        self.link.ask_after(pause, request).or_nothing()
    }
}
