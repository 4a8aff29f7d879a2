//! What the values of a key are mixed to while they are written, for its hash.
//!
//! Hashing what was written would wait for it: a processor hands eight bytes that were stored in two pieces to a load only when both have
//! left for the cache, and everything before them is done (Intel 64 and IA-32 Architectures Optimization Reference Manual, "Store
//! Forwarding"). That was a third of a hit's time. So each value is mixed from where it comes from, but
//! for what has to be put in order, or written as text, before it is known.

use super::encoder::Encoded;
use foldhash::{SharedSeed, fast::FoldHasher};
use std::{
    any::TypeId,
    fmt,
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// Random numbers of this process: a key has one hash in all of its caches.
struct Seeds {
    state: u64,
    factor: u64,
    bytes: SharedSeed,
}

static SEEDS: LazyLock<Seeds> = LazyLock::new(|| {
    // By a hash of std, whose keys are the operating system's.
    let random = |nonce: u64| RandomState::new().hash_one(nonce);
    Seeds {
        // Not the 0 that says that there is none.
        state: random(0) | 1,
        factor: random(1),
        bytes: SharedSeed::from_u64(random(2)),
    }
});

/// What each mixture begins with, and the factor; 0 before there is any mixture. Of std: the models of loom have no statics, and no hashes
/// that matter.
static SEEDED: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

// All that stands in line here is compiled once for each annotated function: two loads, where a lock would bring its slow way along.
#[cold]
#[inline(never)]
fn seed() -> u64 {
    let [state, factor] = &SEEDED;
    factor.store(SEEDS.factor, Ordering::Relaxed);
    // Release, with the acquire in `new`: who has the state has the factor.
    state.store(SEEDS.state, Ordering::Release);
    SEEDS.state
}

/// Both halves of a product, one on the other: what foldhash is made of on 64-bit machines (<https://docs.rs/foldhash>).
#[cfg_attr(not(debug_assertions), inline(always))]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// See the module.
///
/// As foldhash, it is fast, not cryptographic. Its seeds differ from process to process and never leave it, so that keys cannot be
/// prepared to collide; somebody who could measure single look-ups precisely enough might still find some. That costs time, in one shard,
/// and within the byte bound, and what is remembered of a key by its hash alone (how long it was fresh, that it was there) is then
/// another's, too; it never serves a wrong value, because bytes are compared.
#[derive(Clone, Copy)]
pub(super) struct Mixture(u64);

impl fmt::Debug for Mixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The first is the seed.
        f.write_str("Mixture")
    }
}

impl Mixture {
    /// That of nothing.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn new() -> Self {
        match SEEDED[0].load(Ordering::Acquire) {
            0 => Self(seed()),
            state => Self(state),
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn and_both(self, first: u64, second: u64) -> Self {
        let factor = SEEDED[1].load(Ordering::Relaxed);
        Self(fold(self.0 ^ first, factor ^ second))
    }

    /// Tags that are left no longer. Turns the state as no value does: a number that is written as they are must not stand for them.
    pub(super) fn and_tags(self, tags: u64) -> Self {
        Self(self.0.rotate_right(1)).and_both(tags, 0)
    }

    /// One more scalar, of up to sixteen bytes.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn and_scalar<const N: usize>(self, value: [u8; N]) -> Self {
        let mut whole = [0; 16];
        whole[..N].copy_from_slice(&value);
        let whole = u128::from_le_bytes(whole);
        self.and_both(whole as u64, (whole >> 64) as u64)
    }

    /// More bytes, and how many.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn and_bytes(self, bytes: &[u8]) -> Self {
        // In line for the usual lengths.
        match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(first), Some(last)) if bytes.len() <= 16 => {
                // Turns the secret, which no other bytes make up for.
                let turned = Self(self.0.rotate_right(bytes.len() as u32));
                turned.and_both(u64::from_le_bytes(*first), u64::from_le_bytes(*last))
            }
            _ => self.and_other(bytes),
        }
    }

    #[inline(never)]
    fn and_other(self, bytes: &[u8]) -> Self {
        let mut hasher = FoldHasher::with_seed(self.0, &SEEDS.bytes);
        hasher.write(bytes);
        Self(hasher.finish())
    }
}

/// The half of an identity that stands for it in a hash.
#[derive(Default)]
struct Half(u64);

impl Hasher for Half {
    #[inline(always)]
    fn write_u64(&mut self, half: u64) {
        self.0 = half;
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = Mixture(self.0).and_bytes(bytes).0;
    }
    #[inline(always)]
    fn finish(&self) -> u64 {
        self.0
    }
}

/// Arguments with what they are mixed to.
#[derive(Clone, Copy)]
pub(crate) struct Mixed<'a> {
    pub(super) encoded: Encoded<'a>,
    pub(super) mixture: Mixture,
}

impl<'a> Mixed<'a> {
    /// Bytes that are mixed as one value. Those that an encoder wrote have another hash there.
    pub(crate) fn of(encoded: Encoded<'a>) -> Self {
        let mixture = Mixture::new().and_bytes(encoded.bytes);
        Self { encoded, mixture }
    }

    /// The arguments.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn encoded(self) -> Encoded<'a> {
        self.encoded
    }

    /// The hash of these arguments of a function, in this process. The last multiplication spreads all of it over 64 bits, of which an
    /// engine uses both ends and the middle (test: `every_part_of_the_hash_is_even`).
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn hash(self, identity: &TypeId) -> u64 {
        let mut half = Half::default();
        identity.hash(&mut half);
        self.mixture.and_both(self.encoded.tags, half.finish()).0
    }
}
