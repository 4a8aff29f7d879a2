//! A call that a write gives its value, in place of its body: how that keeps its promise is said in `write`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{Computation, Driver, Stage};
use crate::cache::Token;
use crate::error::{Error, ErrorKind};
use crate::index::{Dep, of_ordinal};
use crate::invalidating::Invalidating;
use crate::position::Position;
use crate::read::run::Work;
use crate::scope::{Frame, Scope};
use crate::stats::RefusalReason;
use crate::sync::Arc;

/// How far it is.
pub(in crate::read) enum Putting {
    /// The record that names the entry is on its way to the log.
    Saying {
        invalidating: Invalidating,
        ordinal: u64,
    },
    /// The value is on its way to Redis.
    #[cfg(feature = "redis")]
    Sending(crate::link::Answer),
    Through,
}

impl Driver {
    /// Takes what is given, and says that what was there is none any more.
    pub(super) fn put(&mut self, work: &mut dyn Work) -> Stage {
        let Some(modifier) = self.ticket.modifier.clone() else {
            return self.left();
        };
        let Some(given) = modifier.given() else {
            return self.left();
        };
        if let Some(why) = &self.ticket.broken {
            modifier.refuse(Error::new(ErrorKind::Key, why.as_str()));
            return Stage::Left;
        }
        let mut payloads = given.payloads.into_iter();
        let Some(payload) = payloads.find(|payload| work.accept(Arc::clone(payload))) else {
            let text = "the value that is put has another type than the call has";
            modifier.refuse(Error::new(ErrorKind::Type, text));
            return Stage::Left;
        };
        let invalidating = self.ticket.cache.invalidate(vec![self.target.matcher()]);
        self.given = Some((payload, given.witness));
        Stage::Putting(Putting::Saying {
            ordinal: invalidating.ordinal(),
            invalidating,
        })
    }

    pub(super) fn poll_put(&mut self, cx: &mut Context<'_>, work: &mut dyn Work) -> Poll<()> {
        // The last poll's is gone.
        if let Some((payload, _)) = &self.given {
            work.accept(Arc::clone(payload));
        }
        loop {
            let Stage::Putting(putting) = &mut self.stage else {
                return Poll::Ready(());
            };
            let next = match putting {
                Putting::Saying {
                    invalidating,
                    ordinal,
                } => {
                    let ordinal = *ordinal;
                    let said = ready!(Pin::new(invalidating).poll(cx));
                    self.said(said, ordinal, work)
                }
                #[cfg(feature = "redis")]
                Putting::Sending(answer) => {
                    // There or not: it is valid.
                    let _ = ready!(Pin::new(answer).poll(cx));
                    Putting::Through
                }
                Putting::Through => {
                    self.stage = Stage::Done;
                    return Poll::Ready(());
                }
            };
            self.stage = Stage::Putting(next);
        }
    }

    /// What was there is dead; what is given lives from that place on.
    fn said(&mut self, said: Result<Token, Error>, ordinal: u64, work: &mut dyn Work) -> Putting {
        let cache = self.ticket.cache.clone();
        let scope = self.ticket.scope.as_ref();
        let held_back = scope.is_some_and(|scope| scope.holds_back());
        let at = match said {
            Ok(Token(Some(at))) if !held_back => at,
            Ok(_) => {
                self.refuse(RefusalReason::Bypass);
                return Putting::Through;
            }
            Err(error) => {
                if let Some(modifier) = &self.ticket.modifier {
                    modifier.refuse(error);
                }
                return Putting::Through;
            }
        };
        let parts = &cache.0;
        let max_deps = parts.config.max_deps;
        self.stage = Stage::Computing(Computation {
            #[cfg(feature = "redis")]
            claim: None,
            leader: None,
            frame: Arc::new(Frame::new(ordinal, None, &parts.index, at, max_deps)),
            scope: Arc::new(Scope::default()),
            ordinal,
            started: self
                .given
                .as_ref()
                .map_or_else(|| cache.started(), |(_, witness)| witness.started),
            may_store: true,
            sharers: 1,
        });
        self.finish(work);
        #[cfg(feature = "redis")]
        if let Some(remote) = self.remote() {
            return Putting::Sending(remote.sent());
        }
        Putting::Through
    }

    /// Whether the value is that of a body that ran here.
    pub(super) fn is_computed(&self) -> bool {
        self.given.is_none()
    }

    /// Why what is given may not be kept, though nothing that is known says that it is invalid.
    pub(super) fn doubt(&self, deps: &[Dep], ordinal: u64, at: Position) -> Option<RefusalReason> {
        let (_, witness) = self.given.as_ref()?;
        let index = &self.ticket.cache.0.index;
        if !witness.is_of(index) || witness.is_derived() || self.ticket.seat.is_derived() {
            // What its own body would have used is not known.
            return Some(RefusalReason::Untracked);
        }
        let own = [of_ordinal(ordinal), at];
        let alone = index.has_reached(at) && witness.is_alone(deps, &own);
        (!alone).then_some(RefusalReason::Invalidated)
    }
}
