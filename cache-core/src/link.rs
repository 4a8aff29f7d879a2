//! One connection to a Redis server, on a thread of its own.
//!
//! A connection's task that ran on a caller's runtime would end with it (with the first `#[tokio::test]`, say), and would starve callers
//! without one. It runs on the link's own thread instead, `cache-io`; callers of any runtime, or none, get an [`Answer`] from there.

mod answer;
mod breaker;
mod connection;
mod dedicated;
mod ending;
mod error;
mod health;
mod notice;
mod options;
mod owed;
mod process;
mod queue;
mod reply;
mod request;
pub(crate) mod scripts;
mod socket;
mod target;
#[cfg(test)]
pub(crate) mod tests;
mod tls;
mod trips;
mod wire;
mod wiring;

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout, timeout_at};

use crate::error::{Error, ErrorKind};
use crate::stats::{Histogram, Latencies};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, lock};

use breaker::Breaker;
use connection::{Address, State};
use owed::Owed;
use queue::Queue;
use target::Target;
use trips::{bump, nanos};
use wire::Wire;

pub(crate) use answer::Answer;
pub(crate) use dedicated::Dedicated;
pub(crate) use error::LinkError;
pub(crate) use health::Health;
pub(crate) use notice::Notice;
pub(crate) use options::LinkOptions;
pub(crate) use reply::Reply;
pub(crate) use request::{Command, Request, pack, pack_count};
pub use tls::RedisTls;
pub(crate) use wire::Trip;

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
    /// The way of reads, where there is one.
    wire: Mutex<Option<Wire>>,
    breaker: Breaker,
    queue: Queue,
    owed: Owed,
    connections: AtomicU64,
    /// How many attempts to connect are over, ...
    attempts: AtomicU64,
    /// ... and had been when something was last lost for want of a connection.
    lost: AtomicU64,
    /// How many wait for the end, whether any of them is through, and how much was not sent.
    finishing: AtomicU64,
    through: AtomicBool,
    unsent: AtomicU64,
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
            wire: Mutex::default(),
            process: process::id_at(Instant::now()),
            breaker: Breaker::new(options.failures),
            options,
            queue: Queue::default(),
            owed: Owed::default(),
            connections: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
            lost: AtomicU64::new(u64::MAX),
            finishing: AtomicU64::new(0),
            through: AtomicBool::new(false),
            unsent: AtomicU64::new(0),
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
            let attempted = |connected: bool| {
                bump(&tasks.attempts);
                if connected {
                    bump(&tasks.connections);
                    tasks.observer.tell(Notice::Connected);
                }
            };
            connection::keep(&tasks.address, &tasks.state, attempted).await;
        });
        runtime.spawn(wiring::keep(Arc::clone(&shared)));
        runtime.spawn(trips::drain(Arc::clone(&shared)));
        runtime.spawn(owed::pay(Arc::clone(&shared)));
        let ending = Arc::clone(&shared);
        // Where there is no thread for it, it may be dropped neither with the closure nor here: a task of another one may be at it.
        let runtime = Arc::new(Mutex::new(Some(runtime)));
        let taken = Arc::clone(&runtime);
        thread::Builder::new()
            .name("cache-io".to_owned())
            // All tasks end with the runtime. Nobody joins the thread: the last handle may be dropped by one of its own tasks.
            .spawn(move || {
                let Some(runtime) = lock(&taken).take() else {
                    return;
                };
                runtime.block_on(async {
                    ending.closing.notified().await;
                    // What nobody waits for, and was given to the link before it was closed.
                    if !ending.queue.is_closed() {
                        let _ = timeout(ending.options.send_timeout, owed::settled(&ending)).await;
                    }
                });
                // Not waiting for those who look up names.
                runtime.shutdown_background();
                ending.ended.send_replace(true);
            })
            .map_err(|error| {
                if let Some(runtime) = lock(&runtime).take() {
                    runtime.shutdown_background();
                }
                cannot_start(error)
            })?;
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
        self.refusal_at(Instant::now())
    }

    fn refusal_at(&self, now: Instant) -> Option<LinkError> {
        if self.shared.breaker.is_open() {
            return Some(LinkError::BreakerOpen);
        }
        self.is_forked_at(now).then(LinkError::forked)
    }

    /// Whether this process was forked from the one that the thread runs in. What that thread had locked, then, is so for ever.
    pub(crate) fn is_forked(&self) -> bool {
        self.is_forked_at(Instant::now())
    }

    fn is_forked_at(&self, now: Instant) -> bool {
        self.shared.process != process::id_at(now)
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
        let now = Instant::now();
        match self.refusal_at(now) {
            Some(refusal) => Err(refusal),
            None => Ok(now + self.shared.options.op_timeout),
        }
    }

    /// Sends commands, packed, for those who wait for their answer: from this thread, where that can be.
    pub(crate) fn launch(&self, bytes: &[u8], trip: Box<dyn Trip>) {
        let wire = lock(&self.shared.wire).clone();
        let sent = match wire {
            Some(wire) => wire.send(bytes, trip),
            None => Err(trip),
        };
        let Err(trip) = sent else { return };
        let shared = Arc::clone(&self.shared);
        self.shared.io.spawn(trips::carry(shared, trip));
    }

    /// Whether reads are sent by those who ask.
    #[cfg(test)]
    pub(crate) fn has_wire(&self) -> bool {
        lock(&self.shared.wire).is_some()
    }

    /// Sends a request whose answer does not matter, after those sent before. Dropped and counted if too many are waiting or the
    /// breaker is open; what it has [otherwise](Request::otherwise) is sent later, and so it is where no answer comes, or a refusal
    /// that may pass.
    pub(crate) fn send(&self, request: Request) {
        match self.is_forked() {
            // Nothing may be locked there.
            true => self.shared.queue.drop(1),
            false => self.shared.send(request),
        }
    }

    /// When all has been answered that was given to [`send`](Self::send) by now, or could not be sent.
    pub(crate) fn sent(&self) -> Answer {
        if let Some(refusal) = self.refusal() {
            return Answer::failed(refusal);
        }
        let deadline = Instant::now() + self.shared.options.op_timeout;
        let (shared, pushed) = (Arc::clone(&self.shared), self.shared.queue.pushed());
        let task = async move {
            let _ = timeout_at(deadline.into(), shared.queue.through(pushed)).await;
            Ok(Vec::new())
        };
        Answer::waiting(self.shared.io.spawn(task), deadline)
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
            queued: usize::try_from(shared.queue.unsent()).unwrap_or(usize::MAX),
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
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("weak", &self.open.is_none())
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}
