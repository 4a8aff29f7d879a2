//! A call at start-up.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::{FnArg, Type};

use super::{Runtime, anchor, body, spec, start};
use crate::input::{self, Binding};
use crate::model::{Hot, Warmup};
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
//
// With `hot = 100`:
//         static __CACHE_HOT: HotCalls = HotCalls::new(|| path_of(&profile), &["user_id"], 100, |__kept| {
//             let __0 = __kept.take::<u64>();
//             __kept.end()?;
//             let __0 = __0?;
//             Ok(Box::pin(async move { … profile(__0).await … }))
//         });
//         inventory::submit! { HotRef(&__CACHE_HOT) }
//             run: || Box::pin(async { hot(&__CACHE_HOT).await }),
/// The function as it is, and a registered call of it.
pub(crate) fn warmup(model: &Warmup) -> TokenStream {
    let span = Span::mixed_site();
    let runtime = Runtime(&model.krate);
    let private = runtime.at(span);
    let function = &model.function;
    let cfgs = input::cfgs(&function.attrs);
    let call = call(model);
    let made = quote_spanned!(span=> #private::Step::Made(#private::outcome_of!(#call)));
    let kept = model.hot.as_ref().map(|hot| kept(model, hot, &runtime));
    let step = match &model.from {
        None if kept.is_some() => quote_spanned!(span=> #private::hot(&__CACHE_HOT).await),
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
            #kept
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

/// How a function's calls are made again from what is kept of them.
fn kept(model: &Warmup, hot: &Hot, runtime: &Runtime<'_>) -> TokenStream {
    let span = Span::mixed_site();
    let private = runtime.at(span);
    let (mut names, mut taken, mut good) =
        (TokenStream::new(), TokenStream::new(), TokenStream::new());
    for (at, input) in model.function.sig.inputs.iter().enumerate() {
        let (FnArg::Typed(typed), Some(None)) = (input, model.args.get(at)) else {
            continue;
        };
        let (cfgs, place) = (input::cfgs(&typed.attrs), place(at, model));
        let name = model.function.bindings.get(at).map(Binding::name);
        names.extend(quote!(#(#cfgs)* #name,));
        // At the type: it is what may not come back.
        let (span, ty) = owned(&typed.ty, runtime);
        let take = quote_spanned!(span=> let #place = __kept.take::<#ty>(););
        taken.extend(quote!(#(#cfgs)* #take));
        good.extend(quote_spanned!(span=> #(#cfgs)* let #place = #place?;));
    }
    let (function, most, call) = (&model.function.sig.ident, hot.most, call(model));
    let name = hot.name.iter().map(|name| quote!(.name(#name)));
    let version = hot.version.iter().map(|version| quote!(.version(#version)));
    quote_spanned! {span=>
        static __CACHE_HOT: #private::HotCalls = #private::HotCalls::new(
            || #private::path_of(&#function),
            &[#names],
            #most,
            |__kept| {
                #taken
                __kept.end()?;
                #good
                #private::Ok(#private::Box::pin(async move { #private::outcome_of!(#call) }))
            },
        )#(#name)* #(#version)*;
        #private::inventory::submit! { #private::HotRef(&__CACHE_HOT) }
    }
}

/// The type of which an argument is read back, which then is lent where the argument is a reference.
fn owned(ty: &Type, runtime: &Runtime<'_>) -> (Span, TokenStream) {
    let Type::Reference(reference) = ty else {
        return (anchor(ty), ty.to_token_stream());
    };
    let elem = &*reference.elem;
    let last = match elem {
        Type::Path(path) => path.path.segments.last().map(|last| &last.ident),
        _ => None,
    };
    let (span, whole) = (anchor(elem), elem.to_token_stream());
    let private = runtime.at(span);
    match elem {
        Type::Slice(slice) => {
            let (span, item) = (anchor(&slice.elem), &slice.elem);
            (span, quote_spanned!(span=> #private::Vec<#item>))
        }
        _ if last.is_some_and(|last| last == "str" || last == "Path") => (
            span,
            quote_spanned!(span=> <#whole as #private::ToOwned>::Owned),
        ),
        _ => (span, whole),
    }
}

/// What an argument is called that `from` gives, or that is read back.
fn place(at: usize, model: &Warmup) -> Ident {
    let span = model.from.as_ref().map_or_else(Span::mixed_site, start);
    format_ident!("__{at}", span = span)
}

/// The arguments that `from` gives, as a pattern.
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
            // Whether the items are references or not; what is read back is none.
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
    let hot = model.hot.iter().map(|hot| {
        let most = Literal::usize_unsuffixed(hot.most);
        quote!(hot #most)
    });
    let shown = given.chain(from).chain(hot);
    text::compact(quote!(#name(#(#shown),*)))
}
