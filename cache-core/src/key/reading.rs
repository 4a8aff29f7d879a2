//! An argument list, made again from its canonical bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Encoder;
use super::decoder::{Events, decode};
use super::deserializer::Reader;

/// The arguments of a key, one after the other. They are its own if all of them give its bytes once more, to the last one: whatever the
/// bytes are, and whatever a `Deserialize` makes of them.
pub(crate) struct Reading<'a> {
    bytes: &'a [u8],
    left: std::vec::IntoIter<Events>,
    again: Encoder,
}

impl<'a> Reading<'a> {
    /// Those of a key with these canonical bytes.
    ///
    /// # Errors
    /// No encoder wrote them, or they are too deep.
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, String> {
        let all = decode(bytes).ok_or_else(|| why(&"these are no arguments"))?;
        Ok(Self {
            bytes,
            left: all.into_iter(),
            again: Encoder::new(),
        })
    }

    /// The next one.
    ///
    /// # Errors
    /// It is none of this type.
    pub(crate) fn next<T: Serialize + DeserializeOwned>(&mut self) -> Result<T, String> {
        let events = self.left.next().ok_or_else(|| why(&"there are too few"))?;
        let argument = T::deserialize(Reader::of(events)).map_err(|error| why(&error))?;
        self.again.push(&argument).map_err(|error| why(&error))?;
        Ok(argument)
    }

    /// There are no more.
    ///
    /// # Errors
    /// There are, or those that were made are of another key.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        if self.left.next().is_some() {
            return Err(why(&"there are too many"));
        }
        if self.again.finish() != self.bytes {
            return Err(why(
                &"what is read is written in another way (by a `HashSet` inside of another value, say)",
            ));
        }
        Ok(())
    }
}

#[cold]
fn why(error: &dyn std::fmt::Display) -> String {
    format!("its arguments cannot be read back: {error}")
}
