//! The traits whose methods answer where no inherent method does; imported `as _` by generated code.
//!
//! Several answers to one question are told apart by the number of references before `self`: the compiler takes the
//! one with the most that fits.
//!
//! Their names begin with `__cache_`: a trait of the user's that is implemented for every type, and in scope where an
//! attribute stands, would answer in their place.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Alone, ByHook, BySerde, BySize, CacheValue, Elements, Errors, Gives, Holds, Local, Plain,
    Portable, Returns, Shared, Whole,
};
use crate::weight::CacheWeight;

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

/// Elements that can be told apart.
pub trait Each<T: Elements<K>, K> {
    /// One of them.
    #[inline(always)]
    fn __cache_element(&self) -> Holds<T::Element> {
        Holds::new()
    }
}
impl<T: Elements<K>, K> Each<T, K> for &Gives<T, K> {}

/// None. What needs them says so.
pub trait NotEach {
    /// Nothing.
    #[inline(always)]
    fn __cache_element(&self) -> Holds<()> {
        Holds::new()
    }
}
impl<T, K> NotEach for Gives<T, K> {}

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
