//! Saying what is pending, and asking for news.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{LONGEST_PAUSE, SHORTEST_PAUSE, Shared};
use crate::index::Pending;
use crate::link::{LinkError, scripts};
use crate::matcher::{self, Matcher};
use crate::position::Position;

/// The longest wait for others to say again what a server has lost.
const SAY_AGAIN: Duration = Duration::from_millis(200);

/// How many lost records are said again at a time.
const FEW: usize = 64;

/// About so many bytes are in one record at most: one alone must come through in the time that an answer may take.
pub(crate) const RECORD_BYTES: usize = 16 << 10;

/// Appends what is pending, and asks for news at every heartbeat, until the link is closed.
pub(super) async fn keep(log: &Shared) {
    let mut pause = SHORTEST_PAUSE;
    loop {
        let pending = log.index.pending();
        let tried = pending.last().map_or(0, |pending| pending.ordinal);
        match log.flush(pending).await {
            Ok(()) => {
                pause = SHORTEST_PAUSE;
                let next = Instant::now() + log.options.heartbeat;
                // Whether it was woken or not: there is something to do.
                let _ = timeout_at(next, log.wake.notified()).await;
            }
            Err(error) => {
                let refused = matches!(error, LinkError::Refused(_));
                if !refused {
                    log.lose(&error);
                }
                // Callers are to be told soon that the log is away, not to be made to wait for it.
                if !log.fail(tried, &error) {
                    let longer = pause.mul_f64(0.5 + 0.5 * crate::time::fraction());
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    let _ = timeout_at(Instant::now() + longer, log.wake.notified()).await;
                }
                // A server that takes no record, for want of room say, may still tell what others have said.
                if refused && (log.is_refused() || log.sync().await.is_err()) {
                    log.lose(&error);
                }
            }
        }
    }
}

/// Matchers for one record after another, each with the last ordinal that has been said with it.
pub(super) fn records(own: Vec<Pending>) -> Vec<(u64, Vec<Matcher>)> {
    let mut records: Vec<(u64, Vec<Matcher>)> = Vec::new();
    let (mut room, mut said) = (0, 0);
    for pending in own {
        // What is said together has one position, if one record can hold it: what others say is before all of it, or behind.
        if pending.matchers.iter().map(Matcher::size).sum::<usize>() > room {
            room = 0;
        }
        for matcher in pending.matchers {
            let size = matcher.size();
            match records.last_mut() {
                Some((_, matchers)) if size <= room => matchers.push(matcher),
                _ => {
                    records.push((said, vec![matcher]));
                    room = RECORD_BYTES;
                }
            }
            room = room.saturating_sub(size);
        }
        said = pending.ordinal;
        if let Some((up_to, _)) = records.last_mut() {
            *up_to = said;
        }
    }
    records
}

impl Shared {
    /// Appends all that is pending, and applies all that the log has.
    pub(super) async fn flush(&self, pending: Vec<Pending>) -> Result<(), LinkError> {
        if self.is_refused() {
            // The least first: it may say no to everything.
            self.sync().await?;
        }
        let (lost, own): (Vec<_>, Vec<_>) = pending
            .into_iter()
            .partition(|pending| pending.origin.is_some());
        for (said, matchers) in records(own) {
            let position = self.append(&matchers, None).await?;
            if !self.stands(position) {
                // Once more, to whichever server has the log now.
                self.wake.notify_one();
                return Ok(());
            }
            // In the log it is, whoever has a copy: others hear of it, and nothing more is to be said.
            let copied = self.copied().await;
            self.logged(said, position, copied);
        }
        self.say_again(lost).await?;
        self.sync().await
    }

    /// Appends what another server's log has lost, a few records at a time, so that nobody has to wait for all of them.
    async fn say_again(&self, lost: Vec<Pending>) -> Result<(), LinkError> {
        if lost.is_empty() {
            return Ok(());
        }
        // Another instance may be quicker with some of them; the index knows by then.
        let pause = SAY_AGAIN.mul_f64(crate::time::fraction());
        let _ = timeout_at(Instant::now() + pause, self.wake.notified()).await;
        // There may be more of them, or somebody who waits.
        self.wake.notify_one();
        let still: Vec<u64> = self.index.pending().iter().map(|p| p.ordinal).collect();
        for pending in lost.into_iter().take(FEW) {
            // It is no longer pending when it is applied: its origin tells.
            if still.contains(&pending.ordinal) {
                self.append(&pending.matchers, pending.origin).await?;
            }
        }
        Ok(())
    }

    /// Appends one record. Its place in the log.
    async fn append(
        &self,
        matchers: &[Matcher],
        origin: Option<Position>,
    ) -> Result<Position, LinkError> {
        let packed = self.sealed(matcher::pack(matchers))?;
        let record = scripts::Record {
            kind: b'i',
            matchers: &packed,
            source: self.source,
            origin,
        };
        let (own, _) = self.exchange(Some(record)).await?;
        Ok(own)
    }

    /// Whether a record that has been appended here is, or will be, applied. Not if another server has taken over meanwhile, which
    /// does not have it: nobody would know that it was lost.
    pub(super) fn stands(&self, own: Position) -> bool {
        own.generation >= self.index.applied().generation
    }
}
