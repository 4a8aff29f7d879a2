//! What the tests share.

pub mod parts;
pub mod redis;
