//! Reads of values: those that wait at the same time make one trip.
//!
//! A trip is one `MGET` and, behind it, one look at the log: every record that was appended before a value was read comes along with
//! it, and every one that was appended before its caller asked, as nobody's read is put into a trip that is on its way. Nobody waits for
//! company: what is asked for while the trips that may be under way are, goes with the next.
//!
//! Who asks when few do sends his trip by himself. Among many, the link's thread sends, as it is about to tell those before them, and
//! more have asked by then.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Instant;

use redis::{Cmd, Value};
use tokio::sync::Notify;

use super::Found;
use crate::key::KeyDigest;
use crate::link::{Link, LinkError, Reply, Request, Trip, scripts};
use crate::log::Log;
use crate::sync::{Arc, Mutex, lock};

mod batch;
#[cfg(test)]
mod tests;
pub(crate) use batch::Read;
use batch::{Batch, Values};

/// How many values one trip brings at most, ...
const BURST: usize = 512;

/// ... and how many trips are on their way at most.
const LANES: usize = 2;

/// Those who come in greater numbers than that do not send for themselves.
const FEW: usize = 2;

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
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Waiting {
    /// The next trips; all but the last are full.
    forming: VecDeque<Forming>,
    /// How many trips are on their way.
    under_way: usize,
    /// Whether many went with the last trip.
    crowded: bool,
    /// Nobody will look again.
    closed: bool,
}

/// A trip that has not begun.
#[derive(Default)]
struct Forming {
    batch: Arc<Batch>,
    /// What they ask for; nothing, where somebody does not wait any more.
    keys: Vec<Option<KeyDigest>>,
    deadlines: Vec<Instant>,
}

impl Reads {
    /// Reads the values whose keys begin with `prefix`, over this link, until it is closed.
    pub(super) fn new(link: &Link, log: &Log, prefix: &str) -> Self {
        let queue = Arc::new(Queue {
            link: link.weak(),
            log: log.clone(),
            prefix: prefix.into(),
            waiting: Mutex::default(),
            filled: Notify::new(),
        });
        let end = End(Arc::clone(&queue));
        link.spawn(async move {
            loop {
                end.0.filled.notified().await;
                end.0.go_on();
            }
        });
        Self {
            link: link.clone(),
            queue,
        }
    }

    /// Asks for a value.
    pub(super) fn ask(&self, key: KeyDigest) -> Read {
        let deadline = match self.link.deadline() {
            Ok(deadline) => deadline,
            Err(error) => return Read::failed(error),
        };
        let mut waiting = lock(&self.queue.waiting);
        let (read, begun) = waiting.add(key, deadline, &self.queue);
        let few = !waiting.crowded;
        let free = waiting.under_way < LANES;
        let alone = waiting.under_way == 0;
        let full = waiting.is_full();
        drop(waiting);
        if free && few {
            self.queue.go_on();
        } else if alone && begun || free && full {
            self.queue.filled.notify_one();
        }
        read
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
        let add = |key: &KeyDigest| waiting.add(*key, deadline, &self.queue).0;
        let reads = keys.iter().map(add).collect();
        drop(waiting);
        self.queue.go_on();
        reads
    }
}

impl Waiting {
    /// One more who waits, and whether nobody did before.
    fn add(&mut self, key: KeyDigest, deadline: Instant, queue: &Arc<Queue>) -> (Read, bool) {
        if self.closed {
            return (Read::failed(LinkError::closed()), false);
        }
        let begun = self.forming.is_empty();
        if begun || self.is_full() {
            self.forming.push_back(Forming::default());
        }
        let Some(forming) = self.forming.back_mut() else {
            return (Read::failed(LinkError::closed()), false);
        };
        let at = forming.keys.len();
        forming.keys.push(Some(key));
        forming.deadlines.push(deadline);
        let batch = Arc::clone(&forming.batch);
        (Read::waiting(batch, at, Arc::clone(queue)), begun)
    }

    fn is_full(&self) -> bool {
        let last = self.forming.back();
        last.is_some_and(|forming| forming.keys.len() >= BURST)
    }

    /// The next trip, if it may begin.
    fn next(&mut self) -> Option<Forming> {
        if self.under_way >= LANES {
            return None;
        }
        let next = self.forming.pop_front()?;
        self.under_way += 1;
        Some(next)
    }
}

impl Queue {
    /// Sends the trips that may begin.
    fn go_on(self: &Arc<Self>) {
        loop {
            let Some(next) = lock(&self.waiting).next() else {
                return;
            };
            let going = Going {
                queue: Arc::clone(self),
                batch: next.batch,
                keys: next.keys,
                deadlines: next.deadlines,
                late: 0,
            };
            if going.keys.iter().all(Option::is_none) {
                continue;
            }
            if let Some(refusal) = self.link.refusal() {
                going.batch.tell(Err(refusal));
                continue;
            }
            let bytes = going.bytes();
            self.link.launch(&bytes, Box::new(going));
        }
    }

    /// Does not ask for what nobody waits for any more, if it is not on its way.
    fn forget(&self, batch: &Arc<Batch>, at: usize) {
        // Where somebody is at it, perhaps in the process that this one was forked from, it is asked for in vain.
        let Ok(mut waiting) = self.waiting.try_lock() else {
            return;
        };
        let mut forming = waiting.forming.iter_mut();
        let forming = forming.find(|forming| Arc::ptr_eq(&forming.batch, batch));
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
        drop(waiting);
        for forming in forming {
            forming.batch.tell(Err(LinkError::closed()));
        }
    }
}

/// A trip on its way. Dropped, it tells those who wait that there is none.
struct Going {
    queue: Arc<Queue>,
    batch: Arc<Batch>,
    keys: Vec<Option<KeyDigest>>,
    deadlines: Vec<Instant>,
    /// How many have waited for long enough.
    late: usize,
}

impl Going {
    fn asked(&self) -> impl Iterator<Item = KeyDigest> {
        self.keys.iter().flatten().copied()
    }

    /// The commands as they are sent.
    fn bytes(&self) -> Vec<u8> {
        let (prefix, count) = (&*self.queue.prefix, self.asked().count());
        let longest = prefix.len() + KeyDigest::TEXT_LEN;
        let mut bytes = Vec::with_capacity(count * (longest + 8) + 256);
        bytes.extend_from_slice(format!("*{}\r\n$4\r\nMGET\r\n", count + 1).as_bytes());
        let head = format!("${longest}\r\n{prefix}");
        for key in self.asked() {
            bytes.extend_from_slice(head.as_bytes());
            bytes.extend_from_slice(&key.letters());
            bytes.extend_from_slice(b"\r\n");
        }
        let rest = Request::of(redis::cmd("TIME")).and(self.queue.log.range());
        rest.pack(&mut bytes);
        bytes
    }

    /// What an answer says.
    fn values(&self, reply: Reply) -> Result<Values, LinkError> {
        let known = self
            .queue
            .log
            .absorb_range(scripts::records(reply.value(2)?)?);
        let now = scripts::time(reply.value(1)?)?;
        let found = reply.items(0, self.asked().count())?;
        let places = if found.len() == self.keys.len() {
            found
        } else {
            let mut found = found.into_iter();
            let place = |key: &Option<KeyDigest>| key.and_then(|_| found.next().flatten());
            self.keys.iter().map(place).collect()
        };
        Ok(Values {
            reply,
            places,
            now,
            known,
        })
    }
}

impl Trip for Going {
    fn commands(&self) -> Request {
        let keys: Vec<KeyDigest> = self.asked().collect();
        let queue = &self.queue;
        and_values(
            Request::default(),
            &queue.prefix,
            keys.into_iter(),
            &queue.log,
        )
    }

    fn len(&self) -> usize {
        3
    }

    fn deadlines(&self) -> &[Instant] {
        self.deadlines.get(self.late..).unwrap_or_default()
    }

    fn late(&mut self, now: Instant) {
        let late = self
            .deadlines()
            .iter()
            .take_while(|deadline| **deadline <= now);
        let late = self.late + late.count();
        if late > self.late {
            self.late = late;
            self.batch.late(late);
        }
    }

    fn end(self: Box<Self>, outcome: Result<Reply, LinkError>) {
        let values = outcome.and_then(|reply| self.values(reply));
        let crowded = self.keys.len() > FEW;
        self.batch.tell(values);
        lock(&self.queue.waiting).crowded = crowded;
        let queue = Arc::clone(&self.queue);
        drop(self);
        queue.go_on();
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        if !self.batch.is_told() {
            self.batch.tell(Err(LinkError::closed()));
        }
        lock(&self.queue.waiting).under_way -= 1;
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
    request.and(get).and(redis::cmd("TIME")).and(log.range())
}

/// What was there for a key. Nothing can be said of a value where a part of the log is missing.
pub(super) fn found(replies: Vec<Value>, log: &Log) -> Result<Option<Found>, LinkError> {
    let Ok([values, time, records]) = <[Value; 3]>::try_from(replies) else {
        return Err(LinkError::Unexpected("not three replies".into()));
    };
    let known = log.absorb_range(scripts::records(records)?);
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
