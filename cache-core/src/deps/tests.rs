use super::{ADDRESS, Dep, hash, pack, unpack, unpack_beside};
use crate::key::KeyDigest;

fn entry(address: &str) -> Dep {
    Dep::entry(KeyDigest::from_bytes(*b"0123456789abcdef"), address.into())
}

/// Hashes and all.
fn said(deps: &[Dep]) -> String {
    format!("{deps:?}")
}

#[test]
fn dependencies_come_back_with_their_hashes() {
    let deps = [
        entry("users:1"),
        entry(""),
        Dep::tag("tag:tenant:ü"),
        Dep::Prefix("tag:a".into()),
        Dep::Prefix("".into()),
    ];
    assert_eq!(said(&unpack(&pack(&deps)).unwrap()), said(&deps));
    assert!(unpack(b"").is_some_and(|deps| deps.is_empty()));
    assert_eq!(
        pack(&deps[..1]).escape_ascii().to_string(),
        r"K\x00\x170123456789abcdefusers:1"
    );
    assert_eq!(pack(&deps[2..3])[..7], *b"T\x00\x0dtag:");
}

#[test]
fn an_entry_without_a_name_is_one_that_has_its_digest_for_one() {
    let key = KeyDigest::from_bytes(*b"0123456789abcdef");
    let long = &*"x".repeat(1_000).leak();
    for head in ["query:load:", "", long] {
        let text = format!("{head}{key}");
        let named = Dep::entry(key, text.as_str().into());
        let unnamed = Dep::unnamed(key, head);
        assert_eq!(
            said(&unpack(&pack(std::slice::from_ref(&unnamed))).unwrap()),
            said(std::slice::from_ref(&named))
        );
        for dep in [named, unnamed] {
            assert_eq!((&*dep.text(), dep.seen()), (&*text, head));
            assert_eq!(dep.hashes().unwrap()[1], hash(ADDRESS, text.as_bytes()));
            assert!(dep.is(&text) && !dep.is(head) && !dep.is(&format!("{text}x")));
            assert!(dep.is_packed(b'K', &[&key.to_bytes(), text.as_bytes()].concat()));
            assert!(!dep.is_packed(b'K', &[&key.to_bytes(), head.as_bytes()].concat()));
        }
    }
}

#[test]
fn of_those_that_are_known_nothing_is_made() {
    let deps = [entry("users:1"), Dep::tag("a"), Dep::tag("b")];
    let beside = |own: &[Dep]| said(&unpack_beside(&pack(&deps), own).unwrap());
    assert_eq!(beside(&[]), said(&deps));
    assert_eq!(beside(&deps), said(&[]));
    assert_eq!(beside(&deps[1..]), said(&deps[..1]));
    assert_eq!(
        beside(&[entry("users:2"), Dep::Prefix("a".into())]),
        said(&deps)
    );
    let other = Dep::entry(KeyDigest::from_bytes([1; 16]), "users:1".into());
    assert_eq!(beside(&[other, Dep::tag("c")]), said(&deps));
    assert!(unpack_beside(b"X\x00\x00", &deps).is_none());
}

#[test]
fn what_is_no_dependency_is_not_read() {
    for bytes in [
        &b"N\x00\x01a"[..],
        b"G\x00\x01a",
        b"A\x00\x00",
        b"X\x00\x00",
        b"T\x00\x02a",
        b"T\x00\x01\xff",
        b"T\x00\x01aK\x00\x00",
    ] {
        assert!(unpack(bytes).is_none(), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_text_that_is_too_long_becomes_a_prefix_of_it() {
    // The limit falls between the two bytes of an `ä`.
    let long = "ä".repeat(40_000);
    for dep in [
        entry(&long),
        Dep::tag(&long),
        Dep::Prefix(long.as_str().into()),
    ] {
        let deps = unpack(&pack(std::slice::from_ref(&dep))).unwrap();
        assert!(matches!(&deps[..], [Dep::Prefix(head)]
                if dep.text().starts_with(&**head) && (65_532..=65_535).contains(&head.len())),);
    }
}
