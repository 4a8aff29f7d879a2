//! A socket of the link's own, to which whoever asks writes by himself.
//!
//! The redis crate's connection is a task: it has to be woken before it writes, on a thread that may be asleep. Here the caller's own
//! thread writes, and the link's only reads. Nobody waits for another's thread: what a socket that is full did not take is left to the
//! link's.
//!
//! There is none with TLS, whose state reader and writer would share; nor where a second connection may reach another server than the
//! first.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::{Sleep, sleep_until};

use super::error::LinkError;
use super::reply::{Reply, Scan};
use super::request::Request;
use super::socket::{ReadHalf, WriteHalf};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, lock, wake_all};

/// Room for longer answers than this is given back.
const HELD: usize = 1 << 20;

/// What is read at a time, at least.
const CHUNK: usize = 16 << 10;

/// Those who wait for the answer to some commands.
pub(crate) trait Trip: Send {
    /// The commands, for who cannot send them as bytes.
    fn commands(&self) -> Request;
    /// How many they are.
    fn len(&self) -> usize;
    /// Until when those wait who are not late yet, in order.
    fn deadlines(&self) -> &[Instant];
    /// Those who have waited for long enough are to be told, by whoever asks for them.
    #[must_use]
    fn late(&mut self, now: Instant) -> Vec<Waker>;
    /// Tells all.
    fn end(self: Box<Self>, outcome: Result<Reply, LinkError>);
}

/// See the module. A clone is the same one.
#[derive(Clone)]
pub(super) struct Wire(Arc<Shared>);

struct Shared {
    sender: Mutex<Sender>,
    /// The reader is to look around.
    turn: Notify,
    /// Whether the reader looks around by itself before anybody's time is over.
    watched: AtomicBool,
}

struct Sender {
    half: WriteHalf,
    /// What the socket did not take.
    unsent: Vec<u8>,
    /// Those who wait, in the order of the answers.
    flying: VecDeque<Flying>,
    /// Nothing is sent any more.
    closed: bool,
}

/// An answer that is still to come.
struct Flying {
    replies: usize,
    /// Who waits for it; nobody whose time is over.
    flight: Option<Flight>,
}

/// A trip on its way.
pub(super) struct Flight {
    pub(super) sent: Instant,
    pub(super) trip: Box<dyn Trip>,
}

/// The end that reads. Whoever drops it tells the [`rest`](Self::rest).
pub(super) struct Reader {
    wire: Wire,
    half: ReadHalf,
    bytes: Vec<u8>,
    /// How many of them have been read.
    filled: usize,
    scan: Scan,
    parts: Vec<Range<usize>>,
    /// After so long, at most, somebody's time is over.
    patience: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
    why: Option<LinkError>,
}

/// What the reader has for somebody.
pub(super) enum Event {
    /// An answer, and who waits for it.
    Answered(Flight, Reply),
    /// The time of all of these is over.
    TimedOut(Flight),
}

impl Wire {
    pub(super) fn new(read: ReadHalf, write: WriteHalf, patience: Duration) -> (Self, Reader) {
        let wire = Self(Arc::new(Shared {
            sender: Mutex::new(Sender {
                half: write,
                unsent: Vec::new(),
                flying: VecDeque::new(),
                closed: false,
            }),
            turn: Notify::new(),
            watched: AtomicBool::new(false),
        }));
        let reader = Reader {
            wire: wire.clone(),
            half: read,
            bytes: Vec::new(),
            filled: 0,
            scan: Scan::default(),
            parts: Vec::new(),
            patience,
            alarm: None,
            why: None,
        };
        (wire, reader)
    }

    /// Sends commands, of which the trip knows how many they are.
    ///
    /// # Errors
    /// It is closed: the trip comes back.
    pub(super) fn send(&self, bytes: &[u8], trip: Box<dyn Trip>) -> Result<(), Box<dyn Trip>> {
        let mut sender = lock(&self.0.sender);
        if sender.closed {
            return Err(trip);
        }
        sender.flying.push_back(Flying {
            replies: trip.len(),
            flight: Some(Flight {
                sent: Instant::now(),
                trip,
            }),
        });
        let sent = if sender.unsent.is_empty() {
            // What goes wrong goes wrong for the reader, too, who tells.
            sender.half.try_write(bytes).unwrap_or(0)
        } else {
            0
        };
        sender
            .unsent
            .extend_from_slice(bytes.get(sent..).unwrap_or_default());
        let stuck = !sender.unsent.is_empty();
        drop(sender);
        if stuck || !self.0.watched.swap(true, Ordering::AcqRel) {
            self.0.turn.notify_one();
        }
        Ok(())
    }
}

impl Reader {
    /// What comes next; nothing if nothing more will come.
    pub(super) async fn next(&mut self) -> Option<Event> {
        let turn = Arc::clone(&self.wire.0);
        let mut turned = std::pin::pin!(turn.turn.notified());
        poll_fn(|cx| {
            while turned.as_mut().poll(cx).is_ready() {
                turned.set(turn.turn.notified());
            }
            self.poll(cx)
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if let Err(error) = self.write(cx) {
            return self.broke(&error.to_string());
        }
        loop {
            match self.answer() {
                Ok(Some((Some(flight), reply))) => {
                    return Poll::Ready(Some(Event::Answered(flight, reply)));
                }
                // Their time was over.
                Ok(Some((None, _))) => continue,
                Ok(None) => {}
                Err(error) => {
                    self.why = Some(error);
                    return Poll::Ready(None);
                }
            }
            let room = self.bytes.len() - self.filled;
            if room < CHUNK / 2 {
                // Of what it has grown to it is zeroed once, and read into again and again.
                let more = self.bytes.len().max(CHUNK);
                self.bytes.resize(self.bytes.len() + more, 0);
            }
            let spare = self.bytes.get_mut(self.filled..).unwrap_or_default();
            match self.half.poll_read(cx, spare) {
                Poll::Ready(Ok(0)) => return self.broke("the connection broke"),
                Poll::Ready(Ok(read)) => self.filled += read,
                Poll::Ready(Err(error)) => return self.broke(&error.to_string()),
                Poll::Pending => break,
            }
        }
        self.watch(cx)
    }

    /// Those who will not be answered, and why.
    pub(super) fn rest(&mut self) -> (Vec<Flight>, LinkError) {
        let mut sender = lock(&self.wire.0.sender);
        sender.closed = true;
        let flying = std::mem::take(&mut sender.flying);
        drop(sender);
        let lost = flying.into_iter().filter_map(|flying| flying.flight);
        let why = self.why.clone().unwrap_or_else(LinkError::closed);
        (lost.collect(), why)
    }

    fn broke(&mut self, why: &str) -> Poll<Option<Event>> {
        self.why = Some(LinkError::Disconnected(why.into()));
        Poll::Ready(None)
    }

    /// Sends what the socket did not take before.
    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut sender = lock(&self.wire.0.sender);
        let Sender { half, unsent, .. } = &mut *sender;
        while !unsent.is_empty() {
            match half.poll_ready(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => break,
            }
            match half.try_write(unsent) {
                Ok(sent) => drop(unsent.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next answer that is there as a whole, and who waits for it.
    fn answer(&mut self) -> Result<Option<(Option<Flight>, Reply)>, LinkError> {
        let bytes = self.bytes.get(..self.filled).unwrap_or_default();
        while let Some(part) = self.scan.next(bytes)? {
            // What the server says by itself answers nobody.
            if bytes.get(part.start) == Some(&b'>') {
                continue;
            }
            self.parts.push(part);
            let mut sender = lock(&self.wire.0.sender);
            let first = sender.flying.front();
            let first = first.ok_or_else(|| LinkError::unexpected("an answer to nothing"))?;
            if self.parts.len() < first.replies {
                continue;
            }
            let flight = sender.flying.pop_front().and_then(|first| first.flight);
            drop(sender);
            let end = self.scan.start();
            let answer = bytes.get(..end).unwrap_or_default().to_vec();
            let reply = Reply::new(answer, std::mem::take(&mut self.parts));
            // What has come behind it belongs to the next.
            self.bytes.copy_within(end..self.filled, 0);
            self.filled -= end;
            self.scan.rewind();
            if self.bytes.len() > HELD && self.filled < CHUNK {
                self.bytes.truncate(CHUNK);
                self.bytes.shrink_to_fit();
            }
            return Ok(Some((flight, reply)));
        }
        Ok(None)
    }

    /// Sees to it that nobody waits for longer than his time.
    fn watch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let shared = Arc::clone(&self.wire.0);
        let mut sender = lock(&shared.sender);
        loop {
            let now = Instant::now();
            let (mut next, mut late) = (None, Vec::new());
            let flights = sender.flying.iter_mut();
            for Flight { trip, .. } in flights.filter_map(|flying| flying.flight.as_mut()) {
                late.extend(trip.late(now));
                next = next
                    .into_iter()
                    .chain(trip.deadlines().first().copied())
                    .min();
            }
            if !late.is_empty() {
                // Who is woken may ask, and send what he asks for.
                drop(sender);
                wake_all(late);
                sender = lock(&shared.sender);
                continue;
            }
            let over = |flight: &mut Flight| flight.trip.deadlines().is_empty();
            let mut flying = sender.flying.iter_mut();
            if let Some(flight) = flying.find_map(|flying| flying.flight.take_if(over)) {
                // The server is silent: whoever asks from now on goes another way.
                sender.closed = true;
                return Poll::Ready(Some(Event::TimedOut(flight)));
            }
            let idle = sender.flying.iter().all(|flying| flying.flight.is_none());
            if idle && sender.closed {
                return Poll::Ready(None);
            }
            // Whoever asks from now on has more time than it takes until then.
            let rest = now + self.patience;
            let until = next.map_or(rest, |next| next.min(rest)).into();
            let alarm = match &mut self.alarm {
                Some(alarm) => {
                    if !idle && alarm.deadline() > until {
                        alarm.as_mut().reset(until);
                    }
                    alarm
                }
                None if idle && !shared.watched.load(Ordering::Acquire) => return Poll::Pending,
                none => none.insert(Box::pin(sleep_until(until))),
            };
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.alarm = None;
            if idle {
                shared.watched.store(false, Ordering::Release);
            }
        }
    }
}
