//! A call at start-up.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::FnArg;

use super::{Runtime, body};
use crate::input;
use crate::model::Warmup;
use crate::text;

// Input:
//     async fn profile(user_id: u64) -> Profile { body }
//
// Output:
//     async fn profile(user_id: u64) -> Profile { body }
//     const _: () = {
//         inventory::submit! { WarmupJob { call: "profile(1)", module: …, run: || Box::pin(async { … profile(1).await … }) } }
//     };
/// The function as it is, and a registered call of it.
pub(crate) fn warmup(model: &Warmup) -> TokenStream {
    let private = Runtime(&model.krate).at(Span::mixed_site());
    let function = &model.function;
    let name = &function.sig.ident;
    let cfgs = input::cfgs(&function.attrs);
    let args = &model.args;
    let named = quote!(#name(#(#args),*));
    let text = text::compact(named);
    let passed = args.iter().zip(&function.sig.inputs).map(|(arg, input)| {
        let cfgs = match input {
            FnArg::Typed(typed) => input::cfgs(&typed.attrs),
            FnArg::Receiver(_) => Vec::new(),
        };
        quote!(#(#cfgs)* #arg)
    });
    let wait = function.sig.asyncness.map(|_| quote!(.await));
    let call = quote_spanned!(name.span()=> #name(#(#passed),*) #wait);
    let item = body::function(function, function.body.stream().to_token_stream());
    quote_spanned! {Span::mixed_site()=>
        #item
        #(#cfgs)*
        const _: () = {
            #private::inventory::submit! {
                #private::WarmupJob {
                    call: #text,
                    module: #private::module_path!(),
                    run: || #private::Box::pin(async { #private::outcome_of!(#call) }),
                }
            }
        };
    }
}
