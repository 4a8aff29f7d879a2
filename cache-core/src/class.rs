//! Kinds of outcomes.

/// What kind of outcome a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A value proper.
    Value,
    /// `None`, or `Ok(None)`.
    Absent,
    /// An `Err`.
    Failed,
}
