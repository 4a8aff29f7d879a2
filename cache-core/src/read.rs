//! A call of a cached function: its key, the look-up, and the way of a miss.

use std::any::TypeId;
use std::fmt::Display;

use serde::Serialize;

use crate::address::{Piece, UNWRITABLE, render};
use crate::cache::{Cache, Content, Seat};
use crate::entry::{Class, Payload};
use crate::events::EventKind;
use crate::global;
use crate::index::Dep;
use crate::key::{Digest, Encoder, Identity, KeyDigest};
use crate::modifiers::{Mode, Modifier, Target};
use crate::scope::{self, Scope};
use crate::shape::Split;
use crate::site::Site;
use crate::stats::MissReason;
use crate::sync::{Arc, lock};
use crate::tier::memory::{Lookup, MemoryKey};

mod compute;
mod keep;
mod run;
pub use keep::{IntoTtl, Keep};
pub use run::Run;

/// A value that can be part of a key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "not `serde::Serialize`",
    note = "derive `serde::Serialize` for it, choose parts with `key(..)`, or leave it out with `skip(..)`"
)]
pub trait KeyPart: Serialize {}
#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> KeyPart for T {}

/// One call of a cached function, on the caller's stack.
pub struct Call {
    site: &'static Site,
    identity: TypeId,
    instance: &'static str,
    encoder: Encoder,
}

impl Call {
    /// A call of the function at `site`. The type of `marker`, a closure inside the function, tells instances of a
    /// generic function apart, and implementors of a trait's default method.
    #[inline]
    pub fn new<M>(site: &'static Site, marker: &M) -> Self {
        let _ = marker;
        Self {
            site,
            identity: typeid::of::<M>(),
            instance: std::any::type_name::<M>(),
            encoder: Encoder::new(),
        }
    }

    /// Adds an argument to the key.
    // Inlined, an argument costs a few instructions; in a debug build that would be one more copy for each function.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub fn arg<T: KeyPart + ?Sized>(&mut self, value: &T) {
        self.encoder.add(value);
    }

    /// Looks the value up.
    ///
    /// # Errors
    /// The miss, to be [run](Miss::run).
    #[inline]
    pub fn start<S: Split>(&mut self, _: &S) -> Result<S::Return, Miss> {
        let (payload, class) = self.find()?;
        match S::unpack(payload, class) {
            Some(value) => Ok(value),
            None => Err(Miss::new(self, MissReason::Type, None)),
        }
    }

    /// What may be served. One call for all functions, and everything below it inlined.
    fn find(&mut self) -> Result<(Payload, Class), Miss> {
        let cache = global::get();
        if scope::is_active() || cache.0.events.listening() || self.encoder.broken().is_some() {
            return self.find_with_care();
        }
        match cache.serve(&Lookup::of(self.identity, &mut self.encoder)) {
            Ok(served) => Ok(served),
            Err(why) => Err(Miss::new(self, why, None)),
        }
    }

    /// The same where something surrounds the call, somebody listens, or the arguments are no key.
    #[inline(never)]
    fn find_with_care(&mut self) -> Result<(Payload, Class), Miss> {
        let scope = scope::current().unwrap_or_default();
        scope.count();
        let modifier = scope.modifier.clone().filter(|modifier| modifier.take());
        let mode = modifier.as_ref().map(|modifier| modifier.mode);
        let looks = matches!(mode, None | Some(Mode::Peek | Mode::Explain));
        if self.encoder.broken().is_some() || scope.holds_back() || !looks {
            return Err(Miss::new(self, MissReason::Bypass, modifier));
        }
        let cache = scope.cache.as_ref().unwrap_or_else(|| global::get());
        let entry = match cache.find(&Lookup::of(self.identity, &mut self.encoder)) {
            Ok(entry) => entry,
            Err(why) => return Err(Miss::new(self, why, modifier)),
        };
        entry.stats.hit();
        cache.0.events.tell(EventKind::Hit, || {
            let name = Arc::clone(&cache.seat(self.site, self.instance).name);
            (name, entry.address().into())
        });
        if let Some(frame) = &scope.frame {
            frame.report(entry.stamp(), entry.deps());
        }
        if let Some(modifier) = &modifier {
            let trace = &mut lock(&modifier.found).trace;
            trace.cached = true;
            trace.tier = Some("memory");
            trace.address = Some(entry.address().to_owned());
            trace.age = Some(std::time::Duration::from_millis(
                cache.now().saturating_sub(entry.began()),
            ));
            trace.stamp = Some(entry.stamp());
            trace.cost = Some(std::time::Duration::from_nanos(entry.cost_ns()));
        }
        Ok((entry.payload(), entry.class))
    }
}

/// A call that was not answered from memory.
pub struct Miss(Box<Ticket>);

/// Everything about a missed call that does not depend on its types.
pub(crate) struct Ticket {
    cache: Cache,
    seat: Arc<Seat>,
    instance: &'static str,
    key: MemoryKey,
    why: MissReason,
    /// Why the arguments cannot be a key, or the entry not be named.
    broken: Option<String>,
    modifier: Option<Arc<Modifier>>,
    /// What surrounded the call.
    scope: Option<Arc<Scope>>,
    address: Option<String>,
    tags: Vec<String>,
}

impl Miss {
    #[inline(never)]
    fn new(call: &mut Call, why: MissReason, modifier: Option<Arc<Modifier>>) -> Self {
        let scope = scope::current();
        let cache = scope
            .as_ref()
            .and_then(|scope| scope.cache.clone())
            .unwrap_or_else(|| global::get().clone());
        let seat = cache.seat(call.site, call.instance);
        let key = Lookup::of(call.identity, &mut call.encoder).to_key();
        if !matches!(
            modifier.as_ref().map(|m| m.mode),
            Some(Mode::Capture | Mode::Peek)
        ) {
            seat.counters.miss(why);
        }
        let broken = call.encoder.broken().map(ToString::to_string);
        if let Some(why) = &broken {
            cache.0.events.tell(EventKind::Unkeyable, || {
                (Arc::clone(&seat.name), why.as_str().into())
            });
        }
        Self(Box::new(Ticket {
            cache,
            seat,
            instance: call.instance,
            key,
            why,
            broken,
            modifier,
            scope,
            address: None,
            tags: Vec::new(),
        }))
    }

    /// The address as the template has it.
    pub fn address(&mut self, pieces: &[Piece<'_>]) {
        let mut address = self.0.prefix();
        match render(pieces, &mut address) {
            Ok(()) => self.0.address = Some(address),
            Err(_) => self.0.cannot_be_named(),
        }
    }

    /// One more tag.
    pub fn tag(&mut self, pieces: &[Piece<'_>]) {
        let mut tag = String::new();
        match render(pieces, &mut tag) {
            Ok(()) => self.0.tags.push(tag),
            Err(_) => self.0.cannot_be_named(),
        }
    }
}

impl Ticket {
    fn mode(&self) -> Option<Mode> {
        self.modifier.as_ref().map(|modifier| modifier.mode)
    }

    fn prefix(&self) -> String {
        self.seat
            .site
            .spec
            .preset
            .prefix()
            .map_or_else(String::new, |prefix| format!("{prefix}:"))
    }

    /// An argument's `Display` failed: what cannot be named could not be invalidated, and must not be kept.
    fn cannot_be_named(&mut self) {
        let why = "the `Display` of an argument in a template failed";
        self.broken.get_or_insert(why.to_owned());
        let what = || (Arc::clone(&self.seat.name), why.into());
        self.cache.0.events.tell(EventKind::Unkeyable, what);
    }

    /// The key that leaves the process, and what the entry depends on by itself.
    fn target(&mut self, schema: u64) -> Target {
        let spec = &self.seat.site.spec;
        // A `name` stands for the whole identity, so that a function can be moved; type arguments stay apart.
        let path = function_path(self.instance);
        let function = match spec.name {
            Some(name) => format!("{name}({})", spec.args.join(",")),
            None => format!("{path}({})", spec.args.join(",")),
        };
        let identity = Identity {
            function: &function,
            type_arguments: spec.name.map_or("", |_| type_arguments(path)),
            version: u64::from(spec.version) ^ spec.fingerprint,
            schema,
        };
        let digest: KeyDigest = Digest::new(None, &identity, self.key.bytes()).short();
        let address = match self.address.take() {
            Some(address) => address,
            None => {
                format!("{}{}:{digest}", self.prefix(), spec.label())
            }
        };
        let mut own = vec![Dep::entry(digest, address.into())];
        own.extend(self.tags.drain(..).map(|tag| Dep::tag(&tag)));
        Target {
            cache: self.cache.clone(),
            digest,
            own,
        }
    }

    /// What the types of this instance's values can do, learnt at its first miss; the hash of their schema.
    fn learn<S: Split>(&self) -> u64 {
        let content = self.seat.content(self.key.identity(), || {
            let schema = S::schema();
            Content {
                portable: schema.is_some(),
                measured: S::measured(),
                schema,
            }
        });
        content.schema.map_or(0, |schema| schema.hash)
    }
}

/// `shop::users::load<u8>::{{closure}}::{{closure}}` without its closures.
fn function_path(marker: &'static str) -> &'static str {
    let mut path = marker;
    while let Some(outer) = path.strip_suffix("::{{closure}}") {
        path = outer;
    }
    path
}

/// The part of a path that a `name` does not stand for.
fn type_arguments(path: &str) -> &str {
    path.find('<').and_then(|at| path.get(at..)).unwrap_or("")
}

/// An argument's text, escaped as in an address.
pub fn text(value: &dyn Display) -> String {
    let mut text = String::new();
    match render(&[Piece::Arg(value)], &mut text) {
        Ok(()) => text,
        Err(_) => UNWRITABLE.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{function_path, type_arguments};

    #[test]
    fn a_path_loses_its_closures_and_keeps_its_types() {
        let path = function_path("shop::load<u8>::{{closure}}::{{closure}}");
        assert_eq!(path, "shop::load<u8>");
        assert_eq!(type_arguments(path), "<u8>");
        assert_eq!(type_arguments("shop::load"), "");
    }
}
