//! The inner shape of a return type.

use super::{CacheValue, Handle, Optional, Whole};
use crate::entry::Payload;
use crate::sync::Arc;

/// The inner shape: can a success be absent?
pub trait Inner: Copy + Send + Sync {
    /// What a success holds.
    type Value;
    /// What `{return.…}`, `when` and `ttl = |value| …` see.
    type Item;
    /// The item, if there is one.
    fn item(value: &Self::Value) -> Option<&Self::Item>;
    /// What is kept of a value.
    #[inline]
    fn pack(value: Self::Value) -> Payload
    where
        Self::Value: CacheValue,
    {
        Arc::new(value)
    }
    /// A copy of what was kept.
    ///
    /// # Errors
    /// What is of another type.
    #[inline]
    fn unpack(payload: Payload) -> Result<Self::Value, Payload>
    where
        Self::Value: CacheValue,
    {
        match payload.downcast_ref::<Self::Value>() {
            Some(value) => Ok(value.clone()),
            None => Err(payload),
        }
    }
}

/// An `Arc` is kept as it is: a hit then clones no more than it, and runs no code of a user's.
impl<T: Send + Sync + 'static> Inner for Handle<T> {
    type Value = Arc<T>;
    type Item = Arc<T>;
    #[inline(always)]
    fn item(value: &Arc<T>) -> Option<&Arc<T>> {
        Some(value)
    }
    #[inline]
    fn pack(value: Arc<T>) -> Payload {
        value
    }
    #[inline]
    fn unpack(payload: Payload) -> Result<Arc<T>, Payload> {
        payload.downcast()
    }
}

impl<T> Inner for Optional<T> {
    type Value = Option<T>;
    type Item = T;
    #[inline(always)]
    fn item(value: &Option<T>) -> Option<&T> {
        value.as_ref()
    }
}

impl<T> Inner for Whole<T> {
    type Value = T;
    type Item = T;
    #[inline(always)]
    fn item(value: &T) -> Option<&T> {
        Some(value)
    }
}
