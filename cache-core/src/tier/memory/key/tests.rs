//! Keys, what is compared of them, and their hashes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::*;
use crate::key::Encoder;

struct One;
struct Two;

/// The identity of a function, for as long as anybody likes.
fn identity<T: 'static>() -> &'static TypeId {
    Box::leak(Box::new(TypeId::of::<T>()))
}

/// Arguments that no encoder wrote.
fn lookup_of<'a>(identity: &'a TypeId, encoded: Encoded<'a>) -> Lookup<'a> {
    Lookup::new(identity, Mixed::of(encoded))
}

fn lookup<T: 'static>(bytes: &[u8]) -> Lookup<'_> {
    Lookup::whole(identity::<T>(), bytes)
}

#[test]
fn the_bytes_of_a_key_waste_nothing() {
    assert_eq!(size_of::<KeyBytes>(), 40);
}

#[test]
fn bytes_survive_on_both_sides_of_the_inline_limit() {
    let source: Vec<u8> = (1..=255).cycle().take(600).collect();
    for len in 0..source.len() {
        let (bytes, tags) = (&source[..len], 7);
        let encoded = Encoded { bytes, tags };
        let bytes = KeyBytes::new(encoded.bytes);
        assert_eq!(bytes.encoded(7), encoded);
        assert_eq!(
            matches!(bytes, KeyBytes::Inline(..)),
            len <= KeyBytes::INLINE
        );
        let heap = if len <= KeyBytes::INLINE { 0 } else { 16 + len };
        assert_eq!(bytes.heap_bytes(), heap as u64);
    }
}

#[test]
fn a_lookup_matches_its_key_and_no_other() {
    let long = [7; 100];
    let inputs: [&[u8]; 6] = [b"", b"\0", b"\0\0", b"ab", &long[..99], &long];
    for (i, a) in inputs.iter().enumerate() {
        for (j, b) in inputs.iter().enumerate() {
            let key = lookup::<One>(b).to_key();
            assert_eq!(lookup::<One>(a).is(&key.as_lookup()), i == j);
            assert_eq!(lookup::<One>(a).to_key() == key, i == j);
            assert!(!lookup::<Two>(a).is(&key.as_lookup()));
        }
    }
}

#[test]
fn a_lookup_sees_the_tags() {
    let key = |tags| {
        let bytes = &[1, 2];
        lookup_of(identity::<One>(), Encoded { bytes, tags })
    };
    assert!(key(37).is(&key(37).to_key().as_lookup()));
    assert!(!key(37).is(&key(38).to_key().as_lookup()));
    assert!(!key(37).is(&key(Encoded::WHOLE).to_key().as_lookup()));
}

#[test]
fn equal_sees_every_byte() {
    for len in 0..100 {
        let a: Vec<u8> = (0..len).collect();
        assert!(equal(&a, &a.clone()));
        assert!(!equal(&a, &[&a[..], &[0]].concat()));
        for at in 0..a.len() {
            let mut b = a.clone();
            b[at] ^= 0x80;
            assert!(!equal(&a, &b), "length {len}, byte {at}");
        }
    }
}

/// What an engine compares must tell apart what the keys themselves do: values of every length about eight, with the tags that go
/// with them, and bytes that are everything.
#[test]
fn a_front_tells_apart_what_keys_do() {
    let identity = identity::<One>();
    let zeros = [0; 45];
    let ones = [1; 45];
    let mut keys = vec![Encoded::whole(&[])];
    for len in 0..45 {
        for bytes in [&zeros[..len], &ones[..len]] {
            keys.push(Encoded::whole(bytes));
            // As an encoder makes them: the tags say how many bytes there are.
            keys.extend([1 << 5, 1 << 55].map(|tags| Encoded {
                bytes,
                tags: tags | len as u64,
            }));
        }
    }
    for own in &keys {
        for other in &keys {
            let lookup = lookup_of(identity, *own);
            let there = lookup_of(identity, *other);
            assert_eq!(
                lookup.front() == there.front() && lookup.continues(&there.to_key().remainder()),
                lookup.is(&there),
                "{own:?} {other:?}"
            );
        }
        let key = lookup_of(identity, *own).to_key();
        let front = key.as_lookup().front();
        let bytes = key.remainder().with_front(front.bytes());
        assert_eq!(bytes.encoded(front.tags()), *own);
    }
}

/// Zeros stand behind the values of a short key, and nothing says where they begin but the tags: with these each value is of one length,
/// or begins with its length. So no key is another one with zeros behind, whatever the arguments are.
#[test]
fn no_short_key_is_another_one_with_zeros_behind() {
    type Add = fn(&mut Encoder);
    let arguments: &[Add] = &[
        |key| key.add(&()),
        |key| key.add(&false),
        |key| key.add(&0_u8),
        |key| key.add(&0_i8),
        |key| key.add(&1_u8),
        |key| key.add(&0_u16),
        |key| key.add(&0_u32),
        |key| key.add(&0_u64),
        |key| key.add(&256_u64),
        |key| key.add(&0_f32),
        |key| key.add(&0_f64),
        |key| key.add(&'\0'),
        |key| key.add(""),
        |key| key.add("\0"),
        |key| key.add("\0\0"),
        |key| key.add("\0\0\0\0"),
        |key| key.add(c""),
        |key| key.add(c"\x01"),
        |key| key.add(&None::<u8>),
        |key| key.add(&Some(0_u8)),
        |key| key.add(&Some(0_u16)),
        |key| key.add(&[(); 0]),
        |key| key.add(&[0_u8; 1]),
        |key| key.add(&[0_u8; 2]),
        |key| key.add(&[0_u8; 3]),
        |key| key.add(&[0_u16; 2]),
        |key| key.add(&Vec::<u8>::new()),
        |key| key.add(&vec![0_u8]),
        |key| key.add(&vec![0_u8; 2]),
        |key| key.add(&vec![""]),
        |key| key.add(&BTreeMap::<u8, u8>::new()),
        |key| key.add(&BTreeSet::<u8>::new()),
    ];
    let mut fronts = HashMap::new();
    let mut short = 0;
    let some = || arguments.iter().map(Some).chain([None]);
    for a in some() {
        for b in some() {
            for c in some() {
                let mut encoder = Encoder::new();
                [a, b, c]
                    .into_iter()
                    .flatten()
                    .for_each(|add| add(&mut encoder));
                let mixed = encoder.mixed();
                let front = Lookup::new(identity::<One>(), mixed).front();
                if front.is_all() {
                    short += 1;
                    // It can be decoded, and so is all there is to know of the arguments.
                    let canonical = mixed.encoded().with_canonical(<[u8]>::to_vec);
                    let known = fronts
                        .entry((front.tags, front.head))
                        .or_insert(canonical.clone());
                    assert_eq!(*known, canonical);
                }
            }
        }
    }
    assert!(short > 1_000, "{short}");
}

/// All that stands in front may be the same, and the hash.
#[test]
fn long_keys_with_one_hash_are_two() {
    let identity = identity::<One>();
    for len in 9..60 {
        for at in 8..len {
            let one = vec![1; len];
            let mut other = one.clone();
            other[at] = 2;
            let [a, b] = [&one, &other].map(|bytes| {
                let encoded = Encoded { bytes, tags: 40 };
                Lookup::hashed_before(7, identity, encoded)
            });
            assert!(a.front() == b.front());
            assert!(!a.continues(&b.to_key().remainder()), "{len}: {at}");
            assert!(a.continues(&a.to_key().remainder()));
        }
    }
}

/// Chunks overlap: what is in one may say how long another key is. Nobody needs to know the seeds to write such a pair.
#[test]
fn keys_that_repeat_themselves_do_not_collide() {
    let key = |a: &str, b: &str| {
        let mut encoder = Encoder::new();
        encoder.add(a);
        encoder.add(b);
        Lookup::new(&TypeId::of::<One>(), encoder.mixed()).to_key()
    };
    let repeated = "\u{4}\0\0\0".repeat(3);
    for (a, b, other) in [
        (&*repeated, "", "\0\0\0\0"),
        ("\u{1}\u{1}\u{1}\u{1}", "", "\0"),
    ] {
        assert_ne!(key(a, b).hash(), key(a, other).hash(), "{a:?}");
    }
}

#[test]
fn a_head_is_all_bytes_with_zeros_behind() {
    for len in 0..8_u8 {
        let bytes: Vec<u8> = (1..=len).collect();
        let mut padded = bytes.clone();
        padded.resize(8, 0);
        let expected = padded.first_chunk().map(|head| u64::from_le_bytes(*head));
        assert_eq!(Some(head(&bytes)), expected, "{len}");
    }
}

#[test]
fn equal_hashes_do_not_make_keys_equal() {
    let mut forged = lookup::<One>(b"a");
    forged.hash = lookup::<One>(b"b").hash;
    assert!(!forged.is(&lookup::<One>(b"b")));
}

#[test]
fn debug_shows_no_arguments() {
    let key = lookup::<One>(b"secret").to_key();
    assert!(!format!("{key:?}").contains("secret"));
}

/// An engine takes the hash as it is, and uses the low bits for the bucket, the upper seven for the tag and the middle for the
/// shard. Each such part, of keys that hardly differ, must be spread as evenly as chance would.
#[test]
fn every_part_of_the_hash_is_even() {
    const KEYS: u64 = 1 << 16;
    let numbers = (0..KEYS).map(|n| n.to_le_bytes().to_vec());
    let long = (0..KEYS).map(|n| [&[3; 27][..], &n.to_le_bytes()].concat());
    let multiples = (0..KEYS).map(|n| (n << 40).to_le_bytes().to_vec());
    let middling = (0..KEYS).map(|n| [&[3; 4][..], &n.to_le_bytes()].concat());
    let far = (0..KEYS).map(|n| [&n.to_le_bytes(), &[3; 27][..]].concat());
    let families: [Vec<Vec<u8>>; 5] = [
        numbers.collect(),
        long.collect(),
        multiples.collect(),
        middling.collect(),
        far.collect(),
    ];
    for (family, (keys, tags)) in families
        .iter()
        .flat_map(|keys| [(keys, Encoded::WHOLE), (keys, 35)])
        .enumerate()
    {
        let hash = |bytes| lookup_of(identity::<One>(), Encoded { bytes, tags }).hash;
        let hashes: Vec<u64> = keys.iter().map(|bytes| hash(bytes)).collect();
        assert_even(&format!("bytes {family}"), &hashes);
    }
    type Add = fn(&mut Encoder, u64);
    let arguments: [(&str, Add); 6] = [
        ("a number", |key, n| key.add(&n)),
        ("a multiple", |key, n| key.add(&(n << 40))),
        ("a text", |key, n| key.add(&n.to_string())),
        ("an option", |key, n| key.add(&Some(n as u32))),
        ("a wide one", |key, n| key.add(&(u128::from(n) << 64))),
        ("a page", |key, n| key.add(&("catalogue/00123", n, 7_u32))),
    ];
    for (name, add) in arguments {
        let hash = |n| {
            let mut encoder = Encoder::new();
            add(&mut encoder, n);
            Lookup::new(identity::<One>(), encoder.mixed()).hash
        };
        let hashes: Vec<u64> = (0..KEYS).map(hash).collect();
        assert_even(name, &hashes);
    }
}

fn assert_even(family: &str, hashes: &[u64]) {
    const CELLS: usize = 128;
    for shift in [0, 7, 16, 25, 32, 39, 48, 57] {
        let mut cells = [0_u64; CELLS];
        for hash in hashes {
            cells[(hash >> shift) as usize % CELLS] += 1;
        }
        let mean = (hashes.len() / CELLS) as f64;
        let chi: f64 = cells
            .iter()
            .map(|&n| (n as f64 - mean).powi(2) / mean)
            .sum();
        // 127 degrees of freedom: mean 127, deviation 16. The seeds are random, hence the width.
        assert!(
            chi < 127.0 + 16.0 * 10.0,
            "{family}, bits from {shift}: {chi}"
        );
    }
}
