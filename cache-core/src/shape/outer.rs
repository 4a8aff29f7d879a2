//! The outer shape of a return type.

use std::convert::Infallible;

use super::{Fallible, Plain};

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
    /// The same shape around another value.
    type With<X>: Outer<Value = X, Error = Self::Error>;
    /// The only value of that.
    fn with<X>() -> Self::With<X>;
    /// What is in an outcome.
    ///
    /// # Errors
    /// The failure, if it is one.
    fn open(out: Self::Return) -> Result<Self::Value, Self::Error>;
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
    type With<X> = Fallible<X, E>;
    #[inline(always)]
    fn with<X>() -> Fallible<X, E> {
        Fallible::new()
    }
    #[inline(always)]
    fn open(out: Result<T, E>) -> Result<T, E> {
        out
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
    type With<X> = Plain<X>;
    #[inline(always)]
    fn with<X>() -> Plain<X> {
        Plain::new()
    }
    #[inline(always)]
    fn open(out: R) -> Result<R, Infallible> {
        Ok(out)
    }
}
