//! The log in Redis: what is invalidated is appended to it, and what others append is followed.
//!
//! Two tasks on the link's thread. The keeper appends what is pending and asks for news at every heartbeat; whatever it asks, the script
//! at the server first makes sure that it still is the server that wrote the log. The tail waits for records on a connection of its
//! own. Both hand what comes to the [index](Index), in which everything that matters is decided.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};
use tokio::task::unconstrained;

use crate::cipher::Cipher;
use crate::flight;
use crate::index::{Index, Logged, OnFork, Page, Said};
use crate::link::{Link, LinkError, Notice, Request, scripts};
use crate::matcher::{self, Matcher};
use crate::position::Position;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, lock};
use crate::time::Clock;

mod contact;
mod keeper;
mod tail;
#[cfg(test)]
mod tests;

pub(crate) use contact::Contact;

/// How many records one answer of the server has at most.
const PAGE: usize = 512;

/// How many come with a value: there are few as long as the tail is read, and one that is full is no help.
const FEW: usize = 64;

/// The first pause before something that failed is tried again; each is twice as long as the one before.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a record names begins with this where it is encrypted, and with the kind of a matcher where it is not.
const SEALED: u8 = 0xFE;

/// What is sealed in a record is none of an envelope.
const RECORD: &[u8] = b"record";

/// The kind of a record that nobody can read.
const UNKNOWN: u8 = b'?';

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
    /// Something is pending, or the tail has lost its place.
    wake: Notify,
    /// Less is pending than before.
    settled: Notify,
}

#[derive(Default)]
struct Waiting {
    callers: Vec<Caller>,
    /// Whether the link is closed: nobody will be told anything any more.
    closed: bool,
    /// Up to these ordinals the log has everything from these positions on.
    logged: Vec<(u64, Position)>,
}

/// Somebody who waits for his record to be logged.
struct Caller {
    ordinal: u64,
    told: oneshot::Sender<Result<Position, LinkError>>,
}

/// An append on its way: a future for any runtime, or none. Dropped, the append goes on.
#[must_use = "an append that is not waited for may fail unseen"]
pub(crate) struct Appending {
    ordinal: u64,
    heard: oneshot::Receiver<Result<Position, LinkError>>,
}

impl Appending {
    /// Where the record stands until the log has it: later than all that began before.
    pub(crate) fn ordinal(&self) -> u64 {
        self.ordinal
    }
}

impl Future for Appending {
    type Output = Result<Position, LinkError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // As an `Answer` is polled, whoever blocks on it.
        Pin::new(&mut unconstrained(&mut self.heard))
            .poll(cx)
            .map(|told| {
                told.unwrap_or_else(|_| Err(LinkError::Disconnected("the cache is closed".into())))
            })
    }
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
        let (told, heard) = oneshot::channel();
        let mut waiting = lock(&self.0.waiting);
        // Under the lock, so that the keeper finds the caller of every ordinal that it sees.
        let ordinal = self.0.index.pend(flight::next_id, matchers);
        if let Some(refusal) = self.0.link.refusal() {
            // It stays pending. The keeper tries again by itself.
            let _ = told.send(Err(refusal));
            return Appending { ordinal, heard };
        }
        if !waiting.closed {
            waiting.callers.push(Caller { ordinal, told });
        }
        drop(waiting);
        self.0.wake.notify_one();
        Appending { ordinal, heard }
    }

    /// Reads the log, together with values.
    pub(crate) fn range(&self) -> crate::link::Command {
        scripts::range(&self.0.log, self.0.index.applied(), FEW)
    }

    /// Takes what a [`range`](Self::range) gave. False if records are missing, or whoever gave them may not know: what was read
    /// with them cannot be judged.
    pub(crate) fn absorb_range(&self, records: Vec<scripts::RawRecord>) -> bool {
        self.0.absorb_tail(records, FEW)
    }

    /// How it is with the log, told at every heartbeat.
    pub(crate) fn contact(&self) -> watch::Receiver<Contact> {
        self.0.contact.subscribe()
    }

    /// Whether the server is there, and says no: then there is no use in asking it anything else.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(*self.0.contact.borrow(), Contact::Refused(_))
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

/// Dropped with its link's thread: who waits is told, and who comes.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        let mut waiting = lock(&self.0.waiting);
        waiting.closed = true;
        let callers = std::mem::take(&mut waiting.callers);
        drop(waiting);
        drop(callers);
        self.0.in_touch.store(false, Ordering::Relaxed);
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
            wake: Notify::new(),
            settled: Notify::new(),
        }
    }

    /// What a record names, as it stands there.
    fn sealed(&self, packed: Vec<u8>) -> Result<Vec<u8>, LinkError> {
        if !self.options.cipher.is_on() {
            return Ok(packed);
        }
        let sealed = self.options.cipher.seal(RECORD, &packed);
        let sealed = sealed.ok_or(LinkError::Unexpected(
            "no randomness to encrypt with".into(),
        ))?;
        Ok([&[SEALED][..], &sealed].concat())
    }

    /// A record as the index takes it, decrypted.
    fn read(&self, mut raw: scripts::RawRecord) -> Logged {
        // What is not encrypted may be of anybody, and costs hits at most.
        if let Some((&SEALED, sealed)) = raw.matchers.split_first() {
            match self.options.cipher.open(RECORD, sealed) {
                Some(packed) => raw.matchers = packed,
                None => raw.kind = UNKNOWN,
            }
        }
        logged(raw)
    }

    fn read_all(&self, records: Vec<scripts::RawRecord>) -> Vec<Logged> {
        records.into_iter().map(|raw| self.read(raw)).collect()
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

    /// One trip to the server: the position of its newest record, and whether there are more than came along.
    async fn exchange(
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

    async fn ask(
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
        let reply = self.link.ask(request).await?.pop();
        let reply = scripts::appended(reply.unwrap_or(redis::Value::Nil))?;
        if !reply.is_answer_to(&append) {
            return Err(LinkError::Unexpected("the answer to something else".into()));
        }
        Ok(reply)
    }

    /// Applies what came.
    fn take(&self, reply: scripts::Appended) -> (Position, bool) {
        let page = Page {
            first: Some(self.read(reply.first)),
            tip: reply.tip,
            records: self.read_all(reply.records),
        };
        let more = self.absorb(page);
        self.settle();
        (reply.tip, more)
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

    /// Everything up to this ordinal stands at this position or before.
    fn logged(&self, ordinal: u64, position: Position) {
        let mut waiting = lock(&self.waiting);
        waiting.logged.push((ordinal, position));
        let (told, still): (Vec<Caller>, _) = std::mem::take(&mut waiting.callers)
            .into_iter()
            .partition(|caller| caller.ordinal <= ordinal);
        waiting.callers = still;
        drop(waiting);
        self.settle();
        for caller in told {
            // Whoever does not want to know has dropped it.
            let _ = caller.told.send(Ok(position));
        }
    }

    /// What has been logged, and applied here, is no longer pending: before it is applied, nothing else would stop old values.
    fn settle(&self) {
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

    /// Nobody can be told when the log will be there again: those who wait are told that it is not, if it was tried to say what they
    /// have. That stays pending. Whether others wait.
    fn fail(&self, tried: u64, error: &LinkError) -> bool {
        self.in_touch.store(false, Ordering::Relaxed);
        self.contact.send_modify(|contact| contact.fail(error));
        if let LinkError::Unexpected(_) = error {
            self.link.leave();
        }
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

/// A record as the index takes it. One that is not understood invalidates everything.
pub(crate) fn logged(raw: scripts::RawRecord) -> Logged {
    let said = match raw.kind {
        b'o' => Said::Opened {
            ancestor: raw.origin,
        },
        b'i' => Said::Invalid {
            matchers: matcher::unpack(&raw.matchers).into(),
            origin: raw.origin,
        },
        _ => Said::Invalid {
            matchers: Box::new([Matcher::All]),
            origin: raw.origin,
        },
    };
    Logged {
        position: raw.position,
        said,
    }
}

/// A number for a new generation: greater than those of the past, and nobody else's. Below 2^53 for some 270 years.
fn candidate() -> u64 {
    crate::time::unix_millis() * 1024 + random() % 1024
}

fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}
