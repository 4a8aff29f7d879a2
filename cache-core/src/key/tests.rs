//! Injective, canonical, and the same bytes for ever.

mod collisions;
mod events;
mod forms;
mod golden;
mod identity;
#[cfg(feature = "redis")]
mod reading;

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Serialize;

use super::decoder::{Events, decode};
use super::{Encoder, Mixed, error::KeyError};

fn try_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, KeyError> {
    let mut encoder = Encoder::new();
    encoder.push(value)?;
    let bytes = encoder.finish().to_vec();
    compare_hash(type_name::<T>(), &bytes, encoder.mixed());
    Ok(bytes)
}

/// Values are mixed for the hash apart from the bytes: of one type, in all of these tests, equal bytes must have one hash, and other
/// bytes another (of some hundred thousand hashes of 64 bits no two are equal by chance).
fn compare_hash(of: &'static str, bytes: &[u8], mixed: Mixed<'_>) {
    type Key = (&'static str, Vec<u8>);
    static HASHES: LazyLock<Mutex<HashMap<Key, u64>>> = LazyLock::new(Mutex::default);
    static BYTES: LazyLock<Mutex<HashMap<u64, Vec<u8>>>> = LazyLock::new(Mutex::default);
    let hash = mixed.hash(&TypeId::of::<()>());
    let mut hashes = HASHES.lock().unwrap_or_else(PoisonError::into_inner);
    let first = *hashes.entry((of, bytes.to_vec())).or_insert(hash);
    assert_eq!(hash, first, "{of}: one key with two hashes");
    let mut known = BYTES.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.entry(hash).or_insert_with(|| bytes.to_vec());
    assert_eq!(known, bytes, "{of}: two keys with one hash");
}

fn bytes<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    try_bytes(value).unwrap()
}

/// Encodes and reads back, which fails where the bytes have no single parse.
fn events<T: Serialize + ?Sized>(value: &T) -> Events {
    let mut arguments = decode(&bytes(value)).unwrap();
    assert_eq!(arguments.len(), 1);
    arguments.remove(0)
}
