//! A function that invalidates.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{Expr, parse_quote};

use super::pieces::{Args, Texts, pieces};
use super::{at, body, private};
use crate::input::{Form, Function};
use crate::model::Invalidation;
use crate::options::Target;
use crate::template::Template;

// Input:
//     async fn rename(id: i64) -> Result<()> { body }
//
// Output:
//     async fn rename(id: i64) -> Result<()> {
//         let mut __targets = Targets::new("rename");
//         __targets.pattern(&[Piece::Text("users:"), Piece::Arg(&id)]);
//         let __out: Result<()> = async move { … body … }.await;
//         let __success = { use probe::Return as _; returns(&__out).outer().succeeded(&__out) };
//         __targets.finish(__success).await;
//         __out
//     }
//
// Targets are named before the body takes the arguments.
/// The function with an invalidation after its body.
pub(crate) fn invalidation(model: &Invalidation) -> TokenStream {
    let private = private(&model.krate);
    let function = &model.function;
    let name = function.name();
    let span = Span::mixed_site();
    let always = model
        .always
        .then(|| quote_spanned!(span=> __targets.always();));
    let registered: TokenStream = model
        .targets
        .iter()
        .filter_map(|target| registered(target, &name, &private))
        .collect();
    let early: TokenStream = model
        .targets
        .iter()
        .filter_map(|target| early(target, function, &private))
        .collect();
    let texts = Texts::of(late(model).map(|(_, template)| template));
    let lets = texts.lets(&private, function);
    let late = after(model, &texts, &private);
    let output = function
        .output
        .clone()
        .map_or_else(|| parse_quote!(()), body::nameable);
    let (now, run, finish) = match function.form {
        Form::Sync => {
            let body = body::closure(function, &output);
            (
                quote!(now_blocking()),
                quote!((#body)()),
                quote_spanned!(span=> finish_blocking(__success)),
            )
        }
        Form::Async | Form::Future(_) => {
            let body = body::future(&private, function, &output);
            (
                quote!(now().await),
                quote!(#body.await),
                quote_spanned!(span=> finish(__success).await),
            )
        }
    };
    let before = model.before.then(|| quote_spanned!(span=> __targets.#now;));
    let whole = quote_spanned! {span=>
        #registered
        let mut __targets = #private::Targets::new(#name);
        #always
        #early
        #before
        #lets
        #[allow(clippy::let_unit_value, clippy::redundant_closure_call)]
        let __out: #output = #run;
        let __success = {
            use #private::probe::{Return as _, Value as _};
            let __r = #private::returns(&__out).outer();
            #late
            __r.succeeded(&__out)
        };
        __targets.#finish;
        __out
    };
    body::function(function, whole)
}

/// A target's template for the link-time list, so that an audit can tell which ones match no function.
fn registered(target: &Target, function: &str, private: &TokenStream) -> Option<TokenStream> {
    let (tag, template) = match target {
        Target::Pattern(template) => (false, template.source()),
        Target::Tag(template) => (true, template.source()),
        Target::Call(_) => return None,
    };
    Some(quote_spanned! {Span::mixed_site()=>
        #private::inventory::submit! {
            #private::TargetRef {
                function: #function,
                module: #private::module_path!(),
                tag: #tag,
                template: #template,
            }
        }
    })
}

/// A target that needs no value.
fn early(target: &Target, function: &Function, private: &TokenStream) -> Option<TokenStream> {
    let (method, template) = match target {
        Target::Pattern(template) => (quote!(pattern), template),
        Target::Tag(template) => (quote!(tag), template),
        Target::Call(call) => {
            let call = cloning((**call).clone(), function, private);
            let place = call
                .to_token_stream()
                .into_iter()
                .next()
                .map_or_else(Span::mixed_site, |token| token.span());
            return Some(
                quote_spanned!(at(place)=> __targets.call(#private::capture_call!(#call));),
            );
        }
    };
    if template.returns() {
        return None;
    }
    let pieces = pieces(private, template, function, &Args::Direct);
    Some(quote_spanned!(at(template.literal.span())=> __targets.#method(#pieces);))
}

/// The targets that need the value.
fn late(model: &Invalidation) -> impl Iterator<Item = (&'static str, &Template)> {
    model.targets.iter().filter_map(|target| match target {
        Target::Pattern(template) if template.returns() => Some(("pattern", template)),
        Target::Tag(template) if template.returns() => Some(("tag", template)),
        _ => None,
    })
}

fn after(model: &Invalidation, texts: &Texts, private: &TokenStream) -> Option<TokenStream> {
    let each: TokenStream = late(model)
        .map(|(method, template)| {
            let span = at(template.literal.span());
            let method = syn::Ident::new(method, span);
            let pieces = pieces(private, template, &model.function, &Args::Rendered(texts));
            quote_spanned!(span=> __targets.#method(#pieces);)
        })
        .collect();
    (!each.is_empty()).then(|| {
        quote_spanned! {Span::mixed_site()=>
            if let #private::Some(__value) = __r.item(__r.value().inner(), &__out) {
                #each
            }
        }
    })
}

// Input:
//     user(pool, id)
//
// Output:
//     user(pool, Clone::clone(&id))
//
// The body still needs what this call would take.
fn cloning(mut call: Expr, function: &Function, private: &TokenStream) -> Expr {
    let args = match &mut call {
        Expr::Call(call) => &mut call.args,
        Expr::MethodCall(call) => &mut call.args,
        _ => return call,
    };
    for arg in args.iter_mut() {
        let Expr::Path(path) = &*arg else { continue };
        let Some(ident) = path.path.get_ident() else {
            continue;
        };
        if function
            .bindings
            .iter()
            .any(|binding| binding.ident == *ident && binding.by_value())
        {
            let span = at(ident.span());
            *arg = Expr::Verbatim(quote_spanned!(span=> #private::Clone::clone(&#ident)));
        }
    }
    call
}
