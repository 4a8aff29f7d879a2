//! What an attribute means: checked, plain.

use syn::{Expr, Ident, Path, Type};

use crate::input::{Binding, Function};
use crate::options::{Target, Tiers};
use crate::preset::Preset;
use crate::template::Template;
use crate::value::{Length, Ttl};

/// A function whose values are kept.
pub(crate) struct Cached {
    pub(crate) preset: Preset,
    pub(crate) krate: Path,
    pub(crate) function: Function,
    /// The return type, of the future where there is one.
    pub(crate) output: Type,
    pub(crate) key: Vec<KeyPart>,
    /// Parts of the key that the template does not name.
    pub(crate) omits: Vec<String>,
    pub(crate) template: Option<Template>,
    /// `tags` and `tables`.
    pub(crate) tags: Vec<Template>,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) none_ttl: Option<Length>,
    pub(crate) err_ttl: Option<Length>,
    pub(crate) stale_while_revalidate: Option<Length>,
    pub(crate) stale_if_error: Option<Length>,
    pub(crate) refresh_ahead: Option<u16>,
    pub(crate) timeout: Option<Length>,
    pub(crate) jitter: Option<u16>,
    pub(crate) capacity: Option<usize>,
    pub(crate) version: Option<u32>,
    pub(crate) name: Option<String>,
    pub(crate) min_cost: Option<Length>,
    pub(crate) when: Option<Expr>,
    /// A hash of the body.
    pub(crate) fingerprint: Option<u64>,
    pub(crate) tiers: Option<Tiers>,
    pub(crate) each: Option<Each>,
}

/// What makes a function's values elements of batches.
pub(crate) struct Each {
    /// The binding of the ids, at this place among the function's.
    pub(crate) place: usize,
    /// How many the body takes at once, unless all.
    pub(crate) max: Option<usize>,
    /// The names that the body can change.
    pub(crate) mutable: Vec<Ident>,
}

/// One part of a key.
pub(crate) enum KeyPart {
    /// The binding at this place among the function's.
    Binding(usize),
    Expr(Box<Expr>),
}

impl Cached {
    /// Whether no value leaves the process.
    pub(crate) fn memory_only(&self) -> bool {
        self.tiers.is_some_and(|tiers| !tiers.redis)
    }

    /// Whether no value stays in memory.
    pub(crate) fn redis_only(&self) -> bool {
        self.tiers.is_some_and(|tiers| !tiers.memory)
    }

    /// Whether the body may go on behind the call.
    pub(crate) fn goes_on(&self) -> bool {
        self.stale_while_revalidate.is_some()
            || self.refresh_ahead.is_some()
            || self.timeout.is_some()
    }

    /// The ids of a batch.
    pub(crate) fn ids(&self) -> Option<&Binding> {
        self.binding(self.each.as_ref()?.place)
    }

    /// The bindings that are part of the key; none where `key(…)` says what is.
    pub(crate) fn binding(&self, at: usize) -> Option<&Binding> {
        self.function.bindings.get(at)
    }
}

/// A function that invalidates.
pub(crate) struct Invalidation {
    pub(crate) krate: Path,
    pub(crate) function: Function,
    pub(crate) targets: Vec<Target>,
    pub(crate) always: bool,
    pub(crate) before: bool,
}

/// A function whose value is put where others look.
pub(crate) struct Put {
    pub(crate) krate: Path,
    pub(crate) function: Function,
    /// The addresses.
    pub(crate) templates: Vec<Template>,
    /// The calls.
    pub(crate) calls: Vec<Expr>,
    pub(crate) ttl: Option<Ttl>,
}

/// A call at start-up.
pub(crate) struct Warmup {
    pub(crate) krate: Path,
    pub(crate) function: Function,
    /// In the order of the function's arguments; none where it is part of `from`.
    pub(crate) args: Vec<Option<Expr>>,
    /// What gives the others, again and again.
    pub(crate) from: Option<Expr>,
    pub(crate) hot: Option<Hot>,
    pub(crate) every: Option<Length>,
    pub(crate) priority: u32,
}

/// The hottest calls of a cached function.
pub(crate) struct Hot {
    /// How many.
    pub(crate) most: usize,
    /// What else than its arguments makes the function's identity.
    pub(crate) name: Option<String>,
    pub(crate) version: Option<u32>,
}

/// A path to `name` in the runtime's private module is resolved through this crate unless the user says otherwise.
pub(crate) fn runtime(given: Option<Path>) -> Path {
    given.unwrap_or_else(|| {
        let name = Ident::new("cache_core", proc_macro2::Span::mixed_site());
        Path {
            leading_colon: Some(syn::Token![::](name.span())),
            segments: [syn::PathSegment::from(name)].into_iter().collect(),
        }
    })
}
