//! Envelopes that are encrypted.

use super::*;

const KEY: (u32, [u8; 32]) = (7, [0x5A; 32]);

fn sealed(envelope: &Envelope<'_>, cipher: &Cipher) -> Vec<u8> {
    let mut bytes = Vec::new();
    envelope.write(COMPRESS_FROM, cipher, &mut bytes).unwrap();
    bytes
}

#[test]
fn nothing_that_reveals_the_content_is_in_it() {
    let cipher = Cipher::new([KEY]);
    let text = "payload ".repeat(200);
    for payload in [b"payload", text.as_bytes()] {
        let envelope = envelope(payload);
        let bytes = sealed(&envelope, &cipher);
        assert_eq!(
            said(&Envelope::parse(&bytes, &cipher).unwrap()),
            said(&envelope)
        );
        // But for the flag all that is before the dependencies is as it was: the scripts look there.
        let plain = written(&envelope);
        assert_eq!(bytes[..2], plain[..2]);
        assert_eq!(bytes[3..77], plain[3..77]);
        for secret in [
            &b"payload"[..],
            b"users:",
            b"tenant",
            b"orders:",
            &KEY.1[..8],
        ] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret));
        }
    }
}

#[test]
fn sealed_bytes_of_version_1_are_readable_for_ever() {
    let cipher = Cipher::new([KEY]);
    let bytes = golden("sealed");
    let expected = said(&envelope(b"payload"));
    assert_eq!(said(&Envelope::parse(&bytes, &cipher).unwrap()), expected);
    assert_eq!(sealed(&envelope(b"payload"), &cipher).len(), bytes.len());
}

/// Whoever can write to the server can change a checksum, too.
#[test]
fn who_has_no_key_can_change_nothing() {
    let cipher = Cipher::new([KEY]);
    let good = sealed(&envelope(b"payload"), &cipher);
    for at in 4..good.len() - 4 {
        let bad = forged(&good, at, &[good[at] ^ 1]);
        assert!(Envelope::parse(&bad, &cipher).is_err(), "{at}");
    }
    let encryption = |bytes: &[u8], cipher: &Cipher| {
        assert_eq!(
            Envelope::parse(bytes, cipher).err(),
            Some(Unreadable::Encryption)
        );
    };
    // A later stamp, or another key's digest.
    encryption(&forged(&good, 4, &[0xFF; 16]), &cipher);
    encryption(&forged(&good, 20, &[0xFF; 32]), &cipher);
    // What anybody can write, and what nobody here can read.
    encryption(&written(&envelope(b"payload")), &cipher);
    encryption(&good, &NONE);
    encryption(&good, &Cipher::new([(8, KEY.1)]));
    encryption(&good, &Cipher::new([(7, [0; 32])]));
}

proptest! {
    #[test]
    fn what_is_sealed_is_read(envelope in envelopes(), rotated in any::<bool>()) {
        let (old, new) = (Cipher::new([KEY]), Cipher::new([(8, [1; 32]), KEY]));
        let bytes = sealed(&envelope, if rotated { &new } else { &old });
        prop_assert_eq!(said(&Envelope::parse(&bytes, &new).unwrap()), said(&envelope));
        prop_assert_eq!(Envelope::parse(&bytes, &old).is_ok(), !rotated);
    }
}
