//! What an encoder carries from event to event: the tags, and the mixture of the values.

use super::encoder::Buffer;
use super::error::KeyError;
use super::mixture::Mixture;
use super::tail::{TAG_BITS, WORD_BITS};

/// What goes beside the values. Passed by value, so that it stays in registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trail {
    pub(super) tags: Tags,
    pub(super) mixture: Mixture,
}

impl Trail {
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn new() -> Self {
        Self {
            tags: Tags::NONE,
            mixture: Mixture::new(),
        }
    }

    /// Appends one tag.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn and(self, tag: u8, out: &mut Buffer) -> Result<Self, KeyError> {
        let tags = Tags(self.tags.0 << TAG_BITS | u64::from(tag));
        if tags.0 >> WORD_BITS == 0 {
            return Ok(Self { tags, ..self });
        }
        out.put_full_word(tags)?;
        Ok(Self {
            tags: Tags::NONE,
            mixture: self.mixture.and_tags(tags.0),
        })
    }

    /// Appends a scalar.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn and_scalar<const N: usize>(self, value: [u8; N], out: &mut Buffer) -> Self {
        out.put(value);
        let mixture = self.mixture.and_scalar(value);
        Self { mixture, ..self }
    }

    /// Appends bytes without their length.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn and_slice(self, value: &[u8], out: &mut Buffer) -> Self {
        out.put_slice(value);
        self.mixed_with(value)
    }

    /// Appends a length and that many bytes.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn and_framed(self, value: &[u8], out: &mut Buffer) -> Result<Self, KeyError> {
        out.put_framed(value)?;
        Ok(self.mixed_with(value))
    }

    /// Notes bytes that stand among the values already, from `start`.
    pub(super) fn and_written(self, start: usize, out: &Buffer) -> Self {
        self.mixed_with(out.from(start))
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn mixed_with(self, bytes: &[u8]) -> Self {
        let mixture = self.mixture.and_bytes(bytes);
        Self { mixture, ..self }
    }
}

/// The tags that no full word has yet: a 1, and then five bits for each, the first highest. So one number says which they
/// are and how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags(pub(super) u64);

impl Tags {
    pub(super) const NONE: Self = Self(1);

    /// The word as it is written, and the number of tags in it.
    pub(super) fn canonical(self) -> (u64, u32) {
        let count = self.0.ilog2() / TAG_BITS;
        let tag = |at: u32| self.0 >> (TAG_BITS * (count - 1 - at)) & ((1 << TAG_BITS) - 1);
        let word = (0..count).fold(0, |word, at| word | tag(at) << (TAG_BITS * at));
        (word, count)
    }
}
