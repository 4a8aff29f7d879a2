//! Trips to the server: one for each request that somebody waits for, and those of what nobody does.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout, timeout_at};

use super::Shared;
use super::answer::Outcome;
use super::connection::{Connection, State};
use super::error::LinkError;
use super::notice::Notice;
use super::reply::Reply;
use super::request::Request;
use super::wire::Trip;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{lock, wake_all};

impl Shared {
    /// [`ask`](Self::ask), counted as a trip that somebody waits for.
    pub(super) async fn ask_timed(
        self: &Arc<Self>,
        request: Request,
        deadline: Instant,
    ) -> Outcome {
        let sent = Instant::now();
        let outcome = self.ask(request, deadline).await;
        self.trips.add(nanos(sent.elapsed()));
        outcome
    }

    /// One trip, with all that is counted of it.
    async fn ask(self: &Arc<Self>, request: Request, deadline: Instant) -> Outcome {
        let trip = timeout_at(deadline.into(), self.trip(request));
        let outcome = trip.await.unwrap_or(Err(LinkError::TimedOut));
        self.note(&outcome.as_ref().map(|answer| answer.as_ref().err()));
        outcome?
    }

    /// Counts what became of a trip: answered, perhaps with an error, or not.
    pub(super) fn note(self: &Arc<Self>, outcome: &Result<Option<&LinkError>, &LinkError>) {
        match *outcome {
            Ok(refusal) => {
                self.breaker.succeeded();
                bump(&self.answered);
                if let Some(refusal) = refusal {
                    bump(&self.refused);
                    *lock(&self.last_error) = Some(refusal.clone());
                }
            }
            Err(error) => {
                bump(&self.failed);
                if *error == LinkError::TimedOut {
                    bump(&self.timed_out);
                }
                *lock(&self.last_error) = Some(error.clone());
                let counts = !matches!(error, LinkError::Disconnected(_)) || self.is_first_loss();
                if counts && self.breaker.failed() {
                    self.observer.tell(Notice::BreakerOpened);
                    self.io.spawn(probe(Arc::clone(self)));
                }
            }
        }
    }

    /// Whether this is the first loss since the last attempt to connect was over: that this failed, or that what came of it broke, is one
    /// failure, however many had something on their way.
    fn is_first_loss(&self) -> bool {
        let attempts = self.attempts.load(Ordering::Relaxed);
        self.lost.swap(attempts, Ordering::Relaxed) != attempts
    }

    /// Gives what nobody waits for to [`drain`], unless it is not sent.
    pub(super) fn send(&self, request: Request) {
        let options = &self.options;
        let pushed = match self.breaker.is_open() {
            true => Err(request),
            false => self
                .queue
                .push(request, options.queue_length, options.queue_bytes),
        };
        if let Err(mut request) = pushed {
            self.queue.drop(request.requests());
            self.owed.keep(request.take_otherwise());
        }
    }

    /// One trip.
    async fn trip(&self, request: Request) -> Result<Outcome, LinkError> {
        let connection = self.connection().await?;
        connection.exchange(request, &self.address.secrets).await
    }

    /// Waits for an attempt to connect, but not for the next one.
    pub(super) async fn connection(&self) -> Result<Connection, LinkError> {
        let mut state = self.state.subscribe();
        let settled = |state: &State| !matches!(state, State::Connecting);
        match state.wait_for(settled).await.map(|state| state.clone()) {
            Ok(State::Connected(connection)) => Ok(connection),
            Ok(State::Down(error)) => Err(error),
            Ok(State::Connecting) | Err(_) => Err(LinkError::closed()),
        }
    }
}

/// Takes a trip to the server by the link's connection.
pub(super) async fn carry(shared: Arc<Shared>, mut trip: Box<dyn Trip>) {
    let Some(last) = trip.deadlines().last() else {
        return;
    };
    let mut asked = pin!(shared.ask_timed(trip.commands(), *last));
    // Nobody waits for longer because others have come later.
    let outcome = loop {
        let Some(first) = trip.deadlines().first() else {
            break asked.await;
        };
        match timeout_at((*first).into(), &mut asked).await {
            Ok(outcome) => break outcome,
            Err(_) => wake_all(trip.late(Instant::now())),
        }
    };
    trip.end(outcome.and_then(Reply::of));
}

/// Closes the breaker as soon as the server answers again.
async fn probe(shared: Arc<Shared>) {
    loop {
        sleep(shared.options.probe_interval).await;
        let ping = shared.trip(Request::of(redis::cmd("PING")));
        match timeout(shared.options.op_timeout, ping).await {
            Ok(Ok(_)) => {
                shared.breaker.close();
                break shared.observer.tell(Notice::BreakerClosed);
            }
            Ok(Err(_)) => {}
            // Whoever was at the other end may be gone without a word.
            Err(_) => {
                if let State::Connected(connection) = &*shared.state.borrow() {
                    connection.abandon();
                }
            }
        }
    }
}

/// Sends what nobody waits for, one trip at a time.
pub(super) async fn drain(shared: Arc<Shared>) {
    loop {
        let mut batch = shared.queue.batch().await;
        let (sent, requests) = (Instant::now(), batch.requests());
        let stores = batch.stores();
        let otherwise = batch.take_otherwise();
        if shared.breaker.is_open() {
            shared.owed.keep(otherwise);
            shared.queue.left(requests);
            continue;
        }
        let outcome = shared.ask(batch, sent + shared.options.send_timeout).await;
        shared.writes.add(nanos(sent.elapsed()));
        match outcome {
            Ok(replies) => {
                let late = |at: &&usize| replies.get(**at) == Some(&redis::Value::Int(0));
                let late = stores.iter().filter(late).count();
                shared.late.fetch_add(late as u64, Ordering::Relaxed);
                shared.queue.left(0);
            }
            Err(why) => {
                if why.may_pass() {
                    shared.owed.keep(otherwise);
                }
                shared.queue.left(requests);
            }
        }
    }
}

pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
