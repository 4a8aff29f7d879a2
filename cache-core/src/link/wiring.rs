//! Keeps a [`Wire`] beside the link's connection, where there can be one.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{Either, FutureExt, select};
use redis::Value;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::connection::{Backoff, Connection, State};
use super::error::LinkError;
use super::reply::Reply;
use super::wire::{Event, Reader, Wire};
use super::{Shared, nanos, socket};
use crate::sync::lock;

/// Opens one whenever there is a connection, and another when it breaks before that.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut state = shared.state.subscribe();
    loop {
        let connected = |state: &State| matches!(state, State::Connected(_));
        let main = match state.wait_for(connected).await.map(|state| state.clone()) {
            Ok(State::Connected(main)) => main,
            Ok(_) => continue,
            Err(_) => return,
        };
        if socket::reaches(main.at()) {
            beside(&shared, &main, state.clone()).await;
        } else {
            changed(&main, &mut state).await;
        }
    }
}

async fn changed(main: &Connection, state: &mut watch::Receiver<State>) {
    // It fails with the link.
    let _ = state.wait_for(|state| !state.has(main)).await;
}

/// Until there is another connection: that may be with another server.
async fn beside(shared: &Arc<Shared>, main: &Connection, mut state: watch::Receiver<State>) {
    let mut over = pin!(changed(main, &mut state));
    let mut backoff = Backoff::new();
    loop {
        let reading = async {
            // What goes wrong is tried again; until then there is the other way.
            let opening = timeout(shared.options.connect_timeout, shared.address.wire(main));
            let opened = opening.await;
            if let Ok(Ok(None)) = opened {
                // That is so until the other connection is another one.
                return pending().await;
            }
            if let Ok(Ok(Some((read, write)))) = opened {
                let since = Instant::now();
                let (wire, reader) = Wire::new(read, write, shared.options.op_timeout);
                *lock(&shared.wire) = Some(wire);
                let mut reading = Reading { shared, reader };
                // Who panics when he is told is one of many.
                let _ = AssertUnwindSafe(run(shared, main, &mut reading.reader))
                    .catch_unwind()
                    .await;
                backoff.ends(since.elapsed());
            }
            sleep(backoff.next()).await;
        };
        if let Either::Right(_) = select(pin!(reading), over.as_mut()).await {
            return;
        }
    }
}

/// Takes the wire away when it is dropped, and tells those who will not be answered.
struct Reading<'a> {
    shared: &'a Arc<Shared>,
    reader: Reader,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let shared = self.shared;
        *lock(&shared.wire) = None;
        let (lost, why) = self.reader.rest();
        for flight in lost {
            shared.trips.add(nanos(flight.sent.elapsed()));
            shared.note(&Err(&why));
            flight.trip.end(Err(why.clone()));
        }
    }
}

/// Brings those who wait their answers.
async fn run(shared: &Arc<Shared>, main: &Connection, reader: &mut Reader) {
    while let Some(event) = reader.next().await {
        match event {
            Event::Answered(flight, reply) => {
                shared.trips.add(nanos(flight.sent.elapsed()));
                let refusal = refusal(shared, main, &reply);
                shared.note(&Ok(refusal.as_ref()));
                flight.trip.end(refusal.map_or(Ok(reply), Err));
            }
            Event::TimedOut(flight) => {
                shared.trips.add(nanos(flight.sent.elapsed()));
                // Whoever is at the other end may be gone without a word.
                *lock(&shared.wire) = None;
                shared.note(&Err(&LinkError::TimedOut));
                flight.trip.end(Err(LinkError::TimedOut));
            }
        }
    }
}

/// What the server says in the place of an answer.
fn refusal(shared: &Shared, main: &Connection, reply: &Reply) -> Option<LinkError> {
    let refused = (0..reply.len()).find(|at| reply.is_refused(*at))?;
    match reply.value(refused) {
        Ok(Value::ServerError(error)) => Some(main.refused(&error, &shared.address.secrets)),
        Ok(_) => Some(LinkError::unexpected("an error that is none")),
        Err(error) => Some(error),
    }
}
