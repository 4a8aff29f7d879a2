//! The attributes of `cache-core`; use them through that crate.
