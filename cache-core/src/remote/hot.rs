//! Lists of what is hottest, as they stand in Redis for those who start later: of values by their names, and, for each function that wants
//! it, of calls by their arguments.
//!
//! Big-endian:
//!
//! | at | bytes | |
//! | --: | --: | --- |
//! | 0 | 4 | `FC`, `h` or `a`, version, flags |
//! | 4 | n · 17 | `h`: of each, the hottest first, its key's digest as it is in its name, and how hot it is |
//! | | n · (3 + l) | `a`: of each, the hottest first, a length l, as many canonical bytes of its arguments, and how hot it is |
//! | | 4 | CRC-32 of everything before |
//!
//! Encrypted, what is said of them is one text, sealed together with the 4 bytes before it.
//!
//! Every process of a namespace writes the same list: what is there, cooled, and with it what the process has used since it last did so.
//! Two that write at the same time may lose what one of them has used in that time, and nothing else. Who can write to the server can
//! write any list: values are fetched for nobody then, as many as there would have been in any case, and none is served for being on it; calls
//! are made with whatever arguments a function can have, as many as it said, and their values are those that anybody would be given.

use std::collections::HashMap;
use std::hash::Hash;

use crate::cipher::Cipher;
use crate::key::KeyDigest;
use crate::site::HotCalls;

/// What a list is of.
pub(crate) trait Listed: Clone + Ord + Hash {
    const KIND: u8;
    /// What is said of all of them has no more bytes than this.
    const MOST_BYTES: usize;

    fn write(&self, into: &mut Vec<u8>);

    /// The first one, and what is behind it.
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])>;
}

impl Listed for KeyDigest {
    const KIND: u8 = b'h';
    const MOST_BYTES: usize = MOST * 17;

    fn write(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.to_bytes());
    }

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (digest, rest) = bytes.split_first_chunk()?;
        Some((Self::from_bytes(*digest), rest))
    }
}

/// The canonical bytes of a call's arguments.
pub(crate) type Called = Box<[u8]>;

/// Calls with more bytes of arguments are not remembered.
pub(crate) const LONGEST_CALL: usize = 4_096;

impl Listed for Called {
    const KIND: u8 = b'a';
    const MOST_BYTES: usize = 1 << 20;

    fn write(&self, into: &mut Vec<u8>) {
        // Bounded where it was noted.
        into.extend_from_slice(&(self.len() as u16).to_be_bytes());
        into.extend_from_slice(self);
    }

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (call, rest) = rest.split_at_checked(length)?;
        (length <= LONGEST_CALL).then(|| (call.into(), rest))
    }
}

/// What was used in a time, with how often, up to three times.
#[derive(Default)]
pub(crate) struct Used {
    pub(crate) names: Vec<(KeyDigest, u8)>,
    /// Of each function that wants its calls remembered.
    pub(crate) calls: Vec<(&'static HotCalls, Vec<(Called, u8)>)>,
}

const VERSION: u8 = 1;

/// What is said of the values is encrypted.
const ENCRYPTED: u8 = 1;

/// The most values that a list can be asked to have.
pub(crate) const MOST: usize = 100_000;

/// Of so many parts of its heat a value keeps all but one, each time that the list is written.
const COOLING: u8 = 4;

/// What one look at the memory adds for each use of a value since the last, and for its being used at all. Used three times or more, and found so
/// each time, it comes to have nearly all the heat there is.
pub(super) const HEAT: u8 = 16;

/// The same where nothing cools: there is room for an hour of looks, one in each minute.
pub(super) const WARMTH: u8 = 1;

/// See the module. The hottest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List<K>(Vec<(K, u8)>);

/// Of values.
pub(crate) type Hot = List<KeyDigest>;

impl<K> Default for List<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Listed> List<K> {
    /// A list that claims to be longer was not written by us: a sealed text is little longer than what it holds.
    pub(super) const LONGEST: usize = 4 + K::MOST_BYTES + 256 + 4;

    /// Reads a list. Nothing, if it is none of ours.
    pub(crate) fn parse(bytes: &[u8], cipher: &Cipher) -> Option<Self> {
        let (covered, checksum) = bytes.split_last_chunk()?;
        if bytes.len() > Self::LONGEST || crc32fast::hash(covered) != u32::from_be_bytes(*checksum)
        {
            return None;
        }
        let (header, body) = covered.split_first_chunk::<4>()?;
        if *header != Self::header(cipher) {
            return None;
        }
        let opened;
        let mut body = if cipher.is_on() {
            opened = cipher.open(header, body)?;
            &opened[..]
        } else {
            body
        };
        let mut all = Vec::new();
        while !body.is_empty() {
            let (one, rest) = K::read(body)?;
            let (heat, rest) = rest.split_first()?;
            all.push((one, *heat));
            body = rest;
        }
        Some(Self(all))
    }

    /// The list as bytes, the hottest of it if there are too many; nothing if there is no randomness to encrypt it with.
    pub(crate) fn bytes(&self, cipher: &Cipher) -> Option<Vec<u8>> {
        let header = Self::header(cipher);
        let mut body = Vec::new();
        for (one, heat) in &self.0 {
            let before = body.len();
            one.write(&mut body);
            body.push(*heat);
            if body.len() > K::MOST_BYTES {
                body.truncate(before);
                break;
            }
        }
        if cipher.is_on() {
            body = cipher.seal(&header, &body)?;
        }
        let mut bytes = [&header[..], &body].concat();
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        Some(bytes)
    }

    fn header(cipher: &Cipher) -> [u8; 4] {
        let flags = if cipher.is_on() { ENCRYPTED } else { 0 };
        [0xFC, K::KIND, VERSION, flags]
    }

    /// The list, cooled.
    pub(crate) fn cooled(mut self) -> Self {
        for (_, heat) in &mut self.0 {
            *heat -= heat.div_ceil(COOLING);
        }
        self
    }

    /// The list with what was used since, each use worth so much heat: of the hottest at most so many.
    pub(crate) fn and_used(self, used: &[(K, u8)], worth: u8, most: usize) -> Self {
        let mut heats: HashMap<_, _> = self.0.into_iter().collect();
        for (one, uses) in used {
            let heat = heats.entry(one.clone()).or_default();
            *heat = heat.saturating_add(worth.saturating_mul(*uses + 1));
        }
        let mut all: Vec<_> = heats.into_iter().filter(|(_, heat)| *heat > 0).collect();
        // By name where there is nothing else to tell them apart: the same in every process.
        all.sort_unstable_by(|(a, heat_a), (b, heat_b)| heat_b.cmp(heat_a).then_with(|| a.cmp(b)));
        all.truncate(most);
        Self(all)
    }

    /// What is on it, the hottest first.
    pub(crate) fn into_all(self) -> impl Iterator<Item = K> {
        self.0.into_iter().map(|(one, _)| one)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> KeyDigest {
        KeyDigest::from_bytes([n; 16])
    }

    fn ciphers() -> Vec<Cipher> {
        vec![
            Cipher::default(),
            #[cfg(feature = "encryption")]
            Cipher::new([(1, [7; 32])]),
        ]
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        for cipher in ciphers() {
            for count in [0, 1, 200] {
                let list: Hot = List((0..count).map(|n| (key(n), n)).collect());
                let bytes = list.bytes(&cipher).unwrap();
                assert_eq!(Hot::parse(&bytes, &cipher), Some(list));
                for other in ciphers() {
                    let same = other.is_on() == cipher.is_on();
                    assert_eq!(Hot::parse(&bytes, &other).is_some(), same);
                }
            }
        }
    }

    #[test]
    fn its_bytes_are_the_same_in_every_release() {
        let bytes = List(vec![(key(1), 2)]).bytes(&Cipher::default()).unwrap();
        assert_eq!(bytes[..4], [0xFC, b'h', 1, 0]);
        assert_eq!(bytes[4..20], [1; 16]);
        assert_eq!(bytes[20..], [2, 0xa9, 0xf8, 0x70, 0xcc]);
    }

    #[test]
    fn what_is_no_list_of_ours_is_none() {
        for cipher in ciphers() {
            let list: Hot = List((0..9).map(|n| (key(n), n)).collect());
            let bytes = list.bytes(&cipher).unwrap();
            for at in 0..bytes.len() {
                assert_eq!(Hot::parse(&bytes[..at], &cipher), None, "cut off at {at}");
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                assert_eq!(Hot::parse(&changed, &cipher), None, "changed at {at}");
                if at < 4 {
                    // As somebody else might write it.
                    let end = changed.len() - 4;
                    let checksum = crc32fast::hash(&changed[..end]).to_be_bytes();
                    changed[end..].copy_from_slice(&checksum);
                    assert_eq!(Hot::parse(&changed, &cipher), None, "written at {at}");
                }
            }
        }
        let mut half = vec![0xFC, b'h', 1, 0, 9, 9];
        half.extend(crc32fast::hash(&half).to_be_bytes());
        let mut long = vec![0xFC, b'h', 1, 0];
        long.resize(4 + (MOST + 99) * 17, 7);
        long.extend(crc32fast::hash(&long).to_be_bytes());
        for bytes in [&half, &long, &b"garbage"[..].to_vec(), &Vec::new()] {
            assert_eq!(Hot::parse(bytes, &Cipher::default()), None);
        }
    }

    #[test]
    fn calls_are_read_as_they_were_written_and_have_a_bound() {
        type Calls = List<Called>;
        let call = |n: usize, length: usize| -> Called { vec![n as u8; length].into() };
        for cipher in ciphers() {
            let list: Calls = List((0..9).map(|n| (call(n, n * n), n as u8)).collect());
            let bytes = list.bytes(&cipher).unwrap();
            assert_eq!(Calls::parse(&bytes, &cipher).as_ref(), Some(&list));
            assert_eq!(Hot::parse(&bytes, &cipher), None, "of another kind");
            for at in 0..bytes.len() {
                assert_eq!(Calls::parse(&bytes[..at], &cipher), None);
            }
            let many: Calls = List((0..400).map(|n| (call(n, 4_096), 9)).collect());
            let bytes = many.bytes(&cipher).unwrap();
            assert!(bytes.len() <= 1 << 20, "{}", bytes.len());
            let hottest = Calls::parse(&bytes, &cipher).unwrap();
            assert_eq!(hottest.0.len(), (1 << 20) / 4_099);
        }
        let too_long: Calls = List(vec![(call(1, 4_097), 1)]);
        let bytes = too_long.bytes(&Cipher::default()).unwrap();
        assert_eq!(Calls::parse(&bytes, &Cipher::default()), None);
        let known: Calls = List(vec![(call(7, 2), 3)]);
        let bytes = known.bytes(&Cipher::default()).unwrap();
        assert_eq!(bytes[..9], [0xFC, b'a', 1, 0, 0, 2, 7, 7, 3]);
    }

    #[test]
    fn what_is_used_again_and_again_comes_first() {
        let mut list = Hot::default();
        for round in 0..20 {
            let mut used = vec![(key(1), 3), (key(2), 0)];
            if round == 0 {
                used.push((key(3), 3));
            }
            if round == 18 {
                used.push((key(4), 3));
            }
            list = list.cooled().and_used(&used, HEAT, 100);
        }
        assert!(list.0[0].1 > 250, "nearly all the heat there is");
        assert!(list.clone().into_all().eq([1, 2, 4].map(key)), "{list:?}");
        assert!(
            list.cooled()
                .and_used(&[], HEAT, 2)
                .into_all()
                .eq([1, 2].map(key))
        );
        let mut forgotten = List(vec![(key(1), 255)]);
        for _ in 0..40 {
            forgotten = forgotten.cooled().and_used(&[], HEAT, 100);
        }
        assert!(forgotten.is_empty());
    }
}
