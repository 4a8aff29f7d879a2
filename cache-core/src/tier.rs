//! Storage levels. A tier stores entries, finds them, and forgets them; whether an entry is still valid is not its business.

pub(crate) mod memory;
