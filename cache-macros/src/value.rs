//! Values of options: spanned, checked, plain.

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{Expr, ExprCall, ExprClosure, ExprLit, Lit, LitStr, UnOp};

use crate::diag::{self, Diag};
use crate::text::compact;

/// A length of time.
#[derive(Clone)]
pub(crate) enum Length {
    Millis(u64, Span),
    /// A constant expression of type `Duration`.
    Const(Box<Expr>),
}

impl Length {
    /// Whether it is written as nothing at all.
    pub(crate) fn is_zero(&self) -> bool {
        matches!(self, Self::Millis(0, _))
    }
}

/// How long a value is fresh.
pub(crate) enum Ttl {
    For(Length),
    Never,
    /// Within these bounds, from what is seen of the value.
    Adaptive(Length, Length, Span),
    /// Decided from the value.
    ByValue(Box<ExprClosure>),
}

/// Sees through the invisible delimiters that a macro puts around what it was given.
pub(crate) fn bare(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => bare(*group.expr),
        other => other,
    }
}

/// A `ttl`.
pub(crate) fn ttl(expr: Expr, diag: &mut Diag) -> Option<Ttl> {
    match bare(expr) {
        Expr::Closure(closure) => {
            one_argument(closure, diag).map(|closure| Ttl::ByValue(Box::new(closure)))
        }
        Expr::Lit(lit) if matches!(&lit.lit, Lit::Str(text) if text.value().trim() == "never") => {
            Some(Ttl::Never)
        }
        Expr::Call(call) if is_adaptive(&call.func) => adaptive(&call, diag),
        Expr::Call(call) if is_nearly_adaptive(&call) => {
            let name = call.func.to_token_stream().to_string();
            diag.error(&call.func, format!("`{name}` is no form of a `ttl`"))
                .help("did you mean `adaptive`?");
            None
        }
        expr if is_adaptive(&expr) => {
            diag.error(&expr, "`adaptive` needs its bounds")
                .help(ADAPTIVE);
            None
        }
        expr => {
            let length = length(expr.clone(), diag)?;
            if length.is_zero() {
                diag.error(&expr, "a `ttl` of zero stores nothing")
                    .help("remove the attribute");
                return None;
            }
            Some(Ttl::For(length))
        }
    }
}

/// How the adaptive form is written.
const ADAPTIVE: &str = "write `ttl = adaptive(\"30s\", \"1h\")`";

fn is_adaptive(expr: &Expr) -> bool {
    matches!(expr, Expr::Path(path) if path.path.is_ident("adaptive"))
}

/// `adaptve("30s", "1h")`: what two literals are given may be a function of the user's, but not one of nearly this name.
fn is_nearly_adaptive(call: &ExprCall) -> bool {
    let literals = call.args.iter().all(|arg| matches!(arg, Expr::Lit(_)));
    let Expr::Path(path) = &*call.func else {
        return false;
    };
    let name = path.path.get_ident().map(|ident| ident.to_string());
    literals
        && call.args.len() == 2
        && name.is_some_and(|name| diag::nearest(&name, ["adaptive"]).is_some())
}

/// `adaptive("30s", "1h")`
fn adaptive(call: &ExprCall, diag: &mut Diag) -> Option<Ttl> {
    let mut bounds = call.args.iter();
    let (Some(least), Some(most)) = (bounds.next(), bounds.next()) else {
        diag.error(
            &call.func,
            "`adaptive` needs two bounds, the shortest `ttl` and the longest",
        )
        .help(ADAPTIVE);
        return None;
    };
    if let Some(more) = bounds.next() {
        diag.error(more, "`adaptive` has two bounds")
            .help("remove it");
        return None;
    }
    let (first, second) = (bound(least, diag), bound(most, diag));
    let (first, second) = (first?, second?);
    if let (Length::Millis(first, _), Length::Millis(second, _)) = (&first, &second)
        && first >= second
    {
        if first == second {
            let text = compact(least.to_token_stream());
            diag.error(most, "bounds that are the same leave nothing to adapt")
                .help(format!("write a longer one, or `ttl = {text}`"));
        } else {
            let [shorter, longer] = [most, least].map(|bound| compact(bound.to_token_stream()));
            diag.error(most, "the second bound is the longer one")
                .help(format!("write `adaptive({shorter}, {longer})`"));
        }
        return None;
    }
    Some(Ttl::Adaptive(first, second, call.func.span()))
}

fn bound(expr: &Expr, diag: &mut Diag) -> Option<Length> {
    let expr = bare(expr.clone());
    let never = matches!(&expr, Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if text.value().trim() == "never");
    if never || matches!(expr, Expr::Closure(_)) {
        diag.error(&expr, "a bound of `adaptive` is a length of time")
            .help("write seconds (`300`) or `\"5m\"`");
        return None;
    }
    let length = length(expr.clone(), diag)?;
    if length.is_zero() {
        diag.error(&expr, "a `ttl` of zero stores nothing")
            .help("write a longer one");
        return None;
    }
    Some(length)
}

/// A number of things, at least one.
pub(crate) fn count(expr: Expr, zero: &str, help: &str, diag: &mut Diag) -> Option<usize> {
    let at = bare(expr.clone());
    let count = integer(expr, diag)?;
    if count == 0 {
        diag.error(&at, zero).help(help);
        return None;
    }
    Some(count)
}

/// A duration.
pub(crate) fn length(expr: Expr, diag: &mut Diag) -> Option<Length> {
    const WRITE: &str = "write seconds (`300`) or `\"5m\"`";
    let expr = bare(expr);
    match &expr {
        Expr::Lit(lit) => {
            let millis = match &lit.lit {
                Lit::Int(int) => match int.base10_parse::<u64>() {
                    Ok(seconds) => seconds.checked_mul(1000),
                    Err(_) => None,
                },
                Lit::Str(text) if text.value().trim() == "never" => {
                    diag.error(&expr, "only a `ttl` can be `never`").help(WRITE);
                    return None;
                }
                Lit::Str(text) => match millis(&text.value()) {
                    Some(millis) => millis,
                    None => {
                        diag.error(&expr, "not a duration").help(WRITE);
                        return None;
                    }
                },
                Lit::Float(_) => {
                    diag.error(&expr, "not a duration")
                        .help("write milliseconds: `\"500ms\"`");
                    return None;
                }
                _ => {
                    diag.error(&expr, "not a duration").help(WRITE);
                    return None;
                }
            };
            if millis.is_none() {
                diag.error(&expr, "this duration is too long")
                    .help("write a shorter one; a `ttl` alone can be `\"never\"`");
            }
            Some(Length::Millis(millis?, lit.span()))
        }
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            diag.error(&expr, "a duration cannot be negative")
                .help(WRITE);
            None
        }
        Expr::Binary(sum) if matches!(&*sum.left, Expr::Lit(_) | Expr::Binary(_)) => {
            let seconds = compact(expr.to_token_stream());
            diag.error(&expr, "not a duration").help(format!(
                "write `\"5m\"`, or `Duration::from_secs({seconds})`"
            ));
            None
        }
        Expr::Call(call) if is_adaptive(&call.func) => {
            diag.error(&call.func, "only a `ttl` can be adaptive")
                .help(WRITE);
            None
        }
        Expr::Closure(_) => {
            diag.error(&expr, "only a `ttl` can be decided from the value")
                .help(WRITE);
            None
        }
        Expr::Range(_) | Expr::Tuple(_) | Expr::Array(_) | Expr::Assign(_) => {
            diag.error(&expr, "not a duration").help(WRITE);
            None
        }
        _ => Some(Length::Const(Box::new(expr))),
    }
}

/// Milliseconds of `"250ms"`, `"30s"`, `"5m"`, `"1h 30m"`, `"7d"`; `None`: no duration, `Some(None)`: too long a one.
pub(crate) fn millis(text: &str) -> Option<Option<u64>> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = Some(0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let unit: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        if number.is_empty() {
            return None;
        }
        let part = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(unit));
        total = total
            .zip(part)
            .and_then(|(total, part)| total.checked_add(part));
        rest = tail.trim_start();
    }
    Some(total)
}

/// A share of the whole, in tenths of a percent: `"10%"`, `"2.5%"`.
pub(crate) fn permille(expr: Expr, diag: &mut Diag) -> Option<u16> {
    let expr = bare(expr);
    let read = |text: &str| {
        let number = text.trim().strip_suffix('%')?.trim_end();
        let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (digits(whole) && digits(tenths)).then(|| (whole.to_owned(), tenths.to_owned()))
    };
    let permille = |(whole, tenths): &(String, String)| {
        let whole = whole.parse::<u16>().ok()?.checked_mul(10)?;
        whole.checked_add(tenths.parse().ok()?)
    };
    let share = match &expr {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Str(text) => read(&text.value()),
            _ => None,
        },
        _ => None,
    };
    match share {
        Some((_, decimals)) if decimals.len() > 1 => {
            diag.error(&expr, "finer than a tenth of a percent")
                .help("write one decimal: `\"0.1%\"`");
            None
        }
        Some(share) => permille(&share).filter(|share| *share <= 1000).or_else(|| {
            diag.error(&expr, "more than all of it")
                .help("write at most `\"100%\"`");
            None
        }),
        None => {
            diag.error(&expr, "not a percentage")
                .help("write `\"10%\"`");
            None
        }
    }
}

/// A whole number of the given width, as a literal.
pub(crate) fn integer<N: std::str::FromStr<Err: std::fmt::Display>>(
    expr: Expr,
    diag: &mut Diag,
) -> Option<N> {
    let expr = bare(expr);
    if let Expr::Lit(lit) = &expr
        && let Lit::Int(int) = &lit.lit
    {
        let parsed = int.base10_parse().ok();
        if parsed.is_none() {
            diag.error(&expr, "this number is too large")
                .help("write a smaller one");
        }
        return parsed;
    }
    let wrong = match &expr {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => "a negative number",
        _ => "not a whole number",
    };
    diag.error(&expr, wrong).help("write digits: `100`");
    None
}

/// A string literal.
pub(crate) fn string(expr: Expr, diag: &mut Diag) -> Option<LitStr> {
    match bare(expr) {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text),
        other => {
            diag.error(&other, "not a string literal")
                .help("write text between quotes");
            None
        }
    }
}

/// What decides whether a value is stored: a closure of one argument, or the path of a function.
pub(crate) fn judge(expr: Expr, diag: &mut Diag) -> Option<Expr> {
    match bare(expr) {
        Expr::Closure(closure) => one_argument(closure, diag).map(Expr::Closure),
        path @ Expr::Path(_) => Some(path),
        other => {
            diag.error(&other, "`when` decides from the value")
                .help("write `when = |value| …`");
            None
        }
    }
}

/// A path, such as that of a crate.
pub(crate) fn path(expr: Expr, diag: &mut Diag) -> Option<syn::Path> {
    match bare(expr) {
        Expr::Path(path) if path.qself.is_none() && path.attrs.is_empty() => Some(path.path),
        other => {
            diag.error(&other, "not a path")
                .help("write `crate = ::path`");
            None
        }
    }
}

fn one_argument(closure: ExprClosure, diag: &mut Diag) -> Option<ExprClosure> {
    if let Some(keyword) = &closure.asyncness {
        diag.error(
            keyword,
            "this closure runs while the value is stored, so it cannot be async",
        )
        .help("remove `async`");
        return None;
    }
    if closure.inputs.len() != 1 {
        diag.error(&closure, "this closure takes one argument, the value")
            .help("write `|value| …`");
        return None;
    }
    Some(closure)
}

#[cfg(test)]
mod tests;
