//! The static description of one annotated function, and the link-time lists of all of them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::policy::{Policy, Preset, Ttl};

#[cfg(feature = "redis")]
mod arguments;
#[cfg(feature = "redis")]
mod hot;
mod registry;
mod windows;
#[cfg(feature = "redis")]
pub use arguments::{Argument, Arguments};
#[cfg(feature = "redis")]
pub use hot::{Again, HotCalls, path_of};
#[cfg(feature = "redis")]
pub use registry::HotRef;
#[cfg(feature = "redis")]
pub(crate) use registry::hot_calls;
pub use registry::{SiteRef, TargetKind, TargetRef};
pub(crate) use registry::{all, targets};
use windows::fits;

/// The static description of one cached function: a `static` inside it, built by its attribute.
#[derive(Debug)]
pub struct Site {
    /// 0 until the function is first called: the numbers are dense over the functions in use.
    number: AtomicU32,
    head: OnceLock<String>,
    pub(crate) spec: Spec,
}

static NEXT: AtomicU32 = AtomicU32::new(1);

impl Site {
    /// A site as its attribute describes it.
    #[must_use]
    pub const fn new(spec: Spec) -> Self {
        Self {
            number: AtomicU32::new(0),
            head: OnceLock::new(),
            spec,
        }
    }

    /// What stands before the digest in the address of an entry without a template.
    pub(crate) fn head(&self) -> &str {
        let head = || {
            format!(
                "{}{}:",
                self.spec.preset.address_prefix(),
                self.spec.label()
            )
        };
        self.head.get_or_init(head)
    }

    /// A small dense number, given at the first call.
    pub(crate) fn number(&self) -> u32 {
        match self.number.load(Ordering::Relaxed) {
            0 => {
                let fresh = NEXT.fetch_add(1, Ordering::Relaxed);
                match self
                    .number
                    .compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed)
                {
                    Ok(_) => fresh,
                    Err(other) => other,
                }
            }
            number => number,
        }
    }
}

/// What an attribute says, as a `const` builder.
#[derive(Debug)]
pub struct Spec {
    pub(crate) preset: Preset,
    pub(crate) function: &'static str,
    pub(crate) module: &'static str,
    pub(crate) args: &'static [&'static str],
    pub(crate) name: Option<&'static str>,
    pub(crate) version: u32,
    pub(crate) template: Option<&'static str>,
    pub(crate) omits: &'static [&'static str],
    pub(crate) tags: &'static [&'static str],
    pub(crate) fingerprint: u64,
    pub(crate) blocking: bool,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) policy: Policy,
}

impl Spec {
    /// A function as its preset has it.
    #[must_use]
    pub const fn new(
        preset: Preset,
        function: &'static str,
        module: &'static str,
        args: &'static [&'static str],
    ) -> Self {
        Self {
            preset,
            function,
            module,
            args,
            name: None,
            version: 0,
            template: None,
            omits: &[],
            tags: &[],
            fingerprint: 0,
            blocking: false,
            file: "",
            line: 0,
            policy: Policy::of(preset),
        }
    }

    /// `ttl = …`
    ///
    /// # Panics
    /// At compile time, on zero, and on more milliseconds than 64 bits hold; `Duration::MAX` is never.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        assert!(!ttl.is_zero(), "a `ttl` of zero stores nothing");
        assert!(fits(ttl), "this `ttl` is too long");
        self.policy.ttl = Ttl::For(ttl);
        self
    }

    /// `ttl = "never"`
    #[must_use]
    pub const fn ttl_never(mut self) -> Self {
        self.policy.ttl = Ttl::Never;
        self
    }

    /// `ttl = |value| …`
    #[must_use]
    pub const fn ttl_by_value(mut self) -> Self {
        self.policy.ttl = Ttl::ByValue;
        self
    }

    /// `none_ttl = …`
    ///
    /// # Panics
    /// At compile time, on zero, and on more milliseconds than 64 bits hold; `Duration::MAX` is never.
    #[must_use]
    pub const fn none_ttl(mut self, ttl: Duration) -> Self {
        assert!(!ttl.is_zero(), "a `none_ttl` of zero stores nothing");
        assert!(fits(ttl), "this `none_ttl` is too long");
        self.policy.none_ttl = Some(ttl);
        self
    }

    /// `none_ttl = 0`, where it is on by default
    #[must_use]
    pub const fn none_ttl_off(mut self) -> Self {
        self.policy.none_ttl = None;
        self
    }

    /// `err_ttl = …`
    ///
    /// # Panics
    /// At compile time, on zero, and on more milliseconds than 64 bits hold; `Duration::MAX` is never.
    #[must_use]
    pub const fn err_ttl(mut self, ttl: Duration) -> Self {
        assert!(!ttl.is_zero(), "an `err_ttl` of zero stores nothing");
        assert!(fits(ttl), "this `err_ttl` is too long");
        self.policy.err_ttl = Some(ttl);
        self
    }

    /// `jitter = "10%"`, in thousandths.
    #[must_use]
    pub const fn jitter(mut self, permille: u16) -> Self {
        self.policy.jitter = permille;
        self
    }

    /// `capacity = 1000`
    #[must_use]
    pub const fn capacity(mut self, entries: usize) -> Self {
        self.policy.capacity = Some(entries);
        self
    }

    /// `version = 2`
    #[must_use]
    pub const fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// `name = "…"`
    #[must_use]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// The template, as written.
    #[must_use]
    pub const fn template(mut self, template: &'static str) -> Self {
        self.template = Some(template);
        self
    }

    /// Arguments of the key that the template does not name.
    #[must_use]
    pub const fn omits(mut self, args: &'static [&'static str]) -> Self {
        self.omits = args;
        self
    }

    /// `tags(…)` and `tables(…)`, as written.
    #[must_use]
    pub const fn tags(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }

    /// `min_cost = …`
    #[must_use]
    pub const fn min_cost(mut self, cost: Duration) -> Self {
        self.policy.min_cost = cost;
        self
    }

    /// `fingerprint`: a hash of the body.
    #[must_use]
    pub const fn fingerprint(mut self, hash: u64) -> Self {
        self.fingerprint = hash;
        self
    }

    /// `tiers(memory)`
    #[must_use]
    pub const fn memory_only(mut self) -> Self {
        self.policy.memory_only = true;
        self
    }

    /// `tiers(redis)`
    #[must_use]
    pub const fn redis_only(mut self) -> Self {
        self.policy.redis_only = true;
        self
    }

    /// `when = …`
    #[must_use]
    pub const fn when(mut self) -> Self {
        self.policy.when = true;
        self
    }

    /// The function is not async.
    #[must_use]
    pub const fn blocking(mut self) -> Self {
        self.blocking = true;
        self
    }

    /// Where the function stands.
    #[must_use]
    pub const fn at(mut self, file: &'static str, line: u32) -> Self {
        self.file = file;
        self.line = line;
        self
    }

    /// The function with its module. With its type, too, once `instance`, the type of a closure inside it, is known; until
    /// then, and where that is told in a form that is not known here, it is empty or as good as that.
    pub(crate) fn path(&self, instance: &str) -> String {
        if self.module.is_empty() {
            return self.label().to_owned();
        }
        let known = plain_path(instance);
        let tail = known.strip_prefix(self.module).unwrap_or("");
        let is_path = tail.starts_with("::") && !tail.contains("::::");
        match tail.strip_suffix(self.function) {
            Some(owner) if self.name.is_none() && is_path && owner.ends_with("::") => known,
            _ => format!("{}::{}", self.module, self.label()),
        }
    }

    /// The function's part of its addresses.
    pub(crate) fn label(&self) -> &'static str {
        self.name.unwrap_or(self.function)
    }
}

/// `<shop::Repo<u8> as shop::Exists>::exists<u8>::{{closure}}` as `shop::Repo::exists`.
fn plain_path(instance: &str) -> String {
    let path = instance.replace("::{{closure}}", "");
    let (owner, tail) = match path.strip_prefix('<') {
        // Of an implementation, the type.
        Some(inner) => {
            let mut depth = 1;
            let end = inner.find(|c| {
                depth += i32::from(c == '<') - i32::from(c == '>');
                depth == 0
            });
            let (owner, tail) = inner.split_at(end.unwrap_or(inner.len()));
            (
                owner.split(" as ").next().unwrap_or(owner),
                tail.get(1..).unwrap_or(""),
            )
        }
        None => (path.as_str(), ""),
    };
    let mut depth = 0;
    let mut plain = String::new();
    for c in owner.chars().chain(tail.chars()) {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_its_type_once_that_is_known() {
        let spec = Spec::new(Preset::Cache, "exists", "shop::db", &[]);
        for (instance, path) in [
            ("", "shop::db::exists"),
            ("shop::db::exists::{{closure}}", "shop::db::exists"),
            (
                "shop::db::exists<u8>::{{closure}}::{{closure}}",
                "shop::db::exists",
            ),
            (
                "shop::db::Users::exists::{{closure}}",
                "shop::db::Users::exists",
            ),
            (
                "shop::db::Repo<a::B<c::D>>::exists::{{closure}}",
                "shop::db::Repo::exists",
            ),
            (
                "<shop::db::Users>::exists::{{closure}}",
                "shop::db::Users::exists",
            ),
            (
                "<shop::db::Repo<a::B> as shop::Exists<u8>>::exists<u8>::{{closure}}",
                "shop::db::Repo::exists",
            ),
            (
                "shop::db::test::{{closure}}::exists::{{closure}}",
                "shop::db::test::exists",
            ),
            // Of a type of another module; in no form that is known.
            (
                "<alloc::vec::Vec<u8> as shop::db::Exists>::exists",
                "shop::db::exists",
            ),
            ("shop::db::<impl other::Users>::exists", "shop::db::exists"),
            ("shop::db::Users::exists_not", "shop::db::exists"),
        ] {
            assert_eq!(spec.path(instance), path, "{instance}");
        }
        let named = Spec::new(Preset::Cache, "exists", "shop::db", &[]).name("users.exist");
        assert_eq!(
            named.path("shop::db::Users::exists"),
            "shop::db::users.exist"
        );
        assert_eq!(
            Spec::new(Preset::Cache, "values", "", &[]).path(""),
            "values"
        );
    }
}
