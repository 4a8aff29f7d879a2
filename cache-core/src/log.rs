//! The log in Redis: what is invalidated is appended to it, and what others append is followed.
//!
//! Two tasks on the link's thread. The keeper appends what is pending and asks for news at every heartbeat; whatever it asks, the script
//! at the server first makes sure that it still is the server that wrote the log. The tail waits for records on a connection of its
//! own. Both hand what comes to the [index](Index), in which everything that matters is decided.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};

use crate::cipher::Cipher;
use crate::flight;
use crate::index::{Index, Logged, OnFork, Page};
use crate::link::{Dedicated, Link, LinkError, Notice, scripts};
use crate::matcher::Matcher;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, lock};
use crate::time::Clock;

mod callers;
mod contact;
mod exchange;
mod keeper;
mod record;
mod tail;
#[cfg(test)]
mod tests;
mod told;

use callers::{Asking, Caller, End, Waiting};
pub(crate) use contact::Contact;
pub(crate) use keeper::RECORD_BYTES;
#[cfg(test)]
pub(crate) use record::logged;
use told::Told;
pub(crate) use told::{Appending, Confirming};

/// How many records one answer of the server has at most.
const PAGE: usize = 512;

/// How many come with a value: there are few as long as the tail is read, and one that is full is no help.
const FEW: usize = 64;

/// The first pause before something that failed is tried again; each is twice as long as the one before.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How a log is kept.
#[derive(Clone, Debug)]
pub(crate) struct LogOptions {
    /// How often the server is asked for news although none came.
    pub(crate) heartbeat: Duration,
    /// The shortest time between two reads of the tail.
    pub(crate) tail_min_interval: Duration,
    /// The longest age of contact with the log at which values are served without asking.
    pub(crate) max_staleness: Duration,
    /// About so many records are kept at the server.
    pub(crate) length: usize,
    /// When a server has lost records.
    pub(crate) on_fork: OnFork,
    /// What records name is encrypted with it.
    pub(crate) cipher: Cipher,
    /// So many replicas must have a record before it counts as logged.
    pub(crate) ack_replicas: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(1),
            tail_min_interval: Duration::from_millis(2),
            max_staleness: Duration::from_secs(10),
            length: 100_000,
            on_fork: OnFork::Repair,
            cipher: Cipher::default(),
            ack_replicas: 0,
        }
    }
}

/// See the module. It is followed until its link is closed. A clone is the same log.
#[derive(Clone)]
pub(crate) struct Log(Arc<Shared>);

struct Shared {
    link: Link,
    index: Arc<Index>,
    clock: Clock,
    options: LogOptions,
    log: Vec<u8>,
    meta: Vec<u8>,
    /// This instance, in its records.
    source: [u8; 8],
    /// Until when, in milliseconds of the clock, what the index says can be relied on without another word from the log.
    trusted_until: Arc<AtomicU64>,
    /// Whether the server has last said that it is the one whose log this is. The tail alone does not know: a replica answers
    /// it, too.
    in_touch: AtomicBool,
    /// The same for those who wait for it, and why it is not so.
    contact: watch::Sender<Contact>,
    /// How many generations have begun since the first that was heard of.
    generations: AtomicU64,
    waiting: Mutex<Waiting>,
    /// How many records are asked for at a time: fewer once they were too much for the time that an answer may take.
    page: AtomicUsize,
    /// For what waits for replicas, and would keep others waiting on the link.
    patient: Mutex<Option<Dedicated>>,
    /// Something is pending, or the tail has lost its place.
    wake: Notify,
    /// Less is pending than before.
    settled: Notify,
}

impl Log {
    /// Follows the log of a namespace. Returns at once; the first contact is made in the background.
    pub(crate) fn follow(
        link: &Link,
        namespace: &str,
        index: Arc<Index>,
        clock: Clock,
        trusted_until: Arc<AtomicU64>,
        options: LogOptions,
    ) -> Self {
        let shared = Shared::new(link, namespace, index, clock, trusted_until, options);
        let shared = Arc::new(shared);
        let end = End(Arc::clone(&shared));
        link.spawn(async move { keeper::keep(&end.0).await });
        link.spawn(tail::follow(Arc::clone(&shared)));
        Self(shared)
    }

    /// The key of a namespace's log.
    pub(crate) fn name(namespace: &str) -> String {
        format!("fc:{{{namespace}}}:log")
    }

    /// Invalidates at once here, and appends to the log.
    pub(crate) fn append(&self, matchers: Vec<Matcher>) -> Appending {
        self.append_and_free(matchers, Vec::new())
    }

    /// The same, and when it is logged, removes what these values were until then from the server. Only to free memory, behind the
    /// caller's back: dead they are by the record.
    pub(crate) fn append_and_free(&self, matchers: Vec<Matcher>, dead: Vec<Vec<u8>>) -> Appending {
        let (told, heard) = oneshot::channel();
        let mut waiting = lock(&self.0.waiting);
        // Under the lock, so that the keeper finds the caller of every ordinal that it sees.
        let ordinal = self.0.index.pend(flight::next_id, matchers);
        if let Some(refusal) = self.0.link.refusal() {
            // It stays pending. The keeper tries again by itself.
            let _ = told.send(Err(refusal));
            return Appending {
                ordinal,
                told: Told(heard),
            };
        }
        if !waiting.closed {
            waiting.callers.push(Caller {
                ordinal,
                told,
                dead,
            });
        }
        drop(waiting);
        self.0.wake.notify_one();
        Appending {
            ordinal,
            told: Told(heard),
        }
    }

    /// Applies all that the log has by now: those who ask at the same time share the next trip. Nobody waits for longer than an
    /// answer may take.
    pub(crate) fn confirm(&self) -> Confirming {
        let (told, heard) = oneshot::channel();
        let deadline = match self.0.link.deadline() {
            Ok(deadline) => deadline.into(),
            Err(refusal) => {
                let _ = told.send(Err(refusal));
                return Told(heard);
            }
        };
        let mut waiting = lock(&self.0.waiting);
        if waiting.closed {
            // Nobody would ever ask, or say so.
            return Told(heard);
        }
        waiting.asking.push_back(Asking { deadline, told });
        if !std::mem::replace(&mut waiting.confirming, true) {
            drop(waiting);
            self.0.link.spawn(callers::confirm(Arc::clone(&self.0)));
        }
        Told(heard)
    }

    /// As long as the last word from the log counts, in milliseconds of the clock.
    pub(crate) fn heard_until(&self) -> u64 {
        self.0.trusted_until.load(Ordering::Relaxed)
    }

    /// Reads the log, together with values.
    pub(crate) fn news(&self) -> crate::link::Command {
        scripts::news(&self.0.log, self.0.index.applied(), FEW)
    }

    /// The same as it is sent.
    pub(crate) fn pack_news(&self, into: &mut Vec<u8>) {
        scripts::pack_news(&self.0.log, self.0.index.applied(), FEW, into);
    }

    /// Takes what the [`news`](Self::news) were. False if records are missing, or whoever gave them may not know: what was read
    /// with them cannot be judged.
    pub(crate) fn absorb_news(&self, records: Vec<scripts::RawRecord>) -> bool {
        self.0.absorb_tail(records, FEW)
    }

    /// How it is with the log, told at every heartbeat.
    pub(crate) fn contact(&self) -> watch::Receiver<Contact> {
        self.0.contact.subscribe()
    }

    /// Whether the server is there, and says no: then there is no use in asking it anything else.
    pub(crate) fn is_refused(&self) -> bool {
        self.0.is_refused()
    }

    /// Whether the server has last said that it is the one whose log this is.
    pub(crate) fn is_in_touch(&self) -> bool {
        self.0.in_touch.load(Ordering::Relaxed)
    }

    /// How often the log has begun a new generation.
    pub(crate) fn generations(&self) -> u64 {
        self.0.generations.load(Ordering::Relaxed)
    }

    /// Waits until the log has all that was said here, or for ever.
    pub(crate) fn settled(&self) -> impl Future<Output = ()> + Send + 'static {
        let log = Arc::clone(&self.0);
        async move {
            log.wake.notify_one();
            loop {
                let mut settled = pin!(log.settled.notified());
                settled.as_mut().enable();
                if log.index.pending_count() == 0 {
                    return;
                }
                settled.await;
            }
        }
    }

    /// How many invalidations wait for the log.
    pub(crate) fn pending(&self) -> usize {
        self.0.index.pending_count()
    }
}

impl Shared {
    fn new(
        link: &Link,
        namespace: &str,
        index: Arc<Index>,
        clock: Clock,
        trusted_until: Arc<AtomicU64>,
        options: LogOptions,
    ) -> Self {
        Self {
            // What runs on the link must not keep it open.
            link: link.weak(),
            index,
            clock,
            options,
            log: Log::name(namespace).into_bytes(),
            meta: format!("fc:{{{namespace}}}:meta").into_bytes(),
            source: random().to_be_bytes(),
            trusted_until,
            in_touch: AtomicBool::new(false),
            contact: watch::Sender::new(Contact::None),
            generations: AtomicU64::new(0),
            waiting: Mutex::default(),
            page: AtomicUsize::new(PAGE),
            patient: Mutex::default(),
            wake: Notify::new(),
            settled: Notify::new(),
        }
    }

    /// Applies all that the log has.
    async fn sync(&self) -> Result<(), LinkError> {
        loop {
            let sent = self.clock.now();
            let (_, more) = self.exchange(None).await?;
            if !more {
                self.in_touch.store(true, Ordering::Relaxed);
                self.contact.send_replace(Contact::Made);
                self.heard(sent);
                return Ok(());
            }
        }
    }

    /// Takes records that came without the beginning of the log, at most so many. False if some before them are missing, or
    /// behind them.
    fn absorb_tail(&self, records: Vec<scripts::RawRecord>, most: usize) -> bool {
        if !self.in_touch.load(Ordering::Relaxed) {
            // Perhaps of a replica, or of a server that is none any more.
            return false;
        }
        let full = records.len() >= most;
        let records: Vec<Logged> = self.read_all(records);
        let Some(tip) = records.last().map(|record| record.position) else {
            return true;
        };
        if !self.index.follows(&records) {
            self.wake.notify_one();
            return false;
        }
        let page = Page {
            first: None,
            tip,
            records,
        };
        self.absorb(page);
        self.settle();
        if full {
            self.wake.notify_one();
        }
        !full
    }

    fn absorb(&self, page: Page) -> bool {
        let before = self.index.applied().generation;
        let more = self
            .index
            .absorb(page, self.options.on_fork, flight::next_id);
        if before > 0 && self.index.applied().generation != before {
            self.generations.fetch_add(1, Ordering::Relaxed);
            self.link.tell(Notice::Generation);
        }
        // What was said again, and has come back.
        self.settled.notify_waiters();
        more
    }

    /// The log has been heard of, in answer to what was asked at `sent`.
    fn heard(&self, sent: u64) {
        let until = crate::time::deadline(sent, self.options.max_staleness);
        self.trusted_until.fetch_max(until, Ordering::Relaxed);
    }

    fn is_refused(&self) -> bool {
        matches!(*self.contact.borrow(), Contact::Refused(_))
    }

    /// The log does not answer, or not as it should.
    fn lose(&self, error: &LinkError) {
        self.in_touch.store(false, Ordering::Relaxed);
        self.contact.send_modify(|contact| contact.fail(error));
        if let LinkError::Unexpected(_) = error {
            self.link.leave();
        }
    }
}

fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}
