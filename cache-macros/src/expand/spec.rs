//! The static description of a cached function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};

use super::{at, private};
use crate::input::Form;
use crate::model::{Cached, KeyPart};
use crate::template::Template;
use crate::text;
use crate::value::{Length, Ttl};

// Output:
//     {
//         static __CACHE_SITE: Site = Site::new(Spec::new(…).ttl(…)…);
//         inventory::submit! { SiteRef(&__CACHE_SITE) }
//         &__CACHE_SITE
//     }
/// The site, as an expression.
pub(super) fn site(model: &Cached) -> TokenStream {
    let private = private(&model.krate);
    let spec = spec(model, &private);
    quote_spanned! {Span::mixed_site()=> {
        static __CACHE_SITE: #private::Site = #private::Site::new(#spec);
        #private::inventory::submit! { #private::SiteRef(&__CACHE_SITE) }
        &__CACHE_SITE
    }}
}

fn spec(model: &Cached, private: &TokenStream) -> TokenStream {
    let preset = Ident::new(model.preset.variant, Span::mixed_site());
    let function = model.function.name();
    let args = model.key.iter().filter_map(|part| match part {
        KeyPart::Binding(place) => {
            let binding = model.binding(*place)?;
            let (cfgs, name) = (&binding.cfgs, binding.name());
            Some(quote!(#(#cfgs)* #name))
        }
        KeyPart::Expr(expr) => Some(text::compact(expr.to_token_stream()).to_token_stream()),
    });
    let mut spec = quote! {
        #private::Spec::new(#private::Preset::#preset, #function, #private::module_path!(), &[#(#args),*])
            .at(#private::file!(), #private::line!())
    };
    let mut push = |tokens: TokenStream| spec.extend(tokens);
    match &model.ttl {
        None => {}
        Some(Ttl::For(length)) => push(timed("ttl", length, private)),
        Some(Ttl::Never) => push(quote!(.ttl_never())),
        Some(Ttl::ByValue(_)) => push(quote!(.ttl_by_value())),
    }
    match &model.none_ttl {
        None => {}
        Some(length) if length.is_zero() => push(quote!(.none_ttl_off())),
        Some(length) => push(timed("none_ttl", length, private)),
    }
    for (name, length) in [("err_ttl", &model.err_ttl), ("min_cost", &model.min_cost)] {
        if let Some(length) = length {
            push(timed(name, length, private));
        }
    }
    if let Some(permille) = model.jitter {
        push(quote!(.jitter(#permille)));
    }
    if let Some(entries) = model.capacity {
        push(quote!(.capacity(#entries)));
    }
    if let Some(version) = model.version {
        push(quote!(.version(#version)));
    }
    if let Some(name) = &model.name {
        push(quote!(.name(#name)));
    }
    if let Some(template) = &model.template {
        let source = template.source();
        push(quote!(.template(#source)));
    }
    let omits = &model.omits;
    if !omits.is_empty() {
        push(quote!(.omits(&[#(#omits),*])));
    }
    if !model.tags.is_empty() {
        let tags = model.tags.iter().map(Template::source);
        push(quote!(.tags(&[#(#tags),*])));
    }
    if model.when.is_some() {
        push(quote!(.when()));
    }
    if let Some(hash) = model.fingerprint {
        push(quote!(.fingerprint(#hash)));
    }
    if model.memory_only {
        push(quote!(.memory_only()));
    }
    if matches!(model.function.form, Form::Sync) {
        push(quote!(.blocking()));
    }
    spec
}

/// `.ttl(Duration::from_millis(300000))`
fn timed(name: &str, length: &Length, private: &TokenStream) -> TokenStream {
    match length {
        Length::Millis(millis, span) => {
            let method = Ident::new(name, at(*span));
            quote!(.#method(#private::Duration::from_millis(#millis)))
        }
        Length::Const(expr) => {
            let span = expr
                .to_token_stream()
                .into_iter()
                .next()
                .map_or_else(Span::mixed_site, |token| token.span());
            let method = Ident::new(name, at(span));
            quote_spanned!(at(span)=> .#method(#expr))
        }
    }
}
