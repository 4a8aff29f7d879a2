//! Digests and their text.

use std::collections::BTreeSet;

use super::super::{Digest, Identity, KeyDigest};

const IDENTITY: Identity<'static> = Identity {
    function: "shop::user(id)",
    type_arguments: "",
    version: 0,
    schema: 7,
};

#[test]
fn a_digest_covers_every_part() {
    let plain = |identity: &Identity<'_>, key: &[u8]| Digest::new(None, identity, key);
    let all = [
        plain(&IDENTITY, b"key"),
        plain(&IDENTITY, b"kez"),
        plain(
            &Identity {
                function: "shop::user(ie)",
                ..IDENTITY
            },
            b"key",
        ),
        plain(
            &Identity {
                type_arguments: "u8",
                ..IDENTITY
            },
            b"key",
        ),
        plain(
            &Identity {
                version: 1,
                ..IDENTITY
            },
            b"key",
        ),
        plain(
            &Identity {
                schema: 8,
                ..IDENTITY
            },
            b"key",
        ),
        Digest::new(Some(&[0; 32]), &IDENTITY, b"key"),
        Digest::new(Some(&[1; 32]), &IDENTITY, b"key"),
        // Parts do not run into each other.
        plain(
            &Identity {
                function: "a",
                type_arguments: "bc",
                ..IDENTITY
            },
            b"key",
        ),
        plain(
            &Identity {
                function: "ab",
                type_arguments: "c",
                ..IDENTITY
            },
            b"key",
        ),
    ];
    assert_eq!(
        all.iter()
            .map(|digest| digest.short())
            .collect::<BTreeSet<_>>()
            .len(),
        all.len()
    );
}

#[test]
fn the_head_of_a_digest_is_that_of_every_release() {
    let head = |identity: &Identity<'_>| Digest::new(None, identity, b"key").short().head();
    let all = |version, schema| Identity {
        version,
        schema,
        ..IDENTITY
    };
    let heads: BTreeSet<u64> = [(0, 7), (1, 7), (0, 8), (u64::MAX, 0)]
        .map(|(version, schema)| head(&all(version, schema)))
        .into();
    assert_eq!(heads.len(), 1);
    for other in [
        head(&Identity {
            function: "shop::users(id)",
            ..IDENTITY
        }),
        head(&Identity {
            type_arguments: "u8",
            ..IDENTITY
        }),
        Digest::new(None, &IDENTITY, b"kez").short().head(),
    ] {
        assert!(!heads.contains(&other));
    }
}

#[test]
fn a_digest_is_the_same_for_ever() {
    let digest = Digest::new(None, &IDENTITY, &[42, 0, 0, 0, 0, 0, 0, 0, 11, 1]);
    assert_eq!(digest.short().text(), "dlblrfi34awhdq6varjehvkfoi");
    let keyed = Digest::new(Some(&[5; 32]), &IDENTITY, &[42, 0, 0, 0, 0, 0, 0, 0, 11, 1]);
    assert_eq!(keyed.short().text(), "i6osxq5cqiwhemzufsiuhapqv4");
    assert_eq!(keyed.as_bytes()[..16], keyed.short().to_bytes());
}

#[test]
fn text_is_base32() {
    let text = |bytes| KeyDigest::from_bytes(bytes).text();
    assert_eq!(text([0; 16]), "a".repeat(26));
    assert_eq!(text([255; 16]), format!("{}4", "7".repeat(25)));
    assert_eq!(text(*b"0123456789abcdef"), "gaytemzugu3doobzmfrggzdfmy");
    let digest = KeyDigest::from_bytes(*b"0123456789abcdef");
    assert_eq!(digest.to_string(), digest.text());
    assert_eq!(digest.text().len(), KeyDigest::TEXT_LEN);
    assert_eq!(KeyDigest::from_bytes(digest.to_bytes()), digest);
}
