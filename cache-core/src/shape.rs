//! How a function's return value splits into what is kept and what is not.
//!
//! The attributes know a return type only as tokens, and `sqlx::Result<Vec<Order>>` does not look like a `Result`.
//! So the types decide: an inherent method of [`Returns`] wins over the trait method of the same name, for aliases and
//! generics alike, and every question ("a `Result`?", "an `Option`?", "can it be weighed, shared, sent?") is answered
//! by a zero-sized type. Nothing of a shape exists at run time.

use std::convert::Infallible;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry::{Class, Head, Kept, Payload};
use crate::schema::Fingerprint;
use crate::sync::Arc;

mod answers;
mod each;
mod inner;
mod outer;
pub mod probe;
use answers::{Content, Sharing, Weigh};
pub(crate) use each::{Elements, Ids};
pub(crate) use inner::Inner;
pub(crate) use outer::Outer;

/// A value that can be kept: cheap to hand out again, from any thread, for as long as the cache likes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cached",
    label = "this value would have to be `Clone + Send + Sync + 'static`",
    note = "derive `Clone`, or return `Arc<{Self}>`; what is bound to its thread, as `Rc` and `Cell` are, cannot be cached"
)]
pub trait CacheValue: Clone + Send + Sync + 'static {}
#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> CacheValue for T {}

macro_rules! zero_sized {
    ($($(#[$doc:meta])* $name:ident<$($param:ident),+>)+) => {$(
        $(#[$doc])*
        pub struct $name<$($param),+>(PhantomData<fn() -> ($($param,)+)>);
        impl<$($param),+> Clone for $name<$($param),+> {
            fn clone(&self) -> Self { *self }
        }
        impl<$($param),+> Copy for $name<$($param),+> {}
        impl<$($param),+> Default for $name<$($param),+> {
            fn default() -> Self { Self::new() }
        }
        impl<$($param),+> $name<$($param),+> {
            /// The only value of this type.
            #[inline(always)]
            #[must_use]
            pub const fn new() -> Self { Self(PhantomData) }
        }
    )+};
}

zero_sized! {
    /// A function's declared return type.
    Returns<R>
    /// The outer shape of a `Result`.
    Fallible<T, E>
    /// The outer shape of everything else.
    Plain<R>
    /// What is kept of a success.
    Holds<T>
    /// What a batch function gives for ids `K`.
    Gives<T, K>
    /// A success that may be absent.
    Optional<T>
    /// A success that always is one.
    Whole<T>
    /// The same behind an `Arc`.
    Handle<T>
    /// The error type of a function.
    Errors<E>
    /// Weighed by its own [`CacheWeight`](crate::CacheWeight).
    ByHook<T>
    /// Weighed by what its `Serialize` emits.
    BySerde<T>
    /// Weighed by its own size, for want of anything better.
    BySize<T>
    /// Can leave the process.
    Portable<T>
    /// Can live in memory only.
    Local<T>
    /// Errors that all waiters can be given, and how they are weighed.
    Shared<E, W>
    /// Errors that only the caller who got them can have.
    Alone<E>
    /// All answers about one function.
    Shape<O, I, W, C, S>
}

/// What the runtime asks about the outcome of a function.
pub trait Split: Copy + Send + Sync {
    /// The declared return type.
    type Return;
    /// What rules see.
    type Item;
    /// Which kind of outcome this is.
    fn class(out: &Self::Return) -> Class;
    /// The success value, through `Result` and `Option`.
    fn item(out: &Self::Return) -> Option<&Self::Item>;
    /// An entry with a copy, weighed up to `limit`. `None` for an error that cannot be copied.
    fn keep(out: &Self::Return, head: Head, limit: usize) -> Option<Arc<Kept>>;
    /// An outcome from what was kept. `None` where the types do not fit.
    fn unpack(payload: Payload) -> Option<Self::Return>;
    /// The bytes of an outcome, without its [`class`](Self::class). `None` where it cannot leave the process: an error,
    /// a type without serde, a value that would not come back as it is.
    #[cfg(feature = "redis")]
    fn encode(out: &Self::Return) -> Option<Vec<u8>>;
    /// The outcome of these bytes. `None` where they are not of one of this class.
    #[cfg(feature = "redis")]
    fn decode(bytes: &[u8], class: Class) -> Option<Self::Return>;
    /// A copy of a success, as [`unpack`](Self::unpack) takes it.
    #[cfg(feature = "redis")]
    fn pack(out: &Self::Return) -> Option<Payload>;
    /// The schema of the value, where it can leave the process.
    fn schema() -> Option<Fingerprint>;
    /// Whether the weight of a value is known, or only its `size_of`.
    fn measured() -> bool;
}

impl<O, I, W, C, S> Split for Shape<O, I, W, C, S>
where
    O: Outer,
    O::Value: CacheValue,
    I: Inner<Value = O::Value>,
    W: Weigh<O::Value>,
    C: Content<O::Value>,
    S: Sharing<O::Error>,
{
    type Return = O::Return;
    type Item = I::Item;

    fn class(out: &O::Return) -> Class {
        match O::value(out) {
            Some(value) if I::item(value).is_some() => Class::Value,
            Some(_) => Class::Absent,
            None => Class::Failed,
        }
    }

    fn item(out: &O::Return) -> Option<&I::Item> {
        O::value(out).and_then(I::item)
    }

    fn keep(out: &O::Return, head: Head, limit: usize) -> Option<Arc<Kept>> {
        match O::value(out) {
            Some(value) => Some(head.with(I::pack(value.clone()), W::weigh(value, limit))),
            None => O::with_error(out, |error| S::keep(error, head, limit)).flatten(),
        }
    }

    #[inline]
    fn unpack(payload: Payload) -> Option<O::Return> {
        match I::unpack(payload) {
            Ok(value) => Some(O::success(value)),
            Err(other) => S::take(other).map(O::failure),
        }
    }

    #[cfg(feature = "redis")]
    fn encode(out: &O::Return) -> Option<Vec<u8>> {
        O::value(out).and_then(C::encode)
    }

    #[cfg(feature = "redis")]
    fn decode(bytes: &[u8], class: Class) -> Option<O::Return> {
        let out = O::success(C::decode(bytes)?);
        (Self::class(&out) == class).then_some(out)
    }

    #[cfg(feature = "redis")]
    fn pack(out: &O::Return) -> Option<Payload> {
        O::value(out).map(|value| I::pack(value.clone()))
    }

    fn schema() -> Option<Fingerprint> {
        C::schema()
    }

    fn measured() -> bool {
        W::MEASURED
    }
}

impl<T, E> Returns<Result<T, E>> {
    /// This is a `Result`.
    #[inline(always)]
    #[must_use]
    pub const fn __cache_outer(self) -> Fallible<T, E> {
        Fallible::new()
    }
}

impl<T: Send + Sync + 'static> Holds<Arc<T>> {
    /// This is an `Arc`.
    #[inline(always)]
    #[must_use]
    pub const fn __cache_inner(self) -> Handle<T> {
        Handle::new()
    }
}

impl<T> Holds<Option<T>> {
    /// This is an `Option`.
    #[inline(always)]
    #[must_use]
    pub const fn __cache_inner(self) -> Optional<T> {
        Optional::new()
    }
}

macro_rules! outer_methods {
    ($($(#[$doc:meta])* [$($param:ident),+] $outer:ty, $value:ty, $error:ty;)+) => {$(
        impl<$($param),+> $outer {
            /// What a success holds.
            #[inline(always)]
            #[must_use]
            pub const fn __cache_value(self) -> Holds<$value> { Holds::new() }
            /// What a failure holds.
            #[inline(always)]
            #[must_use]
            pub const fn __cache_error(self) -> Errors<$error> { Errors::new() }
            /// All answers together. The only place with a bound on the value, so that there is one error, here.
            #[inline(always)]
            pub fn __cache_shape<I: Copy, W: Copy, C: Copy, S: Copy>(self, _: I, _: W, _: C, _: S) -> Shape<Self, I, W, C, S>
            where
                $value: CacheValue,
            { Shape::new() }
            /// Whether an outcome is a success.
            #[inline(always)]
            pub fn __cache_succeeded(self, out: &<Self as Outer>::Return) -> bool {
                <Self as Outer>::value(out).is_some()
            }
            /// The success value, through `Result` and `Option`.
            #[inline(always)]
            pub fn __cache_item<I>(self, _: I, out: &<Self as Outer>::Return) -> Option<&I::Item>
            where
                I: Inner<Value = $value>,
            {
                <Self as Outer>::value(out).and_then(I::item)
            }
        }
    )+};
}

outer_methods! {
    [T, E] Fallible<T, E>, T, E;
    [R] Plain<R>, R, Infallible;
}

/// A return type that is a `Result`, whatever its name.
#[diagnostic::on_unimplemented(
    message = "this function does not return a `Result`",
    label = "not a `Result`",
    note = "use `#[cache]` (or `#[cache_query]`, …) without `err_ttl` and `stale_if_error`, or return a `Result`"
)]
pub trait MustBeResult {}
impl<T, E> MustBeResult for Fallible<T, E> {}

/// A value that is an `Option`, whatever its name.
#[diagnostic::on_unimplemented(
    message = "this function never returns `None`",
    label = "not an `Option`, nor a `Result` of one",
    note = "remove `none_ttl`, or return an `Option`"
)]
pub trait MustBeOption {}
impl<T> MustBeOption for Optional<T> {}

/// A value that can leave the process and come back.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept in Redis",
    label = "this value would have to be `serde::Serialize` and `serde::de::DeserializeOwned`",
    note = "derive `Serialize` and `Deserialize` for it, or write `tiers(memory)`"
)]
pub trait MustBePortable {}
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> MustBePortable for T {}

/// An error that can be kept.
#[diagnostic::on_unimplemented(
    message = "this function's error cannot be cached",
    label = "the error would have to be `Clone + Send + Sync + 'static`",
    note = "remove `err_ttl`, or wrap the error in an `Arc`"
)]
pub trait MustKeepErrors {}
#[diagnostic::do_not_recommend]
impl<E: CacheValue> MustKeepErrors for Errors<E> {}

/// An argument that can go on without its caller.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot leave its thread",
    label = "the refresh runs behind the call, and would have to take this along",
    note = "take what is `Send` (an `Arc` for an `Rc`; of a type parameter, `Send + 'static`), or remove the option that refreshes behind the call"
)]
pub trait MustBeOwned {}
#[diagnostic::do_not_recommend]
impl<T: Send + 'static> MustBeOwned for T {}

/// Compiles for what can go on without its caller only.
#[inline(always)]
pub fn must_be_owned<T: MustBeOwned>() {}

/// What holds this.
#[inline(always)]
pub const fn holds_of<T>(_: &T) -> Holds<T> {
    Holds::new()
}

/// Compiles for calls only whose values are of the type that is put.
#[inline(always)]
pub fn must_give<G: Inner, I: Inner<Item = G::Item>>(_: G, _: I) {}

/// The return type of what was returned, for a type that has no name.
#[inline(always)]
pub const fn returns<R>(_: &R) -> Returns<R> {
    Returns::new()
}

/// The outer shape with this in place of its value.
#[inline(always)]
pub fn with<O: Outer, X>(_: O, _: Holds<X>) -> O::With<X> {
    O::with()
}

/// Compiles for a `Result` only.
#[inline(always)]
pub fn must_be_result<O: MustBeResult>(_: O) {}
/// Compiles for an `Option` only.
#[inline(always)]
pub fn must_be_option<I: MustBeOption>(_: I) {}
/// Compiles for values only that Redis can keep.
#[inline(always)]
pub fn must_be_portable<T: MustBePortable>(_: Holds<T>) {}
/// Compiles for errors that can be kept only.
#[inline(always)]
pub fn must_keep_errors<E: MustKeepErrors>(_: E) {}

#[cfg(test)]
mod tests;
