//! Options of calls that are made more than once.

use syn::Expr;

use crate::diag::Diag;
use crate::value::{self, Length};

pub(super) fn every(expr: Expr, diag: &mut Diag) -> Option<Length> {
    let at = value::bare(expr.clone());
    let length = value::length(expr, diag)?;
    if length.is_zero() {
        diag.error(&at, "an `every` of zero would never end")
            .help("write how often: `every = \"10m\"`");
        return None;
    }
    Some(length)
}

/// As many as a list in Redis has room for.
const MOST_HOT: usize = 10_000;

pub(super) fn hot(expr: Expr, diag: &mut Diag) -> Option<usize> {
    let at = value::bare(expr.clone());
    let most = value::count(expr, "a `hot` of zero makes no calls", "remove it", diag)?;
    if !cfg!(feature = "redis") {
        diag.error(&at, "`hot` needs the feature `redis` of `cache-core`")
            .help("enable it in `Cargo.toml`, or write `from = …`");
        return None;
    }
    if most > MOST_HOT {
        diag.error(&at, "so many calls are not kept")
            .help(format!("write at most {MOST_HOT}"));
        return None;
    }
    Some(most)
}
