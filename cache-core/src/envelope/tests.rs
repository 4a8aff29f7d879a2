use std::borrow::Cow;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{COMPRESS_FROM, COMPRESSED, Envelope, LARGEST, Unreadable, Unwritable, checksum};
use crate::cipher::Cipher;
use crate::class::Class;
use crate::deps::Dep;
use crate::key::{Digest, KeyDigest};
use crate::position::Position;

#[cfg(feature = "encryption")]
mod encryption;

static NONE: LazyLock<Cipher> = LazyLock::new(Cipher::default);

fn parse(bytes: &[u8]) -> Result<Envelope<'_>, Unreadable> {
    Envelope::parse(bytes, &NONE)
}

fn envelope(payload: &[u8]) -> Envelope<'_> {
    let digest: [u8; 32] = std::array::from_fn(|at| at as u8);
    let key = KeyDigest::from_bytes(*digest.first_chunk().unwrap());
    Envelope {
        stamp: Position {
            generation: 0x0102_0304_0506_0708,
            sequence: 0x1112_1314_1516_1718,
        },
        digest: Digest::from_bytes(digest),
        schema: 0x2122_2324_2526_2728,
        computed_at: 0x3132_3334_3536_3738,
        fresh_for: 0x4142_4344,
        cost: 0x5152_5354,
        class: Class::Value,
        of_late: false,
        deps: vec![
            Dep::entry(key, "users:ü".into()),
            Dep::tag("tenant:7"),
            Dep::Prefix("orders:".into()),
        ]
        .into(),
        payload: payload.into(),
    }
}

fn written(envelope: &Envelope<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    envelope.write(COMPRESS_FROM, &NONE, &mut bytes).unwrap();
    bytes
}

/// Everything that an envelope says.
fn said(envelope: &Envelope<'_>) -> String {
    format!("{envelope:?}")
}

fn why(bytes: &[u8]) -> Unreadable {
    parse(bytes).err().unwrap()
}

/// The bytes with a part replaced and a checksum that fits: what somebody else may have written.
fn forged(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = bytes[..bytes.len() - 4].to_vec();
    bytes.splice(at..at + with.len(), with.iter().copied());
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum.to_be_bytes());
    bytes
}

fn golden(name: &str) -> Vec<u8> {
    let line = include_str!("tests/golden.txt")
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .unwrap();
    (0..line.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&line[at..at + 2], 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn bytes_of_version_1_are_the_same_for_ever() {
    let plain = envelope(b"payload");
    assert_eq!(hex(&written(&plain)), hex(&golden("value")));
    let absent = Envelope {
        class: Class::Absent,
        deps: Cow::default(),
        ..envelope(b"")
    };
    assert_eq!(hex(&written(&absent)), hex(&golden("absent")));
    for (name, expected) in [("value", plain), ("absent", absent)] {
        let bytes = golden(name);
        assert_eq!(said(&parse(&bytes).unwrap()), said(&expected));
    }
}

/// What another release of the compressor makes of it may differ. What it made must be readable for ever.
#[test]
fn a_compressed_payload_is_readable_for_ever() {
    let bytes = golden("compressed");
    let payload = "payload ".repeat(200);
    let expected = said(&envelope(payload.as_bytes()));
    assert_eq!(said(&parse(&bytes).unwrap()), expected);
    assert!(bytes.len() < 300);
}

#[test]
fn the_stamp_stands_where_the_scripts_look() {
    let stamp = [1, 2, 3, 4, 5, 6, 7, 8, 17, 18, 19, 20, 21, 22, 23, 24];
    assert_eq!(written(&envelope(b""))[4..20], stamp);
}

#[test]
fn it_is_appended() {
    let one = envelope(b"payload");
    let mut bytes = b"before".to_vec();
    one.write(COMPRESS_FROM, &NONE, &mut bytes).unwrap();
    assert_eq!(bytes[6..], written(&one));
}

#[test]
fn every_defect_has_its_name() {
    let good = written(&envelope(b"payload"));
    let deps = 81;
    let payload = good.len() - 4 - 7;
    assert_eq!(why(b""), Unreadable::Truncated);
    assert_eq!(why(b"{\"a\":1}"), Unreadable::Magic);
    assert_eq!(why(&[0xFC, 2]), Unreadable::Version);
    for end in 0..good.len() {
        assert_eq!(why(&good[..end]), Unreadable::Truncated);
    }
    assert_eq!(why(&[&good[..], b"x"].concat()), Unreadable::Trailing);
    for at in [2, 3, 4, 20, 60, 76, deps, payload, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(why(&bad), Unreadable::Checksum);
    }
    assert_eq!(why(&forged(&good, 2, &[2])), Unreadable::Trailing);
    assert_eq!(why(&forged(&good, 2, &[0x80])), Unreadable::Flags);
    assert_eq!(why(&forged(&good, 3, &[9])), Unreadable::Codec);
    assert_eq!(why(&forged(&good, 76, &[3])), Unreadable::Class);
    assert_eq!(why(&forged(&good, deps, b"A")), Unreadable::Deps);
    assert_eq!(why(&forged(&good, deps, b"X")), Unreadable::Deps);
}

#[test]
fn a_payload_is_compressed_only_where_that_is_shorter() {
    let flags = |payload: &[u8], from| {
        let mut bytes = Vec::new();
        envelope(payload).write(from, &NONE, &mut bytes).unwrap();
        assert_eq!(parse(&bytes).unwrap().payload, payload);
        assert!(bytes.len() <= written(&envelope(b"")).len() + payload.len());
        bytes[2]
    };
    assert_eq!(flags(&[7; COMPRESS_FROM], COMPRESS_FROM), COMPRESSED);
    assert_eq!(flags(&[7; COMPRESS_FROM - 1], COMPRESS_FROM), 0);
    assert_eq!(flags(&[7; COMPRESS_FROM], usize::MAX), 0);
    let noise = blake3::Hasher::new().finalize_xof();
    let noise: Vec<u8> = std::io::Read::bytes(noise)
        .take(5_000)
        .map(Result::unwrap)
        .collect();
    assert_eq!(flags(&noise, COMPRESS_FROM), 0);
    for tiny in 0..40 {
        flags(&noise[..tiny], 0);
        flags(&vec![7; tiny], 0);
    }
}

#[test]
fn a_payload_that_claims_too_much_is_not_believed() {
    let good = written(&envelope(&[7; 5_000]));
    let length = 81 + 48 + 4;
    let claim = |bytes: u32| forged(&good, length, &bytes.to_be_bytes());
    assert!(parse(&claim(5_000)).is_ok());
    for wrong in [0, 4_999, 5_001] {
        assert_eq!(why(&claim(wrong)), Unreadable::Compression, "{wrong}");
    }
    // Some 30 bytes are never so much, whatever they are.
    for absurd in [20_000, LARGEST as u32, LARGEST as u32 + 1, u32::MAX] {
        assert_eq!(why(&claim(absurd)), Unreadable::Size, "{absurd}");
    }
    // Nor are as many as could be.
    let large = written(&envelope(&vec![7; LARGEST]));
    assert!(parse(&large).is_ok());
    let larger = (LARGEST as u32 + 1).to_be_bytes();
    assert_eq!(why(&forged(&large, length, &larger)), Unreadable::Size);
    // Flagged as compressed, and too short to be.
    let short = written(&envelope(b"abc"));
    assert_eq!(why(&forged(&short, 2, &[1])), Unreadable::Compression);
}

#[test]
fn what_nobody_would_read_is_not_written() {
    let payload = vec![0; LARGEST + 1];
    let mut bytes = b"before".to_vec();
    let outcome = envelope(&payload).write(COMPRESS_FROM, &NONE, &mut bytes);
    assert_eq!((outcome, &bytes[..]), (Err(Unwritable), &b"before"[..]));
}

fn envelopes() -> impl Strategy<Value = Envelope<'static>> {
    let dep = prop_oneof![
        (any::<[u8; 16]>(), "\\PC{0,20}")
            .prop_map(|(key, text)| Dep::entry(KeyDigest::from_bytes(key), text.into())),
        "\\PC{0,20}".prop_map(|text| Dep::tag(&text)),
        "\\PC{0,20}".prop_map(|text| Dep::Prefix(text.into())),
    ];
    let payload = prop_oneof![
        vec(any::<u8>(), 0..200),
        vec(prop_oneof![9 => Just(7_u8), 1 => any::<u8>()], 0..5_000),
    ];
    let class = prop_oneof![Just(Class::Value), Just(Class::Absent), Just(Class::Failed)];
    (
        any::<(u64, u64, [u8; 32], u64, u64, u32, u32)>(),
        class,
        vec(dep, 0..6),
        payload,
    )
        .prop_map(|(plain, class, deps, payload)| Envelope {
            stamp: Position {
                generation: plain.0,
                sequence: plain.1,
            },
            digest: Digest::from_bytes(plain.2),
            schema: plain.3,
            computed_at: plain.4,
            fresh_for: plain.5,
            cost: plain.6,
            class,
            of_late: plain.6 % 2 == 1,
            deps: deps.into(),
            payload: payload.into(),
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read(envelope in envelopes()) {
        prop_assert_eq!(said(&parse(&written(&envelope)).unwrap()), said(&envelope));
    }

    /// Either the checksum tells, or nothing was changed.
    #[test]
    fn what_was_changed_is_not_read(
        envelope in envelopes(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        shorten in any::<bool>(),
    ) {
        let good = written(&envelope);
        let mut bad = good.clone();
        for (at, byte) in changes {
            bad[at.index(good.len())] = byte;
        }
        if shorten {
            bad.truncate(cut.index(good.len()));
        }
        prop_assert_eq!(parse(&bad).is_ok(), bad == good);
    }

    /// Whoever makes the checksum fit gets no further than to a value of his own.
    #[test]
    fn forgeries_do_no_harm(envelope in envelopes(), at in any::<prop::sample::Index>(), bytes in vec(any::<u8>(), 1..8)) {
        let good = written(&envelope);
        let at = at.index(good.len() - 4);
        let bytes = &bytes[..bytes.len().min(good.len() - 4 - at)];
        let _ = parse(&forged(&good, at, bytes));
    }

    #[test]
    fn anything_is_judged(head in 0..5_usize, tail in vec(any::<u8>(), 0..200)) {
        let bytes = [&[0xFC, 1, 0, 1][..head.min(4)], &tail].concat();
        prop_assert!(parse(&bytes).is_err());
    }
}
