//! The attribute's tokens, split into arguments.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Token, token};

use crate::diag::Diag;

/// One argument of an attribute.
pub(crate) enum Arg {
    /// `name`, `name = value`, `name(items)`.
    Named(Ident, Given),
    /// Anything else: a template, a call.
    Positional(Expr),
}

/// How a named argument was written.
pub(crate) enum Given {
    Flag,
    /// `name =` and nothing.
    Nothing,
    Value(Box<Expr>),
    List(Group),
}

impl Given {
    /// Where the value is; a flag has none.
    pub(crate) fn span(&self) -> Option<Span> {
        match self {
            Self::Flag | Self::Nothing => None,
            Self::Value(expr) => Some(syn::spanned::Spanned::span(expr)),
            Self::List(group) => Some(group.span()),
        }
    }
}

/// Splits the tokens at their commas; an argument that does not parse is reported, and the next one read.
pub(crate) fn split(tokens: TokenStream, diag: &mut Diag) -> Vec<Arg> {
    let read = |input: ParseStream| {
        let mut args = Vec::new();
        while !input.is_empty() {
            if misspelt(input, diag) {
                resume(input)?;
                continue;
            }
            match argument(input) {
                Ok(arg) if ends(input) => args.push(arg),
                Ok(_) => diag
                    .error_at(input.span(), "expected `,`")
                    .help("write a comma before this"),
                Err(error) => diag.syntax(&error),
            }
            resume(input)?;
        }
        Ok(args)
    };
    match read.parse2(tokens) {
        Ok(args) => args,
        Err(error) => {
            diag.syntax(&error);
            Vec::new()
        }
    }
}

/// Whether this is an option as other languages write it, `some-option = 3` or `option: 3`; reports it.
fn misspelt(input: ParseStream, diag: &mut Diag) -> bool {
    let ahead = input.fork();
    let Ok(first) = ahead.call(Ident::parse_any) else {
        return false;
    };
    if ahead.peek(Token![:]) && !ahead.peek(Token![::]) {
        diag.error_at(ahead.span(), "expected `=`")
            .help(format!("write `{first} = …`"));
        return true;
    }
    let (mut name, dash) = (first.to_string(), ahead.span());
    while ahead.parse::<Token![-]>().is_ok() {
        let Ok(word) = ahead.call(Ident::parse_any) else {
            return false;
        };
        name = format!("{name}_{word}");
    }
    let kebab = first != name && (ends(&ahead) || ahead.peek(Token![=]) && !ahead.peek(Token![==]));
    if kebab {
        diag.error_at(dash, "the words of an option are joined by `_`")
            .help(format!("write `{name}`"));
    }
    kebab
}

fn argument(input: ParseStream) -> syn::Result<Arg> {
    let ahead = input.fork();
    if let Ok(name) = ahead.call(Ident::parse_any) {
        if ends(&ahead) {
            input.call(Ident::parse_any)?;
            return Ok(Arg::Named(name, Given::Flag));
        }
        if ahead.peek(Token![=]) && !ahead.peek(Token![==]) && !ahead.peek(Token![=>]) {
            input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            if ends(input) {
                return Ok(Arg::Named(name, Given::Nothing));
            }
            return Ok(Arg::Named(name, Given::Value(Box::new(input.parse()?))));
        }
        if ahead.peek(token::Paren) {
            let TokenTree::Group(group) = ahead.parse()? else {
                return Err(ahead.error("expected parentheses"));
            };
            if ends(&ahead) {
                input.call(Ident::parse_any)?;
                input.parse::<TokenTree>()?;
                return Ok(Arg::Named(name, Given::List(group)));
            }
        }
    }
    Ok(Arg::Positional(input.parse()?))
}

fn ends(input: ParseStream) -> bool {
    input.is_empty() || input.peek(Token![,])
}

/// Goes past the next comma.
fn resume(input: ParseStream) -> syn::Result<()> {
    while !input.is_empty() {
        if let TokenTree::Punct(punct) = input.parse()?
            && punct.as_char() == ','
        {
            break;
        }
    }
    Ok(())
}

/// The items of a list; what does not parse is reported.
pub(crate) fn items(group: &Group, diag: &mut Diag) -> Vec<Expr> {
    type Items = syn::punctuated::Punctuated<Expr, Token![,]>;
    match Items::parse_terminated.parse2(group.stream()) {
        Ok(items) => items.into_iter().collect(),
        Err(error) => {
            diag.syntax(&error);
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    fn shown(tokens: &str) -> (Vec<String>, Vec<String>) {
        let mut diag = Diag::default();
        let args = split(tokens.parse().unwrap(), &mut diag);
        let show = |arg: &Arg| match arg {
            Arg::Named(name, Given::Flag) => format!("{name}!"),
            Arg::Named(name, Given::Nothing) => format!("{name}=?"),
            Arg::Named(name, Given::Value(expr)) => format!("{name}={}", expr.to_token_stream()),
            Arg::Named(name, Given::List(list)) => format!("{name}({})", list.stream()),
            Arg::Positional(expr) => format!("-{}", expr.to_token_stream()),
        };
        (args.iter().map(show).collect(), diag.listed())
    }

    #[test]
    fn splits_every_form() {
        let (args, errors) = shown(
            r#""users:{id}", ttl = 300, fingerprint, skip(pool, self), when = |v| a::<X, Y>(v), crate = ::path, f(a).b(),"#,
        );
        assert_eq!(
            args,
            [
                "-\"users:{id}\"",
                "ttl=300",
                "fingerprint!",
                "skip(pool , self)",
                "when=| v | a :: < X , Y > (v)",
                "crate=:: path",
                "-f (a) . b ()",
            ]
        );
        assert_eq!(errors, [""; 0]);
    }

    #[test]
    fn says_how_options_are_written() {
        let (args, errors) = shown(
            "stale-while-revalidate = 3, ttl: 3, capacity = 7, each-max, a - b(), x::y(), -1",
        );
        assert_eq!(args, ["capacity=7", "-a - b ()", "-x :: y ()", "-- 1"]);
        assert_eq!(
            errors,
            [
                "the words of an option are joined by `_`\nhelp: write `stale_while_revalidate` @ -",
                "expected `=`\nhelp: write `ttl = …` @ :",
                "the words of an option are joined by `_`\nhelp: write `each_max` @ -",
            ]
            .map(String::from)
        );
    }

    #[test]
    fn goes_on_after_an_error() {
        let (args, errors) = shown("ttl = +, name = , version 3, capacity = 7");
        assert_eq!(args, ["name=?", "capacity=7"]);
        assert_eq!(
            errors,
            [
                "expected an expression @ +",
                "expected `,`\nhelp: write a comma before this @ 3"
            ]
            .map(String::from)
        );
    }
}
