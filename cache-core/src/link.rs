//! One connection to a Redis server, on a thread of its own.
//!
//! A connection's task that ran on a caller's runtime would end with it (with the first `#[tokio::test]`, say), and would starve callers
//! without one. It runs on the link's own thread instead, `cache-io`; callers of any runtime, or none, get an [`Answer`] from there.

mod answer;
mod breaker;
mod connection;
mod error;
mod queue;
mod request;
pub(crate) mod scripts;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{process, thread};

use redis::{Client, IntoConnectionInfo};
use tokio::runtime;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout, timeout_at};

use crate::error::{Error, ErrorKind};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, lock};

use answer::Outcome;
use breaker::Breaker;
use connection::{Address, Connection, State};
use queue::Queue;

pub(crate) use answer::Answer;
pub(crate) use error::LinkError;
pub(crate) use request::{Command, Request};

/// How a [`Link`] behaves.
#[derive(Clone, Debug)]
pub(crate) struct LinkOptions {
    /// How long an answer may take.
    pub(crate) op_timeout: Duration,
    /// How long connecting may take.
    pub(crate) connect_timeout: Duration,
    /// So many failures in a row open the breaker.
    pub(crate) failures: u32,
    /// How often an open breaker lets a probe through.
    pub(crate) probe_interval: Duration,
    /// How long one trip of requests that nobody waits for may take.
    pub(crate) send_timeout: Duration,
    /// So many requests that nobody waits for are queued.
    pub(crate) queue_length: usize,
    /// And so many bytes of them.
    pub(crate) queue_bytes: usize,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self {
            op_timeout: Duration::from_millis(50),
            connect_timeout: Duration::from_secs(1),
            failures: 5,
            probe_interval: Duration::from_millis(500),
            send_timeout: Duration::from_millis(500),
            queue_length: 1_024,
            queue_bytes: 16 << 20,
        }
    }
}

/// How a link is, and what it has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Health {
    /// Whether there is a connection.
    pub(crate) connected: bool,
    /// How many connections there have been.
    pub(crate) connections: u64,
    /// Whether the breaker is open.
    pub(crate) breaker_open: bool,
    /// How often it opened.
    pub(crate) breaker_opened: u64,
    /// Trips that were answered, refusals included.
    pub(crate) answered: u64,
    /// Trips that the server answered with an error.
    pub(crate) refused: u64,
    /// Trips without an answer.
    pub(crate) failed: u64,
    /// Of these, those that timed out.
    pub(crate) timed_out: u64,
    /// Requests that nobody waits for and that are not on their way yet.
    pub(crate) queued: usize,
    /// Such requests that came to nothing.
    pub(crate) dropped: u64,
    /// What went wrong last.
    pub(crate) last_error: Option<LinkError>,
}

/// A connection to a Redis server that connects, and reconnects, by itself. A clone is the same link.
#[derive(Clone)]
pub(crate) struct Link {
    shared: Arc<Shared>,
    /// The link is closed when the last of them is gone.
    open: Option<Arc<Open>>,
}

/// Closes the link when it is dropped.
struct Open(Arc<Notify>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

struct Shared {
    options: LinkOptions,
    /// The process that the thread runs in. A fork has this memory, and no thread.
    process: u32,
    address: Address,
    /// The link's own thread.
    io: runtime::Handle,
    closing: Arc<Notify>,
    state: watch::Sender<State>,
    breaker: Breaker,
    queue: Queue,
    connections: AtomicU64,
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    last_error: Mutex<Option<LinkError>>,
}

impl Link {
    /// A link to the server at `url`. Returns at once; whether the server is there is seen later.
    ///
    /// # Errors
    /// An URL that does not say where the server is, or no thread to be had. The text does not repeat the URL, which may hold a
    /// password.
    pub(crate) fn open(url: &str, options: LinkOptions) -> Result<Self, Error> {
        let cannot_start = |error| {
            Error::new(
                ErrorKind::Config,
                format!("the thread for the connection to Redis cannot be started: {error}"),
            )
        };
        let address = Address::new(client(url)?, options.connect_timeout);
        let runtime = runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // They look up names. A name server that does not answer holds each of them for long.
            .max_blocking_threads(2)
            .build()
            .map_err(cannot_start)?;
        let closing = Arc::new(Notify::new());
        let shared = Arc::new(Shared {
            address,
            io: runtime.handle().clone(),
            closing: Arc::clone(&closing),
            state: watch::Sender::new(State::Connecting),
            process: process::id(),
            breaker: Breaker::new(options.failures),
            options,
            queue: Queue::default(),
            connections: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            timed_out: AtomicU64::new(0),
            last_error: Mutex::new(None),
        });
        let tasks = Arc::clone(&shared);
        runtime.spawn(async move {
            connection::keep(&tasks.address, &tasks.state, || bump(&tasks.connections)).await;
        });
        runtime.spawn(drain(Arc::clone(&shared)));
        let until = Arc::clone(&closing);
        thread::Builder::new()
            .name("cache-io".to_owned())
            // All tasks end with the runtime. Nobody joins the thread: the last handle may be dropped by one of its own tasks.
            .spawn(move || runtime.block_on(until.notified()))
            .map_err(cannot_start)?;
        Ok(Self {
            shared,
            open: Some(Arc::new(Open(closing))),
        })
    }

    /// A handle that does not keep the link open, for what runs on it.
    pub(crate) fn weak(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            open: None,
        }
    }

    /// Why nothing is tried at the moment, if so.
    pub(crate) fn refusal(&self) -> Option<LinkError> {
        if self.shared.breaker.is_open() {
            return Some(LinkError::BreakerOpen);
        }
        (self.shared.process != process::id()).then(LinkError::forked)
    }

    /// Sends a request, unless the breaker is open.
    pub(crate) fn ask(&self, request: Request) -> Answer {
        self.ask_after(Duration::ZERO, request)
    }

    /// The same after a pause.
    pub(crate) fn ask_after(&self, pause: Duration, request: Request) -> Answer {
        if let Some(refusal) = self.refusal() {
            return Answer::failed(refusal);
        }
        let deadline = Instant::now() + pause + self.shared.options.op_timeout;
        let shared = Arc::clone(&self.shared);
        let task = async move {
            if !pause.is_zero() {
                sleep(pause).await;
            }
            shared.ask(request, deadline).await
        };
        Answer::waiting(self.shared.io.spawn(task), deadline)
    }

    /// Sends a request whose answer does not matter, after those sent before. Dropped and counted if too many are waiting or the
    /// breaker is open.
    pub(crate) fn send(&self, request: Request) {
        let shared = &self.shared;
        if self.refusal().is_some() {
            shared.queue.drop(1);
            return;
        }
        let options = &shared.options;
        shared
            .queue
            .push(request, options.queue_length, options.queue_bytes);
    }

    /// Runs a future on the link's thread until the link is closed. It must not block, and holds only [`weak`](Self::weak) handles of
    /// this link.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.shared.io.spawn(future);
    }

    /// A connection of one's own, for commands that block.
    ///
    /// # Errors
    /// The server is not there, or refuses.
    pub(crate) async fn dedicated(&self) -> Result<Dedicated, LinkError> {
        let shared = Arc::clone(&self.shared);
        let connecting = self.shared.io.spawn(async move {
            let connection = shared.address.connect().await?;
            Ok(Dedicated { connection, shared })
        });
        connecting
            .await
            .unwrap_or_else(|_| Err(LinkError::closed()))
    }

    /// How it is, and what it has done.
    pub(crate) fn health(&self) -> Health {
        let shared = &self.shared;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Health {
            connected: matches!(*shared.state.borrow(), State::Connected(_)),
            connections: count(&shared.connections),
            breaker_open: shared.breaker.is_open(),
            breaker_opened: shared.breaker.opened(),
            answered: count(&shared.answered),
            refused: count(&shared.refused),
            failed: count(&shared.failed),
            timed_out: count(&shared.timed_out),
            queued: shared.queue.len(),
            dropped: shared.queue.dropped(),
            last_error: lock(&shared.last_error).clone(),
        }
    }

    /// Closes it now, for all who have a handle. Dropping the last handle does the same.
    #[cfg_attr(not(test), expect(dead_code, reason = "for an orderly shutdown"))]
    pub(crate) fn close(&self) {
        self.shared.closing.notify_one();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("weak", &self.open.is_none())
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

/// A connection for commands that block. Closed when it is dropped; whoever has it makes another one when it breaks.
pub(crate) struct Dedicated {
    connection: Connection,
    shared: Arc<Shared>,
}

impl Dedicated {
    /// Sends a request, whatever the breaker says.
    pub(crate) fn ask(&self, request: Request, within: Duration) -> Answer {
        let deadline = Instant::now() + within;
        let (connection, shared) = (self.connection.clone(), Arc::clone(&self.shared));
        let task = async move {
            let exchange = connection.exchange(request, &shared.address.secrets);
            match timeout_at(deadline.into(), exchange).await {
                Ok(outcome) => outcome?,
                Err(_) => Err(LinkError::TimedOut),
            }
        };
        Answer::waiting(self.shared.io.spawn(task), deadline)
    }
}

impl Shared {
    /// One trip, with all that is counted of it.
    async fn ask(self: &Arc<Self>, request: Request, deadline: Instant) -> Outcome {
        let trip = timeout_at(deadline.into(), self.trip(request));
        let outcome = trip.await.unwrap_or(Err(LinkError::TimedOut));
        match &outcome {
            Ok(answer) => {
                self.breaker.succeeded();
                bump(&self.answered);
                if let Err(refusal) = answer {
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
                if self.breaker.failed() {
                    tokio::spawn(probe(Arc::clone(self)));
                }
            }
        }
        outcome?
    }

    /// One trip. Waits for an attempt to connect, but not for the next one.
    async fn trip(&self, request: Request) -> Result<Outcome, LinkError> {
        let mut state = self.state.subscribe();
        let settled = |state: &State| !matches!(state, State::Connecting);
        match state.wait_for(settled).await.map(|state| state.clone()) {
            Ok(State::Connected(connection)) => {
                connection.exchange(request, &self.address.secrets).await
            }
            Ok(State::Down(error)) => Err(error),
            Ok(State::Connecting) | Err(_) => Err(LinkError::closed()),
        }
    }
}

/// Closes the breaker as soon as the server answers again.
async fn probe(shared: Arc<Shared>) {
    loop {
        sleep(shared.options.probe_interval).await;
        let ping = shared.trip(Request::of(redis::cmd("PING")));
        match timeout(shared.options.op_timeout, ping).await {
            Ok(Ok(_)) => break shared.breaker.close(),
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
async fn drain(shared: Arc<Shared>) {
    loop {
        let (batch, requests) = shared.queue.batch().await;
        let deadline = Instant::now() + shared.options.send_timeout;
        if shared.breaker.is_open() || shared.ask(batch, deadline).await.is_err() {
            shared.queue.drop(requests);
        }
    }
}

fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Reads an URL. What the `redis` crate says about a bad one may quote it, and is not shown.
fn client(url: &str) -> Result<Client, Error> {
    let wrong = |text: &str| Error::new(ErrorKind::Config, text);
    if url.starts_with("rediss:") || url.starts_with("valkeys:") {
        return Err(wrong(
            "the URL of the Redis server asks for TLS, which this build cannot do",
        ));
    }
    url.into_connection_info().and_then(Client::open).map_err(|_| {
        wrong(
            "the URL of the Redis server is not understood (it is not repeated here, as it may hold a password): write \
             redis://[user:password@]host[:port][/database] or redis+unix:///path/to/socket, with special characters of the \
             password percent-encoded",
        )
    })
}
