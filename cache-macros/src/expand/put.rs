//! A function whose value is put.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::parse_quote;

use super::pieces::{Args, Texts, pieces};
use super::{Runtime, anchor, at, body, start};
use crate::input::Form;
use crate::model::Put;
use crate::value::{Length, Ttl};

// Input:
//     async fn save(user: User) -> Result<User> { body }
//
// Output:
//     async fn save(user: User) -> Result<User> {
//         let mut __writing = Writing::new("save");
//         let __out: Result<User> = async move { … body … }.await;
//         {
//             use probe::{Return as _, Value as _};
//             let __r = returns(&__out).__cache_outer();
//             if !__r.__cache_succeeded(&__out) {
//                 Writing::failed(&mut __writing);
//             } else if let Some(__value) = __r.__cache_item(__r.__cache_value().__cache_inner(), &__out) {
//                 Writing::value(&mut __writing, &[Piece::Text("users:"), Piece::arg(&__value.id)], __value, None);
//             }
//         }
//         __writing.finish().await;
//         __out
//     }
//
// Addresses that need no value are named before the body takes the arguments, too: a body that is left in the middle may have
// written.
/// The function with its value put after its body.
pub(crate) fn put(model: &Put) -> TokenStream {
    let span = Span::mixed_site();
    let runtime = Runtime(&model.krate);
    let private = runtime.at(span);
    let function = &model.function;
    let name = function.name();
    let texts = Texts::of(&model.templates, None);
    let lets = texts.lets(&runtime, function);
    let early = model
        .templates
        .iter()
        .filter(|template| !template.returns());
    let early = early.map(|template| {
        let span = at(template.literal.span());
        let private = runtime.at(span);
        let pieces = pieces(&runtime, template, function, &Args::Rendered(&texts));
        quote_spanned!(span=> #private::Writing::names(&mut __writing, #pieces);)
    });
    let output = function
        .output
        .clone()
        .map_or_else(|| parse_quote!(()), body::nameable);
    let ttl = ttl(model, &runtime);
    // What the value would have to be is said at the return type.
    let place = anchor(&output);
    let values = model.templates.iter().map(|template| {
        let private = runtime.at(place);
        let pieces = pieces(&runtime, template, function, &Args::Rendered(&texts));
        quote_spanned!(place=> #private::Writing::value(&mut __writing, #pieces, __value, #ttl);)
    });
    let (run, finish) = match function.form {
        Form::Sync => {
            let body = body::closure(function, &output);
            (quote!((#body)()), quote_spanned!(span=> finish_blocking()))
        }
        Form::Async | Form::Future(_) => {
            let body = body::future(&runtime, function, &output);
            (quote!(#body.await), quote_spanned!(span=> finish().await))
        }
    };
    let whole = quote_spanned! {span=>
        let mut __writing = #private::Writing::new(#name);
        #lets
        #(#early)*
        let __out: #output = #run;
        {
            use #private::probe::{Return as _, Value as _};
            let __r = #private::returns(&__out).__cache_outer();
            if !__r.__cache_succeeded(&__out) {
                #private::Writing::failed(&mut __writing);
            } else if let #private::Some(__value) = __r.__cache_item(__r.__cache_value().__cache_inner(), &__out) {
                #(#values)*
            }
        }
        __writing.#finish;
        __out
    };
    body::function(function, whole)
}

/// An `Option<Duration>`, where `__value` is the value.
fn ttl(model: &Put, runtime: &Runtime<'_>) -> TokenStream {
    let span = Span::mixed_site();
    let private = runtime.at(span);
    match &model.ttl {
        None => quote_spanned!(span=> #private::None),
        Some(Ttl::Never) => quote_spanned!(span=> #private::Some(#private::Duration::MAX)),
        Some(Ttl::For(Length::Millis(millis, _))) => {
            quote_spanned!(span=> #private::Some(#private::Duration::from_millis(#millis)))
        }
        Some(Ttl::For(Length::Const(expr))) => {
            let span = start(expr);
            let private = runtime.at(span);
            let expr = expr.to_token_stream();
            quote_spanned!(span=> #private::Some({ const __TTL: #private::Duration = #expr; __TTL }))
        }
        Some(Ttl::ByValue(rule)) => {
            let span = start(rule);
            let private = runtime.at(span);
            quote_spanned!(span=> #private::lifetime(#private::judge(__value, #rule)))
        }
    }
}
