//! The end of a key's bytes: tag words and their number.

/// How many bits a tag takes.
pub(super) const TAG_BITS: u32 = 5;
/// How many tags are in a full word.
pub(super) const WORD_TAGS: usize = 12;
/// How many bits of a word are in use.
pub(super) const WORD_BITS: u32 = TAG_BITS * WORD_TAGS as u32;
/// The longest that a last word and the number of tags get.
pub(super) const MAX_TAIL: usize = 8 + 5;
/// From this number of tags on the number takes five bytes.
const LONG: u8 = 255;

/// The number of tags as it is written, and how many of these bytes are meant.
pub(super) fn number(count: usize) -> ([u8; 5], usize) {
    match u8::try_from(count) {
        Ok(short) if short < LONG => ([short, 0, 0, 0, 0], 1),
        _ => {
            let [a, b, c, d] = (count as u32).to_le_bytes(); // bounded where words are put
            ([a, b, c, d, LONG], 5)
        }
    }
}

/// The parts of a key's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub(super) values: &'a [u8],
    pub(super) tags: &'a [u8],
    pub(super) count: usize,
}

impl<'a> Parts<'a> {
    /// The tag words, the last of which may hold fewer than twelve tags.
    pub(super) fn words(self) -> impl Iterator<Item = u64> + use<'a> {
        self.tags.chunks(8).map(|bytes| {
            bytes
                .iter()
                .rev()
                .fold(0, |word, byte| word << 8 | u64::from(*byte))
        })
    }

    /// Every tag, in order.
    pub(super) fn each_tag(self) -> impl Iterator<Item = u8> + use<'a> {
        self.words()
            .flat_map(|word| {
                (0..WORD_BITS)
                    .step_by(TAG_BITS as usize)
                    .map(move |shift| (word >> shift) as u8 & 31)
            })
            .take(self.count)
    }
}

/// Takes finished bytes apart. Bytes that no encoder wrote give parts that hold all of them as values.
pub(super) fn split(bytes: &[u8]) -> Parts<'_> {
    parse(bytes).unwrap_or(Parts {
        values: bytes,
        tags: &[],
        count: 0,
    })
}

fn parse(bytes: &[u8]) -> Option<Parts<'_>> {
    let (last, rest) = bytes.split_last()?;
    let (count, rest) = if *last == LONG {
        let (rest, number) = rest.split_last_chunk::<4>()?;
        (u32::from_le_bytes(*number) as usize, rest)
    } else {
        (usize::from(*last), rest)
    };
    let width = count / WORD_TAGS * 8 + (count % WORD_TAGS * TAG_BITS as usize).div_ceil(8);
    let (values, tags) = rest.split_at_checked(rest.len().checked_sub(width)?)?;
    Some(Parts {
        values,
        tags,
        count,
    })
}
