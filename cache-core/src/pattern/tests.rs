use proptest::prelude::*;

use super::{Pattern, PatternShape, Reach};
use crate::address::{Piece, TemplatePart, render};

fn matches(pattern: &str, address: &str) -> bool {
    Pattern::parse(pattern).unwrap().matches(address)
}

fn overlaps(pattern: &str, template: &[TemplatePart<'_>]) -> bool {
    let pattern = [TemplatePart::Text(pattern)];
    Reach::pattern(&pattern).unwrap().overlaps(template)
}

#[test]
fn wildcards_mean_what_they_mean_in_redis() {
    assert!(matches("resource:users:*", "resource:users:42"));
    assert!(matches("resource:users:*", "resource:users:"));
    assert!(matches("resource:*:1", "resource:users:eu:1"));
    assert!(!matches("resource:users:*", "resource:user:42"));
    assert!(matches("h?llo", "hello") && !matches("h?llo", "hllo"));
    assert!(matches("h[ae]llo", "hallo") && !matches("h[ae]llo", "hillo"));
    assert!(matches("h[^e]llo", "hallo") && !matches("h[^e]llo", "hello"));
    assert!(
        matches("h[a-c]llo", "hbllo")
            && matches("h[c-a]llo", "hbllo")
            && !matches("h[a-c]llo", "hdllo")
    );
    assert!(
        matches(r"h[\^\]\-\\]o", "h^o")
            && matches(r"h[\^\]\-\\]o", "h]o")
            && matches(r"h[\^\]\-\\]o", r"h\o")
    );
    assert!(matches(r"a\*b", "a*b") && !matches(r"a\*b", "axb"));
    assert!(matches("[!a]", "!") && matches("[a^]", "^") && matches("[*?]", "*"));
    assert!(matches("ä??", "äß") && !matches("ä?", "äß"));
    assert!(matches("*", "") && matches("**", "a") && !matches("?", ""));
}

#[test]
fn an_escaped_argument_is_no_wildcard() {
    let mut address = String::new();
    render(&[Piece::Text("users:"), Piece::Arg(&"*")], &mut address).unwrap();
    assert!(matches("users:*", &address));
    assert!(!matches(&address, "users:ada"));
}

#[test]
fn shapes() {
    let shape = |pattern| Pattern::parse(pattern).unwrap().shape().clone();
    let glob = |prefix: &str| PatternShape::Glob {
        literal_prefix: prefix.into(),
    };
    assert_eq!(shape("abc"), PatternShape::Exact("abc".into()));
    assert_eq!(shape(r"a\*\ä"), PatternShape::Exact("a*ä".into()));
    assert_eq!(shape("ab:*"), PatternShape::Prefix("ab:".into()));
    assert_eq!(shape(r"ä\***"), PatternShape::Prefix("ä*".into()));
    assert_eq!(shape("*"), PatternShape::All);
    assert_eq!(shape("***"), PatternShape::All);
    assert_eq!(shape("ä*b"), glob("ä"));
    assert_eq!(shape("ab?"), glob("ab"));
    assert_eq!(shape("ab[c]d*"), glob("ab"));
    assert_eq!(shape("*a"), glob(""));
    assert_eq!(shape("?*"), glob(""));
    assert_eq!(Pattern::parse("a**").unwrap().as_str(), "a**");
}

#[test]
fn malformed_patterns_say_where_and_what_to_type() {
    let error = |pattern| {
        let error = Pattern::parse(pattern).unwrap_err();
        (error.offset(), error.to_string())
    };
    for (pattern, offset, help) in [
        ("", 0, "write `*` for everything"),
        ("ab\\", 2, r"write `\\`"),
        ("ä[bc", 2, r"add `]`, or write `\[`"),
        ("a[", 1, "add `]`"),
        ("a[^", 1, "add `]`"),
        ("a[b\\]", 1, "add `]`"),
        ("a[b\\", 1, "add `]`"),
        ("*[a-]", 1, r"write `\-]`"),
        ("a[]b]", 1, r"write `\[\]`"),
        ("a[^]", 1, r"write `\[\]`"),
    ] {
        let (at, message) = error(pattern);
        assert_eq!(at, offset, "{pattern}: {message}");
        assert!(message.contains(help), "{pattern}: {message}");
        assert!(
            offset == 0 || message.contains(&format!("byte {offset}")),
            "{pattern}: {message}"
        );
    }
    assert!(
        matches("[a-]b]", "b") && matches("[a-]b]", "^"),
        "a range up to the bracket, as Redis reads it"
    );
}

#[test]
fn a_forgotten_format_is_no_pattern() {
    for (pattern, offset) in [
        ("resource:users:{id}", Some(15)),
        ("*{", Some(1)),
        (r"\\\{{", Some(4)),
        ("[{]{}", Some(3)),
        (r"users:\{id}", None),
        ("[{]}", None),
        (r"[\]{]", None),
        ("users:*", None),
    ] {
        let found = Pattern::by_hand(pattern)
            .map(|_| ())
            .map_err(|e| e.offset());
        assert_eq!(found, offset.map_or(Ok(()), Err), "{pattern}");
        assert!(
            Pattern::parse(pattern).is_ok(),
            "{pattern}: a template may have written `{{{{`"
        );
    }
    let error = Pattern::by_hand("users:{id}").unwrap_err().to_string();
    assert!(
        error.contains("format!") && error.contains(r"`\{`"),
        "{error}"
    );
    assert_eq!(Pattern::by_hand("a[").unwrap_err().offset(), 1);
}

/// The macros check the same cases at compile time.
#[test]
fn patterns_are_what_the_macros_take_for_patterns() {
    let cases = include_str!("cases.txt");
    let mut seen = 0;
    for case in cases.lines().filter(|line| !line.starts_with('#')) {
        let (verdict, pattern) = case.split_once(' ').unwrap();
        let message = match verdict {
            "ok" => "",
            "backslash" => "has nothing to escape",
            "open" => "is not closed; help",
            "range" => "its `-]` is a range",
            "empty" => "holds nothing",
            _ => unreachable!("{case}"),
        };
        let error =
            Pattern::parse(pattern.trim_start()).map_or_else(|e| e.to_string(), |_| String::new());
        assert_eq!(error.is_empty(), message.is_empty(), "{case}: {error}");
        assert!(error.contains(message), "{case}: {error}");
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
}

/// What the documentation of Redis says, in the most direct form, over the pattern's text.
fn naive(pattern: &[u8], address: &[u8]) -> bool {
    match (pattern, address) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=address.len()).any(|skip| naive(rest, &address[skip..])),
        ([b'?', rest @ ..], [_, tail @ ..]) => naive(rest, tail),
        ([b'[', rest @ ..], [byte, tail @ ..]) => {
            let (negated, mut rest) = if rest[0] == b'^' {
                (true, &rest[1..])
            } else {
                (false, rest)
            };
            let mut found = false;
            while rest[0] != b']' {
                if rest[0] == b'\\' {
                    found |= rest[1] == *byte;
                    rest = &rest[2..];
                } else if rest[1] == b'-' && rest.len() >= 3 {
                    let (a, b) = (rest[0].min(rest[2]), rest[0].max(rest[2]));
                    found |= (a..=b).contains(byte);
                    rest = &rest[3..];
                } else {
                    found |= rest[0] == *byte;
                    rest = &rest[1..];
                }
            }
            found != negated && naive(&rest[1..], tail)
        }
        ([b'\\', literal, rest @ ..], [byte, tail @ ..]) => literal == byte && naive(rest, tail),
        ([literal, rest @ ..], [byte, tail @ ..]) => literal == byte && naive(rest, tail),
        _ => false,
    }
}

/// Whether a template with holes for runs without `:` makes an address.
fn makes(template: &[TemplatePart<'_>], address: &str) -> bool {
    match template {
        [] => address.is_empty(),
        [TemplatePart::Text(text), rest @ ..] => address
            .strip_prefix(text)
            .is_some_and(|tail| makes(rest, tail)),
        [TemplatePart::Hole, rest @ ..] => {
            let end = address.find(':').unwrap_or(address.len());
            (0..=end).any(|len| makes(rest, &address[len..]))
        }
    }
}

/// Every address of up to `len` letters of `a`, `b` and `:`.
fn addresses(len: u32) -> impl Iterator<Item = String> {
    (0..=len).flat_map(|len| {
        (0..3_usize.pow(len)).map(move |number| {
            (0..len)
                .map(|at| ['a', 'b', ':'][number / 3_usize.pow(at) % 3])
                .collect()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn matching_agrees_with_the_naive_matcher(
        pattern in prop_oneof![r"[ab*?:]{1,9}", r"([ab*?:]|\[\^?[ab:]{1,2}\]|\[a-b\]){1,6}", r"[ab*?\[\]\\^:-]{1,9}"],
        address in r"[ab:]{0,10}|[ab*?\[\]\\^:-]{0,8}",
    ) {
        if let Ok(parsed) = Pattern::parse(&pattern) {
            let expected = naive(pattern.as_bytes(), address.as_bytes());
            prop_assert_eq!(parsed.matches(&address), expected);
            prop_assert_eq!(parsed.run(address.as_bytes()).0, expected, "without the short cuts");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Small enough that a common address, if there is one, is among the short ones.
    #[test]
    fn overlap_is_exact(
        pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", ":", "*", "?", "[^a]", "[b-:]"]), 1..5),
        template in prop::collection::vec(prop::sample::select(vec!["a", "b", ":", "{}"]), 0..4),
    ) {
        let template = template.iter().map(|part| match *part {
            "{}" => TemplatePart::Hole,
            text => TemplatePart::Text(text),
        }).collect::<Vec<_>>();
        let pattern = Pattern::parse(&pattern.concat()).unwrap();
        let common = addresses(7).find(|address| pattern.matches(address) && makes(&template, address));
        prop_assert_eq!(overlaps(pattern.as_str(), &template), common.is_some(), "{:?}", common);
    }

    #[test]
    fn a_match_is_an_overlap(pattern in r"([a-c:%*?23A]|\[\^?[a-c:%]\]){1,8}", a in "[a-c:*%]{0,4}", b in "[a-c:*%]{0,4}") {
        let mut address = String::new();
        render(&[Piece::Arg(&a), Piece::Text(":"), Piece::Arg(&b)], &mut address).unwrap();
        let pattern = Pattern::parse(&pattern).unwrap();
        let template = [TemplatePart::Hole, TemplatePart::Text(":"), TemplatePart::Hole];
        prop_assert!(!pattern.matches(&address) || overlaps(pattern.as_str(), &template), "{}", address);
    }
}

#[test]
fn overlap_knows_what_an_argument_can_look_like() {
    let overlaps = |pattern: &str| {
        let template = [TemplatePart::Text("users:"), TemplatePart::Hole];
        overlaps(pattern, &template)
    };
    assert!(
        overlaps("users:*")
            && overlaps("users:42")
            && overlaps("users:")
            && overlaps("*")
            && overlaps("*s:?")
    );
    assert!(
        !overlaps("orders:*") && !overlaps("users") && !overlaps("users:a:b") && !overlaps("user")
    );
    assert!(overlaps("users:*4*") && !overlaps("users:*:*"));
    assert!(overlaps("users:%3A") && overlaps("users:%2?x") && overlaps("users:ä"));
    assert!(
        !overlaps("users:%3a")
            && !overlaps("users:%41")
            && !overlaps("users:*%")
            && !overlaps("users:%2")
    );
    assert!(!overlaps(r"users:\*") && !overlaps("users:{}") && !overlaps("users:[:*]"));
}

#[test]
fn an_argument_of_an_invalidation_stays_in_its_segment() {
    use TemplatePart::{Hole, Text};
    let users = [Text("users:"), Hole];
    let posts = [Text("users:"), Hole, Text(":posts")];
    let reaches = |parts: &[TemplatePart<'_>], template: &[TemplatePart<'_>]| {
        let text = Reach::text(parts).overlaps(template);
        assert_eq!(Reach::pattern(parts).unwrap().overlaps(template), text);
        text
    };
    assert!(reaches(&users, &users) && reaches(&posts, &posts));
    assert!(!reaches(&users, &posts) && !reaches(&posts, &users));
    assert!(reaches(&[Hole, Text(":"), Hole], &users) && !reaches(&[Hole], &users));
    assert!(reaches(&users, &[Text("users:ad"), Hole, Text("a%3A")]));
    assert!(!reaches(&users, &[Text("users:a*")]));
    // As a pattern, and as a text.
    let all = [Text("users:"), Hole, Text(":*")];
    assert!(Reach::pattern(&all).unwrap().overlaps(&posts));
    assert!(!Reach::text(&all).overlaps(&posts));
    assert!(!Reach::pattern(&all).unwrap().overlaps(&users));
    for torn in [
        [Text("a["), Hole, Text("]")],
        [Text(r"a\"), Hole, Text("]")],
    ] {
        assert!(Reach::pattern(&torn).is_err());
    }
}

/// Counted, not timed: a matcher that tries every way to share out the runs needs more than 10¹⁵ steps here.
#[test]
fn many_runs_are_no_bomb() {
    let pattern = format!("{}b", "a*".repeat(40));
    let address = "a".repeat(80);
    let (found, steps) = Pattern::parse(&pattern).unwrap().run(address.as_bytes());
    assert!(!found);
    assert!(steps <= pattern.len() * address.len(), "{steps} steps");

    let pattern = format!("*{}b*{}b", "a".repeat(40), "?".repeat(30));
    let (found, steps) = Pattern::parse(&pattern).unwrap().run(address.as_bytes());
    assert!(!found);
    assert!(steps <= pattern.len() * address.len(), "{steps} steps");
}
