//! How the outcome of a start-up call is told; imported `as _` by generated code.

use std::fmt::{Debug, Display};

use super::Outcome;

/// What a call gave.
#[derive(Debug)]
pub struct Gave<T>(pub T);

/// An error that can be displayed.
pub trait OfDisplay {
    /// The error's text.
    fn __cache_outcome(&self) -> Outcome;
}
impl<T, E: Display> OfDisplay for &&Gave<Result<T, E>> {
    fn __cache_outcome(&self) -> Outcome {
        self.0.as_ref().map(drop).map_err(ToString::to_string)
    }
}

/// An error that can be debugged.
pub trait OfDebug {
    /// The error's debug form.
    fn __cache_outcome(&self) -> Outcome;
}
impl<T, E: Debug> OfDebug for &Gave<Result<T, E>> {
    fn __cache_outcome(&self) -> Outcome {
        self.0
            .as_ref()
            .map(drop)
            .map_err(|error| format!("{error:?}"))
    }
}

/// Anything else.
pub trait OfAny {
    /// Went well.
    fn __cache_outcome(&self) -> Outcome;
}
impl<T> OfAny for Gave<T> {
    fn __cache_outcome(&self) -> Outcome {
        Ok(())
    }
}
