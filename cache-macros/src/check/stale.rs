//! Options of what is no longer fresh: those that would have no effect, and what they ask of a function.

use proc_macro2::Span;

use super::types;
use crate::diag::Diag;
use crate::input::{Form, Function, Kind};
use crate::options::Options;
use crate::value::{Length, Ttl};

/// The options by which a body may go on behind its call.
const BEHIND: [&str; 3] = ["stale_while_revalidate", "refresh_ahead", "timeout"];

pub(super) fn check(options: &Options, function: &Function, diag: &mut Diag) {
    let windows = [
        ("stale_while_revalidate", &options.stale_while_revalidate),
        ("stale_if_error", &options.stale_if_error),
        ("timeout", &options.timeout),
    ];
    for (name, length) in windows {
        if length.as_ref().is_some_and(Length::is_zero) {
            let at = options.valued(name).unwrap_or_else(Span::call_site);
            diag.error_at(at, format!("a `{name}` of zero has no effect"))
                .help("remove it");
        }
    }
    if let Some(ident) = options.named("timeout") {
        if let Form::Sync = function.form {
            diag.error(ident, "nobody can leave a function that is not async")
                .help("remove it, or write `async fn`");
        } else if options.named("stale_if_error").is_none() {
            diag.error(
                ident,
                "`timeout` has no effect without `stale_if_error`: there is nothing else to give",
            )
            .help("add `stale_if_error = \"1h\"`, or remove it");
        }
    }
    if options.refresh_ahead == Some(0) {
        let at = options
            .valued("refresh_ahead")
            .unwrap_or_else(Span::call_site);
        diag.error_at(at, "no part of the `ttl` at all")
            .help("remove it, or write `refresh_ahead = \"20%\"`");
    }
    if let Some(ident) = options.named("refresh_ahead")
        && options.tiers.is_some_and(|tiers| !tiers.memory)
    {
        diag.error(
            ident,
            "`refresh_ahead` is for hits in memory, where nothing is kept",
        )
        .help("remove it, or write `tiers(memory, redis)`");
    }
    if let Some(Ttl::Never) = &options.ttl {
        let names = windows.iter().map(|(name, _)| *name);
        for name in names.chain(["refresh_ahead"]) {
            if let Some(ident) = options.named(name) {
                diag.error(
                    ident,
                    format!("`{name}` has no effect where nothing expires"),
                )
                .help("remove it, or give `ttl` a length of time");
            }
        }
    }
    let behind = BEHIND
        .into_iter()
        .find_map(|name| Some((name, options.named(name)?)));
    if let Some((name, ident)) = behind {
        if !cfg!(feature = "tokio") && !matches!(function.form, Form::Sync) {
            diag.error(
                ident,
                format!("`{name}` of an async function needs the feature `tokio` of `cache-core`"),
            )
            .help("enable it in `Cargo.toml`");
        }
        check_owned(name, function, diag);
    }
}

/// What goes on behind the call takes its arguments along.
fn check_owned(name: &str, function: &Function, diag: &mut Diag) {
    let mut last = None;
    for binding in &function.bindings {
        let message = |what: &str| {
            format!("`{what}` is borrowed, and with `{name}` the body runs on behind the call")
        };
        if binding.kind == Kind::SelfReference {
            diag.error(&binding.ident, message("self"))
                .help("take `self: Arc<Self>`, or `self` of a type that is cheap to clone");
            continue;
        }
        let Some(borrowed) = binding.ty.as_ref().and_then(types::borrows) else {
            continue;
        };
        // Of a pattern, once.
        if binding.kind == Kind::Part && last == binding.ty.as_ref() {
            continue;
        }
        last = binding.ty.as_ref();
        diag.error(borrowed, message(&binding.name()))
            .help(types::owned(borrowed).replacen("return", "take", 1));
    }
}
