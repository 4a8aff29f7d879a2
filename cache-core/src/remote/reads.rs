//! Reads of values: those that wait at the same time make one trip.
//!
//! A trip is one `MGET` and, behind it, one look at the log: every record that was appended before a value was read comes along with
//! it, and every one that was appended before its caller asked, as nobody's read is put into a trip that is on its way.
//!
//! Who asks sends the trip by himself, at once, unless as many as may be are on their way; or, among many callers, unless more of those
//! before him have been told and not yet run than wait with him: the processors are busy then, his own turn would come behind theirs,
//! and they are about to ask again. Nobody depends on them: what is held back goes after a moment in any case.
//!
//! Whoever asks for many values together has trips of his own: whoever asks for one does not wait behind all of them.

use std::fmt::Write;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use redis::{Cmd, Value};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::{Found, Shelf};
use crate::key::KeyDigest;
use crate::link::{Link, LinkError, Reply, Request, scripts};
use crate::log::Log;
use crate::sync::atomic::{AtomicIsize, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, lock};

mod batch;
mod going;
mod line;
mod riders;
#[cfg(test)]
mod tests;
pub(crate) use batch::Read;
use batch::{Batch, Values};
use going::Going;
use line::{Forming, Line};
use riders::Rider;

/// How many values one trip brings at most, ...
const BURST: usize = 512;

/// ... of how many bytes, as far as can be told before: what takes longer than an answer may would come for nobody.
const BURST_BYTES: usize = 512 << 10;

/// Of fewer values nothing is to be learned but that more would have come, too.
const TELLING: usize = 8;

/// How many trips are on their way at most.
const LANES: usize = 2;

/// Of at most so many callers nobody is held back for those who have been told: the processors have less to do than to wait for.
const FEW: usize = 128;

/// How long somebody is held back at most for those who have been told. A timer is not more exact.
const HELD: Duration = Duration::from_millis(1);

/// See the module.
pub(super) struct Reads {
    link: Link,
    queue: Arc<Queue>,
}

struct Queue {
    /// What runs on the link must not keep it open.
    link: Link,
    log: Log,
    prefix: Box<str>,
    /// For what comes along with what was asked for.
    shelf: OnceLock<Arc<Shelf>>,
    waiting: Mutex<Waiting>,
    /// Somebody is held back.
    held: Notify,
    /// How many have been told and have not looked yet.
    told: AtomicIsize,
}

struct Waiting {
    /// The trips of those who ask for one value, ...
    forming: Line,
    /// ... and of those who ask for several together, however many: one of them at a time, as long as others wait.
    many: Line,
    /// How many of these are on their way.
    many_under_way: usize,
    /// How many trips are on their way.
    under_way: usize,
    /// How many values they ask for.
    flying: usize,
    /// How many values the last trip asked for.
    last: usize,
    /// How many of them the next trips bring at most, after what the last ones have brought.
    burst: usize,
    /// So many of those who have been told did not look when they were waited for: nobody waits for them again.
    unheeded: usize,
    /// How many trips have begun.
    begun: u64,
    /// How many had when the one was held back who is to go after a moment.
    alarmed: Option<u64>,
    /// Nobody will look again.
    closed: bool,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            forming: Line::default(),
            many: Line::default(),
            many_under_way: 0,
            under_way: 0,
            flying: 0,
            last: 0,
            burst: BURST,
            unheeded: 0,
            begun: 0,
            alarmed: None,
            closed: false,
        }
    }
}

impl Reads {
    /// Reads the values whose keys begin with `prefix`, over this link, until it is closed.
    pub(super) fn new(link: &Link, log: &Log, prefix: &str) -> Self {
        let queue = Arc::new(Queue {
            link: link.weak(),
            log: log.clone(),
            prefix: prefix.into(),
            shelf: OnceLock::new(),
            waiting: Mutex::default(),
            held: Notify::new(),
            told: AtomicIsize::new(0),
        });
        let end = End(Arc::clone(&queue));
        link.spawn(async move {
            loop {
                end.0.held.notified().await;
                sleep(HELD).await;
                let mut waiting = lock(&end.0.waiting);
                if waiting.gives_up(&end.0.told) {
                    drop(waiting);
                    end.0.go_on(true);
                } else {
                    end.0.hold_back(waiting);
                }
            }
        });
        Self {
            link: link.clone(),
            queue,
        }
    }

    /// A handle that does not keep the link open, for what runs on it.
    pub(super) fn weak(&self) -> Self {
        Self {
            link: self.link.weak(),
            queue: Arc::clone(&self.queue),
        }
    }

    /// Asks for a value.
    pub(super) fn ask(&self, key: KeyDigest) -> Read {
        self.ask_with(key, Vec::new())
    }

    /// Asks for several values, in as few trips as they fit into.
    pub(super) fn ask_many(&self, keys: &[KeyDigest]) -> Vec<Read> {
        let deadline = match self.link.deadline() {
            Ok(deadline) => deadline,
            Err(error) => {
                let failed = |_: &KeyDigest| Read::failed(error.clone());
                return keys.iter().map(failed).collect();
            }
        };
        let mut waiting = lock(&self.queue.waiting);
        let add = |key: &KeyDigest| waiting.add(*key, deadline, &self.queue, true);
        let reads = keys.iter().map(add).collect();
        drop(waiting);
        self.queue.go_on(false);
        reads
    }
}

/// How many have been told and have not looked yet.
fn count(told: &AtomicIsize) -> usize {
    usize::try_from(told.load(Ordering::Relaxed)).unwrap_or(0)
}

impl Waiting {
    /// One more who waits.
    fn add(&mut self, key: KeyDigest, deadline: Instant, queue: &Arc<Queue>, many: bool) -> Read {
        if self.closed {
            return Read::failed(LinkError::closed());
        }
        let full = |forming: &Forming| forming.keys.len() >= self.burst;
        let line = if many {
            &mut self.many
        } else {
            &mut self.forming
        };
        if line.trips.back().is_none_or(full) {
            line.push(queue, self.last, many);
        }
        let Some(forming) = line.trips.back_mut() else {
            return Read::failed(LinkError::closed());
        };
        let at = forming.keys.len();
        forming.keys.push(Some(key));
        forming.deadlines.push(deadline);
        Read::waiting(Arc::clone(&forming.batch), at)
    }

    /// The next trip, if it may begin, or must.
    fn next(&mut self, told: &AtomicIsize, must: bool) -> Option<Forming> {
        if self.under_way >= LANES {
            return None;
        }
        let next = self.forming.trips.front().map(|next| next.keys.len());
        let goes = next.is_some_and(|count| must || !self.holds(told, count));
        let next = if goes && (self.many_under_way > 0 || self.many.trips.is_empty()) {
            self.forming.pop()?
        } else {
            let next = self.many.pop()?;
            self.many_under_way += 1;
            next
        };
        self.flying += next.keys.len();
        self.under_way += 1;
        self.begun += 1;
        Some(next)
    }

    /// Whether so many are held back for those who have been told.
    fn holds(&mut self, told: &AtomicIsize, waiting: usize) -> bool {
        let told = count(told);
        self.unheeded = self.unheeded.min(told);
        let told = told - self.unheeded;
        told > waiting && told + self.flying + waiting > FEW && waiting < self.burst
    }

    /// Whether somebody is held back, and no trip on its way will let go.
    fn is_stuck(&self) -> bool {
        self.under_way == 0 && !self.forming.trips.is_empty()
    }

    /// The moment is over: whether nobody has gone in it, so that those who have been told are not waited for any more. Who is held back
    /// now after others have gone has a moment of his own.
    fn gives_up(&mut self, told: &AtomicIsize) -> bool {
        let gives_up = self.alarmed.take() == Some(self.begun) && self.is_stuck();
        if gives_up {
            self.unheeded = count(told);
        }
        gives_up
    }

    /// A trip for so many values is over.
    fn learn(&mut self, count: usize, outcome: &Result<Reply, LinkError>) {
        let most = match outcome {
            Ok(reply) => (count * BURST_BYTES / reply.bytes().len().max(1)).min(self.burst * 2),
            Err(LinkError::TimedOut | LinkError::Unexpected(_)) => count / 2,
            Err(_) => return,
        };
        if count >= TELLING || most > self.burst {
            self.burst = most.clamp(1, BURST);
        }
    }
}

impl Queue {
    /// Sends the trips that may begin, or must.
    fn go_on(self: &Arc<Self>, must: bool) {
        loop {
            let mut waiting = lock(&self.waiting);
            let Some(next) = waiting.next(&self.told, must) else {
                return self.hold_back(waiting);
            };
            drop(waiting);
            self.send(next);
        }
    }

    /// Whoever is held back for good goes after a moment.
    fn hold_back(&self, mut waiting: MutexGuard<'_, Waiting>) {
        if waiting.is_stuck() && waiting.alarmed.is_none() {
            waiting.alarmed = Some(waiting.begun);
            drop(waiting);
            self.held.notify_one();
        }
    }

    /// Whether it is on its way. If not it is over, and the caller goes on with the next: not from in here, where each that waits would
    /// lie within the one before.
    fn send(self: &Arc<Self>, next: Forming) -> bool {
        let going = Going {
            queue: Arc::clone(self),
            batch: next.batch,
            keys: next.keys,
            deadlines: next.deadlines,
            riders: next.riders,
            late: 0,
        };
        if going.keys.iter().all(Option::is_none) {
            return false;
        }
        let refusal = self.link.refusal().or_else(|| {
            // The server is not to blame for those that it was not asked for.
            let over = going
                .deadlines
                .iter()
                .all(|deadline| *deadline <= Instant::now());
            over.then_some(LinkError::TimedOut)
        });
        if let Some(refusal) = refusal {
            going.tell(Err(refusal));
            return false;
        }
        let bytes = going.bytes();
        self.link.launch(&bytes, Box::new(going));
        true
    }

    /// One who was told has looked, or does not want to know.
    fn looked(self: &Arc<Self>) {
        if self.told.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Nobody is held back any more.
            self.go_on(false);
        }
    }

    /// Does not ask for what nobody waits for any more, if it is not on its way.
    fn forget(&self, batch: &Arc<Batch>, at: usize) {
        // Where somebody is at it, perhaps in the process that this one was forked from, it is asked for in vain.
        let Ok(mut waiting) = self.waiting.try_lock() else {
            return;
        };
        let Waiting { forming, many, .. } = &mut *waiting;
        let forming = forming.find(batch).or_else(|| many.find(batch));
        if let Some(key) = forming.and_then(|forming| forming.keys.get_mut(at)) {
            *key = None;
        }
    }
}

/// Dropped with the link's thread: whoever waits is told, and whoever comes.
struct End(Arc<Queue>);

impl Drop for End {
    fn drop(&mut self) {
        let mut waiting = lock(&self.0.waiting);
        waiting.closed = true;
        let forming = std::mem::take(&mut waiting.forming);
        let many = std::mem::take(&mut waiting.many);
        drop(waiting);
        for forming in forming.trips.into_iter().chain(many.trips) {
            let count = forming.keys.len();
            let closed = Err(LinkError::closed());
            forming.batch.tell(closed, count);
        }
    }
}

/// Asks for these values, too, and for what the log has to say before they can be judged.
pub(super) fn and_values(
    request: Request,
    prefix: &str,
    keys: impl ExactSizeIterator<Item = KeyDigest>,
    log: &Log,
) -> Request {
    let longest = prefix.len() + KeyDigest::TEXT_LEN;
    let mut get = Cmd::with_capacity(keys.len() + 1, keys.len() * longest + 4);
    get.arg("MGET");
    let mut name = String::with_capacity(longest);
    for key in keys {
        name.clear();
        name.push_str(prefix);
        let _ = write!(name, "{key}");
        get.arg(&name);
    }
    request.and(get).and(redis::cmd("TIME")).and(log.news())
}

/// What was there for a key. Nothing can be said of a value where a part of the log is missing.
pub(super) fn found(replies: Vec<Value>, log: &Log) -> Result<Option<Found>, LinkError> {
    let Ok([values, time, records]) = <[Value; 3]>::try_from(replies) else {
        return Err(LinkError::Unexpected("not three replies".into()));
    };
    let known = log.absorb_news(scripts::tailed(records)?);
    let now = scripts::time(time)?;
    match values {
        Value::Array(mut values) if values.len() == 1 => Ok(match values.pop() {
            Some(Value::BulkString(value)) if known => {
                let place = 0..value.len();
                Found::of(Arc::new(value), place, now)
            }
            _ => None,
        }),
        _ => Err(LinkError::Unexpected("not as many values as keys".into())),
    }
}
