//! What a hit of a longer key compares beside [what stands in front](super::key::Front).

use super::key::{KeyBytes, equal};
use crate::sync::Arc;

/// The last bytes of a key, or all of them where they do not fit in line: half a line of the processor's cache, and never in two.
#[repr(align(32))]
pub(crate) struct Remainder(Form);

enum Form {
    /// How many bytes the key has, and the last of them.
    Inline(u8, [u8; LAST]),
    /// All bytes.
    Shared(Arc<[u8]>),
}

/// So many are kept in line: with the eight in front as many as a [`KeyBytes`] has.
const LAST: usize = KeyBytes::INLINE - FRONT;

/// So many stand in front.
const FRONT: usize = 8;

impl Remainder {
    /// That of no key.
    pub(super) const NONE: Self = Self(Form::Inline(0, [0; LAST]));

    /// That of a key.
    pub(super) fn of(bytes: &KeyBytes) -> Self {
        match bytes {
            KeyBytes::Inline(len, bytes) => {
                let mut last = [0; LAST];
                let bytes = bytes.get(..usize::from(*len)).unwrap_or(bytes);
                let tail = &bytes[bytes.len().saturating_sub(LAST)..];
                last[..tail.len()].copy_from_slice(tail);
                Self(Form::Inline(*len, last))
            }
            KeyBytes::Shared(bytes) => Self(Form::Shared(Arc::clone(bytes))),
        }
    }

    /// Whether these are the bytes, given that those in front are.
    #[inline(always)]
    pub(super) fn is_of(&self, bytes: &[u8]) -> bool {
        match &self.0 {
            Form::Inline(len, last) => {
                let from = bytes.len().saturating_sub(LAST);
                let (tail, kept) = (bytes.get(from..), last.get(..bytes.len() - from));
                usize::from(*len) == bytes.len()
                    && tail.zip(kept).is_some_and(|(tail, kept)| equal(tail, kept))
            }
            Form::Shared(whole) => equal(bytes, whole),
        }
    }

    /// All bytes of the key, of which these stand in front.
    #[cfg(any(test, feature = "redis"))]
    pub(super) fn with_front(&self, front: [u8; FRONT]) -> KeyBytes {
        match &self.0 {
            Form::Inline(len, last) => {
                let (len, mut bytes) = (usize::from(*len), [0; KeyBytes::INLINE]);
                bytes[..FRONT].copy_from_slice(&front);
                let tail = &last[..len.min(LAST)];
                bytes[len - tail.len()..len].copy_from_slice(tail);
                KeyBytes::new(&bytes[..len])
            }
            Form::Shared(whole) => KeyBytes::Shared(Arc::clone(whole)),
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    fn front(bytes: &[u8]) -> [u8; FRONT] {
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
        std::array::from_fn(byte)
    }

    #[test]
    fn it_is_half_a_line() {
        assert_eq!((size_of::<Remainder>(), align_of::<Remainder>()), (32, 32));
    }

    #[test]
    fn with_its_front_it_is_the_key_and_no_other() {
        let source: Vec<u8> = (1..=255).cycle().take(300).collect();
        for len in 0..source.len() {
            let bytes = &source[..len];
            let rest = Remainder::of(&KeyBytes::new(bytes));
            assert!(rest.is_of(bytes));
            assert_eq!(rest.with_front(front(bytes)).encoded(7).bytes, bytes);
            // Those in front are compared there.
            for at in FRONT..len {
                let mut other = bytes.to_vec();
                other[at] ^= 1;
                assert!(!rest.is_of(&other), "{len}: {at}");
            }
            assert!(!rest.is_of(&source[..len + 1]));
            assert!(len == 0 || !rest.is_of(&bytes[1..]));
        }
        assert!(Remainder::NONE.is_of(b""));
    }

    #[test]
    fn zeros_behind_are_bytes() {
        for len in 0..60 {
            let bytes = vec![0; len];
            let rest = Remainder::of(&KeyBytes::new(&bytes));
            for other in 0..60 {
                assert_eq!(rest.is_of(&vec![0; other]), other == len);
            }
        }
    }
}
