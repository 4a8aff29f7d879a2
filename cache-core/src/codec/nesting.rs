//! How deep MessagePack is, before anything is made of it.
//!
//! What reads a value calls itself for each level, and counts levels of sequences and maps but not of variants: bytes
//! of a recursive enum would exhaust the stack. This does not call itself.

/// How deep a value may be: as deep as `serde_json` reads.
pub(super) const MAX_DEPTH: usize = 128;

/// Whether these bytes are one value, all of them, and not too deep to be read.
pub(super) fn is_one_value(mut bytes: &[u8]) -> bool {
    // How many values are still to come: around the present level, and in it.
    let mut around = [0_u64; MAX_DEPTH];
    let (mut depth, mut missing) = (0, 1);
    loop {
        while missing == 0 {
            if depth == 0 {
                return bytes.is_empty();
            }
            depth -= 1;
            missing = around.get(depth).copied().unwrap_or_default();
        }
        missing -= 1;
        let Some((inside, rest)) = first(bytes) else {
            return false;
        };
        bytes = rest;
        if inside > 0 {
            let Some(level) = around.get_mut(depth) else {
                return false;
            };
            *level = missing;
            (depth, missing) = (depth + 1, inside);
        }
    }
}

/// How many values are inside of the first one, and what is behind it or its head.
#[inline]
fn first(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&marker, rest) = bytes.split_first()?;
    let number = |width: usize| {
        let (head, rest) = rest.split_at_checked(width)?;
        let add = |sum, byte: &u8| sum << 8 | u64::from(*byte);
        Some((head.iter().fold(0, add), rest))
    };
    // A length of this width, and as many bytes with a few more.
    let sized = |width, more: u64| {
        let (length, rest) = number(width)?;
        let length = usize::try_from(length + more).ok()?;
        Some((0, rest.get(length..)?))
    };
    let fixed = |length: u8| Some((0, rest.get(usize::from(length)..)?));
    match marker {
        // Small numbers, nil, the booleans.
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => fixed(0),
        // Maps and arrays.
        0x80..=0x8f => Some((2 * u64::from(marker & 15), rest)),
        0x90..=0x9f => Some((u64::from(marker & 15), rest)),
        0xdc => number(2),
        0xdd => number(4),
        0xde => number(2).map(|(pairs, rest)| (2 * pairs, rest)),
        0xdf => number(4).map(|(pairs, rest)| (2 * pairs, rest)),
        // Text, bytes and extensions, whose type is a byte more.
        0xa0..=0xbf => fixed(marker & 31),
        0xc4 | 0xd9 => sized(1, 0),
        0xc5 | 0xda => sized(2, 0),
        0xc6 | 0xdb => sized(4, 0),
        0xc7 => sized(1, 1),
        0xc8 => sized(2, 1),
        0xc9 => sized(4, 1),
        0xd4..=0xd8 => fixed((1 << (marker - 0xd4)) + 1),
        // Numbers: f32, f64, u8 to u64, i8 to i64.
        0xca => fixed(4),
        0xcb => fixed(8),
        0xcc..=0xcf => fixed(1 << (marker - 0xcc)),
        0xd0..=0xd3 => fixed(1 << (marker - 0xd0)),
        0xc1 => None,
    }
}
