//! The log in Redis: what is invalidated is appended to it, and what others append is followed.
//!
//! Two tasks on the link's thread. The keeper appends what is pending and asks for news at every heartbeat; whatever it asks, the script
//! at the server first makes sure that it still is the server that wrote the log. The tail waits for records on a connection of its
//! own. Both hand what comes to the [index](Index), in which everything that matters is decided.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::cipher::Cipher;
use crate::flight;
use crate::index::{Index, Logged, OnFork, Page, Pending, Said};
use crate::link::{Link, LinkError, Notice, Request, scripts};
use crate::matcher::{self, Matcher};
use crate::position::Position;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, lock};
use crate::time::Clock;

mod tail;
#[cfg(test)]
mod tests;

/// How many records one answer of the server has at most.
const PAGE: usize = 512;

/// The longest wait for others to say again what a server has lost.
const SAY_AGAIN: Duration = Duration::from_millis(200);

/// How many lost records are said again at a time.
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

/// See the module. It is followed until its link is closed.
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
    /// How many generations have begun since the first that was heard of.
    generations: AtomicU64,
    waiting: Mutex<Waiting>,
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
        Pin::new(&mut self.heard).poll(cx).map(|told| {
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
        let shared = Arc::new(Shared {
            // What runs on the link must not keep it open.
            link: link.weak(),
            index,
            clock,
            options,
            log: format!("fc:{{{namespace}}}:log").into_bytes(),
            meta: format!("fc:{{{namespace}}}:meta").into_bytes(),
            source: random().to_be_bytes(),
            trusted_until,
            in_touch: AtomicBool::new(false),
            generations: AtomicU64::new(0),
            waiting: Mutex::default(),
            wake: Notify::new(),
            settled: Notify::new(),
        });
        let end = End(Arc::clone(&shared));
        link.spawn(async move { keep(&end.0).await });
        link.spawn(tail::follow(Arc::clone(&shared)));
        Self(shared)
    }

    /// Invalidates at once here, and appends to the log.
    pub(crate) fn append(&self, matchers: Vec<Matcher>) -> Appending {
        let (told, heard) = oneshot::channel();
        let mut waiting = lock(&self.0.waiting);
        let closed = waiting.closed;
        // Under the lock, so that the keeper finds the caller of every ordinal that it sees.
        let ordinal = self.0.index.pend(flight::next_id, matchers);
        if !closed {
            waiting.callers.push(Caller { ordinal, told });
        }
        drop(waiting);
        self.0.wake.notify_one();
        Appending { ordinal, heard }
    }

    /// The key of the log, to be read together with values.
    pub(crate) fn range(&self) -> crate::link::Command {
        scripts::range(&self.0.log, self.0.index.applied(), PAGE)
    }

    /// Takes what a [`range`](Self::range) gave. False if records are missing, or whoever gave them may not know: what was read
    /// with them cannot be judged.
    pub(crate) fn absorb_range(&self, records: Vec<scripts::RawRecord>) -> bool {
        self.0.absorb_tail(records)
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

/// Appends what is pending, and asks for news at every heartbeat, until the link is closed.
async fn keep(log: &Shared) {
    let mut pause = SHORTEST_PAUSE;
    loop {
        let pending = log.index.pending();
        let outcome = if pending.is_empty() {
            log.sync().await
        } else {
            log.flush(pending).await
        };
        match outcome {
            Ok(()) => {
                pause = SHORTEST_PAUSE;
                let next = Instant::now() + log.options.heartbeat;
                // Whether it was woken or not: there is something to do.
                let _ = timeout_at(next, log.wake.notified()).await;
            }
            Err(error) => {
                log.fail(&error);
                let longer = pause.mul_f64(0.5 + 0.5 * crate::time::fraction());
                pause = (pause * 2).min(LONGEST_PAUSE);
                // Callers are to be told soon that the log is away, not to be made to wait for it.
                let _ = timeout_at(Instant::now() + longer, log.wake.notified()).await;
            }
        }
    }
}

impl Shared {
    /// Appends all that is pending.
    async fn flush(&self, pending: Vec<Pending>) -> Result<(), LinkError> {
        let (lost, own): (Vec<_>, Vec<_>) = pending
            .into_iter()
            .partition(|pending| pending.origin.is_some());
        if let Some(last) = own.last().map(|pending| pending.ordinal) {
            let matchers: Vec<Matcher> = own
                .into_iter()
                .flat_map(|pending| pending.matchers)
                .collect();
            let position = self.append(&matchers, None).await?;
            self.logged(last, position);
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
        let mut said = Vec::new();
        let still: Vec<u64> = self.index.pending().iter().map(|p| p.ordinal).collect();
        for pending in lost.into_iter().take(FEW) {
            if still.contains(&pending.ordinal) {
                self.append(&pending.matchers, pending.origin).await?;
                said.push(pending.ordinal);
            }
        }
        self.index.settle(&said);
        self.settled.notify_waiters();
        // There may be more of them, or somebody who waits.
        self.wake.notify_one();
        Ok(())
    }

    /// Appends one record; its place in the log, which has been applied by then.
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
        let (own, more) = self.exchange(Some(record)).await?;
        if more {
            self.sync().await?;
        }
        // The answer may have been overtaken by the news of another server, which does not have the record: then it was not
        // applied here either, and nobody would know that it was lost.
        if self.index.applied().generation != own.generation {
            return Err(LinkError::Unexpected(
                "another server has taken over meanwhile".into(),
            ));
        }
        Ok(own)
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
        let append = scripts::Append {
            applied: self.index.applied(),
            count: PAGE,
            candidate: candidate(),
            length: self.options.length,
            record,
        };
        let request = Request::of(scripts::append(&self.log, &self.meta, &append));
        let reply = self.link.ask(request).await?.pop();
        let reply = scripts::appended(reply.unwrap_or(redis::Value::Nil))?;
        let page = Page {
            first: Some(self.read(reply.first)),
            tip: reply.tip,
            records: self.read_all(reply.records),
        };
        let more = self.absorb(page);
        self.settle();
        Ok((reply.tip, more))
    }

    /// Takes records that came without the beginning of the log. False if some before them are missing.
    fn absorb_tail(&self, records: Vec<scripts::RawRecord>) -> bool {
        if !self.in_touch.load(Ordering::Relaxed) {
            // Perhaps of a replica, or of a server that is none any more.
            return false;
        }
        let full = records.len() >= PAGE;
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
        let done = waiting
            .logged
            .iter()
            .filter(|(_, position)| {
                position.generation == applied.generation && *position <= applied
            })
            .map(|(ordinal, _)| *ordinal)
            .max();
        let Some(done) = done else { return };
        waiting.logged.retain(|(ordinal, _)| *ordinal > done);
        drop(waiting);
        self.index.settle_up_to(done);
        self.settled.notify_waiters();
    }

    /// Nobody can be told when the log will be there again: those who wait are told that it is not. What they said stays pending.
    fn fail(&self, error: &LinkError) {
        self.in_touch.store(false, Ordering::Relaxed);
        for Caller { told, .. } in std::mem::take(&mut lock(&self.waiting).callers) {
            let _ = told.send(Err(error.clone()));
        }
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
