//! Calls from async code.

use std::hint::black_box;

use crate::block_on::block_on;

/// Awaits `function` for each argument list, all in one future, as a handler awaits: a future that was made, moved and
/// driven by itself for each call would cost as much as a hit.
pub(crate) fn each_awaited<A: Copy, F: Future>(args: &[A], function: impl Fn(A) -> F) {
    block_on(async {
        for &arg in args {
            black_box(function(black_box(arg)).await);
        }
    });
}
