//! Chance that can be had again, and what it does to bytes.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64, target: &str, number: u64) -> Self {
        Self(FixedState::with_seed(seed).hash_one((target, number)))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`; 0 of nothing.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }

    /// Some bytes, of few kinds or of all.
    pub(super) fn some(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        let kinds = [2, 16, 256][self.below(3)];
        (0..length).map(|_| self.below(kinds) as u8).collect()
    }

    /// A text with what is special in addresses and patterns.
    pub(super) fn text(&mut self, most: usize) -> String {
        const LETTERS: [char; 16] = [
            'a',
            'b',
            'z',
            ':',
            '*',
            '?',
            '[',
            ']',
            '^',
            '-',
            '\\',
            '{',
            '%',
            'ü',
            '\u{10FFFF}',
            '\0',
        ];
        let length = self.below(most + 1);
        (0..length).map(|_| LETTERS[self.below(16)]).collect()
    }

    /// A number that is special, or any.
    pub(super) fn number(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(4) as u64,
            1 => u64::MAX - self.below(3) as u64,
            2 => 1_u64
                .wrapping_shl(self.below(64) as u32)
                .wrapping_sub(self.below(2) as u64),
            _ => self.next(),
        }
    }

    /// Changes bytes in one way or several, or not at all.
    pub(super) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(16)).min(bytes.len());
            match self.below(8) {
                0 => bytes.truncate(at),
                1 => bytes.extend(self.some(20)),
                2 => drop(bytes.splice(at..at, self.some(8))),
                3 => drop(bytes.drain(at..end)),
                4 => {
                    let part = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, part));
                }
                5 => {
                    let number = self.number().to_be_bytes();
                    let width = [1, 2, 4, 8][self.below(4)];
                    let end = (at + width).min(bytes.len());
                    let part = &number[8 - width..];
                    bytes[at..end].copy_from_slice(&part[..end - at]);
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << self.below(8);
                    }
                }
            }
        }
    }
}
