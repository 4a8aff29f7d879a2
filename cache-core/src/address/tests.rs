use std::fmt;

use proptest::prelude::*;

use super::{Piece, is_escaped, render, unescape};

fn argument(text: &str) -> String {
    let mut address = String::new();
    render(&[Piece::Arg(&text)], &mut address).unwrap();
    address
}

#[test]
fn pieces_are_appended() {
    let mut address = String::from("resource:");
    render(
        &[
            Piece::Text("users:"),
            Piece::Arg(&42),
            Piece::Text(":{}*"),
            Piece::Arg(&"ada"),
        ],
        &mut address,
    )
    .unwrap();
    assert_eq!(address, "resource:users:42:{}*ada");
}

#[test]
fn what_means_something_is_escaped_and_nothing_else() {
    assert_eq!(argument(":*?[]\\{}%"), "%3A%2A%3F%5B%5D%5C%7B%7D%25");
    assert_eq!(argument("\0\n\u{1f}\u{7f}"), "%00%0A%1F%7F");
    let plain = "azAZ09 !\"#$&'()+,-./;<=>@^_`|~äßü\u{80}漢🦀";
    assert_eq!(argument(plain), plain);
}

/// A `Display` that writes one character at a time, as `{:?}` and many derived ones do.
#[test]
fn text_may_come_in_parts() {
    struct Parts(&'static str);
    impl fmt::Display for Parts {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.chars().try_for_each(|letter| write!(f, "{letter}"))
        }
    }
    let mut address = String::new();
    render(&[Piece::Arg(&Parts("a:ß*"))], &mut address).unwrap();
    assert_eq!(address, "a%3Aß%2A");
}

#[test]
fn a_failing_display_leaves_nothing_behind() {
    struct Failing;
    impl fmt::Display for Failing {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half")?;
            Err(fmt::Error)
        }
    }
    let mut address = String::from("a:");
    assert!(render(&[Piece::Text("b:"), Piece::Arg(&Failing)], &mut address).is_err());
    assert_eq!(address, "a:");
}

#[test]
fn unescaping_leaves_alone_what_is_no_escape() {
    assert_eq!(unescape("a%3ab%3Ac"), "a:b:c");
    assert_eq!(unescape("%"), "%");
    assert_eq!(unescape("%4"), "%4");
    assert_eq!(unescape("%zz%+1"), "%zz%+1");
    assert_eq!(unescape("ä%ff"), "ä\u{fffd}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn escaping_is_undone_by_unescaping(text in prop_oneof![any::<String>(), "[:*%?{}a-c3A]{0,12}"]) {
        let escaped = argument(&text);
        prop_assert_eq!(unescape(&escaped), text.as_str());
        prop_assert!(escaped.bytes().all(|byte| byte == b'%' || !is_escaped(byte)), "{}", escaped);
    }
}
