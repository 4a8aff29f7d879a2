//! Whether an invalidation and a template have an address in common.
//!
//! Both are read as automata over bytes; they have an address in common if their product reaches the end of both.

use super::parse::{self, PatternError};
use super::{Bytes, Part};
use crate::address::{TemplatePart, is_escaped};

/// What an invalidation can match: its pattern, or a tag's text, with holes for arguments that are not known yet.
pub(crate) struct Reach(Vec<Step>);

#[derive(Clone, Copy)]
enum Step {
    One(Bytes),
    /// Any run of these bytes.
    Run(Bytes),
}

impl Reach {
    /// What a pattern with holes can match.
    ///
    /// # Errors
    ///
    /// Those of [`Pattern::parse`](super::Pattern::parse), also where a class or a backslash goes on behind a hole.
    pub(crate) fn pattern(parts: &[TemplatePart<'_>]) -> Result<Self, PatternError> {
        let mut steps = Vec::new();
        for part in parts {
            match part {
                TemplatePart::Hole => steps.push(Step::Run(in_arguments())),
                TemplatePart::Text(text) => {
                    steps.extend(parse::parts(text)?.0.into_iter().map(Step::from));
                }
            }
        }
        Ok(Self(steps))
    }

    /// What a text with holes can be, in which nothing is wild.
    pub(crate) fn text(parts: &[TemplatePart<'_>]) -> Self {
        let mut steps = Vec::new();
        for part in parts {
            match part {
                TemplatePart::Hole => steps.push(Step::Run(in_arguments())),
                TemplatePart::Text(text) => {
                    steps.extend(text.bytes().map(|byte| Step::One(Bytes::just(byte))));
                }
            }
        }
        Self(steps)
    }

    /// Whether some arguments give an address that the template makes and that is matched.
    ///
    /// Exact, except that an argument's bytes from 128 on are taken to come in any order, not only as UTF-8, and that
    /// behind a `%` in an argument of the invalidation anything may come: it is more than there is, never less.
    pub(crate) fn overlaps(&self, template: &[TemplatePart<'_>]) -> bool {
        overlaps(&self.0, template)
    }
}

impl From<Part> for Step {
    fn from(part: Part) -> Self {
        match part {
            Part::One(set) => Self::One(set),
            Part::Run => Self::Run(Bytes::ALL),
        }
    }
}

/// The bytes of an argument's escaped text.
fn in_arguments() -> Bytes {
    let mut set = Bytes::just(b'%');
    (0..=u8::MAX)
        .filter(|byte| !is_escaped(*byte))
        .for_each(|byte| set.add(byte, byte));
    set
}

/// Where a template's automaton stands.
#[derive(Clone, Copy)]
struct Place {
    /// The unit that comes next.
    unit: usize,
    /// Within an escape of a hole: 0 outside, 1 behind its `%`, 2 + n behind its first digit n.
    escape: usize,
}

/// No byte from 128 on is escaped, so the first digit is below 8.
const ESCAPES: usize = 2 + 8;

#[derive(Clone, Copy)]
enum Unit {
    Byte(u8),
    Hole,
}

fn overlaps(parts: &[Step], template: &[TemplatePart<'_>]) -> bool {
    let mut units = Vec::new();
    for part in template {
        match part {
            TemplatePart::Text(text) => units.extend(text.bytes().map(Unit::Byte)),
            TemplatePart::Hole => units.push(Unit::Hole),
        }
    }
    let places = (units.len() + 1) * ESCAPES;
    let mut seen = vec![false; (parts.len() + 1) * places];
    let mut open = vec![(0, Place { unit: 0, escape: 0 })];
    while let Some((at, place)) = open.pop() {
        let Some(seen) = seen.get_mut(at * places + place.unit * ESCAPES + place.escape) else {
            continue;
        };
        if std::mem::replace(seen, true) {
            continue;
        }
        let (part, unit) = (parts.get(at), units.get(place.unit));
        if part.is_none() && unit.is_none() {
            return true;
        }
        if let Some(Step::Run(_)) = part {
            open.push((at + 1, place));
        }
        if place.escape == 0 && matches!(unit, Some(Unit::Hole)) {
            open.push((
                at,
                Place {
                    unit: place.unit + 1,
                    escape: 0,
                },
            ));
        }
        let (Some(part), Some(unit)) = (part, unit) else {
            continue;
        };
        let (set, next) = match part {
            Step::Run(set) => (*set, at),
            Step::One(set) => (*set, at + 1),
        };
        let bytes = (0..=u8::MAX).filter(|byte| set.has(*byte));
        open.extend(bytes.filter_map(|byte| Some((next, step(*unit, place, byte)?))));
    }
    false
}

/// Where `byte` leads from `place`.
fn step(unit: Unit, place: Place, byte: u8) -> Option<Place> {
    let next = |escape| Some(Place { escape, ..place });
    match (unit, place.escape) {
        (Unit::Byte(literal), _) => (literal == byte).then_some(Place {
            unit: place.unit + 1,
            escape: 0,
        }),
        (Unit::Hole, 0) if byte == b'%' => next(1),
        (Unit::Hole, 0) => {
            if is_escaped(byte) {
                None
            } else {
                next(0)
            }
        }
        (Unit::Hole, 1) => {
            let digit = upper_digit(byte).filter(|digit| *digit < 8)?;
            next(2 + usize::from(digit))
        }
        (Unit::Hole, high) => {
            let escaped = ((high - 2) as u8) << 4 | upper_digit(byte)?;
            if is_escaped(escaped) { next(0) } else { None }
        }
    }
}

/// The value of a digit as escapes are written.
fn upper_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
