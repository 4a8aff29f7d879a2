//! Values to bytes, and back.

use serde::{Serialize, de::DeserializeOwned};

mod ambiguity;
mod nesting;
#[cfg(test)]
mod tests;

/// A way to write values.
pub(crate) trait Codec {
    /// What an envelope calls it, for ever.
    const ID: u8;
    /// A value's bytes. `None` for a value that would not come back as it is.
    fn encode<T: Serialize>(value: &T) -> Option<Vec<u8>>;
    /// The value that these bytes are, all of them.
    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T>;
}

/// MessagePack, structs with the names of their fields.
///
/// Without the names it is 40 % shorter and read in 70 % of the time, but then a field's place is its name, and
/// `skip_serializing_if` moves all that follow: a value of the same type that is another one. Only what a type reads can
/// be traced, not what it writes, so nobody knows which types are safe. LZ4 leaves a tenth of the difference.
pub(crate) struct Rmp;

impl Codec for Rmp {
    const ID: u8 = 1;

    fn encode<T: Serialize>(value: &T) -> Option<Vec<u8>> {
        if ambiguity::is_ambiguous(value) {
            return None;
        }
        let bytes = rmp_serde::to_vec_named(value).ok()?;
        nesting::is_one_value(&bytes).then_some(bytes)
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
        if !nesting::is_one_value(bytes) {
            return None;
        }
        rmp_serde::from_slice(bytes).ok()
    }
}
