//! A call of a cached function: its key, the look-up, and the way of a miss.

use std::any::TypeId;
use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use crate::address::{Piece, UNWRITABLE, render};
use crate::cache::{Cache, Content, Learnt, Seat};
use crate::events::EventKind;
use crate::global;
use crate::index::Dep;
use crate::key::{Digest, Encoder, Identity, KeyDigest, Stem};
use crate::modifiers::{Mode, Modifier, Target};
use crate::scope::{self, Scope};
use crate::shape::Split;
use crate::site::Site;
use crate::stats::MissReason;
use crate::sync::Arc;
use crate::tier::memory::{Lookup, MemoryKey};

#[cfg(feature = "redis")]
mod ahead;
mod compute;
mod each;
#[cfg(feature = "redis")]
mod fetch;
mod hit;
mod keep;
#[cfg(feature = "redis")]
mod lease;
mod path;
#[cfg(feature = "redis")]
mod peek;
mod run;
pub use each::{Batch, Turn, again, ask, each, gives, ids, lend, next, run_part};
use hit::{find, hit, look_with_care};
pub use keep::{IntoTtl, Keep};
use path::{function_path, type_arguments};
pub use run::{
    Behind, Driven, Run, drive, run, run_behind, run_blocking, run_blocking_behind,
    run_blocking_with, run_with,
};
mod twins;

/// A value that can be part of a key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "not `serde::Serialize`",
    note = "derive `serde::Serialize` for it, choose parts with `key(..)`, or leave it out with `skip(..)`"
)]
pub trait KeyPart: Serialize {}
#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> KeyPart for T {}

/// A function, told by a closure inside it that is never called: its type tells instances of a generic function apart,
/// and implementors of a trait's default method; its return type `S` is the shape of what the function returns.
pub struct Function<S> {
    identity: TypeId,
    path: fn() -> &'static str,
    shape: PhantomData<fn() -> S>,
}

impl<S> Clone for Function<S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Function<S> {}

/// The function that this closure stands in. Nothing else is compiled once for each function until there is a miss.
#[inline(always)]
pub fn function<S: Split, M: FnOnce() -> S>(_: &M) -> Function<S> {
    Function {
        identity: typeid::of::<M>(),
        path: std::any::type_name::<M>,
        shape: PhantomData,
    }
}

/// One call of a cached function, on the caller's stack.
pub struct Call {
    encoder: Encoder,
}

/// Who is called.
#[derive(Clone, Copy)]
struct Callee {
    site: &'static Site,
    identity: TypeId,
    path: fn() -> &'static str,
}

impl Call {
    /// A call without arguments so far.
    #[expect(clippy::new_without_default, reason = "for generated code")]
    #[inline(always)]
    pub fn new() -> Self {
        Self {
            encoder: Encoder::new(),
        }
    }

    /// Adds an argument to the key.
    // Not inlined where nothing is optimised: five hundred copies take longer to compile than to call.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub fn __cache_arg<T: KeyPart + ?Sized>(&mut self, value: &T) {
        self.encoder.add(value);
    }

    /// Looks the value of the function at `site` up.
    ///
    /// # Errors
    /// The miss, to be [driven](drive) or [run](run_blocking).
    #[inline]
    pub fn __cache_start<S: Split>(
        &mut self,
        site: &'static Site,
        function: Function<S>,
    ) -> Result<S::Return, Miss<S>> {
        let Function { identity, path, .. } = function;
        let callee = || Callee {
            site,
            identity,
            path,
        };
        let found = match hit(&self.encoder, &identity) {
            Some(found) => found,
            None => match find(&mut self.encoder, callee()) {
                Ok(found) => found,
                Err(missed) => return Err(Miss(missed, PhantomData)),
            },
        };
        S::unpack(found).ok_or_else(|| {
            let missed = Ticket::new(&mut self.encoder, callee(), MissReason::Type, None);
            Miss(missed, PhantomData)
        })
    }
}

/// A call that was not answered from memory, of a function that returns what `S` says.
pub struct Miss<S>(Box<Ticket>, PhantomData<fn() -> S>);

/// Everything about a missed call that does not depend on its types.
pub(crate) struct Ticket {
    /// Not counted if it is the global one, nor what is known of a function there: all threads would count in one place.
    cache: Cow<'static, Cache>,
    seat: Cow<'static, Arc<Seat>>,
    callee: Callee,
    key: MemoryKey,
    why: MissReason,
    /// It may be a hit yet, and is not counted.
    open: bool,
    /// Why the arguments cannot be a key, or the entry not be named.
    broken: Option<String>,
    modifier: Option<Arc<Modifier>>,
    /// What surrounded the call.
    scope: Option<Arc<Scope>>,
    address: Option<String>,
    tags: Vec<String>,
}

impl<S> Miss<S> {
    /// The address as the template has it.
    pub fn address(&mut self, pieces: &[Piece<'_>]) {
        self.0.address(pieces);
    }

    /// One more tag.
    pub fn tag(&mut self, pieces: &[Piece<'_>]) {
        self.0.tag(pieces);
    }
}

impl Ticket {
    #[inline(never)]
    fn new(
        encoder: &mut Encoder,
        callee: Callee,
        why: MissReason,
        modifier: Option<Arc<Modifier>>,
    ) -> Box<Self> {
        let scope = scope::current();
        let cache = scope.as_ref().and_then(|scope| scope.cache.clone());
        let cache = cache.map_or_else(|| Cow::Borrowed(global::get()), Cow::Owned);
        let seat = part(&cache, |cache| cache.seat(callee.site, (callee.path)()));
        let key = Lookup::new(&callee.identity, encoder.mixed()).to_key();
        let silent = matches!(
            modifier.as_ref().map(|m| m.mode),
            Some(Mode::Capture | Mode::Peek | Mode::Put)
        );
        let open = cache.may_be_hit_yet(why, &callee.site.spec.policy);
        if !silent && !open {
            seat.counters.miss(why);
            cache.watch_miss(key.hash(), why);
        }
        let broken = encoder.broken().map(ToString::to_string);
        if let Some(why) = &broken {
            cache.0.events.tell(EventKind::Unkeyable, || {
                (Arc::clone(&seat.name), why.as_str().into())
            });
        }
        Box::new(Self {
            cache,
            seat,
            callee,
            key,
            why,
            open,
            broken,
            modifier,
            scope,
            address: None,
            tags: Vec::new(),
        })
    }

    fn address(&mut self, pieces: &[Piece<'_>]) {
        let mut address = self.seat.site.spec.preset.address_prefix();
        match render(pieces, &mut address) {
            Ok(()) => self.address = Some(address),
            Err(_) => self.cannot_be_named(),
        }
    }

    fn tag(&mut self, pieces: &[Piece<'_>]) {
        let mut tag = String::new();
        match render(pieces, &mut tag) {
            Ok(()) => self.tags.push(tag),
            Err(_) => self.cannot_be_named(),
        }
    }

    fn mode(&self) -> Option<Mode> {
        self.modifier.as_ref().map(|modifier| modifier.mode)
    }

    /// An argument's `Display` failed: what cannot be named could not be invalidated, and must not be kept.
    fn cannot_be_named(&mut self) {
        let why = "the `Display` of an argument in a template failed";
        self.broken.get_or_insert(why.to_owned());
        let what = || (Arc::clone(&self.seat.name), why.into());
        self.cache.0.events.tell(EventKind::Unkeyable, what);
    }

    /// The function with its arguments' names, and its type arguments as far as they are not among them.
    fn name(&self) -> (String, String) {
        let spec = &self.seat.site.spec;
        // A `name` stands for the whole identity, so that a function can be moved; type arguments stay apart.
        let path = function_path((self.callee.path)());
        let function = format!("{}({})", spec.name.unwrap_or(path), spec.args.join(","));
        let types = spec.name.map_or_else(String::new, |_| type_arguments(path));
        (function, types)
    }

    /// What the digests of all keys of this instance have in common.
    fn stem(&self, schema: u64) -> Stem {
        let spec = &self.seat.site.spec;
        let (function, type_arguments) = self.name();
        let identity = Identity {
            function: &function,
            type_arguments: &type_arguments,
            version: u64::from(spec.version) ^ spec.fingerprint,
            schema,
        };
        Stem::new(self.cache.key_secret(), &identity)
    }

    /// The key that leaves the process, and what the entry depends on by itself.
    fn target(&mut self, learnt: &Learnt) -> Target {
        let schema = learnt.content.schema.map_or(0, |schema| schema.hash);
        let stem = learnt.stem(|| self.stem(schema));
        let encoded = self.key.encoded();
        let whole: Digest = encoded.with_canonical(|key| stem.digest(key));
        let digest: KeyDigest = whole.short();
        let entry = match self.address.take() {
            Some(address) => Dep::entry(digest, address.into()),
            None => Dep::unnamed(digest, self.seat.site.head()),
        };
        let mut own = vec![entry];
        own.extend(self.tags.drain(..).map(|tag| Dep::tag(&tag)));
        Target {
            digest,
            #[cfg(feature = "redis")]
            whole,
            own,
        }
    }

    /// Whether another instance has the same name, now or later.
    fn ambiguous(&self, schema: u64) -> &'static AtomicBool {
        let path = function_path((self.callee.path)());
        let spec = &self.seat.site.spec;
        let claim = (self.name(), spec.version, spec.fingerprint, schema);
        twins::claim(claim, self.key.identity(), path)
    }

    /// What the types of this instance's values can do, learnt at its first miss.
    fn learn<S: Split>(&self) -> Cow<'static, Arc<Learnt>> {
        let content = || {
            let schema = S::schema();
            Content {
                portable: schema.is_some(),
                measured: S::measured(),
                schema,
                ambiguous: Some(self.ambiguous(schema.map_or(0, |schema| schema.hash))),
            }
        };
        part(&self.seat, |seat| {
            seat.learn(&self.cache, self.key.identity(), content)
        })
    }
}

/// A part, borrowed if the whole is.
#[expect(clippy::ptr_arg, reason = "what is borrowed is so for ever")]
fn part<W: Clone, P: Clone>(
    whole: &Cow<'static, W>,
    part: impl FnOnce(&W) -> &P,
) -> Cow<'static, P> {
    match whole {
        Cow::Borrowed(whole) => Cow::Borrowed(part(whole)),
        Cow::Owned(whole) => Cow::Owned(part(whole).clone()),
    }
}

/// An argument's text, escaped as in an address.
pub fn text(argument: Piece<'_>) -> String {
    let mut text = String::new();
    match render(&[argument], &mut text) {
        Ok(()) => text,
        Err(_) => UNWRITABLE.to_string(),
    }
}
