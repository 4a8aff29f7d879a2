//! Values that are being put by hand, and of each address the last.

use std::collections::HashMap;

use super::Remote;
use crate::key::KeyDigest;
use crate::link::{LinkError, Request, scripts};
use crate::log::{self, Appending};
use crate::matcher::Matcher;
use crate::sync::{Arc, Mutex, lock};

/// So many bytes of matchers are put together at most. They are one record then, and what another process puts is before all of
/// them or behind: between two records it would be as valid as what has the stamp of the second.
pub(crate) const TOGETHER: usize = log::RECORD_BYTES;

/// By key, the ordinal of the record of the last value that is being put.
#[derive(Default)]
pub(super) struct Puts(Mutex<HashMap<KeyDigest, u64>>);

/// A value that was put by hand, for Redis.
pub(crate) struct Shown {
    pub(crate) key: KeyDigest,
    pub(crate) envelope: Vec<u8>,
    /// In milliseconds.
    pub(crate) lifetime: i64,
}

/// Values that are being put: their record is on its way to the log.
pub(crate) struct Putting {
    puts: Arc<Puts>,
    keys: Vec<KeyDigest>,
    /// Of the record. A value of this ordinal is later than what was there, and than nothing that is said later.
    pub(crate) ordinal: u64,
    pub(crate) appending: Appending,
}

impl Putting {
    /// Whether no later value of this key is being put here.
    ///
    /// The log takes records of one process together, so that two of them can have one position, and neither value would
    /// be dead by it: of such values only the last is ever shown to anybody.
    pub(crate) fn is_last(&self, key: KeyDigest) -> bool {
        lock(&self.puts.0).get(&key) == Some(&self.ordinal)
    }
}

impl Drop for Putting {
    fn drop(&mut self) {
        let mut puts = lock(&self.puts.0);
        for key in &self.keys {
            // One that came later stays, and with it the knowledge that this one is not the last.
            if puts.get(key) == Some(&self.ordinal) {
                puts.remove(key);
            }
        }
    }
}

impl Remote {
    /// Invalidates what these keys have, here at once, and everywhere at the position that comes of it. The matchers name
    /// them.
    pub(crate) fn put(&self, keys: Vec<KeyDigest>, matchers: Vec<Matcher>) -> Putting {
        let mut puts = lock(&self.puts.0);
        // Under the lock: whoever asks whether it is the last knows of all whose record may have been taken with its own.
        let appending = self.log.append(matchers);
        let ordinal = appending.ordinal();
        for key in &keys {
            puts.insert(*key, ordinal);
        }
        drop(puts);
        Putting {
            puts: Arc::clone(&self.puts),
            keys,
            ordinal,
            appending,
        }
    }

    /// Appends to the log what names no value that could be discarded.
    pub(crate) fn say(&self, matchers: Vec<Matcher>) -> Appending {
        self.log.append(matchers)
    }

    /// Stores values that were put by hand, in one trip. `Ok` if all of them are there, or something later.
    pub(crate) async fn show(&self, values: &[Shown]) -> Result<(), LinkError> {
        let request = values.iter().fold(Request::default(), |request, shown| {
            let store = scripts::Store {
                envelope: &shown.envelope,
                lifetime: shown.lifetime,
                grace: 0,
                yields: false,
                observed: None,
                token: None,
            };
            let (value, lease) = (self.value(shown.key), self.lease_name(shown.key));
            request.and(scripts::store(value.as_bytes(), lease.as_bytes(), &store))
        });
        for reply in self.link.ask(request).await? {
            scripts::flag(reply)?;
        }
        Ok(())
    }
}
