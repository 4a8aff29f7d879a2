//! How often keys were asked for lately, whether or not they are there: a count-min sketch that halves itself from time to time
//! (Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy", ACM Transactions on Storage 13(4), 2017).

use super::EXPECTED_WEIGHT;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Counters of four bits, sixteen to a word; those of a key are in one block, hence in one line of the processor's cache.
#[repr(align(64))]
#[derive(Default)]
struct Block([AtomicU64; WORDS]);

const WORDS: usize = 8;

/// Counters of one key, each in a pair of words of its own.
const ROWS: usize = 4;

const MOST: u64 = 15;

/// Blocks, at first.
const FIRST: usize = 8;

/// All but the highest bit of each counter, after a shift.
const HALVED: u64 = 0x7777_7777_7777_7777;

#[derive(Default)]
pub(super) struct Sketch {
    blocks: Box<[Block]>,
    /// There may be so many of them.
    most: usize,
    /// Since it was last halved.
    added: AtomicU32,
}

impl Sketch {
    /// Makes itself right for a shard of so many bytes; how many bytes it takes at most.
    pub(super) fn fit(&mut self, bytes: u64) -> u64 {
        // Sixteen counters to an entry.
        self.most = (bytes / EXPECTED_WEIGHT / WORDS as u64).min(1 << 25) as usize;
        if self.most < self.blocks.len() {
            self.resize(self.most);
        }
        (self.most * size_of::<Block>()) as u64
    }

    /// Grows to hold so many entries, as far as it may.
    pub(super) fn hold(&mut self, entries: usize) {
        let len = self.blocks.len();
        if entries > len * WORDS && len < self.most {
            self.resize((2 * len).max(FIRST).min(self.most));
        }
    }

    /// Keeps what was counted, as far as it can.
    fn resize(&mut self, len: usize) {
        let old = &self.blocks;
        let place = |at: usize| at as u64 * old.len() as u64 / len as u64;
        let kept = |at| old.get(place(at) as usize).map(Block::copied);
        self.blocks = (0..len).map(|at| kept(at).unwrap_or_default()).collect();
    }

    /// The places of a key's counters: words, and bits in them.
    fn places(&self, hash: u64) -> Option<impl Iterator<Item = (&AtomicU64, u32)>> {
        let block = (u64::from(hash as u32) * self.blocks.len() as u64) >> 32;
        let Block(words) = self.blocks.get(block as usize)?;
        // Once more: which bits of the hash are alike in all that comes to this shard, is not known here.
        let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        Some(
            words
                .chunks(WORDS / ROWS)
                .zip(0..)
                .filter_map(move |(pair, row)| {
                    let own = mixed >> (8 * row);
                    let word = pair.get(own as usize & 1)?;
                    Some((word, (own >> 1 & 15) as u32 * 4))
                }),
        )
    }

    /// Counts a use. Of two at the same time one may be lost.
    pub(super) fn add(&self, hash: u64) {
        let mut added = false;
        for (word, at) in self.places(hash).into_iter().flatten() {
            let counters = word.load(Ordering::Relaxed);
            if counters >> at & MOST < MOST {
                word.store(counters + (1 << at), Ordering::Relaxed);
                added = true;
            }
        }
        if added {
            self.added.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often it was counted, or a little more.
    pub(super) fn frequency(&self, hash: u64) -> u64 {
        let counts = self.places(hash).into_iter().flatten();
        let counts = counts.map(|(word, at)| word.load(Ordering::Relaxed) >> at & MOST);
        counts.min().unwrap_or(0)
    }

    /// Halves all counts when so many were added.
    pub(super) fn age(&self, sample: u32) {
        let added = self.added.load(Ordering::Relaxed);
        if added < sample {
            return;
        }
        self.added.store(added / 2, Ordering::Relaxed);
        for Block(words) in &self.blocks {
            for word in words {
                let counters = word.load(Ordering::Relaxed);
                word.store(counters >> 1 & HALVED, Ordering::Relaxed);
            }
        }
    }
}

impl Block {
    fn copied(&self) -> Self {
        let copy = Self::default();
        for (new, old) in copy.0.iter().zip(&self.0) {
            new.store(old.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        copy
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    fn hashes() -> impl Iterator<Item = u64> {
        (1..=1_000_u64).map(|n| n.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    #[test]
    fn it_counts_up_to_fifteen_and_never_less() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.fit(1_000 * EXPECTED_WEIGHT), 125 * 64);
        for entries in 0..1_000 {
            sketch.hold(entries);
            assert!(sketch.blocks.len() * WORDS >= entries);
        }
        assert_eq!(sketch.blocks.len(), 125);
        for (n, hash) in hashes().enumerate() {
            for _ in 0..n % 20 {
                sketch.add(hash);
            }
        }
        let mut exact = 0;
        for (n, hash) in hashes().enumerate() {
            let (counted, seen) = ((n % 20).min(15) as u64, sketch.frequency(hash));
            assert!(seen >= counted, "{seen} of {counted}");
            exact += u32::from(seen == counted);
        }
        assert!(exact > 700, "{exact} of 1,000");
    }

    #[test]
    fn it_halves_and_keeps_what_it_knows_when_resized() {
        let mut sketch = Sketch::default();
        sketch.fit(4_000 * EXPECTED_WEIGHT);
        sketch.hold(1);
        for _ in 0..8 {
            sketch.add(77);
        }
        sketch.age(9);
        assert_eq!(sketch.frequency(77), 8);
        while sketch.blocks.len() < 500 {
            sketch.hold(4_000);
        }
        assert_eq!(sketch.frequency(77), 8);
        sketch.fit(500 * EXPECTED_WEIGHT);
        sketch.age(8);
        assert!(sketch.frequency(77) <= 4);
        assert_eq!(sketch.fit(0), 0);
        sketch.add(77);
        assert_eq!(sketch.frequency(77), 0);
    }
}
