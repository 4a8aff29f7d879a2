//! How a function's return value splits into what is kept and what is not.
//!
//! The attributes know a return type only as tokens, and `sqlx::Result<Vec<Order>>` does not look like a `Result`.
//! So the types decide: an inherent method of [`Returns`] wins over the trait method of the same name, for aliases and
//! generics alike, and every question ("a `Result`?", "an `Option`?", "can it be weighed, shared, sent?") is answered
//! by a zero-sized type. Nothing of a shape exists at run time.

use std::convert::Infallible;
use std::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};

use crate::entry::{Class, Head, Kept, Payload};
use crate::schema::{self, Fingerprint};
use crate::sync::Arc;
use crate::weight::{self, CacheWeight};

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
    /// A success that may be absent.
    Optional<T>
    /// A success that always is one.
    Whole<T>
    /// The same behind an `Arc`.
    Handle<T>
    /// The error type of a function.
    Errors<E>
    /// Weighed by its own [`CacheWeight`].
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

/// The outer shape: does the function fail?
pub trait Outer: Copy + Send + Sync {
    /// The declared return type.
    type Return;
    /// What a success holds.
    type Value;
    /// What a failure holds.
    type Error;
    /// The success, if it is one.
    fn value(out: &Self::Return) -> Option<&Self::Value>;
    /// Looks at the failure, if it is one; errors need not be `'static`.
    fn with_error<X>(out: &Self::Return, look: impl FnOnce(&Self::Error) -> X) -> Option<X>;
    /// Makes an outcome from a success.
    fn success(value: Self::Value) -> Self::Return;
    /// Makes an outcome from a failure.
    fn failure(error: Self::Error) -> Self::Return;
}

impl<T, E> Outer for Fallible<T, E> {
    type Return = Result<T, E>;
    type Value = T;
    type Error = E;
    #[inline(always)]
    fn value(out: &Result<T, E>) -> Option<&T> {
        out.as_ref().ok()
    }
    #[inline(always)]
    fn with_error<X>(out: &Result<T, E>, look: impl FnOnce(&E) -> X) -> Option<X> {
        out.as_ref().err().map(look)
    }
    #[inline(always)]
    fn success(value: T) -> Result<T, E> {
        Ok(value)
    }
    #[inline(always)]
    fn failure(error: E) -> Result<T, E> {
        Err(error)
    }
}

impl<R> Outer for Plain<R> {
    type Return = R;
    type Value = R;
    type Error = Infallible;
    #[inline(always)]
    fn value(out: &R) -> Option<&R> {
        Some(out)
    }
    #[inline(always)]
    fn with_error<X>(_: &R, _: impl FnOnce(&Infallible) -> X) -> Option<X> {
        None
    }
    #[inline(always)]
    fn success(value: R) -> R {
        value
    }
    #[inline(always)]
    fn failure(error: Infallible) -> R {
        match error {}
    }
}

/// The inner shape: can a success be absent?
pub trait Inner: Copy + Send + Sync {
    /// What a success holds.
    type Value;
    /// What `{return.…}`, `when` and `ttl = |value| …` see.
    type Item;
    /// The item, if there is one.
    fn item(value: &Self::Value) -> Option<&Self::Item>;
    /// A copy to be kept.
    #[inline]
    fn pack(value: &Self::Value) -> Payload
    where
        Self::Value: CacheValue,
    {
        Arc::new(value.clone())
    }
    /// A copy of what was kept. `None` where the type does not fit.
    #[inline]
    fn unpack(payload: Payload) -> Option<Self::Value>
    where
        Self::Value: CacheValue,
    {
        payload.downcast_ref::<Self::Value>().cloned()
    }
}

/// An `Arc` is kept as it is: a hit then clones no more than it, and runs no code of a user's.
impl<T: Send + Sync + 'static> Inner for Handle<T> {
    type Value = Arc<T>;
    type Item = Arc<T>;
    #[inline(always)]
    fn item(value: &Arc<T>) -> Option<&Arc<T>> {
        Some(value)
    }
    #[inline]
    fn pack(value: &Arc<T>) -> Payload {
        Arc::<T>::clone(value)
    }
    #[inline]
    fn unpack(payload: Payload) -> Option<Arc<T>> {
        payload.downcast().ok()
    }
}

impl<T> Inner for Optional<T> {
    type Value = Option<T>;
    type Item = T;
    #[inline(always)]
    fn item(value: &Option<T>) -> Option<&T> {
        value.as_ref()
    }
}

impl<T> Inner for Whole<T> {
    type Value = T;
    type Item = T;
    #[inline(always)]
    fn item(value: &T) -> Option<&T> {
        Some(value)
    }
}

/// How many bytes a value holds on to.
pub trait Weigh<T>: Copy + Send + Sync {
    /// Whether the answer is the truth or `size_of`.
    const MEASURED: bool;
    /// Bytes. What weighs more than `limit` may be weighed no further than that.
    fn weigh(value: &T, limit: usize) -> usize;
}

impl<T: CacheWeight> Weigh<T> for ByHook<T> {
    const MEASURED: bool = true;
    fn weigh(value: &T, _: usize) -> usize {
        value.cache_weight()
    }
}

impl<T: Serialize> Weigh<T> for BySerde<T> {
    const MEASURED: bool = true;
    fn weigh(value: &T, limit: usize) -> usize {
        weight::measure(value, limit)
    }
}

impl<T> Weigh<T> for BySize<T> {
    /// A type that owns nothing on the heap would be measured right, but nothing tells us which do.
    const MEASURED: bool = !std::mem::needs_drop::<T>();
    fn weigh(_: &T, _: usize) -> usize {
        size_of::<T>()
    }
}

/// Whether a value can leave the process.
pub trait Content: Copy + Send + Sync {
    /// The fingerprint of the value's schema, or nothing where it can live in memory only.
    fn schema() -> Option<Fingerprint>;
}

impl<T: Serialize + DeserializeOwned> Content for Portable<T> {
    fn schema() -> Option<Fingerprint> {
        Some(schema::fingerprint::<T>())
    }
}

impl<T> Content for Local<T> {
    fn schema() -> Option<Fingerprint> {
        None
    }
}

/// Whether an error can be handed to more than one caller.
pub trait Sharing<E>: Copy + Send + Sync {
    /// An entry with a copy, weighed up to `limit`.
    fn keep(error: &E, head: Head, limit: usize) -> Option<Arc<Kept>>;
    /// A copy to hand out.
    fn take(payload: Payload) -> Option<E>;
}

impl<E: CacheValue, W: Weigh<E>> Sharing<E> for Shared<E, W> {
    fn keep(error: &E, head: Head, limit: usize) -> Option<Arc<Kept>> {
        Some(head.with(Arc::new(error.clone()), W::weigh(error, limit)))
    }
    fn take(payload: Payload) -> Option<E> {
        payload.downcast_ref::<E>().cloned()
    }
}

impl<E> Sharing<E> for Alone<E> {
    fn keep(_: &E, _: Head, _: usize) -> Option<Arc<Kept>> {
        None
    }
    fn take(_: Payload) -> Option<E> {
        None
    }
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
    fn unpack(payload: Payload, class: Class) -> Option<Self::Return>;
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
    C: Content,
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
            Some(value) => Some(head.with(I::pack(value), W::weigh(value, limit))),
            None => O::with_error(out, |error| S::keep(error, head, limit)).flatten(),
        }
    }

    #[inline]
    fn unpack(payload: Payload, class: Class) -> Option<O::Return> {
        match class {
            Class::Failed => S::take(payload).map(O::failure),
            Class::Value | Class::Absent => I::unpack(payload).map(O::success),
        }
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
    note = "use `#[cache]` (or `#[cache_query]`, …) without `err_ttl`, or return a `Result`"
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

/// An error that can be kept.
#[diagnostic::on_unimplemented(
    message = "this function's error cannot be cached",
    label = "the error would have to be `Clone + Send + Sync + 'static`",
    note = "remove `err_ttl`, or wrap the error in an `Arc`"
)]
pub trait MustKeepErrors {}
#[diagnostic::do_not_recommend]
impl<E: CacheValue> MustKeepErrors for Errors<E> {}

/// The return type of what was returned, for a type that has no name.
#[inline(always)]
pub const fn returns<R>(_: &R) -> Returns<R> {
    Returns::new()
}

/// Compiles for a `Result` only.
#[inline(always)]
pub fn must_be_result<O: MustBeResult>(_: O) {}
/// Compiles for an `Option` only.
#[inline(always)]
pub fn must_be_option<I: MustBeOption>(_: I) {}
/// Compiles for errors that can be kept only.
#[inline(always)]
pub fn must_keep_errors<E: MustKeepErrors>(_: E) {}

/// The traits whose methods answer where no inherent method does; imported `as _` by generated code.
///
/// Several answers to one question are told apart by the number of references before `self`: the compiler takes the
/// one with the most that fits.
///
/// Their names begin with `__cache_`: a trait of the user's that is implemented for every type, and in scope where an
/// attribute stands, would answer in their place.
pub mod probe {
    use super::{
        Alone, ByHook, BySerde, BySize, CacheValue, CacheWeight, DeserializeOwned, Errors, Holds,
        Local, Plain, Portable, Returns, Serialize, Shared, Whole,
    };

    /// Not a `Result`.
    pub trait Return<R>: Sized {
        /// Everything but a `Result`.
        #[inline(always)]
        fn __cache_outer(self) -> Plain<R> {
            Plain::new()
        }
    }
    impl<R> Return<R> for Returns<R> {}

    /// Not an `Option`.
    pub trait Value<T>: Sized {
        /// Everything but an `Option`.
        #[inline(always)]
        fn __cache_inner(self) -> Whole<T> {
            Whole::new()
        }
    }
    impl<T> Value<T> for Holds<T> {}

    /// First choice of a weight.
    pub trait WeighHook<T> {
        /// By the type's own hook.
        #[inline(always)]
        fn __cache_weigh(&self) -> ByHook<T> {
            ByHook::new()
        }
    }
    impl<T: CacheWeight> WeighHook<T> for &&Holds<T> {}

    /// Second choice of a weight.
    pub trait WeighSerde<T> {
        /// By what is serialized.
        #[inline(always)]
        fn __cache_weigh(&self) -> BySerde<T> {
            BySerde::new()
        }
    }
    impl<T: Serialize> WeighSerde<T> for &Holds<T> {}

    /// Last choice of a weight.
    pub trait WeighSize<T> {
        /// By size alone.
        #[inline(always)]
        fn __cache_weigh(&self) -> BySize<T> {
            BySize::new()
        }
    }
    impl<T> WeighSize<T> for Holds<T> {}

    /// First choice of a content.
    pub trait ContentSerde<T> {
        /// Can leave the process.
        #[inline(always)]
        fn __cache_content(&self) -> Portable<T> {
            Portable::new()
        }
    }
    impl<T: Serialize + DeserializeOwned> ContentSerde<T> for &Holds<T> {}

    /// Last choice of a content.
    pub trait ContentLocal<T> {
        /// Stays in memory.
        #[inline(always)]
        fn __cache_content(&self) -> Local<T> {
            Local::new()
        }
    }
    impl<T> ContentLocal<T> for Holds<T> {}

    /// First choices for an error, weighed as a value is.
    ///
    /// Generated code asks `(&&errors).__cache_share()`. The compiler tries that as it is, then with the one more `&` that it
    /// may add by itself, then with one less: in this order, three answers of one trait.
    pub trait ShareClone<E, W> {
        /// Can be given to every waiter.
        #[inline(always)]
        fn __cache_share(&self) -> Shared<E, W> {
            Shared::new()
        }
    }
    impl<E: CacheValue + CacheWeight> ShareClone<E, ByHook<E>> for &Errors<E> {}
    impl<E: CacheValue + Serialize> ShareClone<E, BySerde<E>> for &&Errors<E> {}
    impl<E: CacheValue> ShareClone<E, BySize<E>> for Errors<E> {}

    /// Last choice for an error, with no `&` left.
    pub trait ShareNone<E>: Sized {
        /// Belongs to one caller.
        #[inline(always)]
        fn __cache_share(self) -> Alone<E> {
            Alone::new()
        }
    }
    impl<E> ShareNone<E> for Errors<E> {}
}

#[cfg(test)]
mod tests;
