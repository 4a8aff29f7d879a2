//! Asking the server that has the log.

use std::time::Duration;

use super::{PAGE, Shared, random};
use crate::index::Page;
use crate::link::{Dedicated, LinkError, Request, scripts};
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
        let mut replies = match self.options.ack_replicas {
            1.. if append.record.is_some() => {
                let kept = lock(&self.patient).take();
                let patient = match kept {
                    Some(patient) => patient,
                    None => self.link.dedicated().await?,
                };
                self.ask_patiently(patient, request).await?
            }
            _ => self.link.ask(request).await?,
        };
        let reply = scripts::appended(replies.pop().unwrap_or(redis::Value::Nil))?;
        if !reply.is_answer_to(&append) {
            return Err(LinkError::Unexpected("the answer to something else".into()));
        }
        Ok(reply)
    }

    /// Waits until so many replicas have the record that has just been appended.
    pub(super) async fn copied(&self) -> Result<(), LinkError> {
        let replicas = self.options.ack_replicas;
        if replicas == 0 {
            return Ok(());
        }
        // The same connection: the server waits for what came over it.
        let Some(patient) = lock(&self.patient).take() else {
            return Err(LinkError::Disconnected("that of the append is gone".into()));
        };
        let wait = Request::of(scripts::wait(replicas, REPLICATED));
        let mut replies = self.ask_patiently(patient, wait).await?;
        let have = scripts::replicated(replies.pop().unwrap_or(redis::Value::Nil))?;
        if have < replicas {
            return Err(LinkError::Refused(
                format!(
                    "{have} of {replicas} replicas have the invalidation, which others hear of from the primary"
                )
                .into(),
            ));
        }
        Ok(())
    }

    /// Asks over a connection that may be kept waiting, and keeps it if it works.
    async fn ask_patiently(
        &self,
        patient: Dedicated,
        request: Request,
    ) -> Result<Vec<redis::Value>, LinkError> {
        let replies = patient.ask(request, 2 * REPLICATED).await?;
        *lock(&self.patient) = Some(patient);
        Ok(replies)
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
