//! Encryption of what others may read who can read the server.
//!
//! XChaCha20-Poly1305. What is sealed is the number of the key in 4 bytes, a nonce of 24, the ciphertext and its tag of 16. A nonce is
//! drawn from the operating system for each of them: with 192 bits no counter has to be kept or shared between processes, and
//! after 2^64 values under one key the odds that any two nonces are the same are one in 2^65. A nonce that is used twice would
//! reveal what two values have in common; 96 bits, drawn, would be worn out after 2^32.
//!
//! Several keys: the first encrypts, all decrypt. So a key is changed in two steps: the new one behind the old one in every
//! process, then before it; the old one can go when what it has encrypted has expired.

use std::fmt;

#[cfg(feature = "encryption")]
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Generate, Payload},
};

use crate::sync::Arc;

/// How much longer a sealed text is.
#[cfg(test)]
#[cfg(feature = "encryption")]
pub(crate) const LONGER: usize = 4 + 24 + 16;

/// Keys by their numbers. None: nothing is encrypted. Shows nothing of them.
#[derive(Clone, Default)]
pub(crate) struct Cipher(Arc<[(u32, Key)]>);

#[cfg(feature = "encryption")]
type Key = XChaCha20Poly1305;
/// There is none.
#[cfg(not(feature = "encryption"))]
type Key = std::convert::Infallible;

impl Cipher {
    /// The first encrypts, all decrypt.
    #[cfg(feature = "encryption")]
    pub(crate) fn new(keys: impl IntoIterator<Item = (u32, [u8; 32])>) -> Self {
        let keys = keys.into_iter();
        Self(keys.map(|(id, key)| (id, Key::new(&key.into()))).collect())
    }

    /// Whether two keys have one number.
    #[cfg(feature = "encryption")]
    pub(crate) fn is_ambiguous(&self) -> bool {
        let mut ids: Vec<u32> = self.0.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Whether anything is encrypted.
    pub(crate) fn is_on(&self) -> bool {
        !self.0.is_empty()
    }

    /// Encrypts, together with what must be the same when it is decrypted. None without keys, or without randomness.
    #[cfg(feature = "encryption")]
    pub(crate) fn seal(&self, associated: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let (id, key) = self.0.first()?;
        let nonce = XNonce::try_generate().ok()?;
        let payload = Payload {
            msg: plain,
            aad: associated,
        };
        let sealed = key.encrypt(&nonce, payload).ok()?;
        Some([&id.to_be_bytes(), &nonce[..], &sealed].concat())
    }

    /// Decrypts. None if it was not sealed with one of the keys, or anything of it was changed.
    #[cfg(feature = "encryption")]
    pub(crate) fn open(&self, associated: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (id, rest) = sealed.split_first_chunk()?;
        let (nonce, sealed) = rest.split_first_chunk::<24>()?;
        let id = u32::from_be_bytes(*id);
        let (_, key) = self.0.iter().find(|(known, _)| *known == id)?;
        let payload = Payload {
            msg: sealed,
            aad: associated,
        };
        key.decrypt(&XNonce::from(*nonce), payload).ok()
    }

    #[cfg(not(feature = "encryption"))]
    #[expect(clippy::unused_self, reason = "the other one does not")]
    pub(crate) fn seal(&self, _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    #[cfg(not(feature = "encryption"))]
    #[expect(clippy::unused_self, reason = "the other one does not")]
    pub(crate) fn open(&self, _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cipher").field(&self.is_on()).finish()
    }
}

#[cfg(test)]
#[cfg(feature = "encryption")]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_every_process_that_has_the_key() {
        let (old, new) = ((1, [1; 32]), (2, [2; 32]));
        let first = Cipher::new([old]);
        let both = [Cipher::new([old, new]), Cipher::new([new, old])];
        let sealed = first.seal(b"of", b"text").unwrap();
        assert_eq!(sealed.len(), 4 + LONGER);
        for cipher in both.iter().chain([&first]) {
            assert_eq!(cipher.open(b"of", &sealed).unwrap(), b"text");
        }
        assert_eq!(both[1].seal(b"", b"").unwrap()[..4], [0, 0, 0, 2]);
        // The same number, and another key; another number; other company; none.
        assert_eq!(Cipher::new([(1, [2; 32])]).open(b"of", &sealed), None);
        assert_eq!(Cipher::new([(3, [1; 32])]).open(b"of", &sealed), None);
        assert_eq!(first.open(b"off", &sealed), None);
        assert_eq!(Cipher::default().open(b"of", &sealed), None);
        assert_eq!(Cipher::default().seal(b"of", b"text"), None);
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert_eq!(first.open(b"of", &bad), None);
            assert_eq!(first.open(b"of", &sealed[..at]), None);
        }
    }

    #[test]
    fn nothing_is_sealed_twice_alike_and_no_key_is_shown() {
        let cipher = Cipher::new([(1, [0x5A; 32])]);
        let mut nonces: Vec<_> = (0..1_000)
            .map(|_| cipher.seal(b"", b"").unwrap()[4..28].to_vec())
            .collect();
        nonces.sort_unstable();
        nonces.dedup();
        assert_eq!(nonces.len(), 1_000);
        assert_eq!(format!("{cipher:?}"), "Cipher(true)");
        assert!(Cipher::new([(1, [0; 32]), (1, [1; 32])]).is_ambiguous());
        assert!(!cipher.is_ambiguous());
    }
}
