//! A record between its bytes at the server and what the index takes.

use super::Shared;
use crate::index::{Logged, Said};
use crate::link::{LinkError, scripts};
use crate::matcher::{self, Matcher};

/// What a record names begins with this where it is encrypted, and with the kind of a matcher where it is not.
const SEALED: u8 = 0xFE;

/// What is sealed in a record is none of an envelope.
const RECORD: &[u8] = b"record";

/// The kind of a record that nobody can read.
const UNKNOWN: u8 = b'?';

impl Shared {
    /// What a record names, as it stands there.
    pub(super) fn sealed(&self, packed: Vec<u8>) -> Result<Vec<u8>, LinkError> {
        if !self.options.cipher.is_on() {
            return Ok(packed);
        }
        let sealed = self.options.cipher.seal(RECORD, &packed);
        let sealed = sealed.ok_or(LinkError::Unexpected(
            "no randomness to encrypt with".into(),
        ))?;
        Ok([&[SEALED][..], &sealed].concat())
    }

    /// A record as the index takes it, decrypted.
    pub(super) fn read(&self, mut raw: scripts::RawRecord) -> Logged {
        // What is not encrypted may be of anybody, and costs hits at most.
        if let Some((&SEALED, sealed)) = raw.matchers.split_first() {
            match self.options.cipher.open(RECORD, sealed) {
                Some(packed) => raw.matchers = packed,
                None => raw.kind = UNKNOWN,
            }
        }
        logged(raw)
    }

    pub(super) fn read_all(&self, records: Vec<scripts::RawRecord>) -> Vec<Logged> {
        records.into_iter().map(|raw| self.read(raw)).collect()
    }
}

/// A record as the index takes it. One that is not understood invalidates everything.
pub(crate) fn logged(raw: scripts::RawRecord) -> Logged {
    let said = match raw.kind {
        b'o' => Said::Opened {
            ancestor: raw.origin,
        },
        b'i' => Said::Invalid {
            matchers: matcher::unpack(&raw.matchers).into(),
            origin: raw.origin,
        },
        _ => Said::Invalid {
            matchers: Box::new([Matcher::All]),
            origin: raw.origin,
        },
    };
    Logged {
        position: raw.position,
        said,
    }
}
