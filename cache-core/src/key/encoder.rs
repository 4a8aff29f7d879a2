//! The buffer that an argument list is encoded into.

use std::mem::ManuallyDrop;

use arrayvec::ArrayVec;
use serde::Serialize;

use super::error::KeyError;
use super::mixture::Mixed;
use super::serializer::Writer;
use super::set;
use super::tail::{self, MAX_TAIL, TAG_BITS};
use super::trail::{Tags, Trail};

/// How many bytes of values are kept on the stack.
const INLINE: usize = 128;

/// How many full tag words.
const INLINE_WORDS: usize = 8;

/// All that is kept there, with the end of it.
const INLINE_WHOLE: usize = INLINE + 8 * INLINE_WORDS + MAX_TAIL;

/// Turns an argument list into canonical bytes, one [`push`](Self::push) per argument.
///
/// Up to 128 bytes are kept on the stack; only longer keys, maps and hash sets allocate.
///
/// # Errors
///
/// After an error from `push` the encoder holds half an argument: drop it.
#[derive(Clone, Debug)]
pub(crate) struct Encoder {
    trail: Trail,
    out: Buffer,
}

impl Encoder {
    /// An encoder that holds no argument yet.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self {
            trail: Trail::new(),
            out: Buffer::new(),
        }
    }

    /// Appends one argument.
    ///
    /// A `HashSet` has one encoding whatever its order, also behind references, `Box`, `Rc`, `Arc` and `Cow`; inside of
    /// another value use a `BTreeSet`.
    ///
    /// # Errors
    ///
    /// What the argument's `Serialize` refuses, and lengths from 2³² on.
    #[inline(always)]
    pub(crate) fn push<T: Serialize + ?Sized>(&mut self, argument: &T) -> Result<(), KeyError> {
        self.trail = argument.serialize(Writer::of_argument(
            &mut self.out,
            self.trail,
            set::is_hash_set::<T>,
        ))?;
        Ok(())
    }

    /// Appends one argument; the first that fails is remembered, and makes the key [broken](Self::broken).
    #[inline(always)]
    pub(crate) fn add<T: Serialize + ?Sized>(&mut self, argument: &T) {
        if let Err(error) = self.push(argument) {
            self.out.spill().error.get_or_insert(error);
        }
    }

    /// Why the arguments are no key, if they are not.
    #[inline(always)]
    pub(crate) fn broken(&self) -> Option<&KeyError> {
        let heap = self.out.long.as_ref()?.heap.as_ref()?;
        heap.error.as_ref()
    }

    /// Appends a part of an argument, whose sequences are never sorted.
    pub(super) fn push_part<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), KeyError> {
        self.trail = part.serialize(Writer::of_part(&mut self.out, self.trail))?;
        Ok(())
    }

    /// The canonical bytes of what was pushed so far.
    #[inline]
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.out.finish(self.trail.tags)
    }

    /// What was pushed so far, as a look-up needs it.
    #[inline(always)]
    pub(crate) fn mixed(&mut self) -> Mixed<'_> {
        let Trail { tags, mixture } = self.trail;
        if self.out.is_long() {
            return Mixed {
                encoded: Encoded::whole(self.out.finish(tags)),
                mixture: mixture.and_tags(tags.0),
            };
        }
        let encoded = self.out.left(tags);
        Mixed { encoded, mixture }
    }

    /// The same of arguments that are a key and neither long nor many: of most.
    #[inline(always)]
    pub(crate) fn short(&self) -> Option<Mixed<'_>> {
        let Trail { tags, mixture } = self.trail;
        self.out.long.is_none().then(|| {
            let encoded = self.out.left(tags);
            Mixed { encoded, mixture }
        })
    }
}

/// Canonical bytes, of which the tags may be left in a word: written behind the values and read back at once they would
/// have to wait for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoded<'a> {
    /// The values, or everything.
    pub(crate) bytes: &'a [u8],
    /// The tags, as [`Tags`] has them, or [`WHOLE`](Self::WHOLE).
    pub(crate) tags: u64,
}

impl<'a> Encoded<'a> {
    /// In place of the tags, where the bytes are everything. No tags have this bit: those of a full word are never left.
    pub(crate) const WHOLE: u64 = 1 << 63;

    /// Bytes that are everything.
    pub(crate) fn whole(bytes: &'a [u8]) -> Self {
        let tags = Self::WHOLE;
        Self { bytes, tags }
    }

    /// Does something with the canonical bytes.
    pub(crate) fn with_canonical<R>(self, then: impl FnOnce(&[u8]) -> R) -> R {
        let (word, count) = match self.tags {
            Self::WHOLE if self.bytes.is_empty() => Tags::NONE.canonical(),
            Self::WHOLE => return then(self.bytes),
            tags => Tags(tags).canonical(),
        };
        let tags = (count * TAG_BITS).div_ceil(8) as usize;
        let values = self.bytes.len();
        let mut space = [0; INLINE + MAX_TAIL];
        let mut heap = Vec::new();
        let bytes = match space.get_mut(..values + tags + 1) {
            Some(bytes) => bytes,
            None => {
                heap.resize(values + tags + 1, 0);
                &mut heap[..]
            }
        };
        bytes[..values].copy_from_slice(self.bytes);
        bytes[values..values + tags].copy_from_slice(&word.to_le_bytes()[..tags]);
        bytes[values + tags] = count as u8;
        then(bytes)
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

/// The values, and what only long keys have.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    /// Full once the values are on the heap, so that one comparison asks everything. Bytes need not be dropped.
    bytes: ManuallyDrop<ArrayVec<u8, INLINE>>,
    long: Option<Long>,
}

/// Of keys with many tags or many bytes, and of arguments that are no key.
#[derive(Clone, Debug, Default)]
struct Long {
    /// Full tag words, as they are written.
    words: ArrayVec<u64, INLINE_WORDS>,
    /// Where the canonical bytes are put together that are not on the heap.
    whole: ArrayVec<u8, INLINE_WHOLE>,
    heap: Option<Box<Heap>>,
}

#[derive(Clone, Debug)]
struct Heap {
    values: Vec<u8>,
    /// How many of these are values: behind them is an earlier end.
    len: usize,
    words: Vec<u64>,
    error: Option<KeyError>,
}

impl Buffer {
    #[inline(always)]
    fn new() -> Self {
        Self {
            bytes: ManuallyDrop::new(ArrayVec::new_const()),
            long: None,
        }
    }

    /// Appends a scalar.
    #[inline(always)]
    pub(super) fn put<const N: usize>(&mut self, value: [u8; N]) {
        if self.bytes.try_extend_from_slice(&value).is_err() {
            self.put_on_heap(&value);
        }
    }

    /// Appends a length and that many bytes.
    #[inline]
    pub(super) fn put_framed(&mut self, value: &[u8]) -> Result<(), KeyError> {
        self.put(length(value.len())?.to_le_bytes());
        self.put_slice(value);
        Ok(())
    }

    /// Appends bytes without their length.
    #[inline]
    pub(super) fn put_slice(&mut self, value: &[u8]) {
        if self.put_short(value).is_none() {
            self.put_other(value);
        }
    }

    #[inline(never)]
    fn put_other(&mut self, value: &[u8]) {
        if self.bytes.try_extend_from_slice(value).is_err() {
            self.put_on_heap(value);
        }
    }

    /// The same without a call, where the value is as short as the strings of most keys are.
    #[inline(always)]
    fn put_short(&mut self, value: &[u8]) -> Option<()> {
        let (first, last) = (value.first_chunk::<8>()?, value.last_chunk::<8>()?);
        let end = self.bytes.len() + value.len();
        if value.len() > 16 || self.bytes.remaining_capacity() < 16 {
            return None;
        }
        // The first eight, and the last eight over what they have in common.
        self.bytes.try_extend_from_slice(first).ok()?;
        self.bytes.truncate(end - 8);
        self.bytes.try_extend_from_slice(last).ok()
    }

    /// How many bytes of values there are.
    pub(super) fn len(&self) -> usize {
        self.heap().map_or(self.bytes.len(), |heap| heap.len)
    }

    /// Replaces four bytes that were put at `at` before their value was known.
    pub(super) fn patch(&mut self, at: usize, value: [u8; 4]) {
        let bytes = match self.long.as_mut().and_then(|long| long.heap.as_mut()) {
            Some(heap) => &mut heap.values[..],
            None => &mut self.bytes[..],
        };
        if let Some(slot) = bytes.get_mut(at..at + 4) {
            slot.copy_from_slice(&value);
        }
    }

    /// The values from there on.
    pub(super) fn from(&self, start: usize) -> &[u8] {
        let values = match self.heap() {
            Some(heap) => &heap.values[..heap.len],
            None => &self.bytes[..],
        };
        values.get(start..).unwrap_or_default()
    }

    /// The values, where the tags are left in a word.
    #[inline(always)]
    fn left(&self, Tags(tags): Tags) -> Encoded<'_> {
        let bytes = &self.bytes;
        Encoded { bytes, tags }
    }

    /// Whether there is more than the values and one word.
    #[inline(always)]
    fn is_long(&self) -> bool {
        let is_long = |long: &Long| long.heap.is_some() || !long.words.is_empty();
        self.long.as_ref().is_some_and(is_long)
    }

    fn heap(&self) -> Option<&Heap> {
        self.long.as_ref()?.heap.as_deref()
    }

    #[cold]
    #[inline(never)]
    fn put_on_heap(&mut self, value: &[u8]) {
        let heap = self.spill();
        heap.values.truncate(heap.len);
        heap.values.extend_from_slice(value);
        heap.len = heap.values.len();
    }

    #[cold]
    #[inline(never)]
    pub(super) fn put_full_word(&mut self, tags: Tags) -> Result<(), KeyError> {
        let (word, _) = tags.canonical();
        let long = self.long.get_or_insert_default();
        let full = match &long.heap {
            Some(heap) => heap.words.len(),
            None => long.words.len(),
        };
        // The word after this one must be countable too.
        length((full + 2).saturating_mul(tail::WORD_TAGS))?;
        if long.heap.is_some() || long.words.try_push(word).is_err() {
            self.spill().words.push(word);
        }
        Ok(())
    }

    #[cold]
    fn spill(&mut self) -> &mut Heap {
        let long = self.long.get_or_insert_default();
        long.heap.get_or_insert_with(|| {
            let mut values = Vec::with_capacity(4 * INLINE);
            values.extend_from_slice(&self.bytes);
            // Full.
            *self.bytes = [0; INLINE].into();
            Box::new(Heap {
                len: values.len(),
                values,
                words: long.words.to_vec(),
                error: None,
            })
        })
    }

    #[cold]
    #[inline(never)]
    fn finish(&mut self, tags: Tags) -> &[u8] {
        let Self { bytes, long } = self;
        let Long { words, whole, heap } = long.get_or_insert_default();
        let (word, count) = tags.canonical();
        let width = (count * TAG_BITS).div_ceil(8) as usize;
        let ends = |words: &[u64], put: &mut dyn FnMut(&[u8])| {
            words.iter().for_each(|word| put(&word.to_le_bytes()));
            put(word.to_le_bytes().get(..width).unwrap_or_default());
            let (number, digits) = tail::number(words.len() * tail::WORD_TAGS + count as usize);
            put(number.get(..digits).unwrap_or_default());
        };
        match heap {
            Some(heap) => {
                heap.values.truncate(heap.len);
                ends(&heap.words, &mut |end| heap.values.extend_from_slice(end));
                &heap.values
            }
            None => {
                whole.clear();
                // There is room for all that is on the stack.
                let mut put = |part: &[u8]| {
                    let _ = whole.try_extend_from_slice(part);
                };
                put(bytes);
                ends(words, &mut put);
                whole
            }
        }
    }
}

/// The length as it is written.
#[inline(always)]
pub(super) fn length(length: usize) -> Result<u32, KeyError> {
    u32::try_from(length).map_err(|_| KeyError::too_long(length))
}
