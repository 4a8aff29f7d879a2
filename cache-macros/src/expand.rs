//! From models to tokens.
//!
//! Locals are hygienic (`mixed_site`), items stand only in blocks that no token of the user's is in except constant
//! options, and every path goes through the runtime's `__private`.

mod body;
mod cached;
mod invalidation;
mod pieces;
mod spec;
mod warmup;

pub(crate) use cached::cached;
pub(crate) use invalidation::invalidation;
pub(crate) use warmup::warmup;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Path;

/// A mixed-site span at the place of the user's token.
fn at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}

/// The path of the runtime's private module.
fn private(krate: &Path) -> TokenStream {
    quote!(#krate::__private)
}
