//! Options of what is no longer fresh: those that would have no effect.

use proc_macro2::Span;

use crate::diag::Diag;
use crate::options::Options;
use crate::value::{Length, Ttl};

pub(super) fn check(options: &Options, diag: &mut Diag) {
    let windows = [("stale_if_error", &options.stale_if_error)];
    for (name, length) in windows {
        if length.as_ref().is_some_and(Length::is_zero) {
            let at = options.valued(name).unwrap_or_else(Span::call_site);
            diag.error_at(at, format!("a `{name}` of zero has no effect"))
                .help("remove it");
        }
    }
    if let Some(Ttl::Never) = &options.ttl {
        for (name, _) in windows {
            if let Some(ident) = options.named(name) {
                diag.error(
                    ident,
                    format!("`{name}` has no effect where nothing expires"),
                )
                .help("remove it, or give `ttl` a length of time");
            }
        }
    }
}
