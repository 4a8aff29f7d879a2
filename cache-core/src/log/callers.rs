//! Who waits for the log, and what they are told.

use std::collections::VecDeque;
use std::pin::pin;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::Shared;
use crate::link::{LinkError, Request, scripts};
use crate::position::Position;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, lock};

/// How many values are removed at a time: the server does nothing else meanwhile.
const FREED: usize = 256;

/// Who waits.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) callers: Vec<Caller>,
    /// Whether the link is closed: nobody will be told anything any more.
    pub(super) closed: bool,
    /// Who wants to know what the log has by now.
    pub(super) asking: VecDeque<Asking>,
    /// Whether it is being asked for them.
    pub(super) confirming: bool,
    /// Up to these ordinals the log has everything from these positions on.
    pub(super) logged: Vec<(u64, Position)>,
}

/// Somebody who waits for his record to be logged.
pub(super) struct Caller {
    pub(super) ordinal: u64,
    pub(super) told: oneshot::Sender<Result<Position, LinkError>>,
    /// The values that his record names, if nobody needs them any more.
    pub(super) dead: Vec<Vec<u8>>,
}

/// Somebody who wants to know what the log has.
pub(super) struct Asking {
    pub(super) deadline: Instant,
    pub(super) told: oneshot::Sender<Result<(), LinkError>>,
}

/// Dropped with its link's thread: who waits is told, and who comes.
pub(super) struct End(pub(super) Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        let mut waiting = lock(&self.0.waiting);
        waiting.closed = true;
        let callers = std::mem::take(&mut waiting.callers);
        let asking = std::mem::take(&mut waiting.asking);
        drop(waiting);
        drop((callers, asking));
        self.0.in_touch.store(false, Ordering::Relaxed);
    }
}

/// Asks the log what it has, as long as somebody wants to know.
pub(super) async fn confirm(log: Arc<Shared>) {
    loop {
        let mut asking = log.asking();
        if asking.is_empty() {
            return;
        }
        let mut trips = pin!(log.sync());
        // They came one after another, and are told in that order that it takes too long.
        while let Some(first) = asking.front() {
            let heard = timeout_at(first.deadline, trips.as_mut()).await;
            let many = if heard.is_ok() { asking.len() } else { 1 };
            let outcome = heard.unwrap_or(Err(LinkError::TimedOut));
            for Asking { told, .. } in asking.drain(..many) {
                // Whoever does not want to know has dropped it.
                let _ = told.send(outcome.clone());
            }
        }
    }
}

impl Shared {
    /// Who wants to know what the log has by now, to be told with the next trip; if nobody does, there is none.
    fn asking(&self) -> VecDeque<Asking> {
        let mut waiting = lock(&self.waiting);
        let asking = std::mem::take(&mut waiting.asking);
        waiting.confirming = !asking.is_empty();
        asking
    }

    /// Everything up to this ordinal stands at this position or before, and has as many copies as it should, or not.
    pub(super) fn logged(&self, ordinal: u64, position: Position, copied: Result<(), LinkError>) {
        let mut waiting = lock(&self.waiting);
        waiting.logged.push((ordinal, position));
        let (told, still): (Vec<Caller>, _) = std::mem::take(&mut waiting.callers)
            .into_iter()
            .partition(|caller| caller.ordinal <= ordinal);
        waiting.callers = still;
        drop(waiting);
        self.settle();
        let mut dead = Vec::new();
        for caller in told {
            // Whoever does not want to know has dropped it.
            let _ = caller.told.send(copied.clone().map(|()| position));
            dead.extend(caller.dead);
        }
        self.free(&dead, position);
    }

    /// Removes those of the values that are older than this position, in the background.
    fn free(&self, values: &[Vec<u8>], older_than: Position) {
        let names: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        for names in names.chunks(FREED) {
            let drop = scripts::drop_older(names, older_than);
            self.link.send(Request::of(drop));
        }
    }

    /// What has been logged, and applied here, is no longer pending: before it is applied, nothing else would stop old values.
    pub(super) fn settle(&self) {
        let applied = self.index.applied();
        let mut waiting = lock(&self.waiting);
        // What another generation has lost is not settled: it is still pending, and said again.
        waiting
            .logged
            .retain(|(_, position)| position.generation >= applied.generation);
        let done = waiting
            .logged
            .iter()
            .filter(|(_, position)| *position <= applied)
            .map(|(ordinal, _)| *ordinal)
            .max();
        let Some(done) = done else { return };
        waiting.logged.retain(|(ordinal, _)| *ordinal > done);
        drop(waiting);
        self.index.settle_up_to(done);
        self.settled.notify_waiters();
    }

    /// Nobody can be told when the log will take records again: those who wait are told that it does not, if it was tried to say
    /// what they have. That stays pending. Whether others wait.
    pub(super) fn fail(&self, tried: u64, error: &LinkError) -> bool {
        let mut waiting = lock(&self.waiting);
        let (told, still): (Vec<Caller>, _) = std::mem::take(&mut waiting.callers)
            .into_iter()
            .partition(|caller| caller.ordinal <= tried);
        waiting.callers = still;
        let others = !waiting.callers.is_empty();
        drop(waiting);
        for Caller { told, .. } in told {
            let _ = told.send(Err(error.clone()));
        }
        others
    }
}
