//! Keys that stay in memory.

use std::fmt;
use std::sync::Arc;

/// What is kept in place, so that `KeyBytes` is 40 bytes: room for a number and a word or two.
const INLINE: usize = 38;

/// The canonical bytes of an entry's key, in place where they are short.
#[derive(Clone)]
pub(crate) struct KeyBytes(Kept);

#[derive(Clone)]
enum Kept {
    Inline { len: u8, bytes: [u8; INLINE] },
    Shared(Arc<[u8]>),
}

impl KeyBytes {
    /// Keeps a copy of an encoder's bytes.
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        match (u8::try_from(key.len()), bytes.get_mut(..key.len())) {
            (Ok(len), Some(slot)) => {
                slot.copy_from_slice(key);
                Self(Kept::Inline { len, bytes })
            }
            _ => Self(Kept::Shared(key.into())),
        }
    }

    /// The canonical bytes.
    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Kept::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Kept::Shared(bytes) => bytes,
        }
    }

    /// How many bytes it occupies beyond its own size, for the memory bound.
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Kept::Inline { .. } => 0,
            Kept::Shared(bytes) => bytes.len() + 2 * size_of::<usize>(), // and the two counts of an `Arc`
        }
    }
}

impl PartialEq for KeyBytes {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for KeyBytes {}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBytes(")?;
        self.as_slice()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}
