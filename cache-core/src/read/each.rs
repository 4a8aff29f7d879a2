//! A call for many ids at once, each of which has an entry of its own.
//!
//! Every element that is not in memory is a call in itself, with a [`Driver`]; they ask Redis together and share one body. All begin
//! before anybody waits: those that nobody else computes are claimed and computed by one run of the body, and only when that is
//! through, and nothing is claimed any more, does the call wait for the elements that others compute. So nobody who waits holds what
//! another waits for, in whatever order ids are given. For the same reason no lease is asked for: an element that another process has
//! leased would keep the others waiting.

use std::collections::{BTreeSet, HashMap};
use std::future::poll_fn;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use super::compute::Driver;
use super::{Call, Callee, Function, KeyPart, Miss, Ticket, look_with_care};
use crate::entry::{Kept, Payload};
use crate::flight::{self, Waiting};
use crate::global;
use crate::key::Encoder;
use crate::modifiers::{Mode, Modifier};
use crate::scope::{self, Frame, Scope};
use crate::shape::{Elements, Gives, Holds, Ids, Outer, Split};
use crate::site::Site;
use crate::stats::MissReason;
use crate::sync::Arc;
use crate::tier::memory::{Lookup, MemoryKey};

mod bells;
mod element;
mod part;
mod turns;
use bells::Bells;
pub use part::run_part;
use part::{Part, Rules};

/// What a call for many ids comes to.
pub enum Turn<H, R> {
    /// The body is to be run with these.
    Run(H),
    /// This is the answer.
    Answer(R),
}

/// A call for many ids `K` with elements `V`, in which rules see `I`, that memory did not answer alone. The body takes `H` as `C`, and gives
/// `R`.
///
/// What is done with it knows its function's types, and is therefore known to it: so that of a type which does not fit the compiler has one
/// thing to say, of the beginning of the call.
pub struct Batch<K, V, I, C, H, R> {
    poll_next: fn(&mut Self, &mut Context<'_>) -> Poll<Turn<H, R>>,
    finish: fn(&mut Self, R, Rules<'_, K, I>) -> Option<R>,
    /// The ids as they were given.
    given: Vec<K>,
    /// What is known of each.
    found: Vec<Option<V>>,
    /// Those that were given before, and where.
    again: Vec<(usize, usize)>,
    members: Vec<Member>,
    /// Which of them can go on, from the first turn on.
    bells: Option<Arc<Bells>>,
    /// Those that are to be computed, and not begun.
    claimed: BTreeSet<usize>,
    /// Those that came to be claimed since the last part began.
    fresh: Vec<usize>,
    /// How many are neither claimed nor done.
    open: usize,
    /// Of how many of these it will be known soon what becomes of them.
    soon: usize,
    /// The computations that have polled this call.
    pollers: Vec<Arc<Frame>>,
    /// Whoever waits for what is claimed waits for this, and this for the body that runs.
    node: u64,
    /// How many the body takes at once.
    most: usize,
    /// The run of the body that is under way.
    part: Option<Part>,
    /// Whose elements the body gave nobody knows: it has to be asked for all of them, for this call alone.
    whole: bool,
    /// Where the thread was before it [went in](Self::go_in).
    outside: Option<Option<Arc<Scope>>>,
    types: PhantomData<fn() -> C>,
}

/// An element that was not in memory.
struct Member {
    driver: Box<Driver>,
    /// Which of the ids that were given.
    at: usize,
    /// While it is claimed and others are computed.
    edge: Option<Waiting<MemoryKey, Arc<Kept>>>,
}

/// What surrounds the call: of all its elements the first has the modifier.
struct Around {
    scope: Option<Arc<Scope>>,
    modifier: Option<Arc<Modifier>>,
}

impl Around {
    fn new() -> Self {
        let scope = scope::current();
        let modifier = scope.as_ref().and_then(|scope| scope.modifier.clone());
        Self {
            scope,
            modifier: modifier.filter(|modifier| modifier.take()),
        }
    }

    /// What may be served of one element.
    fn find(&self, encoder: &mut Encoder, callee: Callee, now: u64) -> Result<Payload, MissReason> {
        let cache = global::get();
        if self.scope.is_none() && !cache.0.events.listening() && encoder.broken().is_none() {
            return cache.serve(&Lookup::new(&callee.identity, encoder.mixed()), || now);
        }
        let none = Scope::default();
        let scope = self.scope.as_deref().unwrap_or(&none);
        look_with_care(encoder, callee, scope, self.modifier.as_deref())
    }
}

/// The ids `K` of a call, and how one of them is made part of a key.
pub struct Given<'i, C, K> {
    ids: &'i C,
    add: fn(&mut Encoder, &K),
}

impl<C, K> Clone for Given<'_, C, K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<C, K> Copy for Given<'_, C, K> {}

/// The ids of a call.
pub fn ids<C: Ids<Id: KeyPart>>(ids: &C) -> Given<'_, C::Own, C::Id> {
    Given {
        ids: ids.own(),
        add: |encoder, id| encoder.add(id),
    }
}

/// The ids and the function that is asked for them.
pub struct Asked<'i, C, K, O, S> {
    given: Given<'i, C, K>,
    function: Function<S>,
    outer: PhantomData<fn() -> O>,
}

/// All types of a call, known together before any of them is asked to fit.
pub fn ask<C, K, O, S>(
    given: Given<'_, C, K>,
    _: O,
    function: Function<S>,
) -> Asked<'_, C, K, O, S> {
    Asked {
        given,
        function,
        outer: PhantomData,
    }
}

/// What a function gives that is asked for these ids.
#[inline(always)]
pub const fn gives<T, C, K>(_: Holds<T>, _: Given<'_, C, K>) -> Gives<T, K> {
    Gives::new()
}

/// The same by the types of its function.
type Of<K, V, C, O, S> = Batch<K, V, <S as Split>::Item, C, <C as Ids>::Held, <O as Outer>::Return>;

/// Looks up what the function, at `site`, gives for each of its ids, of which the body takes so many at once; `call` has the arguments beside them, and `name` names an entry.
///
/// # Errors
/// What is missing, to be asked of the body.
#[expect(clippy::type_complexity, reason = "it is all of the call's types")]
pub fn each<K, V, C, O, S>(
    asked: Asked<'_, C, K, O, S>,
    call: &Call,
    site: &'static Site,
    most: usize,
    name: &mut dyn FnMut(&K, &mut Miss<S>),
) -> Result<O::Return, Box<Of<K, V, C, O, S>>>
where
    K: Clone,
    V: Clone,
    C: Ids<Id = K>,
    O: Outer<Value: Elements<K, Element = V>>,
    S: Split<Return = <O::With<V> as Outer>::Return>,
{
    let (given, Function { identity, path, .. }) = (asked.given, asked.function);
    let callee = Callee {
        site,
        identity,
        path,
    };
    let around = Around::new();
    let now = global::get().now();
    let mut known: HashMap<MemoryKey, usize> = HashMap::new();
    let mut batch = Of::<K, V, C, O, S>::new::<O, S>(most);
    for (at, id) in given.ids.ids().enumerate() {
        let mut encoder = call.encoder.clone();
        (given.add)(&mut encoder, id);
        let looked = around.find(&mut encoder, callee, now).and_then(|payload| {
            let out = S::unpack(payload).map(O::With::<V>::open);
            out.and_then(Result::ok).ok_or(MissReason::Type)
        });
        batch.given.push(id.clone());
        let why = match looked {
            Ok(element) => {
                batch.found.push(Some(element));
                continue;
            }
            Err(why) => why,
        };
        batch.found.push(None);
        // What is no key may be as good as another's.
        if encoder.broken().is_none() {
            let key = Lookup::new(&identity, encoder.mixed()).to_key();
            let first = *known.entry(key).or_insert(at);
            if first != at {
                batch.again.push((at, first));
                continue;
            }
        }
        let ticket = Ticket::new(&mut encoder, callee, why, around.modifier.clone());
        let mut miss = Miss(ticket, PhantomData);
        name(id, &mut miss);
        let mut driver = Driver::new(miss);
        driver.together = true;
        batch.members.push(Member {
            driver,
            at,
            edge: None,
        });
    }
    if let (Some(modifier), true) = (&around.modifier, batch.given.is_empty())
        && modifier.mode == Mode::Capture
    {
        modifier.leave(&global::current(), None);
    }
    if batch.members.is_empty() {
        return Ok(batch.answer::<O>());
    }
    batch.open = batch.members.len();
    Err(Box::new(batch))
}

/// What comes next: a run of the body, or the end.
pub async fn next<K, V, I, C, H, R>(batch: &mut Batch<K, V, I, C, H, R>) -> Turn<H, R> {
    poll_fn(|cx| (batch.poll_next)(batch, cx)).await
}

/// What the body takes.
pub fn lend<'h, K, V, I, C: Ids, R>(
    _: &Batch<K, V, I, C, C::Held, R>,
    held: &'h mut C::Held,
) -> C::Lent<'h> {
    C::lend(held)
}

/// Another of the same, for a body that may be run again.
pub fn again<T: Again>(argument: &T) -> T {
    argument.clone()
}

/// An argument that a body takes, and takes again.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is moved into the function, and the body of a batch may run more than once",
    label = "this would have to be `Clone`",
    note = "derive `Clone` for it, or take a reference"
)]
pub trait Again: Clone {}
#[diagnostic::do_not_recommend]
impl<T: Clone> Again for T {}

impl<K: Clone, V: Clone, I, C: Ids<Id = K>, R> Batch<K, V, I, C, C::Held, R> {
    fn new<O, S>(most: usize) -> Self
    where
        O: Outer<Return = R, Value: Elements<K, Element = V>>,
        S: Split<Item = I, Return = <O::With<V> as Outer>::Return>,
    {
        Self {
            poll_next: Self::poll_next::<O, S>,
            finish: Self::finish::<O, S>,
            given: Vec::new(),
            found: Vec::new(),
            again: Vec::new(),
            members: Vec::new(),
            bells: None,
            claimed: BTreeSet::new(),
            fresh: Vec::new(),
            open: 0,
            soon: 0,
            pollers: Vec::new(),
            node: flight::next_id(),
            most,
            part: None,
            whole: false,
            outside: None,
            types: PhantomData,
        }
    }

    /// All that was asked for; every element has been found.
    fn answer<O>(&mut self) -> R
    where
        O: Outer<Return = R, Value: Elements<K, Element = V>>,
    {
        for (at, first) in std::mem::take(&mut self.again) {
            self.found[at] = self.found[first].clone();
        }
        let given = std::mem::take(&mut self.given).into_iter();
        let found = std::mem::take(&mut self.found).into_iter();
        let both = given.zip(found);
        O::success(O::Value::join(
            both.filter_map(|(id, element)| Some((id, element?))),
        ))
    }
}
