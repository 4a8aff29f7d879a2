use proptest::collection::vec;
use proptest::prelude::*;

use super::{MOST, Matcher, pack, unpack};
use crate::key::KeyDigest;
use crate::pattern::Pattern;

fn key(address: &str) -> Matcher {
    Matcher::Key(KeyDigest::from_bytes(*b"0123456789abcdef"), address.into())
}

fn glob(pattern: &str) -> Matcher {
    Matcher::Glob(Pattern::parse(pattern).unwrap().into())
}

/// Kinds and texts: matchers are not compared anywhere else.
fn said(matchers: &[Matcher]) -> Vec<String> {
    matchers.iter().map(|one| format!("{one:?}")).collect()
}

fn everything(bytes: &[u8]) -> bool {
    matches!(unpack(bytes)[..], [Matcher::All])
}

#[test]
fn bytes_are_the_same_for_ever() {
    let bytes = pack(&[
        key("a:ü"),
        Matcher::Address("b".into()),
        Matcher::Tag("c".into()),
        Matcher::Prefix("".into()),
        glob("d*e"),
        Matcher::All,
    ]);
    assert_eq!(
        bytes.escape_ascii().to_string(),
        r"K\x00\x140123456789abcdefa:\xc3\xbcN\x00\x01bT\x00\x01cP\x00\x00G\x00\x03d*eA\x00\x00"
    );
}

#[test]
fn a_record_without_matchers_says_nothing() {
    assert_eq!(pack(&[]), b"");
    assert!(unpack(b"").is_empty());
}

#[test]
fn what_cannot_be_read_is_everything() {
    for bytes in [
        &b"X\x00\x01a"[..],
        b"T",
        b"T\x00",
        b"T\x00\x02a",
        b"T\x00\x01\xff",
        b"K\x00\x0f0123456789abcde",
        b"K\x00\x110123456789abcdef\xff",
        b"G\x00\x02[a",
        b"G\x00\x00",
        b"T\x00\x01aT\x00\x02b",
        b"\x00",
    ] {
        assert!(everything(bytes), "{}", bytes.escape_ascii());
    }
}

#[test]
fn what_cannot_be_written_is_everything() {
    let longest = "x".repeat(65_535);
    let (longer, longest_of_key) = (format!("{longest}x"), "x".repeat(65_535 - 16));
    assert!(everything(&pack(&[Matcher::Tag(longer.as_str().into())])));
    assert!(everything(&pack(&[key(&longest)])));
    for fits in [Matcher::Tag(longest.as_str().into()), key(&longest_of_key)] {
        let again = unpack(&pack(std::slice::from_ref(&fits)));
        assert_eq!(said(&again), said(&[fits]));
    }
}

#[test]
fn too_many_are_everything() {
    let tags = vec![Matcher::Tag("t".into()); MOST + 1];
    assert_eq!(unpack(&pack(&tags[1..])).len(), MOST);
    assert_eq!(pack(&tags), b"A\x00\x00");
    let mut bytes = pack(&tags[1..]);
    bytes.extend_from_slice(b"T\x00\x01t");
    assert!(everything(&bytes));
}

/// A glob that another release writes, or a person.
#[test]
fn a_pattern_is_read_as_what_it_is() {
    assert!(matches!(&unpack(b"G\x00\x03ab*")[..], [Matcher::Prefix(p)] if **p == *"ab"));
    assert!(matches!(&unpack(b"G\x00\x02ab")[..], [Matcher::Address(a)] if **a == *"ab"));
    assert!(everything(b"G\x00\x01*"));
}

fn matchers() -> impl Strategy<Value = Vec<Matcher>> {
    let text = || "\\PC{0,12}";
    let one = prop_oneof![
        (any::<[u8; 16]>(), text())
            .prop_map(|(key, text)| Matcher::Key(KeyDigest::from_bytes(key), text.into())),
        text().prop_map(|text| Matcher::Address(text.into())),
        text().prop_map(|text| Matcher::Tag(text.into())),
        text().prop_map(|text| Matcher::Prefix(text.into())),
        "[a-c]{0,3}[*?][a-c]{1,3}".prop_map(|text| glob(&text)),
        Just(Matcher::All),
    ];
    vec(one, 0..8)
}

proptest! {
    #[test]
    fn what_is_written_is_read(matchers in matchers()) {
        prop_assert_eq!(said(&unpack(&pack(&matchers))), said(&matchers));
    }

    #[test]
    fn anything_is_read(bytes in vec(prop_oneof![any::<u8>(), Just(b'K'), Just(b'G'), Just(0), Just(1)], 0..64)) {
        unpack(&bytes);
    }

    /// A cut record invalidates what it did, or everything.
    #[test]
    fn a_cut_record_invalidates_no_less(matchers in matchers(), cut in any::<prop::sample::Index>()) {
        let bytes = pack(&matchers);
        prop_assume!(!bytes.is_empty());
        let cut = &bytes[..cut.index(bytes.len())];
        let ends: Vec<usize> = (0..=matchers.len()).map(|n| pack(&matchers[..n]).len()).collect();
        prop_assert!(ends.contains(&cut.len()) || everything(cut));
    }
}
