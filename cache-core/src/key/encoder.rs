//! The buffer that an argument list is encoded into.

use serde::Serialize;

use super::error::KeyError;
use super::serializer::Writer;
use super::set;
use super::tail::{self, MAX_TAIL, TAG_BITS, WORD_BITS};

/// How many bytes of values and full tag words are kept on the stack.
const INLINE: usize = 128;

/// How many full tag words may be among them.
const INLINE_WORDS: usize = 8;

/// Turns an argument list into canonical bytes, one [`push`](Self::push) per argument.
///
/// Up to 128 bytes are kept on the stack; only longer keys, maps and hash sets allocate.
///
/// # Errors
///
/// After an error from `push` the encoder holds half an argument: drop it.
#[derive(Clone, Debug)]
pub(crate) struct Encoder {
    tags: Tags,
    out: Buffer,
}

impl Encoder {
    /// An encoder that holds no argument yet.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self {
            tags: Tags { word: 0, shift: 0 },
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
        self.tags = argument.serialize(Writer::of_argument(
            &mut self.out,
            self.tags,
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
        self.out.heap.as_ref().and_then(|heap| heap.error.as_ref())
    }

    /// Appends a part of an argument, whose sequences are never sorted.
    pub(super) fn push_part<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), KeyError> {
        self.tags = part.serialize(Writer::of_part(&mut self.out, self.tags))?;
        Ok(())
    }

    /// The canonical bytes of what was pushed so far.
    #[inline]
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.out.finish(self.tags)
    }

    /// What was pushed so far, as a look-up needs it.
    #[inline(always)]
    pub(crate) fn encoded(&mut self) -> Encoded<'_> {
        if self.out.limit < INLINE {
            return Encoded::whole(self.out.finish_long(self.tags));
        }
        Encoded {
            bytes: self.out.bytes.get(..self.out.len).unwrap_or_default(),
            word: self.tags.word,
            bits: self.tags.shift as u8,
        }
    }
}

/// Canonical bytes, of which the tags may be left in a word: written behind the values and read back at once they would
/// have to wait for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoded<'a> {
    /// The values, or everything.
    pub(crate) bytes: &'a [u8],
    /// The tags.
    pub(crate) word: u64,
    /// How many bits of the word are in use. With none the bytes are everything.
    pub(crate) bits: u8,
}

impl<'a> Encoded<'a> {
    /// Bytes that are everything.
    pub(crate) fn whole(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            word: 0,
            bits: 0,
        }
    }

    /// Does something with the canonical bytes.
    pub(crate) fn with_canonical<R>(self, then: impl FnOnce(&[u8]) -> R) -> R {
        let bits = u32::from(self.bits);
        if bits == 0 && !self.bytes.is_empty() {
            return then(self.bytes);
        }
        let (values, tags) = (self.bytes.len(), bits.div_ceil(8) as usize);
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
        bytes[values..values + tags].copy_from_slice(&self.word.to_le_bytes()[..tags]);
        bytes[values + tags] = (bits / TAG_BITS) as u8;
        then(bytes)
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

/// The tag word that is being filled. Passed by value, so that it stays in registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags {
    word: u64,
    shift: u32,
}

impl Tags {
    /// Appends one tag.
    #[inline(always)]
    pub(super) fn and(self, tag: u8, out: &mut Buffer) -> Result<Self, KeyError> {
        let word = self.word | u64::from(tag) << self.shift;
        let shift = self.shift + TAG_BITS;
        if shift < WORD_BITS {
            return Ok(Self { word, shift });
        }
        out.put_full_word(word)?;
        Ok(Self { word: 0, shift: 0 })
    }
}

/// The values and the full tag words, which share one budget on the stack.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    /// How many bytes of values there are, here or on the heap.
    len: usize,
    /// Where values must end: 8 bytes less for each full word, 0 on the heap, so that one comparison asks everything.
    limit: usize,
    bytes: [u8; INLINE + MAX_TAIL],
    /// `None` until the first word is full, so that most keys never write it.
    words: Option<[u64; INLINE_WORDS]>,
    heap: Option<Box<Heap>>,
}

#[derive(Clone, Debug)]
struct Heap {
    values: Vec<u8>,
    words: Vec<u64>,
    error: Option<KeyError>,
}

impl Buffer {
    #[inline(always)]
    fn new() -> Self {
        Self {
            len: 0,
            limit: INLINE,
            bytes: [0; INLINE + MAX_TAIL],
            words: None,
            heap: None,
        }
    }

    /// Appends a scalar.
    #[inline(always)]
    pub(super) fn put<const N: usize>(&mut self, value: [u8; N]) {
        let end = self.len + N;
        if end <= self.limit
            && let Some(slot) = self.bytes.get_mut(self.len..end)
        {
            slot.copy_from_slice(&value);
            self.len = end;
        } else {
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
        let end = self.len.saturating_add(value.len());
        if end <= self.limit
            && let Some(slot) = self.bytes.get_mut(self.len..end)
        {
            copy_short(slot, value);
            self.len = end;
        } else {
            self.put_on_heap(value);
        }
    }

    /// How many bytes of values there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Replaces four bytes that were put at `at` before their value was known.
    pub(super) fn patch(&mut self, at: usize, value: [u8; 4]) {
        let bytes = match &mut self.heap {
            Some(heap) => heap.values.as_mut_slice(),
            None => &mut self.bytes[..],
        };
        if let Some(slot) = bytes.get_mut(at..at + 4) {
            slot.copy_from_slice(&value);
        }
    }

    #[cold]
    #[inline(never)]
    fn put_on_heap(&mut self, value: &[u8]) {
        let len = self.len;
        let heap = self.spill();
        heap.values.truncate(len); // `finish` may have left a tail there
        heap.values.extend_from_slice(value);
        self.len = len + value.len();
    }

    #[cold]
    #[inline(never)]
    fn put_full_word(&mut self, word: u64) -> Result<(), KeyError> {
        let full = self.full_words().len();
        // The word after this one must be countable too.
        let count = (full + 2).saturating_mul(tail::WORD_TAGS);
        length(count)?;
        if self.heap.is_none()
            && self.len + 8 <= self.limit
            && let Some(slot) = self.words.get_or_insert_default().get_mut(full)
        {
            *slot = word;
            self.limit -= 8;
        } else {
            self.spill().words.push(word);
        }
        Ok(())
    }

    #[cold]
    fn spill(&mut self) -> &mut Heap {
        let heap = match self.heap.take() {
            Some(heap) => heap,
            None => {
                let words = self.full_words().to_vec();
                let mut values = Vec::with_capacity(4 * INLINE);
                values.extend_from_slice(self.values());
                Box::new(Heap {
                    values,
                    words,
                    error: None,
                })
            }
        };
        self.limit = 0;
        self.heap.insert(heap)
    }

    #[inline(always)]
    fn values(&self) -> &[u8] {
        let bytes = match &self.heap {
            Some(heap) => heap.values.as_slice(),
            None => &self.bytes,
        };
        bytes.get(..self.len).unwrap_or_default()
    }

    #[inline(always)]
    fn full_words(&self) -> &[u64] {
        match (&self.heap, &self.words) {
            (Some(heap), _) => &heap.words,
            (None, Some(words)) => words.get(..(INLINE - self.limit) / 8).unwrap_or_default(),
            (None, None) => &[],
        }
    }

    #[inline(always)]
    fn finish(&mut self, tags: Tags) -> &[u8] {
        if self.limit < INLINE {
            return self.finish_long(tags);
        }
        let count = (tags.shift / TAG_BITS) as u8;
        let width = tags.shift.div_ceil(8) as usize;
        let last = self.len + width;
        if let Some(slot) = self.bytes.get_mut(self.len..self.len + 8) {
            slot.copy_from_slice(&tags.word.to_le_bytes());
        }
        if let Some(slot) = self.bytes.get_mut(last) {
            *slot = count;
        }
        self.bytes.get(..=last).unwrap_or_default()
    }

    #[cold]
    #[inline(never)]
    fn finish_long(&mut self, tags: Tags) -> &[u8] {
        let words = self.full_words();
        let count = words.len() * tail::WORD_TAGS + (tags.shift / TAG_BITS) as usize;
        let last = tags.word.to_le_bytes();
        let last = last
            .get(..tags.shift.div_ceil(8) as usize)
            .unwrap_or_default();
        let (number, digits) = tail::number(count);
        let number = number.get(..digits).unwrap_or_default();
        let mut end = self.len;
        match &mut self.heap {
            Some(heap) => {
                heap.values.truncate(end); // an earlier tail
                heap.words
                    .iter()
                    .for_each(|word| heap.values.extend_from_slice(&word.to_le_bytes()));
                heap.values.extend_from_slice(last);
                heap.values.extend_from_slice(number);
                &heap.values
            }
            None => {
                let words = self.words.iter().flatten().take((INLINE - self.limit) / 8);
                let tail = words
                    .flat_map(|word| word.to_le_bytes())
                    .chain(last.iter().chain(number).copied());
                for (slot, byte) in self.bytes.iter_mut().skip(end).zip(tail) {
                    *slot = byte;
                    end += 1;
                }
                self.bytes.get(..end).unwrap_or_default()
            }
        }
    }
}

/// The length as it is written.
#[inline(always)]
pub(super) fn length(length: usize) -> Result<u32, KeyError> {
    u32::try_from(length).map_err(|_| KeyError::too_long(length))
}

/// Copies without a call where the value is short, as the strings of most keys are.
#[inline(always)]
fn copy_short(to: &mut [u8], from: &[u8]) {
    if from.len() <= 16
        && let (Some(first), Some(last)) = (from.first_chunk::<8>(), from.last_chunk::<8>())
        && let Some(slot) = to.first_chunk_mut()
    {
        *slot = *first;
        if let Some(slot) = to.last_chunk_mut() {
            *slot = *last;
        }
    } else {
        to.copy_from_slice(from);
    }
}
