//! Bytes that stand at the server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::random::Random;
use crate::cipher::Cipher;
use crate::class::Class;
use crate::codec::{Codec, Rmp};
use crate::deps::{self, Dep};
use crate::envelope::Envelope;
use crate::key::{Digest, Encoder, KeyDigest, Reading};
use crate::matcher::{self, Matcher};
use crate::pattern::Pattern;
use crate::position::Position;
use crate::remote::{Called, Hot, LONGEST_CALL, List};

fn dep(random: &mut Random) -> Dep {
    match random.below(3) {
        0 => Dep::entry(
            KeyDigest::from_bytes(random.bytes()),
            random.text(12).into(),
        ),
        1 => Dep::tag(&random.text(12)),
        _ => Dep::Prefix(random.text(12).into()),
    }
}

fn deps_of(random: &mut Random) -> Vec<Dep> {
    (0..random.below(4)).map(|_| dep(random)).collect()
}

fn an_envelope(random: &mut Random) -> Envelope<'static> {
    let payload = match random.below(4) {
        0 => vec![random.next() as u8; random.below(4_000)],
        1 => random.some(3_000),
        _ => random.some(60),
    };
    Envelope {
        stamp: Position {
            generation: random.number(),
            sequence: random.number(),
        },
        digest: Digest::from_bytes(random.bytes()),
        schema: random.number(),
        computed_at: random.number(),
        fresh_for: random.number() as u32,
        cost: random.number() as u32,
        class: [Class::Value, Class::Absent, Class::Failed][random.below(3)],
        of_late: random.below(2) == 0,
        deps: deps_of(random).into(),
        payload: payload.into(),
    }
}

/// Everything that an envelope says.
fn said(envelope: &Envelope<'_>) -> String {
    format!("{envelope:?}")
}

fn write(envelope: &Envelope<'_>, from: usize, cipher: &Cipher) -> Vec<u8> {
    let mut bytes = Vec::new();
    envelope.write(from, cipher, &mut bytes).unwrap();
    bytes
}

/// Changed, or not, and in half of the cases so that the checksum fits.
fn tampered(random: &mut Random, good: &[u8]) -> (Vec<u8>, bool) {
    let mut bad = good.to_vec();
    random.mutate(&mut bad);
    let fits = random.once_in(2) && bad.len() >= 4 && bad != good;
    if fits {
        let covered = bad.len() - 4;
        let sum = crc32fast::hash(&bad[..covered]);
        bad[covered..].copy_from_slice(&sum.to_be_bytes());
    }
    (bad, fits)
}

pub(super) fn envelope(random: &mut Random) -> bool {
    let cipher = Cipher::default();
    let envelope = an_envelope(random);
    let good = write(&envelope, random.below(2_000), &cipher);
    let (bad, fits) = tampered(random, &good);
    let Ok(parsed) = Envelope::parse(&bad, &cipher) else {
        assert_ne!(bad, good, "what was written is read");
        return false;
    };
    if bad == good {
        assert_eq!(said(&parsed), said(&envelope));
    } else {
        assert!(fits, "what was changed is taken for a value");
    }
    assert!(parsed.payload.len() <= 255 * bad.len());
    let again = write(&parsed, random.below(2_000), &cipher);
    assert_eq!(
        said(&Envelope::parse(&again, &cipher).unwrap()),
        said(&parsed)
    );
    true
}

/// With a key nobody can change anything, whatever the checksum says.
pub(super) fn sealed(random: &mut Random) -> bool {
    #[cfg(feature = "encryption")]
    let cipher = Cipher::new([(1, [7; 32])]);
    #[cfg(not(feature = "encryption"))]
    let cipher = Cipher::default();
    let envelope = an_envelope(random);
    let good = write(&envelope, 1_000, &cipher);
    let (bad, _) = tampered(random, &good);
    let Ok(parsed) = Envelope::parse(&bad, &cipher) else {
        assert_ne!(bad, good);
        return false;
    };
    if cipher.is_on() {
        assert_eq!(bad, good, "who has no key has made a value");
        assert_eq!(said(&parsed), said(&envelope));
    }
    true
}

/// The list of what is hot: whatever is read of it is as long as its bytes say, and is written as it was read.
pub(super) fn hot(random: &mut Random) -> bool {
    let cipher = Cipher::default();
    let count = random.below(20);
    let used: Vec<_> = (0..count)
        .map(|_| (KeyDigest::from_bytes(random.bytes()), random.below(4) as u8))
        .collect();
    let list = Hot::default().and_used(&used, 16, 1_000);
    let good = list.bytes(&cipher).unwrap();
    let (bad, fits) = tampered(random, &good);
    let Some(parsed) = Hot::parse(&bad, &cipher) else {
        assert_ne!(bad, good, "what was written is read");
        return false;
    };
    assert!(fits || bad == good, "what was changed is taken for a list");
    assert_eq!(parsed.bytes(&cipher).unwrap(), bad);
    // Whoever is named twice is one.
    let merged = parsed.cooled().and_used(&used, 255, 10);
    assert!(merged.bytes(&cipher).unwrap().len() <= 8 + 10 * 17);
    true
}

/// The list of a function's calls: whatever is read of it is written as it was read, and a call is made with the arguments of its key or not
/// at all.
pub(super) fn calls(random: &mut Random) -> bool {
    let cipher = Cipher::default();
    let key = |random: &mut Random| -> Called {
        let mut encoder = Encoder::new();
        encoder.push(&sample(random, 0)).unwrap();
        encoder.push(&random.number()).unwrap();
        let mut key = encoder.finish().to_vec();
        if random.once_in(4) {
            random.mutate(&mut key);
        }
        key.into()
    };
    let mut used: Vec<_> = (0..random.below(8))
        .map(|_| (key(random), random.below(4) as u8))
        .collect();
    used.retain(|(key, _)| key.len() <= LONGEST_CALL);
    let good = List::<Called>::default()
        .and_used(&used, 16, 1_000)
        .bytes(&cipher)
        .unwrap();
    let (bad, fits) = tampered(random, &good);
    let Some(parsed) = List::<Called>::parse(&bad, &cipher) else {
        assert_ne!(bad, good, "what was written is read");
        return false;
    };
    assert!(fits || bad == good, "what was changed is taken for a list");
    assert_eq!(parsed.bytes(&cipher).unwrap(), bad);
    for call in parsed.into_all() {
        let Ok(mut reading) = Reading::of(&call) else {
            continue;
        };
        let read = (reading.next::<Sample>(), reading.next::<u64>());
        if let ((Ok(sample), Ok(number)), Ok(())) = (read, reading.end()) {
            let mut encoder = Encoder::new();
            encoder.push(&sample).unwrap();
            encoder.push(&number).unwrap();
            assert_eq!(encoder.finish(), &call[..]);
        }
        // As something else: whatever comes of it, it comes.
        let as_other = |read: &mut dyn FnMut(&mut Reading<'_>)| {
            Reading::of(&call).iter_mut().for_each(read);
        };
        as_other(&mut |reading| drop(reading.next::<Vec<String>>()));
        as_other(&mut |reading| drop(reading.next::<BTreeMap<u64, Option<f64>>>()));
        as_other(&mut |reading| drop(reading.next::<(u8, char, [u8; 3])>()));
    }
    true
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Sample {
    Nothing,
    Number(u64),
    Signed(Option<i32>),
    Text(String),
    Many(Vec<Sample>),
    Map(BTreeMap<String, u8>),
    Fields {
        name: String,
        inner: Option<Box<Sample>>,
        flag: bool,
    },
}

fn sample(random: &mut Random, depth: usize) -> Sample {
    match random.below(if depth > 3 { 4 } else { 7 }) {
        0 => Sample::Nothing,
        1 => Sample::Number(random.number()),
        2 => Sample::Signed(random.once_in(2).then(|| random.next() as i32)),
        3 => Sample::Text(random.text(12)),
        4 => Sample::Many(
            (0..random.below(4))
                .map(|_| sample(random, depth + 1))
                .collect(),
        ),
        5 => Sample::Map(
            (0..random.below(4))
                .map(|n| (random.text(4), n as u8))
                .collect(),
        ),
        _ => Sample::Fields {
            name: random.text(8),
            inner: random
                .once_in(2)
                .then(|| Box::new(sample(random, depth + 1))),
            flag: random.once_in(2),
        },
    }
}

pub(super) fn payload(random: &mut Random) -> bool {
    let value = sample(random, 0);
    let good = Rmp::encode(&value).unwrap();
    let mut bad = good.clone();
    random.mutate(&mut bad);
    let Some(read) = Rmp::decode::<Sample>(&bad) else {
        assert_ne!(bad, good);
        return false;
    };
    if bad == good {
        assert_eq!(read, value);
    }
    let again = Rmp::encode(&read).unwrap();
    assert_eq!(Rmp::decode::<Sample>(&again).as_ref(), Some(&read));
    // As something else: whatever comes of it, it comes.
    let _ = Rmp::decode::<Vec<String>>(&bad);
    let _ = Rmp::decode::<BTreeMap<u64, Option<f64>>>(&bad);
    let _ = Rmp::decode::<(u8, char, [u8; 3])>(&bad);
    true
}

pub(super) fn matchers(random: &mut Random) -> Vec<Matcher> {
    let one = |random: &mut Random| match random.below(6) {
        0 => Matcher::Key(
            KeyDigest::from_bytes(random.bytes()),
            random.text(12).into(),
        ),
        1 => Matcher::Address(random.text(12).into()),
        2 => Matcher::Tag(random.text(12).into()),
        3 => Matcher::Prefix(random.text(12).into()),
        4 => Pattern::parse(&random.text(12)).map_or(Matcher::All, Matcher::from),
        _ => Matcher::All,
    };
    (0..random.below(5)).map(|_| one(random)).collect()
}

/// What a record names. What cannot be read names everything; so there is nothing that it names no more.
pub(super) fn record(random: &mut Random) -> bool {
    let named = matchers(random);
    let good = matcher::pack(&named);
    let mut bad = good.clone();
    random.mutate(&mut bad);
    let read = matcher::unpack(&bad);
    if bad == good {
        assert_eq!(format!("{read:?}"), format!("{named:?}"));
    }
    assert!(read.len() <= bad.len() / 3 + 1);
    let again = matcher::unpack(&matcher::pack(&read));
    assert_eq!(format!("{again:?}"), format!("{read:?}"));
    bad.is_empty() || !matches!(&read[..], [Matcher::All])
}

pub(super) fn dependencies(random: &mut Random) -> bool {
    let named = deps_of(random);
    let good = deps::pack(&named);
    let mut bad = good.clone();
    random.mutate(&mut bad);
    let Some(read) = deps::unpack(&bad) else {
        assert_ne!(bad, good);
        return false;
    };
    if bad == good {
        assert_eq!(
            format!("{read:?}"),
            format!("{:?}", named.into_boxed_slice())
        );
    }
    assert!(read.len() <= bad.len() / 3 + 1);
    let again = deps::unpack(&deps::pack(&read));
    assert_eq!(format!("{again:?}"), format!("{:?}", Some(read)));
    true
}
