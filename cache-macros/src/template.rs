//! Templates of addresses, tags and patterns: text with `{path}` in it.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::{Expr, LitStr, Member, UnOp};

use crate::diag::Diag;

/// A template, parsed.
pub(crate) struct Template {
    pub(crate) literal: LitStr,
    pub(crate) parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Path(Path),
}

/// What stands between braces: `id`, `user.id`, `pair.0`, `return.id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// The binding's name, or `return`.
    pub(crate) root: String,
    pub(crate) members: Vec<String>,
}

impl Path {
    /// Whether it speaks of the value and not of an argument.
    pub(crate) fn returns(&self) -> bool {
        self.root == "return"
    }

    /// The argument and fields that an expression names, if it does no more.
    pub(crate) fn of(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Path(path) => Some(Self {
                root: path.path.get_ident()?.unraw().to_string(),
                members: Vec::new(),
            }),
            Expr::Field(field) => {
                let mut path = Self::of(&field.base)?;
                path.members.push(match &field.member {
                    Member::Named(name) => name.unraw().to_string(),
                    Member::Unnamed(index) => index.index.to_string(),
                });
                Some(path)
            }
            Expr::Group(group) => Self::of(&group.expr),
            Expr::Paren(paren) => Self::of(&paren.expr),
            Expr::Reference(reference) => Self::of(&reference.expr),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => Self::of(&unary.expr),
            _ => None,
        }
    }

    /// Whether it is part of what `other` names.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.root == other.root && self.members.starts_with(&other.members)
    }
}

impl Template {
    /// Parses a literal; everything wrong with it is reported under it.
    pub(crate) fn parse(literal: LitStr, diag: &mut Diag) -> Option<Self> {
        match parts(&literal.value()) {
            Ok(parts) if parts.is_empty() => {
                diag.error(&literal, "an empty template names nothing")
                    .help("write text and arguments: `\"users:{id}\"`");
                None
            }
            Ok(parts) => Some(Self { literal, parts }),
            Err((message, help)) => {
                diag.error(&literal, message).help(help);
                None
            }
        }
    }

    /// The text that was written.
    pub(crate) fn source(&self) -> String {
        self.literal.value()
    }

    /// What stands between braces.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().filter_map(|part| match part {
            Part::Path(path) => Some(path),
            Part::Text(_) => None,
        })
    }

    /// The literal text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Path(_) => None,
        })
    }

    /// Whether it needs the value.
    pub(crate) fn returns(&self) -> bool {
        self.paths().any(Path::returns)
    }

    /// Checks that the literal text of a template is a well-formed pattern.
    ///
    /// Each text is checked on its own: what is filled in is escaped, so it can be neither inside a class nor escaped again.
    pub(crate) fn check_pattern(&self, diag: &mut Diag) {
        let is_raw = self.literal.token().to_string().starts_with('r');
        for text in self.texts() {
            if let Some((message, help)) = pattern_fault(text) {
                // What to type between quotes has a second backslash for each.
                let help = match is_raw {
                    true => help,
                    false => help.replace('\\', "\\\\"),
                };
                diag.error(&self.literal, message).help(help);
            }
        }
    }
}

/// The success value in code, as `return` is in a template.
pub(crate) const VALUE: &str = "__value";

/// Tokens with the success value for each `return`: in an attribute there is nothing to return from.
pub(crate) fn value_for_return(tokens: TokenStream) -> TokenStream {
    let replaced = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(ident) if ident == "return" => {
            let span = Span::mixed_site().located_at(ident.span());
            TokenTree::Ident(Ident::new(VALUE, span))
        }
        TokenTree::Group(group) => {
            let stream = value_for_return(group.stream());
            let mut inner = Group::new(group.delimiter(), stream);
            inner.set_span(group.span());
            TokenTree::Group(inner)
        }
        other => other,
    });
    replaced.collect()
}

type Fault = (String, String);

fn parts(text: &str) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        let tail = &rest[at + 1..];
        if let Some(tail) = tail.strip_prefix(brace) {
            literal.push_str(brace);
            rest = tail;
            continue;
        }
        if brace == "}" {
            return Err(("`}` closes nothing".into(), "write `}}` for a brace".into()));
        }
        let Some(end) = tail
            .find(['{', '}'])
            .filter(|&end| tail[end..].starts_with('}'))
        else {
            return Err(("`{` is not closed".into(), "write `{{` for a brace".into()));
        };
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal)));
        }
        parts.push(Part::Path(path(&tail[..end])?));
        rest = &tail[end + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

fn path(text: &str) -> Result<Path, Fault> {
    let inner = text.trim();
    if inner.is_empty() {
        return Err(("`{}` names no argument".into(), "write one: `{id}`".into()));
    }
    let fault = || {
        let help = "write an argument and its fields: `{id}`, `{user.id}`, `{pair.0}`";
        Err((format!("`{{{text}}}` is not a path"), help.into()))
    };
    let mut names = inner.split('.').map(str::trim);
    let root = names.next().unwrap_or_default();
    let members: Vec<String> = names.map(str::to_owned).collect();
    let ident = |name: &str| syn::parse_str::<IdentAny>(name).is_ok();
    let index = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    if !ident(root) || members.iter().any(|name| !ident(name) && !index(name)) {
        return fault();
    }
    Ok(Path {
        root: root.trim_start_matches("r#").to_owned(),
        members,
    })
}

/// An identifier or a keyword.
struct IdentAny;

impl syn::parse::Parse for IdentAny {
    fn parse(input: syn::parse::ParseStream) -> syn::Result<Self> {
        input
            .call(<Ident as syn::ext::IdentExt>::parse_any)
            .map(|_| Self)
    }
}

/// What is wrong with the text of a pattern, as the matcher reads it at run time: `pattern/cases.txt` there binds both.
fn pattern_fault(text: &str) -> Option<Fault> {
    let fault = |message: &str, help: &str| Some((message.to_owned(), help.to_owned()));
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return None,
            [b'\\'] => return fault("`\\` escapes nothing here", "write `\\\\` for a backslash"),
            [b'\\', _, rest @ ..] => rest,
            [b'[', class @ ..] => match after_class(class) {
                Ok(rest) => rest,
                Err((message, help)) => return fault(message, help),
            },
            [_, rest @ ..] => rest,
        }
    }
}

/// What follows a class, of the text behind its opening bracket.
fn after_class(text: &[u8]) -> Result<&[u8], (&'static str, &'static str)> {
    let mut rest = text.strip_prefix(b"^").unwrap_or(text);
    let mut unclosed = ("`[` is not closed", "write `\\[` for a bracket");
    if rest.starts_with(b"]") {
        return Err((
            "an empty class matches nothing",
            "write `\\[` for a bracket",
        ));
    }
    loop {
        rest = match rest {
            [] => return Err(unclosed),
            [b'\\', _, rest @ ..] => rest,
            [b']', rest @ ..] => return Ok(rest),
            [_, b'-', last, rest @ ..] => {
                if *last == b']' {
                    unclosed = (
                        "`[` is not closed: its `-]` is a range",
                        "write `\\-]` for a class that ends in `-`",
                    );
                }
                rest
            }
            [_, rest @ ..] => rest,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    fn field(root: &str, members: &[&str]) -> Part {
        Part::Path(Path {
            root: root.to_owned(),
            members: members.iter().map(|&name| name.to_owned()).collect(),
        })
    }

    #[test]
    fn splits_text_and_paths() {
        for (source, expected) in [
            ("users:{id}", vec![text("users:"), field("id", &[])]),
            (
                "{a.b.0}:{ c }",
                vec![field("a", &["b", "0"]), text(":"), field("c", &[])],
            ),
            ("{return.id}", vec![field("return", &["id"])]),
            ("{{x}}{y}{{", vec![text("{x}"), field("y", &[]), text("{")]),
            (
                "{r#type}{self}",
                vec![field("type", &[]), field("self", &[])],
            ),
            ("plain", vec![text("plain")]),
            ("", vec![]),
        ] {
            assert_eq!(parts(source), Ok(expected), "{source}");
        }
    }

    #[test]
    fn refuses_what_is_no_template() {
        for (source, message) in [
            ("a{", "`{` is not closed"),
            ("a{b{c}", "`{` is not closed"),
            ("a}", "`}` closes nothing"),
            ("a}b}}", "`}` closes nothing"),
            ("{}", "`{}` names no argument"),
            ("{ }", "`{}` names no argument"),
            ("{id:?}", "`{id:?}` is not a path"),
            ("{a()}", "`{a()}` is not a path"),
            ("{a.}", "`{a.}` is not a path"),
            ("{0}", "`{0}` is not a path"),
            ("{a.0x}", "`{a.0x}` is not a path"),
        ] {
            assert_eq!(
                parts(source).map_err(|(message, _)| message),
                Err(message.to_owned()),
                "{source}"
            );
        }
    }

    /// What passes here and does not parse at run time would invalidate everything at each call.
    #[test]
    fn patterns_are_what_the_matcher_takes_for_patterns() {
        let cases = include_str!("../../cache-core/src/pattern/cases.txt");
        let mut seen = 0;
        for case in cases.lines().filter(|line| !line.starts_with('#')) {
            let (verdict, pattern) = case.split_once(' ').unwrap();
            let pattern = pattern.trim_start();
            let message = match verdict {
                "ok" => None,
                "backslash" => Some("`\\` escapes nothing here"),
                "open" => Some("`[` is not closed"),
                "range" => Some("`[` is not closed: its `-]` is a range"),
                "empty" => Some("an empty class matches nothing"),
                _ => unreachable!("{case}"),
            };
            let fault = pattern_fault(pattern);
            assert_eq!(
                fault.as_ref().map(|fault| fault.0.as_str()),
                message,
                "{case}"
            );
            seen += 1;
        }
        assert!(seen > 50, "{seen}");
    }
}
