//! The same for the cache that is in force where they are called.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::cache::Token;
use crate::error::Error;
use crate::global;
use crate::shape::CacheValue;

/// [`Cache::get`](crate::Cache::get) of the [current](crate::current) cache.
///
/// ```
/// # cache_core::__private::block_on(async {
/// use std::time::Duration;
/// cache_core::set("motd", "hello".to_owned(), Duration::from_secs(60)).await?;
/// assert_eq!(cache_core::get::<String>("motd").await?.as_deref(), Some("hello"));
/// cache_core::remove("motd").await?;
/// assert_eq!(cache_core::get::<String>("motd").await?, None);
/// # Ok::<(), cache_core::Error>(()) }).unwrap();
/// ```
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::get`](crate::Cache::get).
pub async fn get<T: CacheValue + DeserializeOwned>(address: &str) -> Result<Option<T>, Error> {
    global::current().get(address).await
}

/// [`Cache::set`](crate::Cache::set) of the [current](crate::current) cache.
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::set`](crate::Cache::set).
pub async fn set<T: CacheValue + Serialize + DeserializeOwned>(
    address: &str,
    value: T,
    ttl: Duration,
) -> Result<(), Error> {
    global::current().set(address, value, ttl).await
}

/// [`Cache::remove`](crate::Cache::remove) of the [current](crate::current) cache.
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::remove`](crate::Cache::remove).
pub async fn remove(address: &str) -> Result<Token, Error> {
    global::current().remove(address).await
}

/// [`Cache::get_many`](crate::Cache::get_many) of the [current](crate::current) cache.
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::get_many`](crate::Cache::get_many).
pub async fn get_many<T: CacheValue + DeserializeOwned>(
    addresses: &[&str],
) -> Result<Vec<Option<T>>, Error> {
    global::current().get_many(addresses).await
}

/// [`Cache::set_many`](crate::Cache::set_many) of the [current](crate::current) cache.
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::set_many`](crate::Cache::set_many).
pub async fn set_many<T: CacheValue + Serialize + DeserializeOwned>(
    values: impl IntoIterator<Item = (impl AsRef<str>, T)>,
    ttl: Duration,
) -> Result<(), Error> {
    global::current().set_many(values, ttl).await
}

/// [`Cache::remove_many`](crate::Cache::remove_many) of the [current](crate::current) cache.
///
/// # Errors
/// As [`Cache::remove_many`](crate::Cache::remove_many).
pub async fn remove_many(addresses: &[&str]) -> Result<Token, Error> {
    global::current().remove_many(addresses).await
}
