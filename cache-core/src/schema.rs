//! Fingerprints of types: whether two releases agree about the shape of a value.
//!
//! A type's `Deserialize` is run against a deserializer that answers every question with a dummy and writes down what
//! was asked: the names, order and types of fields and variants. No annotation is needed, and what is compared is what
//! decoding would do, `#[serde(with)]`, `rename` and hand-written impls included.

use serde::de::DeserializeOwned;

mod access;
mod dummy;
mod trace;
mod tracer;

#[cfg(test)]
mod tests;

/// What a type asks for when it is deserialized.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint {
    /// Differs where two types ask for different things; the same on every platform if `complete`.
    pub hash: u64,
    /// Whether everything was seen. Otherwise the hash also covers the type's name and size, and its values must be
    /// encoded with the names of their fields.
    pub complete: bool,
}

/// Traces `T`.
///
/// Incomplete for types that ask for whatever there is (`flatten`, `untagged`, `serde_json::Value`), that accept none of
/// the dummies, or that do not come to an end within a hundred thousand questions. Takes some microseconds: ask once.
///
/// Runs the `Deserialize` of `T` several times, on input that no value ever had. A panic in there is caught and makes the fingerprint incomplete; where it
/// could not be caught, under `panic = "abort"`, nothing is run and every fingerprint is incomplete.
pub(crate) fn fingerprint<T: DeserializeOwned>() -> Fingerprint {
    let (name, size) = (core::any::type_name::<T>(), size_of::<T>());
    if cfg!(panic = "abort") {
        return trace::untraced(name, size);
    }
    // The only generic code: everything else is compiled once.
    trace::trace(&mut |tracer| T::deserialize(tracer).map(drop), name, size)
}
