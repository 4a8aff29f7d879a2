//! Reads of values: those that wait at the same time make one trip.
//!
//! A trip is one `MGET` and, behind it, one look at the log: every record that was appended before a value was read comes along with
//! it, and every one that was appended before its caller asked, as nobody's read is put into a trip that is on its way. Nobody waits for
//! company: what is asked for while the trips that may be under way are, goes with the next.

use std::collections::VecDeque;
use std::fmt::Write;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use redis::{Cmd, Value};
use tokio::sync::{Notify, oneshot};
use tokio::task::unconstrained;
use tokio::time::timeout_at;

use super::Found;
use crate::key::KeyDigest;
use crate::link::{Link, LinkError, Request, scripts};
use crate::log::Log;
use crate::sync::{Arc, Mutex, lock};

#[cfg(test)]
mod tests;

/// How many values one trip brings at most, ...
const BURST: usize = 256;

/// ... and how many trips are on their way at most.
const LANES: usize = 4;

/// A value, or that there is none.
type Told = Result<Option<Found>, LinkError>;

/// See the module.
pub(super) struct Reads {
    link: Link,
    queue: Arc<Queue>,
}

/// A value that is asked for: a future for any runtime, or none. Dropped, it is not asked for any more, if it is not on its way.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Read(State);

enum State {
    Failed(LinkError),
    Waiting(oneshot::Receiver<Told>),
}

/// Somebody who waits for a value.
struct Asked {
    key: KeyDigest,
    deadline: Instant,
    told: oneshot::Sender<Told>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Waiting {
    asked: VecDeque<Asked>,
    /// Nobody will look again.
    closed: bool,
}

impl Reads {
    /// Reads the values whose keys begin with `prefix`, over this link, until it is closed.
    pub(super) fn new(link: &Link, log: &Log, prefix: &str) -> Self {
        let queue = Arc::new(Queue::default());
        let end = Arc::new(End(Arc::clone(&queue)));
        for _ in 0..LANES {
            let lane = Lane {
                // What runs on the link must not keep it open.
                link: link.weak(),
                log: log.clone(),
                prefix: prefix.into(),
                end: Arc::clone(&end),
            };
            link.spawn(lane.run());
        }
        Self {
            link: link.clone(),
            queue,
        }
    }

    /// Asks for a value.
    pub(super) fn ask(&self, key: KeyDigest) -> Read {
        let deadline = match self.link.deadline() {
            Ok(deadline) => deadline,
            Err(error) => return Read(State::Failed(error)),
        };
        let (asked, read) = Asked::new(key, deadline);
        self.queue.push([asked]);
        read
    }

    /// Asks for several values, in as few trips as they fit into.
    pub(super) fn ask_many(&self, keys: &[KeyDigest]) -> Vec<Read> {
        let failed = |error: LinkError| Read(State::Failed(error));
        let deadline = match self.link.deadline() {
            Ok(deadline) => deadline,
            Err(error) => return keys.iter().map(|_| failed(error.clone())).collect(),
        };
        let asked = keys.iter().map(|key| Asked::new(*key, deadline));
        let (asked, reads): (Vec<_>, _) = asked.unzip();
        self.queue.push(asked);
        reads
    }
}

impl Future for Read {
    type Output = Told;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Told> {
        match &mut self.0 {
            State::Failed(error) => Poll::Ready(Err(error.clone())),
            // As an `Answer` is polled, whoever blocks on it.
            State::Waiting(heard) => Pin::new(&mut unconstrained(heard))
                .poll(cx)
                .map(|told| told.unwrap_or_else(|_| Err(LinkError::closed()))),
        }
    }
}

impl Queue {
    fn push(&self, asked: impl IntoIterator<Item = Asked>) {
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return;
        }
        let first = waiting.asked.is_empty();
        waiting.asked.extend(asked);
        drop(waiting);
        // Whoever was first has said so, and nobody has looked since.
        if first {
            self.filled.notify_one();
        }
    }

    /// What goes with the next trip.
    async fn burst(&self) -> VecDeque<Asked> {
        loop {
            let burst = self.take();
            if !burst.is_empty() {
                return burst;
            }
            self.filled.notified().await;
        }
    }

    fn take(&self) -> VecDeque<Asked> {
        let mut waiting = lock(&self.waiting);
        let mut burst = if waiting.asked.len() <= BURST {
            std::mem::take(&mut waiting.asked)
        } else {
            waiting.asked.drain(..BURST).collect()
        };
        let more = !waiting.asked.is_empty();
        drop(waiting);
        if more {
            self.filled.notify_one();
        }
        // Those who do not wait any more.
        burst.retain(|asked| !asked.told.is_closed());
        burst
    }
}

/// Dropped with the last lane: whoever waits is told, and whoever comes.
struct End(Arc<Queue>);

impl Drop for End {
    fn drop(&mut self) {
        let mut waiting = lock(&self.0.waiting);
        waiting.closed = true;
        let asked = std::mem::take(&mut waiting.asked);
        drop(waiting);
        drop(asked);
    }
}

/// One trip after another.
struct Lane {
    link: Link,
    log: Log,
    prefix: Box<str>,
    end: Arc<End>,
}

impl Lane {
    async fn run(self) {
        loop {
            let burst = self.end.0.burst().await;
            self.trip(burst).await;
        }
    }

    async fn trip(&self, mut burst: VecDeque<Asked>) {
        let (Some(last), count) = (burst.back(), burst.len()) else {
            return;
        };
        let keys = burst.iter().map(|asked| asked.key);
        let request = and_values(Request::default(), &self.prefix, keys, &self.log);
        let mut trip = pin!(self.link.ask_inside(request, last.deadline));
        // Nobody waits for longer because others have come later. Those in the queue have come later than all of these.
        let replies = loop {
            let Some(first) = burst.front() else {
                break trip.await;
            };
            match timeout_at(first.deadline.into(), &mut trip).await {
                Ok(replies) => break replies,
                Err(_) => burst
                    .pop_front()
                    .into_iter()
                    .for_each(|late| late.tell(Err(LinkError::TimedOut))),
            }
        };
        match replies.and_then(|replies| found(replies, count, &self.log)) {
            Ok(found) => {
                let gone = count - burst.len();
                for (asked, found) in burst.into_iter().zip(found.into_iter().skip(gone)) {
                    asked.tell(Ok(found));
                }
            }
            Err(error) => burst
                .into_iter()
                .for_each(|asked| asked.tell(Err(error.clone()))),
        }
    }
}

impl Asked {
    fn new(key: KeyDigest, deadline: Instant) -> (Self, Read) {
        let (told, heard) = oneshot::channel();
        let asked = Self {
            key,
            deadline,
            told,
        };
        (asked, Read(State::Waiting(heard)))
    }

    fn tell(self, told: Told) {
        // Whoever does not want to know has dropped it.
        let _ = self.told.send(told);
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

/// What was there for so many keys. Nothing can be said of values where a part of the log is missing.
pub(super) fn found(
    replies: Vec<Value>,
    keys: usize,
    log: &Log,
) -> Result<Vec<Option<Found>>, LinkError> {
    let Ok([values, time, records]) = <[Value; 3]>::try_from(replies) else {
        return Err(LinkError::Unexpected("not three replies".into()));
    };
    let known = log.absorb_range(scripts::records(records)?);
    let now = scripts::time(time)?;
    match values {
        Value::Array(values) if values.len() == keys => Ok(values
            .into_iter()
            .map(|value| Found::of(value, now).filter(|_| known))
            .collect()),
        _ => Err(LinkError::Unexpected("not as many values as keys".into())),
    }
}

impl Found {
    /// What was stored, if it counts for any longer at this time of the server.
    fn of(value: Value, now: Duration) -> Option<Self> {
        let Value::BulkString(mut envelope) = value else {
            return None;
        };
        // What was not stored by us does not say when it expires, and is not an envelope either; it is known as that when it is parsed.
        let Some(at) = scripts::expiry(&mut envelope) else {
            let left = Duration::ZERO;
            return Some(Self { envelope, left });
        };
        let left = at.checked_sub(now).filter(|left| !left.is_zero())?;
        Some(Self { envelope, left })
    }
}
