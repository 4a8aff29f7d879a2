//! Values to bytes, and back.

use rmp_serde::Deserializer;
use rmp_serde::decode::Error;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

mod ambiguity;
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

/// How deep a value may be: as deep as `serde_json` reads. 1,024, the default, is more than the stack of a thread.
const MAX_DEPTH: usize = 128;

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
        rmp_serde::to_vec_named(value).ok()
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
        let mut reader = Deserializer::from_read_ref(bytes);
        reader.set_max_depth(MAX_DEPTH);
        let value = T::deserialize(&mut reader).ok()?;
        // The reader does not say where it is. Only at the end there is not even a marker to look at.
        let end = <()>::deserialize(&mut reader);
        matches!(end, Err(Error::InvalidMarkerRead(_))).then_some(value)
    }
}
