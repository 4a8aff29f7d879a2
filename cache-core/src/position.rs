//! Places in the log.

/// A place in the log: a generation, and a dense number inside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Position {
    /// The generation.
    pub generation: u64,
    /// The place in the generation.
    pub sequence: u64,
}

impl Position {
    /// Before everything; the stamp of a value that must not be kept.
    pub const ZERO: Self = Self {
        generation: 0,
        sequence: 0,
    };
}
