//! The scripts against real servers.

mod log;
mod replies;
mod values;

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::{Cmd, Value};

use super::super::tests::{patient, server, server::Server, start};
use super::super::{Link, LinkOptions, Request};
use super::*;

const LOG: &[u8] = b"fc:{t}:log";
const META: &[u8] = b"fc:{t}:meta";
const VALUE: &[u8] = b"fc:{t}/v/k";
const LEASE: &[u8] = b"fc:{t}/l/k";

/// One command, one reply.
fn ask(link: &Link, command: Command) -> Value {
    let mut values = link.ask(Request::of(command)).wait().unwrap();
    assert_eq!(values.len(), 1);
    values.remove(0)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap() * 1_024
}

fn sync(link: &Link, applied: Position, candidate: u64) -> Appended {
    send(link, applied, candidate, None)
}

/// What may fail.
fn try_sync(link: &Link, applied: Position) -> Result<Appended, LinkError> {
    let mut values = link
        .ask(Request::of(append(LOG, META, &nothing(applied))))
        .wait()?;
    appended(values.remove(0))
}

/// Only looks what is new.
fn nothing(applied: Position) -> Append<'static> {
    Append {
        applied,
        count: 100,
        candidate: now(),
        length: 1_000,
        record: None,
    }
}

fn add(link: &Link, applied: Position, matchers: &str, origin: Option<Position>) -> Appended {
    let record = Record {
        kind: b'i',
        matchers: matchers.as_bytes(),
        source: *b"instance",
        origin,
    };
    send(link, applied, now(), Some(record))
}

fn send(link: &Link, applied: Position, candidate: u64, record: Option<Record<'_>>) -> Appended {
    let request = Append {
        candidate,
        record,
        ..nothing(applied)
    };
    appended(ask(link, append(LOG, META, &request))).unwrap()
}

fn at(generation: u64, sequence: u64) -> Position {
    Position {
        generation,
        sequence,
    }
}

/// The last record opened a generation after `before` and shares history up to `ancestor`.
#[track_caller]
fn opened(reply: &Appended, before: Position, ancestor: Option<Position>) {
    let last = reply.records.last().unwrap();
    assert!(reply.tip.generation > before.generation, "{reply:?}");
    assert_eq!(reply.tip.sequence, 0);
    assert_eq!((last.position, last.kind), (reply.tip, b'o'));
    assert_eq!(last.origin, ancestor);
}
