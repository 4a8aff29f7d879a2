//! Every kind of matcher against every kind of dependency.

use super::*;

/// `(matcher, dependency, whether it must match)`; for coarse dependencies "must not" would be too much to ask.
fn table() -> Vec<(Matcher, Dep, bool)> {
    let user = || entry("resource:users:42");
    let label = || Dep::tag("tenant:7");
    let users = || Dep::Prefix("resource:users:".into());
    let tenants = || Dep::Prefix("tag:tenant:".into());
    vec![
        (key("resource:users:42"), user(), true),
        (key("resource:users:43"), user(), false),
        (address("resource:users:42"), user(), true),
        (address("resource:users:4"), user(), false),
        (address("resource:users:421"), user(), false),
        (tag("tenant:7"), user(), false),
        (tag("resource:users:42"), user(), false),
        (prefix("resource:users:"), user(), true),
        (prefix("resource:users:42"), user(), true),
        (prefix("resource:users:42:"), user(), false),
        (prefix("resource:orders:"), user(), false),
        (prefix(""), user(), true),
        (glob("resource:us*"), user(), true),
        (glob("resource:or*"), user(), false),
        (Matcher::All, user(), true),
        (pattern("resource:users:42"), user(), true),
        (pattern("resource:users:*"), user(), true),
        (pattern("*"), user(), true),
        (pattern("tag:*"), user(), false),
        (key("tenant:7"), label(), false),
        (key("tag:tenant:7"), label(), false),
        (address("tenant:7"), label(), false),
        (tag("tenant:7"), label(), true),
        (tag("tenant:77"), label(), false),
        (prefix("tag:tenant:"), label(), true),
        (prefix("tenant:"), label(), false),
        (glob("tag:ten*"), label(), true),
        (glob("ten*"), label(), false),
        (Matcher::All, label(), true),
        // A pattern that happens to have no wildcard is a pattern all the same.
        (pattern("tag:tenant:7"), label(), true),
        (pattern("tag:tenant:8"), label(), false),
        (pattern("tag:tenant:*"), label(), true),
        (pattern("tenant:7"), label(), false),
        (pattern("*"), label(), true),
        (key("resource:users:42"), users(), true),
        (key("resource:orders:42"), users(), false),
        (address("resource:users:42"), users(), true),
        (address("resource:orders:42"), users(), false),
        (tag("tenant:7"), users(), false),
        (prefix("resource:"), users(), true),
        (prefix("resource:users:42"), users(), true),
        (prefix("resource:orders:"), users(), false),
        (glob("resource:us*"), users(), true),
        (Matcher::All, users(), true),
        (pattern("resource:users:42"), users(), true),
        (tag("tenant:7"), tenants(), true),
        (tag("region:7"), tenants(), false),
        (pattern("tag:tenant:7"), tenants(), true),
        (pattern("tag:*"), tenants(), true),
        (Matcher::All, tenants(), true),
    ]
}

#[test]
fn every_matcher_meets_the_dependencies_that_it_names() {
    for (matcher, dep, matches) in table() {
        let what = format!("{} against {dep:?}", matcher.text());
        let index = index(100);
        let before = index.applied();
        let position = index.append(vec![matcher]);
        assert_eq!(position, at(1));
        assert_eq!(valid(&index, before, &dep), !matches, "{what}");
        assert!(
            valid(&index, position, &dep),
            "{what}: what began after the record"
        );
    }
}

/// Who asks a matcher by itself is told the same, or rather too much.
#[test]
fn a_matcher_by_itself_names_what_it_names_in_a_record() {
    for (matcher, dep, matches) in table() {
        let coarse = matches!(dep, Dep::Prefix(_));
        let what = format!("{} against {dep:?}", matcher.text());
        assert_eq!(matcher.names(&dep), matches || coarse, "{what}");
    }
}

#[test]
fn a_record_with_several_matchers_is_one_position() {
    let index = index(100);
    let before = index.applied();
    let position = index.append(vec![tag("a"), address("x:1"), prefix("y:")]);
    assert_eq!(position, at(1));
    for dep in [Dep::tag("a"), entry("x:1"), entry("y:9")] {
        assert!(!valid(&index, before, &dep));
        assert!(valid(&index, position, &dep));
    }
    assert!(valid(&index, before, &entry("z:1")));
}

#[test]
fn one_dependency_of_many_is_enough() {
    let index = index(100);
    let before = index.applied();
    let deps = [
        entry("a:1"),
        entry("b:2"),
        Dep::tag("t"),
        Dep::Prefix("c:".into()),
    ];
    assert!(index.check(before, 0, &deps).valid);
    for matcher in [address("a:1"), key("b:2"), tag("t"), address("c:77")] {
        let before = index.applied();
        index.append(vec![matcher]);
        assert!(!index.check(before, 0, &deps).valid);
        assert!(index.check(index.applied(), 0, &deps).valid);
    }
}

#[test]
fn no_dependencies_are_met_by_nothing_and_floored_all_the_same() {
    let index = index(1);
    let before = index.applied();
    index.append(vec![Matcher::All]);
    assert!(index.check(before, 0, &[]).valid);
    index.append(vec![tag("a")]);
    assert!(
        !index.check(before, 0, &[]).valid,
        "`*` was forgotten, and nothing newer says the same"
    );
}

#[test]
fn stamps_of_nowhere_are_invalid() {
    let index = index(10);
    let dep = entry("a:1");
    assert!(!valid(&index, Position::ZERO, &dep));
    assert!(!valid(&index, at(1), &dep), "the future");
    assert!(valid(&index, at(0), &dep));
    let earlier = Position {
        generation: GENERATION - 1,
        sequence: 99,
    };
    let later = Position {
        generation: GENERATION + 1,
        sequence: 0,
    };
    assert!(!valid(&index, earlier, &dep) && !valid(&index, later, &dep));
}

#[test]
fn each_change_has_a_version_of_its_own() {
    let index = index(10);
    let dep = entry("a:1");
    let first = index.check(at(0), 0, std::slice::from_ref(&dep));
    assert_eq!((first.version, first.applied), (index.version(), at(0)));
    index.append(vec![tag("a")]);
    let second = index.check(at(0), 0, std::slice::from_ref(&dep));
    assert_ne!(first.version, second.version);
    assert_eq!((second.version, second.applied), (index.version(), at(1)));
}

#[test]
fn a_digest_is_seen_by_no_pattern() {
    let dep = undescribed("query:orders:", "some arguments");
    let text = digest("some arguments").to_string();
    for (seen, wanted) in [
        ("query:orders:*".to_owned(), true),
        ("query:*".into(), true),
        ("*orders*".into(), true),
        ("query:orders".into(), false),
        ("query:orders:".into(), false),
        (format!("query:orders:{}*", &text[..1]), false),
        (format!("*{}*", &text[3..9]), false),
        (format!("*{}", &text[20..]), false),
        ("query:orders:?*".into(), false),
        // No pattern: the address, as `key_of` gives it.
        (format!("query:orders:{text}"), true),
    ] {
        let index = index(100);
        let before = index.applied();
        index.append(vec![pattern(&seen)]);
        assert_eq!(!valid(&index, before, &dep), wanted, "{seen}");
    }
    // Another's digest is a text like any other.
    let other = Dep::entry(digest("other"), format!("query:orders:{text}").into());
    let index = index(100);
    index.append(vec![pattern(&format!("*{}*", &text[3..9]))]);
    assert!(!valid(&index, at(0), &other));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_a_pattern_matches_does_not_depend_on_a_digest(
        source in r"[ab:*?]{0,4}[a-d2-4*?]{0,3}\*?",
        head in "[ab]{0,3}:",
        arguments in "[a-z]{1,16}",
    ) {
        let parsed = Pattern::parse(&source);
        proptest::prop_assume!(parsed.is_ok());
        let parsed = parsed.unwrap();
        let wild = source.contains(['*', '?']);
        let index = index(100);
        index.append(vec![Matcher::from(parsed.clone())]);
        let dead = !valid(&index, at(0), &undescribed(&head, &arguments));
        proptest::prop_assert_eq!(dead, wild && parsed.matches(&head));
    }
}
