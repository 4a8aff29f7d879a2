//! Patterns over addresses and tags.

use cache_core::{ErrorKind, blocking, cache, cache_query, cache_resource, invalidate_cache};

use crate::runs::{run, runs, start};

#[cache_resource("books:{shelf}:{id}", tags("shelf:{shelf}"))]
fn book(shelf: &str, id: u32) -> u64 {
    let _ = (shelf, id);
    run()
}

#[cache_query]
fn books() -> u64 {
    run()
}

/// Which of the calls had to run again.
fn reached() -> Vec<&'static str> {
    let calls: [(&str, &dyn Fn() -> u64); 5] = [
        ("a1", &|| book("a", 1)),
        ("a2", &|| book("a", 2)),
        ("b1", &|| book("b", 1)),
        ("bb10", &|| book("bb", 10)),
        ("books", &books),
    ];
    let mut again = Vec::new();
    for (name, call) in calls {
        let before = runs();
        call();
        if runs() > before {
            again.push(name);
        }
    }
    again
}

#[track_caller]
fn check(pattern: &str, expected: &[&str]) {
    blocking::invalidate_pattern(pattern).unwrap();
    assert_eq!(reached(), expected, "{pattern}");
    assert_eq!(reached(), [""; 0], "{pattern}, a second time");
}

#[test]
fn patterns_match_whole_addresses() {
    start().enter(|| {
        reached();
        check("resource:books:a:1", &["a1"]);
        check("resource:books:a", &[]);
        check("books:a:1", &[]);
        check("resource:books:a:*", &["a1", "a2"]);
        check("resource:books:*", &["a1", "a2", "b1", "bb10"]);
        check("resource:*", &["a1", "a2", "b1", "bb10"]);
        check("*", &["a1", "a2", "b1", "bb10", "books"]);
        check("**", &["a1", "a2", "b1", "bb10", "books"]);
        check("*:1", &["a1", "b1"]);
        check("*1*", &["a1", "b1", "bb10"]);
        check("resource:*:b*:1*", &["b1", "bb10"]);
        check("resource:books:?:1", &["a1", "b1"]);
        check("resource:books:?:?", &["a1", "a2", "b1"]);
        check("resource:books:??:??", &["bb10"]);
        check("resource:books:[a-c]:1", &["a1", "b1"]);
        check("resource:books:[^a]:1", &["b1"]);
        check("resource:books:[ac]:[12]", &["a1", "a2"]);
        check("resource:books:[x]:*", &[]);
        check("query:books:*", &["books"]);
        check("resource:books:\\*:1", &[]);
        check("resource:\\books:a:1", &["a1"]);
        check("Resource:*", &[]);
    });
}

#[test]
fn digests_are_not_matched_and_addresses_that_hold_one_are() {
    start().enter(|| {
        reached();
        let key = blocking::key_of(books).unwrap();
        check(&key.digest, &[]);
        check(&key.address, &["books"]);
    });
}

#[test]
fn tags_are_matched_as_tags() {
    start().enter(|| {
        reached();
        check("tag:shelf:*", &["a1", "a2", "b1", "bb10"]);
        check("tag:shelf:?", &["a1", "a2", "b1"]);
        check("tag:shelf:[b]*", &["b1", "bb10"]);
        check("shelf:*", &[]);
        check("tag:shelf:a", &["a1", "a2"]);
    });
}

#[cache("tag:{id}")]
fn addressed_like_a_tag(id: u64) -> u64 {
    let _ = id;
    run()
}

#[test]
fn an_address_that_looks_like_a_tag_is_an_address() {
    start().enter(|| {
        assert_eq!(addressed_like_a_tag(1), 1);
        blocking::invalidate_tag("1").unwrap();
        assert_eq!(addressed_like_a_tag(1), 1);
        blocking::invalidate_pattern("tag:1").unwrap();
        assert_eq!(addressed_like_a_tag(1), 2);
    });
}

#[test]
fn a_pattern_that_does_not_parse_is_an_error_and_invalidates_nothing() {
    let test = start();
    test.enter(|| {
        reached();
        for pattern in ["", "[", "[a", "[]", "a[b-]", "\\", "resource:\\"] {
            let error = blocking::invalidate_pattern(pattern).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Pattern, "{pattern}");
            assert!(error.to_string().contains("help:"), "{error}");
        }
        assert_eq!(reached(), [""; 0]);
    });
    assert_eq!(test.cache().stats().invalidations, 0);
}

#[invalidate_cache("resource:books:[ab]:{id}")]
fn recatalogue(id: u32) {
    let _ = id;
}

#[invalidate_cache("*:books:{shelf}:*", tag = "shelf:{shelf}x")]
fn move_shelf(shelf: &str) {
    let _ = shelf;
}

#[invalidate_cache("tag:shelf:{shelf}")]
fn by_tag_address(shelf: &str) {
    let _ = shelf;
}

#[test]
fn attributes_take_patterns_too() {
    start().enter(|| {
        reached();
        recatalogue(1);
        assert_eq!(reached(), ["a1", "b1"]);
        move_shelf("b");
        assert_eq!(reached(), ["b1"]);
        move_shelf("*");
        assert_eq!(reached(), [""; 0]);
        by_tag_address("bb");
        assert_eq!(reached(), ["bb10"]);
    });
}
