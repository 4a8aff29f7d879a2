//! What the two cached functions do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: u64,
    pub(crate) name: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Page {
    pub(crate) number: u64,
    pub(crate) body: String,
}

/// How often a body ran: a row that claims hits must not run any.
pub(crate) static BODIES: AtomicU64 = AtomicU64::new(0);

/// The body of `user`.
pub(crate) fn load_user(id: u64) -> Arc<User> {
    BODIES.fetch_add(1, Relaxed);
    let name = format!("user {id}");
    Arc::new(User { id, name })
}

/// The body of `page`.
pub(crate) fn load_page(name: &str, number: u64, size: Option<u32>) -> Arc<Page> {
    BODIES.fetch_add(1, Relaxed);
    let body = format!("{name}, {number}, {size:?}");
    Arc::new(Page { number, body })
}
