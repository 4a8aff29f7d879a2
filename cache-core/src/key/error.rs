//! Why an argument list is not a key.

use std::fmt;

/// An argument could not be made part of a key.
///
/// The message says what to do about it and keeps what the argument's `Serialize` said.
#[derive(Clone, Debug)]
pub(crate) struct KeyError(Box<Fault>); // one pointer: it is part of the return value of every step of an encoding

#[derive(Clone, Debug)]
enum Fault {
    Refused(String),
    TooLong(usize),
}

impl KeyError {
    #[cold]
    pub(super) fn too_long(length: usize) -> Self {
        Self(Box::new(Fault::TooLong(length)))
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Fault::Refused(message) => {
                write!(f, "an argument cannot be part of a cache key: {message}")?
            }
            Fault::TooLong(length) => write!(
                f,
                "an argument cannot be part of a cache key: a length of {length} is above the limit of 4294967295"
            )?,
        }
        f.write_str("; help: choose what identifies the entry with `key(..)`, or leave the argument out with `skip(..)`")
    }
}

impl std::error::Error for KeyError {}

impl serde::ser::Error for KeyError {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Box::new(Fault::Refused(message.to_string())))
    }
}
