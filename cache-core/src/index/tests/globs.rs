//! Patterns that are no prefixes: few are tried, the others become prefixes.

use super::super::globs::MAX_GLOBS;
use super::super::read;
use super::*;

#[test]
fn there_are_never_more_than_can_be_tried() {
    let index = index(100_000);
    for id in 0..10 * MAX_GLOBS {
        index.append(vec![pattern(&format!("query:*:{id}"))]);
    }
    let state = read(&index.state);
    assert_eq!(state.logged.globs.len(), MAX_GLOBS);
    assert_eq!(state.logged.prefixes.len(), 1, "one prefix for all of them");
}

#[test]
fn what_is_not_tried_any_more_is_a_prefix_up_to_its_own_position() {
    let index = index_of_few(100, 2);
    let before = index.applied();
    for id in ["1", "2", "3"] {
        index.append(vec![pattern(&format!("query:*:{id}"))]);
    }
    // The first has become `query:*`.
    for (dep, since) in [
        ("query:a:1", 1),
        ("query:a:2", 2),
        ("query:a:3", 3),
        ("query:a:9", 1),
    ] {
        for stamp in 0..=3 {
            let wanted = stamp >= since;
            assert_eq!(
                valid(&index, at(stamp), &entry(dep)),
                wanted,
                "{dep} of {stamp}"
            );
        }
    }
    assert!(
        valid(&index, before, &entry("result:a:1")),
        "another prefix"
    );
}

#[test]
fn a_pattern_said_again_is_the_newest() {
    let index = index_of_few(100, 2);
    for name in ["a", "b", "a", "c"] {
        index.append(vec![pattern(&format!("*{name}"))]);
    }
    // `*b` has become a prefix, at 2.
    assert!(!valid(&index, at(1), &entry("z")));
    assert!(valid(&index, at(2), &entry("z")));
    assert!(!valid(&index, at(2), &entry("a")) && valid(&index, at(3), &entry("a")));
}

/// Else the maps would grow for ever, and floors would rise for nothing.
#[test]
fn prefixes_that_were_patterns_are_forgotten_with_their_records() {
    let index = index_of_few(8, 2);
    for n in 0..200 {
        let n = n % 7;
        index.append(vec![pattern(&format!("{n}*x"))]);
    }
    {
        let state = read(&index.state);
        assert_eq!(
            state.floor,
            at(0),
            "each was said again before it was forgotten"
        );
        assert!(state.logged.globs.len() <= 2);
        let prefixes: usize = state.logged.prefixes.values().map(|map| map.len()).sum();
        assert!(prefixes <= 8, "{prefixes}");
    }
    for _ in 0..8 {
        index.append(vec![tag("t")]);
    }
    let state = read(&index.state);
    assert!(state.logged.prefixes.is_empty() && state.logged.globs.len() == 0);
}
