//! From a pattern's text to its parts.

use std::fmt;

use super::{Bytes, Part};

/// Why a text is not a pattern: where, and what to type instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatternError {
    offset: usize,
    fault: Fault,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Empty,
    Backslash,
    UnclosedClass,
    /// `[a-]`, where the bracket is the end of a range, not of the class.
    BracketInRange,
    EmptyClass,
    /// `{id}`, in a text that is no template.
    Brace,
}

impl PatternError {
    /// The byte of the pattern at which the fault begins.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.offset;
        match self.fault {
            Fault::Empty => {
                f.write_str("an empty pattern matches nothing; help: write `*` for everything")
            }
            Fault::Backslash => {
                write!(
                    f,
                    "the backslash at byte {at} has nothing to escape; help: write `\\\\` for a backslash"
                )
            }
            Fault::UnclosedClass => {
                write!(
                    f,
                    "the class at byte {at} is not closed; help: add `]`, or write `\\[` for a bracket"
                )
            }
            Fault::BracketInRange => {
                write!(
                    f,
                    "the class at byte {at} is not closed, its `-]` is a range; help: write `\\-]`"
                )
            }
            Fault::Brace => {
                write!(
                    f,
                    "nothing is filled in for the `{{` at byte {at}; help: use `format!` and `escape`, or write `\\{{` for a brace"
                )
            }
            Fault::EmptyClass => {
                write!(
                    f,
                    "the class at byte {at} holds nothing; help: write `\\[\\]` for two brackets"
                )
            }
        }
    }
}

impl From<PatternError> for crate::error::Error {
    fn from(error: PatternError) -> Self {
        Self::new(crate::error::ErrorKind::Pattern, error.to_string())
    }
}

impl std::error::Error for PatternError {}

/// The parts of a pattern, and the text before its first wildcard.
pub(super) fn parts(source: &str) -> Result<(Vec<Part>, String), PatternError> {
    if source.is_empty() {
        return Err(PatternError {
            offset: 0,
            fault: Fault::Empty,
        });
    }
    let mut parts = Vec::with_capacity(source.len());
    let mut literal_prefix = String::new();
    let mut rest = source;
    while let Some(char) = rest.chars().next() {
        let offset = source.len() - rest.len();
        let mut tail = rest.get(char.len_utf8()..).unwrap_or_default();
        match char {
            '*' if parts.last() == Some(&Part::Run) => {}
            '*' => parts.push(Part::Run),
            '?' => parts.push(Part::One(Bytes::ALL)),
            '[' => {
                let (class, len) =
                    class(tail.as_bytes()).map_err(|fault| PatternError { offset, fault })?;
                parts.push(Part::One(class));
                tail = tail.get(len..).unwrap_or_default();
            }
            _ => {
                let literal = if char == '\\' {
                    let escaped = tail.chars().next().ok_or(PatternError {
                        offset,
                        fault: Fault::Backslash,
                    })?;
                    tail = tail.get(escaped.len_utf8()..).unwrap_or_default();
                    escaped
                } else {
                    char
                };
                if parts.len() == literal_prefix.len() {
                    literal_prefix.push(literal);
                }
                let mut bytes = [0; 4];
                parts.extend(
                    literal
                        .encode_utf8(&mut bytes)
                        .bytes()
                        .map(|byte| Part::One(Bytes::just(byte))),
                );
            }
        }
        rest = tail;
    }
    Ok((parts, literal_prefix))
}

/// Refuses a brace that stands for itself: in a pattern by hand it is a forgotten `format!`, and no argument has one.
pub(super) fn without_holes(source: &str) -> Result<(), PatternError> {
    let mut rest = source.as_bytes();
    loop {
        rest = match rest {
            [] => return Ok(()),
            [b'{', ..] => {
                return Err(PatternError {
                    offset: source.len() - rest.len(),
                    fault: Fault::Brace,
                });
            }
            [b'\\', _, rest @ ..] => rest,
            [b'[', text @ ..] => {
                let after = class(text).ok().and_then(|(_, len)| text.get(len..));
                after.unwrap_or_default()
            }
            [_, rest @ ..] => rest,
        }
    }
}

/// A class, and how long its text is with the closing bracket. `text` begins behind the opening one.
///
/// As Redis reads them: three bytes whose middle is `-` are a range whatever the others are, in either direction.
fn class(text: &[u8]) -> Result<(Bytes, usize), Fault> {
    let mut set = Bytes::default();
    let (negated, mut rest) = match text {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut unclosed = Fault::UnclosedClass;
    loop {
        rest = match rest {
            [] => return Err(unclosed),
            [b'\\', byte, rest @ ..] => {
                set.add(*byte, *byte);
                rest
            }
            [b']', rest @ ..] => {
                if set == Bytes::default() {
                    return Err(Fault::EmptyClass);
                }
                if negated {
                    set = Bytes(set.0.map(|word| !word));
                }
                return Ok((set, text.len() - rest.len()));
            }
            [first, b'-', last, rest @ ..] => {
                set.add(*first.min(last), *first.max(last));
                if *last == b']' {
                    unclosed = Fault::BracketInRange;
                }
                rest
            }
            [byte, rest @ ..] => {
                set.add(*byte, *byte);
                rest
            }
        };
    }
}
