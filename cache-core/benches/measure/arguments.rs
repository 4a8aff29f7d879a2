//! The argument lists of `user` and `page`, the two functions that are measured, by number: a caller has its arguments at hand, and a
//! megabyte of them that is read on the side would push what is measured out of the processor's caches.

use std::sync::LazyLock;

use crate::random::Random;

/// Distinct argument lists that are resident while hits are measured.
pub(crate) const RESIDENT: usize = 10_000;

// They have numbers of two bytes.
const _: () = assert!(RESIDENT <= 1 << 16);

/// Calls of one measurement; a power of two, so that threads start at even distances.
pub(crate) const CALLS: usize = 32_768;

/// The arguments of `page`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PageArgs {
    pub(crate) name: &'static str,
    pub(crate) number: u64,
    pub(crate) size: Option<u32>,
}

static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    (0..RESIDENT / 10)
        .map(|n| &*format!("catalogue/{n:05}").leak())
        .collect()
});

/// The `n`-th argument list of `user`: spread over 64 bits, as identifiers are.
#[inline(always)]
pub(crate) fn user_args(n: u16) -> u64 {
    u64::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The `n`-th argument list of `page`: ten pages to a name, half of them with a size.
#[inline(always)]
pub(crate) fn page_args(n: u16) -> PageArgs {
    let name = NAMES[usize::from(n / 10)];
    let size = (n.is_multiple_of(2)).then_some(u32::from(n) % 7);
    PageArgs {
        name,
        number: n.into(),
        size,
    }
}

/// `CALLS` numbers of resident argument lists, the same in every run.
pub(crate) fn draws() -> impl Iterator<Item = u16> {
    let mut random = Random::default();
    (0..CALLS).map(move |_| random.below(RESIDENT as u64) as u16)
}
