//! Injective, canonical, and the same bytes for ever.

mod events;
mod forms;
mod golden;
mod identity;
#[cfg(feature = "redis")]
mod reading;

use serde::Serialize;

use super::decoder::{Events, decode};
use super::{Encoder, error::KeyError};

fn try_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, KeyError> {
    let mut encoder = Encoder::new();
    encoder.push(value)?;
    Ok(encoder.finish().to_vec())
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
