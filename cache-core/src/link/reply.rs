//! The bytes of an answer, as they come from the server.
//!
//! Where its parts end is all that is found out here: a value is then used where it lies. Of the redis crate's parser each would be a
//! `Vec` of its own.

use std::ops::Range;

use redis::Value;

use super::error::LinkError;

/// More than that is no answer to anything that is asked here.
const LARGEST: usize = 512 << 20;

/// How deeply lists lie in each other at most.
const DEEPEST: usize = 16;

/// Finds the ends of answers in bytes that are still coming.
#[derive(Debug, Default)]
pub(super) struct Scan {
    at: usize,
    /// Where the present part begins.
    start: usize,
    /// How many items are missing of each list that has begun.
    open: Vec<usize>,
}

/// One line of an answer.
enum Line {
    /// So many bytes follow, and the end of a line.
    Bytes(usize),
    /// So many items follow.
    Items(usize),
    /// Nothing follows.
    Whole,
}

impl Scan {
    /// The next part that is there as a whole. It goes on from there the next time, with the same bytes and more of them.
    ///
    /// # Errors
    /// What came is no answer, or one that is too large.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Result<Option<Range<usize>>, LinkError> {
        loop {
            let Some((line, rest)) = line(bytes, self.at)? else {
                return Ok(None);
            };
            match line {
                Line::Items(items) if items > 0 => {
                    if self.open.len() == DEEPEST {
                        return Err(LinkError::unexpected("lists in lists in lists"));
                    }
                    self.open.push(items);
                    self.at = rest;
                    continue;
                }
                Line::Items(_) | Line::Whole => self.at = rest,
                Line::Bytes(length) => {
                    let end = rest + length + 2;
                    if end > LARGEST {
                        return Err(LinkError::unexpected("an answer that is too large"));
                    }
                    if bytes.len() < end {
                        return Ok(None);
                    }
                    self.at = end;
                }
            }
            // An item is whole, and with it, perhaps, the lists that it is the last one of.
            while let Some(missing) = self.open.last_mut() {
                *missing -= 1;
                if *missing > 0 {
                    break;
                }
                self.open.pop();
            }
            if self.open.is_empty() {
                let start = std::mem::replace(&mut self.start, self.at);
                return Ok(Some(start..self.at));
            }
        }
    }

    /// Where the next part begins.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// What has been found is gone: the next part is the first of the bytes.
    pub(super) fn rewind(&mut self) {
        (self.at, self.start) = (0, 0);
        self.open.clear();
    }
}

/// The line at a place, and where it ends; nothing if it is not there yet.
fn line(bytes: &[u8], at: usize) -> Result<Option<(Line, usize)>, LinkError> {
    let rest = bytes.get(at..).unwrap_or_default();
    let Some(kind) = rest.first() else {
        return Ok(None);
    };
    let counts = matches!(kind, b'$' | b'=' | b'!' | b'*' | b'~' | b'>' | b'%' | b'|');
    if !counts && !matches!(kind, b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(') {
        return Err(LinkError::unexpected("bytes that are no answer"));
    }
    let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
        return if rest.len() > LARGEST || counts && rest.len() > 32 {
            Err(LinkError::unexpected("a line without an end"))
        } else {
            Ok(None)
        };
    };
    let end = at + length + 1;
    if !counts {
        return Ok(Some((Line::Whole, end)));
    }
    let number = rest
        .get(1..length)
        .and_then(|text| text.strip_suffix(b"\r"));
    let line = match number {
        Some(b"-1") => Line::Whole,
        number => {
            let number = number
                .and_then(digits)
                .filter(|number| *number <= LARGEST)
                .ok_or_else(|| LinkError::unexpected("a length that is none, or too large"))?;
            match kind {
                b'$' | b'=' | b'!' => Line::Bytes(number),
                // Of maps.
                b'%' => Line::Items(number * 2),
                // What is said of the answer that follows.
                b'|' => Line::Items(number * 2 + 1),
                _ => Line::Items(number),
            }
        }
    };
    Ok(Some((line, end)))
}

/// The number that some digits are. Of so few none is too large.
pub(super) fn digits(text: &[u8]) -> Option<usize> {
    let add = |sum: usize, digit: &u8| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        Some(sum * 10 + usize::from(digit))
    };
    (1..=9)
        .contains(&text.len())
        .then(|| text.iter().try_fold(0, add))
        .flatten()
}

/// An answer to several commands, as it came.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    bytes: Vec<u8>,
    parts: Vec<Range<usize>>,
}

impl Reply {
    pub(super) fn new(bytes: Vec<u8>, parts: Vec<Range<usize>>) -> Self {
        Self { bytes, parts }
    }

    /// What comes in pieces of so many bytes.
    #[cfg(test)]
    pub(crate) fn read(bytes: &[u8], step: usize) -> Result<Self, LinkError> {
        let (mut scan, mut parts, mut there) = (Scan::default(), Vec::new(), 0);
        while there < bytes.len() {
            there = (there + step).min(bytes.len());
            while let Some(part) = scan.next(bytes.get(..there).unwrap_or_default())? {
                parts.push(part);
            }
        }
        Ok(Self::new(bytes.to_vec(), parts))
    }

    /// What was taken apart already.
    ///
    /// # Errors
    /// There is something in it that nothing is answered with that is asked here.
    pub(super) fn of(values: Vec<Value>) -> Result<Self, LinkError> {
        let (mut bytes, mut parts) = (Vec::new(), Vec::new());
        for value in values {
            let start = bytes.len();
            write(&value, &mut bytes)?;
            parts.push(start..bytes.len());
        }
        Ok(Self { bytes, parts })
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many commands it answers.
    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    fn part(&self, at: usize) -> &[u8] {
        let part = self.parts.get(at).cloned().unwrap_or_default();
        self.bytes.get(part).unwrap_or_default()
    }

    /// The answer to one command.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn value(&self, at: usize) -> Result<Value, LinkError> {
        match self.part(at) {
            b"*0\r\n" => Ok(Value::Array(Vec::new())),
            part => redis::parse_redis_value(part)
                .map_err(|_| LinkError::unexpected("an answer that does not parse")),
        }
    }

    /// Whether a command is answered with nothing, as one is that looks for what is not there.
    pub(crate) fn is_nothing(&self, at: usize) -> bool {
        matches!(self.part(at), b"*-1\r\n" | b"_\r\n")
    }

    /// Whether a command is answered with an error.
    pub(super) fn is_refused(&self, at: usize) -> bool {
        matches!(self.part(at).first(), Some(b'-' | b'!'))
    }

    /// Where the items of a list lie; nothing for those that are nothing.
    ///
    /// # Errors
    /// It is no list of so many, or one of something else than bytes.
    pub(crate) fn items(
        &self,
        at: usize,
        count: usize,
    ) -> Result<Vec<Option<Range<usize>>>, LinkError> {
        let odd = || LinkError::unexpected("not as many values as keys");
        let part = self.parts.get(at).cloned().ok_or_else(odd)?;
        let bytes = self.bytes.get(..part.end).ok_or_else(odd)?;
        let (Line::Items(items), mut at) = line(bytes, part.start)?.ok_or_else(odd)? else {
            return Err(odd());
        };
        if items != count {
            return Err(odd());
        }
        let item = |_| {
            let (line, rest) = line(bytes, at)?.ok_or_else(odd)?;
            match line {
                Line::Bytes(length) => {
                    at = rest + length + 2;
                    Ok(Some(rest..rest + length))
                }
                Line::Whole => {
                    at = rest;
                    Ok(None)
                }
                Line::Items(_) => Err(odd()),
            }
        };
        let items = (0..count).map(item).collect::<Result<_, _>>()?;
        if at == part.end {
            Ok(items)
        } else {
            Err(odd())
        }
    }
}

/// Writes what was read.
fn write(value: &Value, into: &mut Vec<u8>) -> Result<(), LinkError> {
    match value {
        Value::Nil => into.extend_from_slice(b"_\r\n"),
        Value::BulkString(bytes) => {
            into.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
            into.extend_from_slice(bytes);
            into.extend_from_slice(b"\r\n");
        }
        Value::Array(items) => {
            into.extend_from_slice(format!("*{}\r\n", items.len()).as_bytes());
            items.iter().try_for_each(|item| write(item, into))?;
        }
        Value::Map(pairs) => {
            into.extend_from_slice(format!("%{}\r\n", pairs.len()).as_bytes());
            let mut items = pairs.iter().flat_map(|(name, item)| [name, item]);
            items.try_for_each(|item| write(item, into))?;
        }
        _ => return Err(LinkError::unexpected("neither bytes nor lists of them")),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
