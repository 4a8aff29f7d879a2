//! What can be done with a value and with an error: how it is weighed, whether it can leave the process, whether it can
//! be handed to more than one caller.

use serde::{Serialize, de::DeserializeOwned};

use super::{Alone, ByHook, BySerde, BySize, CacheValue, Local, Portable, Shared};
#[cfg(feature = "redis")]
use crate::codec::{Codec, Rmp};
use crate::entry::{Head, Kept, Payload};
use crate::schema::{self, Fingerprint};
use crate::sync::Arc;
use crate::weight::{self, CacheWeight};

/// How many bytes a value holds on to.
pub trait Weigh<T>: Copy + Send + Sync {
    /// Whether the answer is the truth or `size_of`.
    const MEASURED: bool;
    /// Bytes. What weighs more than `limit` may be weighed no further than that.
    fn weigh(value: &T, limit: usize) -> usize;
}

impl<T: CacheWeight> Weigh<T> for ByHook<T> {
    const MEASURED: bool = true;
    fn weigh(value: &T, _: usize) -> usize {
        value.cache_weight()
    }
}

impl<T: Serialize> Weigh<T> for BySerde<T> {
    const MEASURED: bool = true;
    fn weigh(value: &T, limit: usize) -> usize {
        weight::measure(value, limit)
    }
}

impl<T> Weigh<T> for BySize<T> {
    /// A type that owns nothing on the heap would be measured right, but nothing tells us which do.
    const MEASURED: bool = !std::mem::needs_drop::<T>();
    fn weigh(_: &T, _: usize) -> usize {
        size_of::<T>()
    }
}

/// Whether a value can leave the process.
pub trait Content<T>: Copy + Send + Sync {
    /// The fingerprint of the value's schema, or nothing where it can live in memory only.
    fn schema() -> Option<Fingerprint>;
    /// The value's bytes, where it has some from which it comes back.
    #[cfg(feature = "redis")]
    fn encode(value: &T) -> Option<Vec<u8>>;
    /// The value of these bytes.
    #[cfg(feature = "redis")]
    fn decode(bytes: &[u8]) -> Option<T>;
}

impl<T: Serialize + DeserializeOwned> Content<T> for Portable<T> {
    fn schema() -> Option<Fingerprint> {
        Some(schema::fingerprint::<T>())
    }
    #[cfg(feature = "redis")]
    fn encode(value: &T) -> Option<Vec<u8>> {
        Rmp::encode(value)
    }
    #[cfg(feature = "redis")]
    fn decode(bytes: &[u8]) -> Option<T> {
        Rmp::decode(bytes)
    }
}

impl<T> Content<T> for Local<T> {
    fn schema() -> Option<Fingerprint> {
        None
    }
    #[cfg(feature = "redis")]
    fn encode(_: &T) -> Option<Vec<u8>> {
        None
    }
    #[cfg(feature = "redis")]
    fn decode(_: &[u8]) -> Option<T> {
        None
    }
}

/// An error that is kept. It is no value, even where it has the type of one.
struct Failure<E>(E);

/// Whether an error can be handed to more than one caller.
pub trait Sharing<E>: Copy + Send + Sync {
    /// An entry with a copy, weighed up to `limit`.
    fn keep(error: &E, head: Head, limit: usize) -> Option<Arc<Kept>>;
    /// A copy to hand out.
    fn take(payload: Payload) -> Option<E>;
}

impl<E: CacheValue, W: Weigh<E>> Sharing<E> for Shared<E, W> {
    fn keep(error: &E, head: Head, limit: usize) -> Option<Arc<Kept>> {
        Some(head.with(Arc::new(Failure(error.clone())), W::weigh(error, limit)))
    }
    fn take(payload: Payload) -> Option<E> {
        payload
            .downcast_ref::<Failure<E>>()
            .map(|Failure(error)| error.clone())
    }
}

impl<E> Sharing<E> for Alone<E> {
    fn keep(_: &E, _: Head, _: usize) -> Option<Arc<Kept>> {
        None
    }
    fn take(_: Payload) -> Option<E> {
        None
    }
}
