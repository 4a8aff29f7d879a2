//! The readable names of entries: what an argument's text may not do to them.

use std::fmt;

use cache_core::{blocking, cache_resource, invalidate_cache};

use crate::runs::{run, start};

#[cache_resource("users:{id}", tags("of:{id}"))]
fn user(id: &str) -> u64 {
    let _ = id;
    run()
}

#[invalidate_cache("resource:users:{id}")]
fn rename(id: &str) {
    let _ = id;
}

#[invalidate_cache(tag = "of:{id}")]
fn retag(id: &str) {
    let _ = id;
}

#[test]
fn the_user_called_star_is_not_everybody() {
    start().enter(|| {
        assert_eq!((user("ada"), user("*"), user("a")), (1, 2, 3));
        for wild in ["*", "?", "a*", "[a-z]*", "ad?", "[a]", "\\a", "{id}", ""] {
            rename(wild);
            assert_eq!((user("ada"), user("a")), (1, 3), "{wild}");
        }
        assert_eq!(user("*"), 4, "he is himself");
        for wild in ["*", "?", "a*"] {
            retag(wild);
        }
        assert_eq!((user("ada"), user("a"), user("*")), (1, 3, 5));
    });
}

#[test]
fn what_is_written_and_what_is_invalidated_are_escaped_alike() {
    start().enter(|| {
        let odd = [
            "a:b",
            "a%3Ab",
            "*",
            "?",
            "[x]",
            "\\",
            "{",
            "}",
            "%",
            "%%",
            "\n",
            "\0",
            "ß",
            "",
            " ",
            "\u{1f980}",
        ];
        for id in odd {
            let before = user(id);
            assert_eq!(user(id), before, "{id:?}");
            rename(id);
            let after = user(id);
            assert!(after > before, "{id:?}");
            retag(id);
            assert!(user(id) > after, "{id:?}");
        }
        // Each of them has a name of its own.
        let addresses: std::collections::BTreeSet<_> = odd
            .iter()
            .map(|id| blocking::key_of(|| user(id)).unwrap().address)
            .collect();
        assert_eq!(addresses.len(), odd.len());
    });
}

#[test]
fn the_escapes_are_those_of_the_guide() {
    start().enter(|| {
        let address = |id: &str| blocking::key_of(|| user(id)).unwrap().address;
        assert_eq!(
            address("a:b*c?d[e]f\\g{h}i%j\nk"),
            "resource:users:a%3Ab%2Ac%3Fd%5Be%5Df%5Cg%7Bh%7Di%25j%0Ak"
        );
        assert_eq!(address("Zürich, ß/~.-_"), "resource:users:Zürich, ß/~.-_");
    });
}

/// Writes itself in pieces, as many a `Display` does.
struct Pieces<'a>(&'a [&'a str]);

impl fmt::Display for Pieces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| f.write_str(piece))
    }
}

impl serde::Serialize for Pieces<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cache_resource("pieces:{a}:{b}")]
fn pieces(a: Pieces<'_>, b: u8) -> u64 {
    let _ = (a, b);
    run()
}

#[test]
fn text_in_pieces_is_escaped_in_every_piece() {
    start().enter(|| {
        let key = blocking::key_of(|| pieces(Pieces(&["x:", ":", "*y"]), 3)).unwrap();
        assert_eq!(key.address, "resource:pieces:x%3A%3A%2Ay:3");
    });
}
