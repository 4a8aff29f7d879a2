//! The arguments of a call, made again.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::key::Reading;
use crate::schema;

/// An argument that can be made again from what it wrote into a key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made again from a cache key",
    label = "not `serde::Serialize` and `serde::de::DeserializeOwned`",
    note = "derive `serde::Deserialize` for it, or write `from = …` in place of `hot`"
)]
pub trait Argument: Serialize + DeserializeOwned {}
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Argument for T {}

/// The arguments of one call: a [`take`](Self::take) for each, and then the [`end`](Self::end); what was taken is good after that.
pub struct Arguments<'a>(Source<'a>);

enum Source<'a> {
    Key(Box<Reading<'a>>),
    /// There is no call, and the question is what would be taken: the fingerprints of the types.
    Types(&'a mut Vec<u64>),
}

impl<'a> Arguments<'a> {
    /// Those of a key with these canonical bytes.
    ///
    /// # Errors
    /// No encoder wrote them.
    pub(crate) fn of(key: &'a [u8]) -> Result<Self, String> {
        Reading::of(key).map(|reading| Self(Source::Key(Box::new(reading))))
    }

    /// None, to see what would be taken.
    pub(crate) fn asking(types: &'a mut Vec<u64>) -> Self {
        Self(Source::Types(types))
    }

    /// The next one.
    ///
    /// # Errors
    /// It is none of this type.
    pub fn take<T: Argument>(&mut self) -> Result<T, String> {
        match &mut self.0 {
            Source::Key(reading) => reading.next(),
            Source::Types(types) => {
                types.push(schema::fingerprint::<T>().hash);
                Err(String::new())
            }
        }
    }

    /// There are no more.
    ///
    /// # Errors
    /// There are, or what was taken is of another key.
    pub fn end(&mut self) -> Result<(), String> {
        match &mut self.0 {
            Source::Key(reading) => reading.end(),
            Source::Types(_) => Err(String::new()),
        }
    }
}
