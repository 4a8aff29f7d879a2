//! One connection to a Redis server, on a thread of its own.
//!
//! A connection's task that ran on a caller's runtime would end with it (with the first `#[tokio::test]`, say), and would starve callers
//! without one. It runs on the link's own thread instead, `cache-io`; callers of any runtime, or none, get an [`Answer`] from there.

mod answer;
mod breaker;
mod connection;
mod error;
mod notice;
mod queue;
mod request;
pub(crate) mod scripts;
mod target;
#[cfg(test)]
pub(crate) mod tests;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{process, thread};

use tokio::runtime;
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{sleep, timeout, timeout_at};

use crate::error::{Error, ErrorKind};
use crate::stats::{Histogram, Latencies};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, lock};

use answer::Outcome;
use breaker::Breaker;
use connection::{Address, Connection, State};
use queue::Queue;
use target::Target;

pub(crate) use answer::Answer;
pub(crate) use error::LinkError;
pub(crate) use notice::Notice;
pub(crate) use request::{Command, Request};
pub use tls::RedisTls;

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
    /// A key of those that are asked for: the server is the one that has it.
    pub(crate) key: Box<[u8]>,
    /// Whom to trust.
    pub(crate) tls: RedisTls,
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
            key: Box::default(),
            tls: RedisTls::default(),
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
    /// Of those that were answered, stores that found a later value.
    pub(crate) late: u64,
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
    /// Whether the thread has nothing more to do.
    ended: watch::Sender<bool>,
    state: watch::Sender<State>,
    breaker: Breaker,
    queue: Queue,
    connections: AtomicU64,
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    late: AtomicU64,
    trips: Histogram,
    writes: Histogram,
    observer: notice::Observer,
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
        let target = Target::parse(url, &options.tls)?;
        let address = Address::new(target, options.key.clone(), options.connect_timeout);
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
            ended: watch::Sender::new(false),
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
            late: AtomicU64::new(0),
            trips: Histogram::default(),
            writes: Histogram::default(),
            observer: notice::Observer::default(),
            last_error: Mutex::new(None),
        });
        let tasks = Arc::clone(&shared);
        runtime.spawn(async move {
            let connected = || {
                bump(&tasks.connections);
                tasks.observer.tell(Notice::Connected);
            };
            connection::keep(&tasks.address, &tasks.state, connected).await;
        });
        runtime.spawn(drain(Arc::clone(&shared)));
        let ending = Arc::clone(&shared);
        thread::Builder::new()
            .name("cache-io".to_owned())
            // All tasks end with the runtime. Nobody joins the thread: the last handle may be dropped by one of its own tasks.
            .spawn(move || {
                runtime.block_on(async {
                    ending.closing.notified().await;
                    // What nobody waits for, and was given to the link before it was closed.
                    let _ = timeout(ending.options.send_timeout, ending.queue.empty()).await;
                });
                // Not waiting for those who look up names.
                runtime.shutdown_background();
                ending.ended.send_replace(true);
            })
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
            shared.ask_timed(request, deadline).await
        };
        Answer::waiting(self.shared.io.spawn(task), deadline)
    }

    /// Until when what is asked now has to be answered.
    ///
    /// # Errors
    /// It would not be asked.
    pub(crate) fn deadline(&self) -> Result<Instant, LinkError> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        Ok(Instant::now() + self.shared.options.op_timeout)
    }

    /// The same as [`ask`](Self::ask) from within a future that was [spawned](Self::spawn), which saves a task.
    pub(crate) async fn ask_inside(&self, request: Request, deadline: Instant) -> Outcome {
        if self.shared.breaker.is_open() {
            return Err(LinkError::BreakerOpen);
        }
        self.shared.ask_timed(request, deadline).await
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
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.shared.io.spawn(future).abort_handle()
    }

    /// A connection of one's own with the same server, for commands that block. It ends with the link's present one.
    ///
    /// # Errors
    /// The server is not there, or refuses.
    pub(crate) async fn dedicated(&self) -> Result<Dedicated, LinkError> {
        let shared = Arc::clone(&self.shared);
        let connecting = self.shared.io.spawn(async move {
            let main = shared.connection().await?;
            let connection = shared.address.beside(&main).await?;
            Ok(Dedicated {
                connection,
                main,
                shared,
            })
        });
        connecting
            .await
            .unwrap_or_else(|_| Err(LinkError::closed()))
    }

    /// Leaves a connection whose answers are not those to what was asked, for a new one.
    pub(crate) fn leave(&self) {
        if let State::Connected(connection) = &*self.shared.state.borrow() {
            connection.abandon();
        }
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
            late: count(&shared.late),
            last_error: lock(&shared.last_error).clone(),
        }
    }

    /// Tells somebody of what happens, on the link's thread; the first who asks for it.
    pub(crate) fn observe(&self, observer: impl Fn(Notice) + Send + Sync + 'static) {
        self.shared.observer.set(observer);
    }

    /// Tells who [observes](Self::observe).
    pub(crate) fn tell(&self, notice: Notice) {
        self.shared.observer.tell(notice);
    }

    /// How long trips took that somebody waited for, and those that nobody did.
    pub(crate) fn latencies(&self) -> (Latencies, Latencies) {
        (self.shared.trips.read(), self.shared.writes.read())
    }

    /// Closes it now, for all who have a handle.
    pub(crate) fn close(&self) {
        self.shared.queue.close();
        self.shared.closing.notify_one();
    }

    /// Waits until `done` and until all is sent that nobody waits for, at most for a while; then closes it, and waits for its
    /// thread to end. How much was not sent. Dropping the last handle waits for a short while, too.
    pub(crate) async fn finish(
        &self,
        within: Duration,
        done: impl Future<Output = ()> + Send + 'static,
    ) -> u64 {
        let shared = Arc::clone(&self.shared);
        let finish = async move {
            done.await;
            shared.queue.empty().await;
        };
        let finishing = timeout_on(&self.shared.io, within, finish);
        // It fails if the link is closed already.
        let _ = finishing.await;
        let unsent = self.shared.queue.unsent();
        self.close();
        let mut ended = self.shared.ended.subscribe();
        let _ = ended.wait_for(|ended| *ended).await;
        unsent
    }
}

/// Runs a future on a runtime of which the caller need not be a part.
fn timeout_on(
    io: &runtime::Handle,
    within: Duration,
    future: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    io.spawn(async move {
        let _ = timeout(within, future).await;
    })
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
    /// The link's connection that it was made beside: when there is another, the server may be another one, too.
    main: Connection,
    shared: Arc<Shared>,
}

impl Dedicated {
    /// Sends a request, whatever the breaker says.
    pub(crate) fn ask(&self, request: Request, within: Duration) -> Answer {
        let current = match &*self.shared.state.borrow() {
            State::Connected(connection) => connection.is(&self.main),
            _ => false,
        };
        if !current {
            return Answer::failed(LinkError::Disconnected("the link has another".into()));
        }
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
    /// [`ask`](Self::ask), counted as a trip that somebody waits for.
    async fn ask_timed(self: &Arc<Self>, request: Request, deadline: Instant) -> Outcome {
        let sent = Instant::now();
        let outcome = self.ask(request, deadline).await;
        self.trips.add(nanos(sent.elapsed()));
        outcome
    }

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
                    self.observer.tell(Notice::BreakerOpened);
                    tokio::spawn(probe(Arc::clone(self)));
                }
            }
        }
        outcome?
    }

    /// One trip.
    async fn trip(&self, request: Request) -> Result<Outcome, LinkError> {
        let connection = self.connection().await?;
        connection.exchange(request, &self.address.secrets).await
    }

    /// Waits for an attempt to connect, but not for the next one.
    async fn connection(&self) -> Result<Connection, LinkError> {
        let mut state = self.state.subscribe();
        let settled = |state: &State| !matches!(state, State::Connecting);
        match state.wait_for(settled).await.map(|state| state.clone()) {
            Ok(State::Connected(connection)) => Ok(connection),
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
async fn drain(shared: Arc<Shared>) {
    loop {
        let (batch, requests) = shared.queue.batch().await;
        let sent = Instant::now();
        let stores = batch.stores();
        if shared.breaker.is_open() {
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
            Err(_) => shared.queue.left(requests),
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
