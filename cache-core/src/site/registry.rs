//! What the linker knows of: the annotated functions of this program.

#[cfg(feature = "redis")]
use super::HotCalls;
use super::Site;

/// A cached function, known to the linker.
#[derive(Debug)]
pub struct SiteRef(pub &'static Site);
inventory::collect!(SiteRef);

/// A target of an `#[invalidate_cache]`, known to the linker.
#[derive(Debug)]
pub struct TargetRef {
    /// The function that carries the attribute.
    pub function: &'static str,
    /// Its module.
    pub module: &'static str,
    /// How the target is written.
    pub kind: TargetKind,
    /// The template as written, or the name of the function that is called.
    pub text: &'static str,
}

/// How a target of an `#[invalidate_cache]` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A template: `"resource:users:{id}"`.
    Pattern,
    /// A tag: `tag = "tenant:{tenant}"`.
    Tag,
    /// A call: `user(id)`.
    Call,
}
inventory::collect!(TargetRef);

/// Every annotated function of this program, called or not.
pub(crate) fn all() -> impl Iterator<Item = &'static Site> {
    inventory::iter::<SiteRef>.into_iter().map(|site| site.0)
}

/// Every target of every `#[invalidate_cache]` of this program.
pub(crate) fn targets() -> impl Iterator<Item = &'static TargetRef> {
    inventory::iter::<TargetRef>.into_iter()
}

/// A function whose hottest calls are made again at the next start, known to the linker.
#[cfg(feature = "redis")]
#[derive(Debug)]
pub struct HotRef(pub &'static HotCalls);
#[cfg(feature = "redis")]
inventory::collect!(HotRef);

/// Every function of this program whose hottest calls are made again at the next start.
#[cfg(feature = "redis")]
pub(crate) fn hot_calls() -> impl Iterator<Item = &'static HotCalls> {
    inventory::iter::<HotRef>.into_iter().map(|calls| calls.0)
}
