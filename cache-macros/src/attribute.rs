//! From an attribute's tokens to the item's: the only place where errors become tokens. The item is always kept.

use proc_macro2::TokenStream;

use crate::args::{self, Arg, Given};
use crate::check;
use crate::diag::Diag;
use crate::expand;
use crate::input::{self, Function};
use crate::model;
use crate::options::Options;
use crate::preset::Macro;
use crate::template;

/// Expands one attribute: the new item, or every error and the item as it was.
pub(crate) fn expand(by: Macro, args: TokenStream, item: TokenStream) -> TokenStream {
    let mut diag = Diag::default();
    let args = arguments(by, args, &mut diag);
    let krate = krate(&args);
    let expanded = transform(by, args, item.clone(), &mut diag);
    match expanded {
        Some(expanded) if diag.is_empty() => expanded,
        _ => {
            let mut tokens = diag.tokens(&krate);
            tokens.extend(item);
            tokens
        }
    }
}

/// The arguments of an attribute.
pub(crate) fn arguments(by: Macro, args: TokenStream, diag: &mut Diag) -> Vec<Arg> {
    let args = match by {
        Macro::Put => template::value_for_return(args),
        _ => args,
    };
    args::split(args, diag)
}

/// The new item; of use only if nothing was reported.
pub(crate) fn transform(
    by: Macro,
    args: Vec<Arg>,
    item: TokenStream,
    diag: &mut Diag,
) -> Option<TokenStream> {
    let function = function(by, item, diag)?;
    let name = function.name();
    let expanded = match by {
        Macro::Invalidate => {
            let options = Options::of_invalidate(args, diag);
            expand::invalidation(&check::invalidation(options, function, diag))
        }
        Macro::Put => {
            let options = Options::of_put(args, diag);
            expand::put(&check::put(options, function, diag))
        }
        Macro::Warmup => expand::warmup(&check::warmup(args, function, diag)),
        _ => {
            let options = Options::of_cache(by, args, diag);
            expand::cached(&check::cached(by, options, function, diag))
        }
    };
    if std::env::var_os("CACHE_MACROS_PRINT").is_some_and(|wanted| wanted == *name) {
        eprintln!("{expanded}");
    }
    Some(expanded)
}

/// The runtime's path, needed for errors too.
fn krate(args: &[Arg]) -> syn::Path {
    let given = args.iter().find_map(|arg| match arg {
        Arg::Named(name, Given::Value(value)) if name == "crate" => match &**value {
            syn::Expr::Path(path) => Some(path.path.clone()),
            _ => None,
        },
        _ => None,
    });
    model::runtime(given)
}

fn function(by: Macro, item: TokenStream, diag: &mut Diag) -> Option<Function> {
    let name = by.name();
    if let Some((keyword, kind)) = input::other_item(item.clone()) {
        match kind {
            "an `impl`" | "a trait" => {
                diag.error(&keyword, format!("put `#[{name}]` on the methods"))
                    .help("an attribute belongs to one function");
            }
            _ => diag
                .error(
                    &keyword,
                    format!("`#[{name}]` is for functions, and this is {kind}"),
                )
                .help("move it to a function"),
        }
        return None;
    }
    if let Some(sig) = input::is_declaration(item.clone()) {
        diag.error(&sig.ident, format!("`{}` has no body here", sig.ident))
            .help(format!(
                "put `#[{name}]` on the implementation, or give the method a default body"
            ));
        return None;
    }
    match syn::parse2(item) {
        Ok(function) => Some(function),
        Err(error) => {
            let span = error.span();
            diag.error_at(
                span,
                format!("`#[{name}]` cannot read this function: {error}"),
            )
            .help("put it on a function with a body");
            None
        }
    }
}
