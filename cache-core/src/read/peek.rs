//! A look at what Redis has, by a call that computes nothing.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::compute::{Driver, Stage};
use super::run::Work;
use crate::link::LinkError;
use crate::remote::{Found, Read};

/// A value that was asked for, and nothing else with it.
pub(super) struct Peeking {
    pub(super) read: Read,
    pub(super) sent: u64,
}

impl Peeking {
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<(Result<Option<Found>, LinkError>, u64)> {
        let sent = self.sent;
        Pin::new(&mut self.read)
            .poll(cx)
            .map(|outcome| (outcome, sent))
    }
}

impl Driver {
    /// Asks Redis, if there is anything to be asked.
    pub(super) fn peek(&self) -> Stage {
        match self.remote().filter(|remote| !remote.is_refused()) {
            Some(_) if self.together => Stage::Asking(None),
            Some(remote) => Stage::Peeking(Peeking {
                sent: self.ticket.cache.now(),
                read: remote.fetch(self.target.digest),
            }),
            None => self.left(),
        }
    }

    /// Whether the answer is this call's.
    pub(super) fn peeked(
        &mut self,
        (outcome, sent): (Result<Option<Found>, LinkError>, u64),
        work: &mut dyn Work,
    ) -> bool {
        let entry = outcome
            .ok()
            .flatten()
            .and_then(|found| self.promote(&found, sent, None, work).ok());
        if entry.is_none() {
            return false;
        }
        self.stage = Stage::Done;
        true
    }
}
