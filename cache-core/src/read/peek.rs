//! A look at what Redis has, by a call that computes nothing.

use std::pin::Pin;
use std::task::{Context, Poll};

use redis::Value;

use super::compute::{Driver, Stage};
use super::fetch::Asked;
use super::run::Work;
use crate::flight;
use crate::link::{Answer, LinkError};

/// A value that was asked for, and nothing else with it.
pub(super) struct Peeking {
    answer: Answer,
    asked: Asked,
}

impl Peeking {
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<(Result<Vec<Value>, LinkError>, Asked)> {
        let asked = self.asked;
        Pin::new(&mut self.answer)
            .poll(cx)
            .map(|outcome| (outcome, asked))
    }
}

impl Driver {
    /// Asks Redis, if there is anything to be asked.
    pub(super) fn peek(&self) -> Stage {
        match self.remote() {
            Some(remote) => Stage::Peeking(Peeking {
                asked: Asked {
                    at: self.ticket.cache.now(),
                    ordinal: flight::next_id(),
                },
                answer: remote.fetch(self.target.digest),
            }),
            None => self.left(),
        }
    }

    /// Whether the answer is this call's.
    pub(super) fn peeked(
        &mut self,
        (outcome, asked): (Result<Vec<Value>, LinkError>, Asked),
        work: &mut dyn Work,
    ) -> bool {
        let found = self
            .remote()
            .zip(outcome.ok())
            .and_then(|(remote, replies)| remote.found(replies).ok().flatten());
        let entry = found.and_then(|found| self.promote(&found, asked, None, work).ok());
        let Some(entry) = entry else {
            return false;
        };
        self.report(entry.stamp(), entry.deps());
        self.stage = Stage::Done;
        true
    }
}
