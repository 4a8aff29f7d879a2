//! The names of types, variants and fields.

/// The names of one value in their order, as 64 bits.
///
/// Each name is hashed by itself, which the compiler does where it is a constant, as names in derived code are; so that a
/// struct of which fields are left out costs a multiplication a field and not one a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Names(u64);

impl Names {
    #[inline(always)]
    pub(super) const fn of(name: &str) -> Self {
        Self(0).and(name)
    }

    #[inline(always)]
    pub(super) const fn and(self, name: &str) -> Self {
        let mixed = (self.0 ^ hash(name)).wrapping_mul(0x9e37_79b9_7f4a_7c15); // 2⁶⁴ / the golden ratio
        Self(mixed ^ mixed >> 32)
    }

    #[inline(always)]
    pub(super) const fn bits(self) -> u64 {
        self.0
    }
}

/// 64-bit FNV-1a: a loop that the compiler runs where the name is a constant.
#[inline]
pub(super) const fn hash(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}
