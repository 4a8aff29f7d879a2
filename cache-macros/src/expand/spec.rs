//! The static description of a cached function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};

use super::{Runtime, at, start};
use crate::input::Form;
use crate::model::{Cached, KeyPart};
use crate::template::Template;
use crate::text;
use crate::value::{Length, Ttl};

// Output:
//     {
//         static __CACHE_SITE: Site = Site::new({
//             let __spec = Spec::new(Preset::Query, "user", module_path!(), &["id"]);
//             let __spec = __spec.ttl(Duration::from_millis(300000));
//             __spec
//         });
//         inventory::submit! { SiteRef(&__CACHE_SITE) }
//         &__CACHE_SITE
//     }
//
// One statement for each option, so that what the compiler has to say of a constant is said at the constant.
/// The site, as an expression.
pub(super) fn site(model: &Cached, runtime: &Runtime<'_>) -> TokenStream {
    let span = Span::mixed_site();
    let private = runtime.at(span);
    let preset = Ident::new(model.preset.variant, span);
    let function = model.function.name();
    let args = model.key.iter().filter_map(|part| match part {
        KeyPart::Binding(place) => {
            let binding = model.binding(*place)?;
            let (cfgs, name) = (&binding.cfgs, binding.name());
            Some(quote!(#(#cfgs)* #name))
        }
        KeyPart::Expr(expr) => Some(text::compact(expr.to_token_stream()).to_token_stream()),
    });
    let options = options(model, runtime);
    quote_spanned! {span=> {
        static __CACHE_SITE: #private::Site = #private::Site::new({
            let __spec = #private::Spec::new(
                #private::Preset::#preset,
                #function,
                #private::module_path!(),
                &[#(#args),*],
            );
            let __spec = __spec.at(#private::file!(), #private::line!());
            #(#options)*
            __spec
        });
        #private::inventory::submit! { #private::SiteRef(&__CACHE_SITE) }
        &__CACHE_SITE
    }}
}

/// `let __spec = __spec.capacity(100);`
fn options(model: &Cached, runtime: &Runtime<'_>) -> Vec<TokenStream> {
    let mut options = Vec::new();
    let span = Span::mixed_site();
    let mut set = |name: &str, value: Option<TokenStream>| {
        let method = Ident::new(name, span);
        options.push(quote_spanned!(span=> let __spec = __spec.#method(#value);));
    };
    if let Some(permille) = model.jitter {
        set("jitter", Some(quote!(#permille)));
    }
    if let Some(permille) = model.refresh_ahead {
        set("refresh_ahead", Some(quote!(#permille)));
    }
    if let Some(entries) = model.capacity {
        set("capacity", Some(quote!(#entries)));
    }
    if let Some(version) = model.version {
        set("version", Some(quote!(#version)));
    }
    if let Some(name) = &model.name {
        set("name", Some(quote!(#name)));
    }
    if let Some(template) = &model.template {
        set("template", Some(template.source().to_token_stream()));
    }
    let omits = &model.omits;
    if !omits.is_empty() {
        set("omits", Some(quote!(&[#(#omits),*])));
    }
    if !model.tags.is_empty() {
        let tags = model.tags.iter().map(Template::source);
        set("tags", Some(quote!(&[#(#tags),*])));
    }
    if let Some(hash) = model.fingerprint {
        set("fingerprint", Some(quote!(#hash)));
    }
    let flags = [
        ("ttl_never", matches!(model.ttl, Some(Ttl::Never))),
        ("ttl_by_value", matches!(model.ttl, Some(Ttl::ByValue(_)))),
        (
            "none_ttl_off",
            model.none_ttl.as_ref().is_some_and(Length::is_zero),
        ),
        ("when", model.when.is_some()),
        ("memory_only", model.memory_only()),
        ("redis_only", model.redis_only()),
        ("blocking", matches!(model.function.form, Form::Sync)),
    ];
    for (name, _) in flags.into_iter().filter(|(_, is_on)| *is_on) {
        set(name, None);
    }
    let ttl = match &model.ttl {
        Some(Ttl::For(length)) => Some(length),
        _ => None,
    };
    let none_ttl = model.none_ttl.as_ref().filter(|length| !length.is_zero());
    let lengths = [
        ("ttl", ttl),
        ("none_ttl", none_ttl),
        ("err_ttl", model.err_ttl.as_ref()),
        (
            "stale_while_revalidate",
            model.stale_while_revalidate.as_ref(),
        ),
        ("stale_if_error", model.stale_if_error.as_ref()),
        ("timeout", model.timeout.as_ref()),
        ("min_cost", model.min_cost.as_ref()),
    ];
    if let Some(Ttl::Adaptive(least, most, place)) = &model.ttl {
        options.push(between(least, most, at(*place), runtime));
    }
    for (name, length) in lengths {
        options.extend(length.map(|length| timed(name, length, runtime)));
    }
    options
}

/// `let __spec = __spec.ttl(Duration::from_millis(300000));`, all of it at the constant.
fn timed(name: &str, length: &Length, runtime: &Runtime<'_>) -> TokenStream {
    let (span, value) = duration(length, runtime);
    let method = Ident::new(name, span);
    quote_spanned!(span=> let __spec = __spec.#method(#value);)
}

/// `let __spec = __spec.ttl_between(Duration::from_millis(30000), MOST);`, what is wrong with both together at `adaptive`.
fn between(least: &Length, most: &Length, span: Span, runtime: &Runtime<'_>) -> TokenStream {
    let (least, most) = (duration(least, runtime).1, duration(most, runtime).1);
    quote_spanned!(span=> let __spec = __spec.ttl_between(#least, #most);)
}

/// A constant of type `Duration`, and where it is written.
pub(super) fn duration(length: &Length, runtime: &Runtime<'_>) -> (Span, TokenStream) {
    match length {
        Length::Millis(millis, place) => {
            let private = runtime.at(at(*place));
            (at(*place), quote!(#private::Duration::from_millis(#millis)))
        }
        Length::Const(expr) => (start(expr), expr.to_token_stream()),
    }
}
