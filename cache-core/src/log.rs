//! The log in Redis: what is invalidated is appended to it, and what others append is followed.
//!
//! Two tasks on the link's thread. The keeper appends what is pending and asks for news at every heartbeat; whatever it asks, the script
//! at the server first makes sure that it still is the server that wrote the log. The tail waits for records on a connection of its
//! own. Both hand what comes to the [index](Index), in which everything that matters is decided.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};
use tokio::task::unconstrained;
use tokio::time::{Instant, timeout_at};

use crate::cipher::Cipher;
use crate::flight;
use crate::index::{Index, Logged, OnFork, Page, Said};
use crate::link::{Dedicated, Link, LinkError, Notice, Request, scripts};
use crate::matcher::{self, Matcher};
use crate::position::Position;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, lock};
use crate::time::Clock;

mod contact;
mod exchange;
mod keeper;
mod tail;
#[cfg(test)]
mod tests;

pub(crate) use contact::Contact;
pub(crate) use keeper::RECORD_BYTES;

/// How many records one answer of the server has at most.
const PAGE: usize = 512;

/// How many come with a value: there are few as long as the tail is read, and one that is full is no help.
const FEW: usize = 64;

/// How many values are removed at a time: the server does nothing else meanwhile.
const FREED: usize = 256;

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

#[derive(Default)]
struct Waiting {
    callers: Vec<Caller>,
    /// Whether the link is closed: nobody will be told anything any more.
    closed: bool,
    /// Who wants to know what the log has by now.
    asking: VecDeque<Asking>,
    /// Whether it is being asked for them.
    confirming: bool,
    /// Up to these ordinals the log has everything from these positions on.
    logged: Vec<(u64, Position)>,
}

/// Somebody who waits for his record to be logged.
struct Caller {
    ordinal: u64,
    told: oneshot::Sender<Result<Position, LinkError>>,
    /// The values that his record names, if nobody needs them any more.
    dead: Vec<Vec<u8>>,
}

/// Somebody who wants to know what the log has.
struct Asking {
    deadline: Instant,
    told: oneshot::Sender<Result<(), LinkError>>,
}

/// Something that the log is asked for: a future for any runtime, or none. Dropped, it goes on.
#[must_use = "what is not waited for may fail unseen"]
pub(crate) struct Told<T>(oneshot::Receiver<Result<T, LinkError>>);

/// Done when all that the log had when it was asked for is applied.
pub(crate) type Confirming = Told<()>;

/// An append on its way.
#[must_use = "an append that is not waited for may fail unseen"]
pub(crate) struct Appending {
    ordinal: u64,
    told: Told<Position>,
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
        Pin::new(&mut self.told).poll(cx)
    }
}

impl<T> Future for Told<T> {
    type Output = Result<T, LinkError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // As an `Answer` is polled, whoever blocks on it.
        Pin::new(&mut unconstrained(&mut self.0))
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
            self.0.link.spawn(confirm(Arc::clone(&self.0)));
        }
        Told(heard)
    }

    /// As long as the last word from the log counts, in milliseconds of the clock.
    pub(crate) fn heard_until(&self) -> u64 {
        self.0.trusted_until.load(Ordering::Relaxed)
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
        self.0.is_refused()
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
        let asking = std::mem::take(&mut waiting.asking);
        drop(waiting);
        drop((callers, asking));
        self.0.in_touch.store(false, Ordering::Relaxed);
    }
}

/// Asks the log what it has, as long as somebody wants to know.
async fn confirm(log: Arc<Shared>) {
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

    /// Who wants to know what the log has by now, to be told with the next trip; if nobody does, there is none.
    fn asking(&self) -> VecDeque<Asking> {
        let mut waiting = lock(&self.waiting);
        let asking = std::mem::take(&mut waiting.asking);
        waiting.confirming = !asking.is_empty();
        asking
    }

    /// The log has been heard of, in answer to what was asked at `sent`.
    fn heard(&self, sent: u64) {
        let until = crate::time::deadline(sent, self.options.max_staleness);
        self.trusted_until.fetch_max(until, Ordering::Relaxed);
    }

    /// Everything up to this ordinal stands at this position or before, and has as many copies as it should, or not.
    fn logged(&self, ordinal: u64, position: Position, copied: Result<(), LinkError>) {
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

    /// Nobody can be told when the log will take records again: those who wait are told that it does not, if it was tried to say
    /// what they have. That stays pending. Whether others wait.
    fn fail(&self, tried: u64, error: &LinkError) -> bool {
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

fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}
