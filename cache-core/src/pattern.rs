//! Patterns: Redis globs over the bytes of addresses.
//!
//! `*` is any run of bytes, `:` included; `?` one byte; `[abc]` and `[a-c]` one byte of a class, `[^a]` one byte not of it;
//! `\` takes away the meaning of what follows, in a class too. All of it is about bytes: one `?` is half an `ä`.

use std::fmt;

mod overlap;
mod parse;

#[cfg(test)]
mod tests;

pub(crate) use overlap::Reach;
pub(crate) use parse::PatternError;

/// A pattern that is well-formed.
///
/// Matching takes at most as many steps as the product of the lengths of pattern and address, however many `*` there are.
#[derive(Clone)]
pub(crate) struct Pattern {
    source: Box<str>,
    parts: Box<[Part]>,
    shape: PatternShape,
}

/// What an index has to know about a pattern to find it quickly.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub(crate) enum PatternShape {
    /// No wildcard: this address.
    Exact(String),
    /// `abc*`: every address that begins so.
    Prefix(String),
    /// Anything else.
    Glob {
        /// What every match begins with, perhaps nothing.
        literal_prefix: String,
    },
    /// `*`: every address.
    All,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// One byte of a set.
    One(Bytes),
    /// Any run of bytes. Never two in a row.
    Run,
}

/// A set of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Bytes([u64; 4]);

impl Bytes {
    const ALL: Self = Self([u64::MAX; 4]);

    fn just(byte: u8) -> Self {
        let mut set = Self::default();
        set.add(byte, byte);
        set
    }

    fn add(&mut self, first: u8, last: u8) {
        for byte in first..=last {
            if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
    }

    fn has(&self, byte: u8) -> bool {
        self.0
            .get(usize::from(byte >> 6))
            .is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// An empty pattern, a class that is not closed or holds nothing, a backslash at the end.
    pub(crate) fn parse(source: &str) -> Result<Self, PatternError> {
        let (parts, literal_prefix) = parse::parts(source)?;
        let shape = match parts.as_slice() {
            [Part::Run] => PatternShape::All,
            parts if parts.len() == literal_prefix.len() => PatternShape::Exact(literal_prefix),
            [prefix @ .., Part::Run] if prefix.len() == literal_prefix.len() => {
                PatternShape::Prefix(literal_prefix)
            }
            _ => PatternShape::Glob { literal_prefix },
        };
        Ok(Self {
            source: source.into(),
            parts: parts.into(),
            shape,
        })
    }

    /// Reads a pattern that was written by hand, not by a template, in which `{{` is a brace.
    ///
    /// # Errors
    ///
    /// Those of [`parse`](Self::parse), and a brace that is neither escaped nor in a class.
    pub(crate) fn by_hand(source: &str) -> Result<Self, PatternError> {
        let pattern = Self::parse(source)?;
        parse::without_holes(source)?;
        Ok(pattern)
    }

    /// Whether the whole of `address` fits.
    pub(crate) fn matches(&self, address: &str) -> bool {
        match &self.shape {
            PatternShape::Exact(exact) => address == exact,
            PatternShape::Prefix(prefix) => address.starts_with(prefix.as_str()),
            PatternShape::Glob { literal_prefix } => {
                address.starts_with(literal_prefix.as_str()) && self.run(address.as_bytes()).0
            }
            PatternShape::All => true,
        }
    }

    /// What an index has to know about it.
    pub(crate) fn shape(&self) -> &PatternShape {
        &self.shape
    }

    /// What every match begins with, perhaps nothing.
    pub(crate) fn literal_prefix(&self) -> &str {
        match &self.shape {
            PatternShape::Exact(prefix) | PatternShape::Prefix(prefix) => prefix,
            PatternShape::Glob { literal_prefix } => literal_prefix,
            PatternShape::All => "",
        }
    }

    /// The pattern as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.source
    }

    /// The answer and the number of steps to it.
    ///
    /// Only the last run that was passed is ever tried again: a shorter earlier one leaves the later ones more to choose
    /// from, never less.
    fn run(&self, address: &[u8]) -> (bool, usize) {
        let (mut part, mut at, mut steps) = (0, 0, 0);
        let mut retry = None;
        loop {
            steps += 1;
            match (self.parts.get(part), address.get(at)) {
                (None, None) => return (true, steps),
                (Some(Part::Run), _) => {
                    part += 1;
                    retry = Some((part, at));
                }
                (Some(Part::One(set)), Some(byte)) if set.has(*byte) => {
                    part += 1;
                    at += 1;
                }
                (Some(_), None) => return (false, steps),
                _ => match &mut retry {
                    None => return (false, steps),
                    Some((after, from)) => {
                        *from += 1;
                        (part, at) = (*after, *from);
                    }
                },
            }
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.source)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}
