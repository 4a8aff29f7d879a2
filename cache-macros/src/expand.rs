//! From models to tokens.
//!
//! Locals are hygienic (`mixed_site`), items stand only in blocks that no token of the user's is in except constant
//! options, and every path goes through the runtime's `__private`.

mod body;
mod cached;
mod each;
mod invalidation;
mod pieces;
mod put;
mod spec;
mod warmup;

pub(crate) use cached::cached;
pub(crate) use invalidation::invalidation;
pub(crate) use put::put;
pub(crate) use warmup::warmup;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Path, Type};

use crate::diag::respanned;

/// A mixed-site span at the place of the user's token.
fn at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}

/// Where an expression begins.
fn start(tokens: &impl ToTokens) -> Span {
    at(tokens
        .to_token_stream()
        .into_iter()
        .next()
        .map_or_else(Span::mixed_site, |token| token.span()))
}

/// Where errors about a type are best seen: at the name, not at the module before it.
fn anchor(ty: &Type) -> Span {
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .map_or_else(Span::mixed_site, |segment| at(segment.ident.span())),
        _ => start(ty),
    }
}

/// The runtime's private module.
struct Runtime<'m>(&'m Path);

impl Runtime<'_> {
    /// Its path, all of it at one place: an error about a call is reported from the path to the closing parenthesis.
    fn at(&self, span: Span) -> TokenStream {
        let path = self.0;
        respanned(quote!(#path::__private), span)
    }
}
