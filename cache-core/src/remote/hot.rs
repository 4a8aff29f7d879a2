//! The list of the hottest values, as it stands in Redis for those who start later.
//!
//! Big-endian:
//!
//! | at | bytes | |
//! | --: | --: | --- |
//! | 0 | 4 | `FC`, `h`, version, flags |
//! | 4 | n · 17 | of each, the hottest first, its key's digest as it is in its name, and how hot it is |
//! | | 4 | CRC-32 of everything before |
//!
//! Encrypted, what is said of them is one text, sealed together with the 4 bytes before it.
//!
//! Every process of a namespace writes the same list: what is there, cooled, and with it what the process has used since it last did so.
//! Two that write at the same time may lose what one of them has used in that time, and nothing else. Who can write to the server can
//! write any list: values are fetched for nobody then, as many as there would have been in any case, and none is served for being on it.

use std::collections::HashMap;

use crate::cipher::Cipher;
use crate::key::KeyDigest;

const MAGIC: [u8; 2] = [0xFC, b'h'];
const VERSION: u8 = 1;

/// What is said of the values is encrypted.
const ENCRYPTED: u8 = 1;

/// A digest and how hot it is.
const ONE: usize = 17;

/// The most values that a list can be asked to have.
pub(crate) const MOST: usize = 100_000;

/// A list that claims to be longer was not written by us: a sealed text is little longer than what it holds.
pub(super) const LONGEST: usize = 4 + MOST * ONE + 256 + 4;

/// Of so many parts of its heat a value keeps all but one, each time that the list is written.
const COOLING: u8 = 4;

/// What one look at the memory adds for each use of a value since the last, and for its being used at all. Used three times or more, and found so
/// each time, it comes to have nearly all the heat there is.
pub(super) const HEAT: u8 = 16;

/// The same where nothing cools: there is room for an hour of looks, one in each minute.
pub(super) const WARMTH: u8 = 1;

/// See the module. The hottest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hot(Vec<(KeyDigest, u8)>);

impl Hot {
    /// Reads a list. Nothing, if it is none of ours.
    pub(crate) fn parse(bytes: &[u8], cipher: &Cipher) -> Option<Self> {
        let (covered, checksum) = bytes.split_last_chunk()?;
        if bytes.len() > LONGEST || crc32fast::hash(covered) != u32::from_be_bytes(*checksum) {
            return None;
        }
        let (header, body) = covered.split_first_chunk::<4>()?;
        if *header != Self::header(cipher) {
            return None;
        }
        let opened;
        let body = if cipher.is_on() {
            opened = cipher.open(header, body)?;
            &opened
        } else {
            body
        };
        let (all, []) = body.as_chunks::<ONE>() else {
            return None;
        };
        let one = |[digest @ .., heat]: &[u8; ONE]| (KeyDigest::from_bytes(*digest), *heat);
        Some(Self(all.iter().map(one).collect()))
    }

    /// The list as bytes; nothing if there is no randomness to encrypt it with.
    pub(crate) fn bytes(&self, cipher: &Cipher) -> Option<Vec<u8>> {
        let header = Self::header(cipher);
        let mut body = Vec::with_capacity(self.0.len() * ONE);
        for (key, heat) in &self.0 {
            body.extend_from_slice(&key.to_bytes());
            body.push(*heat);
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
        [MAGIC[0], MAGIC[1], VERSION, flags]
    }

    /// The list, cooled.
    pub(crate) fn cooled(mut self) -> Self {
        for (_, heat) in &mut self.0 {
            *heat -= heat.div_ceil(COOLING);
        }
        self
    }

    /// The list with what was used since, each use worth so much heat: of the hottest at most so many.
    pub(crate) fn and_used(self, used: &[(KeyDigest, u8)], worth: u8, most: usize) -> Self {
        let mut heats: HashMap<_, _> = self.0.into_iter().collect();
        for (key, uses) in used {
            let heat = heats.entry(*key).or_default();
            *heat = heat.saturating_add(worth.saturating_mul(*uses + 1));
        }
        let mut all: Vec<_> = heats.into_iter().filter(|(_, heat)| *heat > 0).collect();
        // By name where there is nothing else to tell them apart: the same in every process.
        all.sort_unstable_by_key(|(key, heat)| (u8::MAX - heat, *key));
        all.truncate(most);
        Self(all)
    }

    /// The keys, the hottest first.
    pub(super) fn keys(&self) -> impl Iterator<Item = KeyDigest> {
        self.0.iter().map(|(key, _)| *key)
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
                let list = Hot((0..count).map(|n| (key(n), n)).collect());
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
        let bytes = Hot(vec![(key(1), 2)]).bytes(&Cipher::default()).unwrap();
        assert_eq!(bytes[..4], [0xFC, b'h', 1, 0]);
        assert_eq!(bytes[4..20], [1; 16]);
        assert_eq!(bytes[20..], [2, 0xa9, 0xf8, 0x70, 0xcc]);
    }

    #[test]
    fn what_is_no_list_of_ours_is_none() {
        for cipher in ciphers() {
            let list = Hot((0..9).map(|n| (key(n), n)).collect());
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
        long.resize(4 + (MOST + 99) * ONE, 7);
        long.extend(crc32fast::hash(&long).to_be_bytes());
        for bytes in [&half, &long, &b"garbage"[..].to_vec(), &Vec::new()] {
            assert_eq!(Hot::parse(bytes, &Cipher::default()), None);
        }
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
        assert!(list.keys().eq([1, 2, 4].map(key)), "{list:?}");
        assert!(
            list.cooled()
                .and_used(&[], HEAT, 2)
                .keys()
                .eq([1, 2].map(key))
        );
        let mut forgotten = Hot(vec![(key(1), 255)]);
        for _ in 0..40 {
            forgotten = forgotten.cooled().and_used(&[], HEAT, 100);
        }
        assert!(forgotten.is_empty());
    }
}
