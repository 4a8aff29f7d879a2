//! Tokens as text and as a number, the same with every compiler: `TokenStream::to_string` promises no spacing.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// The tokens with no more spaces than they need.
pub(crate) fn compact(tokens: TokenStream) -> String {
    let mut text = String::new();
    for word in words(tokens) {
        let is_wordy = |c: char| c.is_alphanumeric() || c == '_';
        let touches = text.chars().next_back().is_some_and(is_wordy)
            && word.chars().next().is_some_and(is_wordy);
        if touches {
            text.push(' ');
        }
        text.push_str(&word);
    }
    text
}

/// A hash of the tokens: FNV-1a of every token and a separator. Comments and layout do not count.
pub(crate) fn fingerprint(tokens: TokenStream) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for word in words(tokens) {
        for byte in word.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}

/// Whether one of the tokens, at any depth, is this identifier.
pub(crate) fn mentions(tokens: TokenStream, ident: &str) -> bool {
    words(tokens)
        .iter()
        .any(|word| word.trim_start_matches("r#") == ident)
}

/// The first of the tokens, at any depth, that is this identifier.
pub(crate) fn find(tokens: TokenStream, ident: &str) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(found) => (found == ident).then_some(found),
        TokenTree::Group(group) => find(group.stream(), ident),
        _ => None,
    })
}

/// Every token in order; of punctuation, every character.
fn words(tokens: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    collect(tokens, &mut found);
    found
}

fn collect(tokens: TokenStream, found: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => {
                        collect(group.stream(), found);
                        continue;
                    }
                };
                found.push(open.to_owned());
                collect(group.stream(), found);
                found.push(close.to_owned());
            }
            single => found.push(single.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_only_the_spaces_it_needs() {
        for (tokens, text) in [
            ("a . b ( c , & d )", "a.b(c,&d)"),
            ("x as u64", "x as u64"),
            ("&'a str", "&'a str"),
            ("Vec < (u8 , T) >", "Vec<(u8,T)>"),
            ("a && b :: c", "a&&b::c"),
        ] {
            assert_eq!(compact(tokens.parse().unwrap()), text);
        }
    }

    #[test]
    fn the_fingerprint_is_of_tokens() {
        let hash = |text: &str| fingerprint(text.parse().unwrap());
        assert_eq!(hash("a + b // why\n"), hash("a+b"));
        assert_ne!(hash("a + b"), hash("a - b"));
        assert_ne!(hash("(a) b"), hash("(a b)"));
        assert_ne!(hash("ab c"), hash("a bc"));
        assert_eq!(
            hash("x + 1"),
            0xb8a5_b95e_7725_2827,
            "fixed for ever: entries outlive compilers"
        );
    }

    #[test]
    fn mentions_are_whole_identifiers() {
        let tokens = || -> TokenStream { "f(a.user.id, [r#type])".parse().unwrap() };
        assert!(mentions(tokens(), "user") && mentions(tokens(), "type"));
        assert!(!mentions(tokens(), "us"));
    }
}
