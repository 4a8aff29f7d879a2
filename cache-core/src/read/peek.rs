//! A look at what Redis has, by a call that computes nothing.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::compute::{Driver, Stage};
use super::fetch::Moment;
use super::run::Work;
use crate::flight;
use crate::link::LinkError;
use crate::remote::{Found, Read};

/// A value that was asked for, and nothing else with it.
pub(super) struct Peeking {
    read: Read,
    asked: Moment,
}

impl Peeking {
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<(Result<Option<Found>, LinkError>, Moment)> {
        let asked = self.asked;
        Pin::new(&mut self.read)
            .poll(cx)
            .map(|outcome| (outcome, asked))
    }
}

impl Driver {
    /// Asks Redis, if there is anything to be asked.
    pub(super) fn peek(&self) -> Stage {
        match self.remote().filter(|remote| !remote.is_refused()) {
            Some(remote) => Stage::Peeking(Peeking {
                asked: Moment {
                    at: self.ticket.cache.now(),
                    ordinal: flight::next_id(),
                },
                read: remote.fetch(self.target.digest),
            }),
            None => self.left(),
        }
    }

    /// Whether the answer is this call's.
    pub(super) fn peeked(
        &mut self,
        (outcome, asked): (Result<Option<Found>, LinkError>, Moment),
        work: &mut dyn Work,
    ) -> bool {
        let entry = outcome
            .ok()
            .flatten()
            .and_then(|found| self.promote(&found, asked, None, work).ok());
        let Some(entry) = entry else {
            return false;
        };
        self.report(entry.stamp(), entry.deps());
        self.stage = Stage::Done;
        true
    }
}
