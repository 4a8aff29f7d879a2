//! Asking the server that has the log.

use std::time::Duration;

use super::{PAGE, Shared, random};
use crate::index::Page;
use crate::link::{LinkError, Request, scripts};
use crate::position::Position;
use crate::sync::atomic::Ordering;
use crate::sync::lock;

/// How long replicas have to say that they have a record.
const REPLICATED: Duration = Duration::from_millis(500);

impl Shared {
    /// One trip to the server: the position of its newest record, and whether there are more than came along.
    pub(super) async fn exchange(
        &self,
        record: Option<scripts::Record<'_>>,
    ) -> Result<(Position, bool), LinkError> {
        let asked = self.ask(record).await;
        let page = self.page.load(Ordering::Relaxed);
        let page = match &asked {
            Err(LinkError::TimedOut) => page / 2,
            _ => (page * 2).min(PAGE),
        };
        self.page.store(page.max(1), Ordering::Relaxed);
        Ok(self.take(asked?))
    }

    pub(super) async fn ask(
        &self,
        record: Option<scripts::Record<'_>>,
    ) -> Result<scripts::Appended, LinkError> {
        let append = scripts::Append {
            applied: self.index.applied(),
            count: self.page.load(Ordering::Relaxed),
            candidate: candidate(),
            length: self.options.length,
            record,
        };
        let request = Request::of(scripts::append(&self.log, &self.meta, &append));
        let reply = match self.options.ack_replicas {
            replicas @ 1.. if append.record.is_some() => self.replicate(request, replicas).await?,
            _ => self.link.ask(request).await?.pop(),
        };
        let reply = scripts::appended(reply.unwrap_or(redis::Value::Nil))?;
        if !reply.is_answer_to(&append) {
            return Err(LinkError::Unexpected("the answer to something else".into()));
        }
        Ok(reply)
    }

    /// Sends an append, and waits until so many replicas have it.
    async fn replicate(
        &self,
        request: Request,
        replicas: usize,
    ) -> Result<Option<redis::Value>, LinkError> {
        let patient = lock(&self.patient).take();
        let patient = match patient {
            Some(patient) => patient,
            None => self.link.dedicated().await?,
        };
        let request = request.and(scripts::wait(replicas, REPLICATED));
        let mut replies = patient.ask(request, 2 * REPLICATED).await?;
        *lock(&self.patient) = Some(patient);
        let have = scripts::replicated(replies.pop().unwrap_or(redis::Value::Nil))?;
        if have < replicas {
            return Err(LinkError::Refused(
                format!("{have} of {replicas} replicas have the invalidation").into(),
            ));
        }
        Ok(replies.pop())
    }

    /// Applies what came.
    pub(super) fn take(&self, reply: scripts::Appended) -> (Position, bool) {
        let page = Page {
            first: Some(self.read(reply.first)),
            tip: reply.tip,
            records: self.read_all(reply.records),
        };
        let more = self.absorb(page);
        self.settle();
        (reply.tip, more)
    }
}

/// A number for a new generation: greater than those of the past, and nobody else's. Below 2^53 for some 270 years.
fn candidate() -> u64 {
    crate::time::unix_millis() * 1024 + random() % 1024
}
