//! A call at start-up.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::{FnArg, Type};

use super::{Runtime, body, spec, start};
use crate::input;
use crate::model::Warmup;
use crate::text;

// Input:
//     async fn profile(user_id: u64) -> Profile { body }
//
// Output:
//     async fn profile(user_id: u64) -> Profile { body }
//     const _: () = {
//         inventory::submit! { WarmupJob {
//             call: "profile(1)", module: …, priority: 0, every: None,
//             run: || Box::pin(async { Step::Made(… profile(1).await …) }),
//         } }
//     };
//
// With `from = ids()`:
//             run: || Box::pin(async { calls(ids(), |__0| Box::pin(async move { Step::Made(… profile(__0).await …) })) }),
/// The function as it is, and a registered call of it.
pub(crate) fn warmup(model: &Warmup) -> TokenStream {
    let span = Span::mixed_site();
    let runtime = Runtime(&model.krate);
    let private = runtime.at(span);
    let function = &model.function;
    let cfgs = input::cfgs(&function.attrs);
    let call = call(model);
    let made = quote_spanned!(span=> #private::Step::Made(#private::outcome_of!(#call)));
    let step = match &model.from {
        None => made,
        Some(from) => {
            // At the list: it is what may not fit.
            let (span, private) = (start(from), runtime.at(start(from)));
            let taken = taken(model);
            let set = match &*taken {
                [one] => one.to_token_stream(),
                many => quote_spanned!(span=> (#(#many),*)),
            };
            quote_spanned! {span=>
                #private::calls(#from, |#set| #private::Box::pin(async move { #made }))
            }
        }
    };
    let every = match &model.every {
        None => quote_spanned!(span=> #private::None),
        Some(length) => {
            let (_, length) = spec::duration(length, &runtime);
            quote_spanned!(span=> #private::Some(#length))
        }
    };
    let (item, text, priority) = (
        body::function(function, function.body.stream().to_token_stream()),
        text(model),
        model.priority,
    );
    quote_spanned! {span=>
        #item
        #(#cfgs)*
        const _: () = {
            #private::inventory::submit! {
                #private::WarmupJob {
                    call: #text,
                    module: #private::module_path!(),
                    priority: #priority,
                    every: #every,
                    run: || #private::Box::pin(async { #step }),
                }
            }
        };
    }
}

/// What an argument is called that `from` gives.
fn place(at: usize, model: &Warmup) -> Ident {
    let span = model.from.as_ref().map_or_else(Span::mixed_site, start);
    format_ident!("__{at}", span = span)
}

/// The arguments that `from` gives.
fn taken(model: &Warmup) -> Vec<Ident> {
    let args = model.args.iter().enumerate();
    args.filter(|(_, arg)| arg.is_none())
        .map(|(at, _)| place(at, model))
        .collect()
}

/// The call, awaited where it has to be.
fn call(model: &Warmup) -> TokenStream {
    let sig = &model.function.sig;
    let args = model.args.iter().zip(&sig.inputs).enumerate();
    let passed = args.map(|(at, (arg, input))| {
        let FnArg::Typed(typed) = input else {
            return TokenStream::new();
        };
        let cfgs = input::cfgs(&typed.attrs);
        let arg = match (arg, &*typed.ty) {
            (Some(arg), _) => arg.to_token_stream(),
            // Whether the items are references or not.
            (None, Type::Reference(_)) => {
                let place = place(at, model);
                quote_spanned!(place.span()=> &#place)
            }
            (None, _) => place(at, model).to_token_stream(),
        };
        quote!(#(#cfgs)* #arg)
    });
    let name = &sig.ident;
    let wait = sig.asyncness.map(|_| quote!(.await));
    quote_spanned!(name.span()=> #name(#(#passed),*) #wait)
}

/// The call as it is written in a report.
fn text(model: &Warmup) -> String {
    let name = &model.function.sig.ident;
    let given = model.args.iter().flatten().map(|arg| quote!(#arg));
    let from = model.from.iter().map(|from| quote!(from #from));
    let shown = given.chain(from);
    text::compact(quote!(#name(#(#shown),*)))
}
