//! Coherent function caching.

#[expect(unreachable_pub, reason = "re-exported when the crate is assembled")]
#[cfg_attr(
    not(test),
    expect(dead_code, unused_imports, reason = "used when the crate is assembled")
)]
pub(crate) mod key;

#[expect(unreachable_pub, reason = "re-exported when the crate is assembled")]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "used when the crate is assembled")
)]
pub(crate) mod address;

#[expect(unreachable_pub, reason = "re-exported when the crate is assembled")]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "used when the crate is assembled")
)]
pub(crate) mod pattern;

#[expect(unreachable_pub, reason = "re-exported when the crate is assembled")]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "used when the crate is assembled")
)]
pub(crate) mod schema;
