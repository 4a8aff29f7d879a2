//! The course of a trace: runs, and what each run still has to visit.
//!
//! A run deserializes the whole type once. At every enum it takes one variant, so that there are about as many runs as
//! variants. An option, list or map is opened once a run and empty after that, which ends recursion.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Fingerprint;
use super::tracer::Tracer;

/// How many questions all runs together may ask.
const MAX_STEPS: u32 = 100_000;

/// How deep values may be nested: real values are not, and the stack is the caller's.
const MAX_DEPTH: u32 = 96;

/// The dummy was refused, or there is none to give.
#[derive(Debug)]
pub(super) struct Refused;

/// What tells two types apart: the names of visitor and value, and variants where two types share these.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Type {
    pub(super) visitor: &'static str,
    pub(super) value: &'static str,
    pub(super) variants: &'static [&'static str],
}

/// Traces what `run` deserializes.
pub(super) fn trace(
    run: &mut dyn FnMut(Tracer<'_>) -> Result<(), Refused>,
    name: &'static str,
    size: usize,
) -> Fingerprint {
    let mut trace = Trace::default();
    let mut hasher = blake3::Hasher::new();
    let (mut whole, mut partial) = (false, false);
    loop {
        trace.begin();
        let result = catch_unwind(AssertUnwindSafe(|| run(Tracer::root(&mut trace))));
        match result {
            Ok(Ok(())) => {
                hasher.update(&trace.events);
                partial |= trace.doubtful;
                if trace.unvisited == 0 {
                    whole = true;
                    break;
                }
                if trace.visited.is_empty() {
                    break;
                }
            }
            Ok(Err(Refused)) if trace.try_another() => {}
            _ => {
                hasher.update(&trace.events);
                break;
            }
        }
    }
    if whole && !partial {
        fingerprint(&hasher, true)
    } else {
        incomplete(hasher, name, size)
    }
}

/// The fingerprint of a type that is not asked.
pub(super) fn untraced(name: &'static str, size: usize) -> Fingerprint {
    incomplete(blake3::Hasher::new(), name, size)
}

fn incomplete(mut hasher: blake3::Hasher, name: &'static str, size: usize) -> Fingerprint {
    hasher.update(name.as_bytes());
    hasher.update(&(size as u64).to_le_bytes());
    fingerprint(&hasher, false)
}

fn fingerprint(hasher: &blake3::Hasher, complete: bool) -> Fingerprint {
    let hash = hasher.finalize();
    Fingerprint {
        hash: hash
            .as_bytes()
            .first_chunk()
            .copied()
            .map_or(0, u64::from_le_bytes),
        complete,
    }
}

#[derive(Default)]
pub(super) struct Trace {
    /// What was asked in this run.
    events: Vec<u8>,
    /// Whether something was asked in this run that the type does not answer.
    doubtful: bool,
    steps: u32,
    /// Whether to give up instead of trying another dummy.
    exhausted: bool,

    /// Types that were met, in the order of their first meeting.
    types: HashMap<Type, usize>,
    /// Those that were opened in this run.
    opened: HashSet<usize>,

    /// Enums, by the number of their type.
    enums: HashMap<usize, Variants>,
    /// How many variants of enums that were met are not visited yet.
    unvisited: usize,
    /// The variants that this run was the first to visit.
    visited: Vec<(usize, usize)>,
    /// The variants that the run is within.
    within: Vec<(usize, usize)>,

    /// Which dummy to give where, after the first was refused.
    places: HashMap<u64, Place>,
    /// Which dummy a visitor accepted elsewhere.
    learned: HashMap<&'static str, usize>,
    /// The place that was last given a dummy.
    last: Option<Asked>,
}

struct Variants {
    all: Vec<Variant>,
    /// The first variant that was visited to its end: nothing in it needed this enum.
    finite: Option<usize>,
}

#[derive(Clone, Default)]
struct Variant {
    visited: bool,
    /// The enums met in it, other than within another enum's variant.
    inside: Vec<usize>,
}

#[derive(Clone, Copy)]
struct Place {
    first: usize,
    refused: usize,
}

#[derive(Clone, Copy)]
struct Asked {
    path: u64,
    visitor: &'static str,
    choices: usize,
}

impl Trace {
    fn begin(&mut self) {
        self.events.clear();
        self.opened.clear();
        self.visited.clear();
        self.within.clear();
        self.last = None;
        self.doubtful = false;
    }

    /// Counts a question.
    pub(super) fn step(&mut self, depth: u32) -> Result<(), Refused> {
        self.steps += 1;
        self.exhausted |= self.steps > MAX_STEPS || depth > MAX_DEPTH;
        self.doubtful |= self.exhausted;
        if self.exhausted { Err(Refused) } else { Ok(()) }
    }

    /// Writes down a kind of question.
    pub(super) fn record(&mut self, kind: u8) {
        self.events.push(kind);
    }

    pub(super) fn record_number(&mut self, number: usize) {
        self.events
            .extend_from_slice(&(number as u32).to_le_bytes());
    }

    pub(super) fn record_name(&mut self, name: &str) {
        self.record_number(name.len());
        self.events.extend_from_slice(name.as_bytes());
    }

    pub(super) fn record_names(&mut self, names: &[&str]) {
        self.record_number(names.len());
        names.iter().for_each(|name| self.record_name(name));
    }

    /// Notes that what comes cannot be known from the type, or that an inner value was refused: should the run succeed,
    /// what would have followed is unknown.
    pub(super) fn doubt(&mut self) {
        self.doubtful = true;
    }

    fn number(&mut self, of: Type) -> usize {
        let next = self.types.len();
        *self.types.entry(of).or_insert(next)
    }

    /// Whether to look into an option, list or map: the first time in a run.
    pub(super) fn opens(&mut self, of: Type) -> bool {
        let number = self.number(of);
        self.record_number(number);
        self.opened.insert(number)
    }

    /// Which of several dummies to give.
    pub(super) fn choose(&mut self, path: u64, visitor: &'static str, choices: usize) -> usize {
        let first = self.learned.get(visitor).copied().unwrap_or(0);
        let place = self
            .places
            .entry(path)
            .or_insert(Place { first, refused: 0 });
        self.last = Some(Asked {
            path,
            visitor,
            choices,
        });
        (place.first + place.refused) % choices
    }

    /// After a refusal: whether there is another dummy for the place that was asked last.
    fn try_another(&mut self) -> bool {
        for (number, variant) in self.visited.drain(..) {
            if let Some(variant) = self
                .enums
                .get_mut(&number)
                .and_then(|variants| variants.all.get_mut(variant))
            {
                variant.visited = false;
                self.unvisited += 1;
            }
        }
        let Some(asked) = self.last.filter(|_| !self.exhausted) else {
            return false;
        };
        let Some(place) = self.places.get_mut(&asked.path) else {
            return false;
        };
        place.refused += 1;
        self.learned
            .insert(asked.visitor, (place.first + place.refused) % asked.choices);
        place.refused < asked.choices
    }

    /// Which variant of an enum to take. To be ended with [`leave`](Self::leave).
    pub(super) fn enter(&mut self, of: Type) -> Result<usize, Refused> {
        let number = self.number(of);
        self.record_number(number);
        if let Some((outer, variant)) = self.within.last()
            && let Some(outer) = self
                .enums
                .get_mut(outer)
                .and_then(|outer| outer.all.get_mut(*variant))
            && !outer.inside.contains(&number)
        {
            outer.inside.push(number);
        }
        if !self.enums.contains_key(&number) {
            self.unvisited += of.variants.len();
            let all = vec![Variant::default(); of.variants.len()];
            self.enums.insert(number, Variants { all, finite: None });
        }
        let variant = self.pick(number).ok_or(Refused)?;
        if let Some(state) = self
            .enums
            .get_mut(&number)
            .and_then(|variants| variants.all.get_mut(variant))
            && !state.visited
        {
            state.visited = true;
            self.unvisited -= 1;
            self.visited.push((number, variant));
        }
        self.within.push((number, variant));
        Ok(variant)
    }

    /// Ends the innermost variant.
    pub(super) fn leave(&mut self, whole: bool) {
        if let Some((number, variant)) = self.within.pop()
            && whole
            && let Some(variants) = self.enums.get_mut(&number)
        {
            variants.finite.get_or_insert(variant);
        }
    }

    /// Within itself an enum takes the way out, if it is known. Elsewhere what was not visited comes first, then what
    /// leads to something that was not.
    fn pick(&self, number: usize) -> Option<usize> {
        let variants = self.enums.get(&number)?;
        if variants.finite.is_some() && self.within.iter().any(|(outer, _)| *outer == number) {
            return variants.finite;
        }
        let unvisited = variants.all.iter().position(|variant| !variant.visited);
        unvisited
            .or_else(|| self.towards_unvisited(number))
            .or(variants.finite)
    }

    /// The variant from which an enum with unvisited variants is the fewest steps away.
    fn towards_unvisited(&self, number: usize) -> Option<usize> {
        if self.unvisited == 0 {
            return None;
        }
        let variants = &self.enums.get(&number)?.all;
        let mut reached = HashSet::from([number]);
        let mut queue = Vec::new();
        for (at, variant) in variants.iter().enumerate() {
            queue.extend(variant.inside.iter().map(|inner| (at, *inner)));
        }
        let mut next = 0;
        while let Some((start, inner)) = queue.get(next).copied() {
            next += 1;
            if !reached.insert(inner) {
                continue;
            }
            let variants = &self.enums.get(&inner)?.all;
            if variants.iter().any(|variant| !variant.visited) {
                return Some(start);
            }
            queue.extend(
                variants
                    .iter()
                    .flat_map(|variant| &variant.inside)
                    .map(|inner| (start, *inner)),
            );
        }
        None
    }
}
