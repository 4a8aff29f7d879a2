//! The commands of the protocol, and what their replies mean.
//!
//! The read path has none of them: a script costs the server several times a plain command.

use std::time::Duration;

use redis::{Cmd, Value};

use super::error::LinkError;
use super::request::{Command, Script, pack};
use crate::position::Position;

#[cfg(any(test, cache_fault))]
mod broken;
mod leases;
pub(crate) use leases::{Lease, Leased, lease, leased, pass, release, renew, take};

static APPEND: Script = Script::new(include_str!("scripts/append.lua"));
static STORE: Script = Script::new(include_str!("scripts/store.lua"));
static DROP: Script = Script::new(include_str!("scripts/drop.lua"));

/// A record to be appended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// `i` invalidate, `h` hold.
    pub(crate) kind: u8,
    /// What it names, packed.
    pub(crate) matchers: &'a [u8],
    /// Who appends it.
    pub(crate) source: [u8; 8],
    /// Where it stood before a server lost it.
    pub(crate) origin: Option<Position>,
}

/// A record as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawRecord {
    /// Its place.
    pub(crate) position: Position,
    /// `i` invalidate, `h` hold, `o` generation opened.
    pub(crate) kind: u8,
    /// What it names, packed.
    pub(crate) matchers: Vec<u8>,
    /// Who appended it.
    pub(crate) source: Vec<u8>,
    /// Of kind `o`, the last record that its generation shares with the one before, if any. Of others, where the record stood before a
    /// server lost it.
    pub(crate) origin: Option<Position>,
}

/// What an instance sends to the log: its place in it, and maybe a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Append<'a> {
    /// Up to where the log is known here.
    pub(crate) applied: Position,
    /// At most so many records come back.
    pub(crate) count: usize,
    /// The generation to open if one must be; the server raises it above all that are known. Below 2^53.
    pub(crate) candidate: u64,
    /// About so many records are kept.
    pub(crate) length: usize,
    /// None: only look what is new.
    pub(crate) record: Option<Record<'a>>,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    /// The first record that is left in the log.
    pub(crate) first: RawRecord,
    /// The place of the last record: the caller's own, if it appended one.
    pub(crate) tip: Position,
    /// What is new, in order, the caller's own record included.
    pub(crate) records: Vec<RawRecord>,
}

impl Appended {
    /// Whether this can be the answer to an append: whole, and with the record that was appended at its end. One that was taken
    /// for logged and is not would be forgotten.
    pub(crate) fn is_answer_to(&self, append: &Append<'_>) -> bool {
        // Without it what is missing is not told of.
        #[cfg(any(test, cache_fault))]
        if !crate::rule::holds(crate::rule::Rule::Generation) {
            return true;
        }
        if self.records.len() >= append.count {
            return self.tip > append.applied;
        }
        let last = self.records.last();
        let own = append.record.is_none_or(|own| {
            last.is_some_and(|last| last.source == own.source && last.matchers == own.matchers)
        });
        own && last.map_or(append.applied, |last| last.position) == self.tip
    }
}

/// Appends a record, or looks what is new. Opens a generation first if the server may have lost records.
pub(crate) fn append(log: &[u8], meta: &[u8], append: &Append<'_>) -> Command {
    let applied = id(append.applied);
    let numbers =
        [append.count as u64, append.candidate, append.length as u64].map(|n| n.to_string());
    let mut arguments: Vec<&[u8]> = vec![applied.as_bytes()];
    arguments.extend(numbers.iter().map(String::as_bytes));
    let origin;
    if let Some(record) = &append.record {
        origin = record.origin.map(id).unwrap_or_default();
        arguments.extend([
            std::slice::from_ref(&record.kind),
            record.matchers,
            &record.source,
            origin.as_bytes(),
        ]);
    }
    #[cfg(any(test, cache_fault))]
    if let Some(script) = broken::append(APPEND.source()) {
        return script.call(&[log, meta], &arguments);
    }
    APPEND.call(&[log, meta], &arguments)
}

/// What [`append`] answers.
pub(crate) fn appended(reply: Value) -> Result<Appended, LinkError> {
    let [first, tip, records] = array(reply, "the reply of an append")?;
    Ok(Appended {
        first: record(first)?,
        tip: position(&bytes(tip)?)?,
        records: self::records(records)?,
    })
}

fn records(reply: Value) -> Result<Vec<RawRecord>, LinkError> {
    match reply {
        Value::Array(records) => records.into_iter().map(record).collect(),
        _ => Err(LinkError::unexpected("records that are no list")),
    }
}

/// Waits until so many replicas have what was written before on the same connection; [`replicated`] tells.
pub(crate) fn wait(replicas: usize, within: Duration) -> Command {
    let mut cmd = redis::cmd("WAIT");
    // Never 0, which waits for ever.
    cmd.arg(replicas).arg(within.as_millis().max(1) as u64);
    cmd.into()
}

/// What [`wait`] answers: how many have it.
pub(crate) fn replicated(reply: Value) -> Result<usize, LinkError> {
    match reply {
        Value::Int(count) => Ok(usize::try_from(count).unwrap_or(0)),
        _ => Err(LinkError::unexpected("no number of replicas")),
    }
}

/// Reads the log without a script.
///
/// An `XRANGE` would say the same, and takes the server some seven times as long where there is nothing new: it begins a list before
/// it knows of how many.
pub(crate) fn news(log: &[u8], after: Position, count: usize) -> Command {
    let mut cmd = Cmd::new();
    asking_for_news(log, after, count, |arguments| {
        cmd.arg(arguments);
    });
    cmd.into()
}

/// The same as it is sent.
pub(crate) fn pack_news(log: &[u8], after: Position, count: usize, into: &mut Vec<u8>) {
    asking_for_news(log, after, count, |arguments| pack(arguments, into));
}

fn asking_for_news(log: &[u8], after: Position, count: usize, ask: impl FnOnce(&[&[u8]])) {
    let (count, after) = (count.to_string(), id(after));
    let (count, after) = (count.as_bytes(), after.as_bytes());
    ask(&[b"XREAD", b"COUNT", count, b"STREAMS", log, after]);
}

/// Waits for records on a connection of its own; 0 waits for ever.
pub(crate) fn tail(log: &[u8], after: Position, count: usize, wait_ms: u64) -> Command {
    let mut cmd = redis::cmd("XREAD");
    cmd.arg("COUNT").arg(count).arg("BLOCK").arg(wait_ms);
    cmd.arg("STREAMS").arg(log).arg(id(after));
    cmd.into()
}

/// What [`news`] and [`tail`] answer: nothing, if there is no record, or none came in time.
pub(crate) fn tailed(reply: Value) -> Result<Vec<RawRecord>, LinkError> {
    let stream = match reply {
        Value::Nil => return Ok(Vec::new()),
        Value::Array(mut streams) if streams.len() == 1 => streams.pop(),
        // RESP3 names the streams in a map.
        Value::Map(mut streams) if streams.len() == 1 => {
            return streams
                .pop()
                .map_or(Ok(Vec::new()), |(_, all)| records(all));
        }
        _ => None,
    };
    let [_, all] = array(stream.unwrap_or(Value::Nil), "a stream")?;
    records(all)
}

/// An envelope to be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Store<'a> {
    /// The bytes; 4 to 20 are the stamp.
    pub(crate) envelope: &'a [u8],
    /// For how many milliseconds it is fresh. If it is no longer, how long ago it ceased to be, with a minus.
    pub(crate) lifetime: i64,
    /// For how many milliseconds after its lifetime it stays, for those who fall back on it.
    pub(crate) grace: u64,
    /// Whether it takes the place of nothing that is fresh.
    pub(crate) yields: bool,
    /// The stamp of the entry that was found invalid, and may be overwritten by an older one.
    pub(crate) observed: Option<Position>,
    /// The lease to be given back.
    pub(crate) token: Option<[u8; 16]>,
}

/// Stores an envelope, unless a younger one is there; a [`flag`] tells.
pub(crate) fn store(value: &[u8], lease: &[u8], store: &Store<'_>) -> Command {
    let lifetime = store.lifetime.to_string();
    let grace = store.grace.min(LONGEST_GRACE).to_string();
    let observed = store.observed.map(stamp);
    STORE.call(
        &[value, lease],
        &[
            store.envelope,
            lifetime.as_bytes(),
            observed.as_ref().map_or(&[], |stamp| &stamp[..]),
            store.token.as_ref().map_or(&[], |token| &token[..]),
            grace.as_bytes(),
            if store.yields { b"1" } else { b"" },
        ],
    )
}

/// A century: of longer times the server says that they are none.
const LONGEST_GRACE: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;

/// Whether this is the script of [`store`].
pub(super) fn is_store(script: &'static Script) -> bool {
    std::ptr::eq(script, &STORE)
}

/// How many digits a value ends with: when it expires, in milliseconds of the server's clock. They are enough until 2286.
const EXPIRY: usize = 13;

/// The envelope of a value, and when it expires by the server's clock. None if it does not say.
///
/// An `MGET` with a `TIME` thus tells of many values what a `PTTL` of each would.
pub(crate) fn expiry(value: &[u8]) -> Option<(&[u8], Duration)> {
    let (envelope, expiry) = value.split_at_checked(value.len().checked_sub(EXPIRY)?)?;
    let add = |sum: u64, digit: &u8| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        Some(sum * 10 + u64::from(digit))
    };
    let expiry = expiry.iter().try_fold(0, add)?;
    Some((envelope, Duration::from_millis(expiry)))
}

/// What the server's clock says, of `TIME`.
pub(crate) fn time(reply: Value) -> Result<Duration, LinkError> {
    let [seconds, micros] = array(reply, "a time")?;
    clock(&bytes(seconds)?, &bytes(micros)?)
}

/// The same of its two parts.
pub(crate) fn clock(seconds: &[u8], micros: &[u8]) -> Result<Duration, LinkError> {
    let number = |text| -> Result<u64, LinkError> {
        let number = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| LinkError::unexpected("a time that is none"))
    };
    Ok(Duration::from_secs(number(seconds)?) + Duration::from_micros(number(micros)?))
}

/// Removes those of the values that are older than an invalidation; answers how many they were.
pub(crate) fn drop_older(values: &[&[u8]], than: Position) -> Command {
    DROP.call(values, &[&stamp(than)])
}

/// Whether a script did what it was asked for.
pub(crate) fn flag(reply: Value) -> Result<bool, LinkError> {
    match reply {
        Value::Int(0) => Ok(false),
        Value::Int(1) => Ok(true),
        _ => Err(LinkError::unexpected("neither yes nor no")),
    }
}

fn record(reply: Value) -> Result<RawRecord, LinkError> {
    let [place, fields] = array(reply, "a record")?;
    let position = position(&bytes(place)?)?;
    // Of a release that writes them in another way: nobody can say what it means, and it must not stop the others.
    let unknown = RawRecord {
        position,
        kind: b'?',
        matchers: Vec::new(),
        source: Vec::new(),
        origin: None,
    };
    Ok(fields_of(fields, position).unwrap_or(unknown))
}

/// A record as this release writes them.
fn fields_of(fields: Value, position: Position) -> Option<RawRecord> {
    let [t, kind, m, matchers, s, source, o, origin] =
        array(fields, "the fields of a record").ok()?;
    for (name, field) in [("t", t), ("m", m), ("s", s), ("o", o)] {
        if bytes(field).ok()? != name.as_bytes() {
            return None;
        }
    }
    let [kind] = bytes(kind).ok()?[..] else {
        return None;
    };
    let origin = bytes(origin).ok()?;
    Some(RawRecord {
        position,
        kind,
        matchers: bytes(matchers).ok()?,
        source: bytes(source).ok()?,
        origin: match &origin[..] {
            [] => None,
            id => Some(self::position(id).ok()?),
        },
    })
}

fn array<const N: usize>(reply: Value, what: &str) -> Result<[Value; N], LinkError> {
    match reply {
        Value::Array(items) => items.try_into().ok(),
        _ => None,
    }
    .ok_or_else(|| LinkError::unexpected(format!("{what} is no list of {N}")))
}

fn bytes(reply: Value) -> Result<Vec<u8>, LinkError> {
    match reply {
        Value::BulkString(bytes) => Ok(bytes),
        _ => Err(LinkError::unexpected(
            "something else in the place of bytes",
        )),
    }
}

/// A position as the log writes it.
fn id(position: Position) -> String {
    format!("{}-{}", position.generation, position.sequence)
}

fn position(id: &[u8]) -> Result<Position, LinkError> {
    let parse = || {
        let (generation, sequence) = str::from_utf8(id).ok()?.split_once('-')?;
        // Greater ones are not exact in the scripts, and none of theirs.
        let number = |text: &str| text.parse().ok().filter(|number| *number < 1 << 53);
        Some(Position {
            generation: number(generation)?,
            sequence: number(sequence)?,
        })
    };
    parse().ok_or_else(|| LinkError::unexpected("a position that is none"))
}

/// A position as envelopes and leases carry it: its order is that of the bytes.
fn stamp(position: Position) -> [u8; 16] {
    (u128::from(position.generation) << 64 | u128::from(position.sequence)).to_be_bytes()
}

fn unstamp(stamp: [u8; 16]) -> Position {
    let both = u128::from_be_bytes(stamp);
    Position {
        generation: (both >> 64) as u64,
        sequence: both as u64,
    }
}

#[cfg(test)]
mod tests;
