//! A cached function.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};

use super::pieces::{Args, Texts, pieces};
use super::{at, body, private, spec};
use crate::check::types;
use crate::input::{Binding, Form, Kind};
use crate::model::{Cached, KeyPart};
use crate::value::Ttl;

// Input:
//     async fn user(id: i64) -> Option<User> { body }
//
// Output:
//     async fn user(id: i64) -> Option<User> {
//         let __shape = { … };
//         let __miss = {
//             let mut __call = Call::new({ static … &SITE }, &|| ());
//             __call.arg::<i64>(&id);
//             match __call.start(&__shape) {
//                 Ok(__hit) => return __hit,
//                 Err(mut __miss) => { __miss.address(&[…]); __miss }
//             }
//         };
//         let __body = pin!(async move { … body … });
//         __miss.run(&__shape, __body).await
//     }
//
// The look-up comes before the body's future exists: a hit moves no argument and builds nothing.
/// The function with a look-up before its body.
pub(crate) fn cached(model: &Cached) -> TokenStream {
    let private = private(&model.krate);
    let shape = shape(model, &private);
    let miss = miss(model, &private);
    let rules = Rules::of(model, &private);
    let (lets, closure) = (&rules.lets, &rules.closure);
    let run = match (&model.function.form, closure.is_some()) {
        (Form::Sync, false) => quote!(run_blocking),
        (Form::Sync, true) => quote!(run_blocking_with),
        (_, false) => quote!(run),
        (_, true) => quote!(run_with),
    };
    let rules = closure.as_ref().map(|closure| quote!(, #closure));
    let work = match model.function.form {
        Form::Sync => {
            let body = body::closure(&model.function, &model.output);
            quote_spanned!(Span::mixed_site()=> __miss.#run(&__shape, #body #rules))
        }
        Form::Async | Form::Future(_) => {
            let body = body::future(&private, &model.function, &model.output);
            quote_spanned! {Span::mixed_site()=>
                let __body = #private::pin!(#body);
                __miss.#run(&__shape, __body #rules).await
            }
        }
    };
    let whole = quote_spanned! {Span::mixed_site()=>
        let __shape = #shape;
        let __miss = #miss;
        #lets
        #work
    };
    body::function(&model.function, whole)
}

// Output:
//     {
//         use probe::{Return as _, …};
//         let __r = Returns::<Option<User>>::new().outer();
//         let __v = __r.value();
//         __r.shape(__v.inner(), (&&&__v).weigh(), (&&__v).content(), (&&__r.error()).share())
//     }
/// What the runtime learns of the return type, at the return type.
fn shape(model: &Cached, private: &TokenStream) -> TokenStream {
    let output = &model.output;
    let place = output
        .to_token_stream()
        .into_iter()
        .next()
        .map_or_else(Span::mixed_site, |token| token.span());
    let span = at(place);
    // A borrowed 'static is `Deserialize` for 'static input only, which the compiler says instead of "no".
    let portable = !model.memory_only && !types::holds_static(output);
    let content = portable.then(|| quote_spanned!(span=> ContentSerde as _,));
    let fallible = model.preset.result || model.err_ttl.is_some();
    let must_be_result = fallible.then(|| quote_spanned!(span=> #private::must_be_result(__r);));
    let must_keep_errors = model
        .err_ttl
        .is_some()
        .then(|| quote_spanned!(span=> #private::must_keep_errors(__r.error());));
    let must_be_option = model
        .none_ttl
        .is_some()
        .then(|| quote_spanned!(span=> #private::must_be_option(__v.inner());));
    quote_spanned! {span=> {
        use #private::probe::{
            #content ContentLocal as _, Return as _, ShareClone as _, ShareNone as _, Value as _, WeighHook as _,
            WeighSerde as _, WeighSize as _,
        };
        let __r = #private::Returns::<#output>::new().outer();
        let __v = __r.value();
        #must_be_result
        #must_keep_errors
        #must_be_option
        __r.shape(__v.inner(), (&&&__v).weigh(), (&&__v).content(), (&&__r.error()).share())
    }}
}

/// The look-up: returns on a hit, gives the miss otherwise.
fn miss(model: &Cached, private: &TokenStream) -> TokenStream {
    let site = spec::site(model);
    let args = model.key.iter().filter_map(|part| match part {
        KeyPart::Binding(place) => model.binding(*place).map(argument),
        KeyPart::Expr(expr) => {
            let span = expr
                .to_token_stream()
                .into_iter()
                .next()
                .map_or_else(Span::mixed_site, |token| token.span());
            Some(quote_spanned!(at(span)=> __call.arg(&(#expr));))
        }
    });
    let fill = |method: TokenStream, template| {
        let pieces = pieces(private, template, &model.function, &Args::Direct);
        quote_spanned!(at(template.literal.span())=> __miss.#method(#pieces);)
    };
    let mut names = TokenStream::new();
    if let Some(template) = &model.template {
        names.extend(fill(quote!(address), template));
    }
    for tag in model.tags.iter().filter(|tag| !tag.returns()) {
        names.extend(fill(quote!(tag), tag));
    }
    let missed = if names.is_empty() {
        quote_spanned!(Span::mixed_site()=> #private::Err(__miss) => __miss,)
    } else {
        quote_spanned!(Span::mixed_site()=> #private::Err(mut __miss) => { #names __miss })
    };
    let anchor = model
        .output
        .to_token_stream()
        .into_iter()
        .next()
        .map_or_else(Span::mixed_site, |token| token.span());
    let start = quote_spanned!(at(anchor)=> __call.start(&__shape));
    quote_spanned! {Span::mixed_site()=> {
        let mut __call = #private::Call::new(#site, &|| ());
        #(#args)*
        match #start {
            #private::Ok(__hit) => return __hit,
            #missed
        }
    }}
}

/// `__call.arg::<i64>(&id);`, all of it at the type.
fn argument(binding: &Binding) -> TokenStream {
    let span = at(binding.place());
    let mut ident = binding.ident.clone();
    ident.set_span(ident.span().located_at(binding.place()));
    let cfgs = &binding.cfgs;
    let call = match (&binding.kind, &binding.ty) {
        (Kind::SelfReference, _) => quote_spanned!(span=> __call.arg::<Self>(#ident);),
        (Kind::SelfValue, None) => quote_spanned!(span=> __call.arg::<Self>(&#ident);),
        (Kind::SelfValue | Kind::Whole, Some(ty)) if types::opaque(ty).is_none() => {
            quote_spanned!(span=> __call.arg::<#ty>(&#ident);)
        }
        _ => quote_spanned!(span=> __call.arg(&#ident);),
    };
    quote!(#(#cfgs)* #call)
}

/// What is decided once the value is there.
struct Rules {
    /// Texts of arguments, made before the body takes them.
    lets: TokenStream,
    closure: Option<TokenStream>,
}

impl Rules {
    // Output:
    //     |__value, __keep| {
    //         __keep.ttl(judge(__value, |value| …));
    //         __keep.when(judge(__value, |value| …));
    //         __keep.tag(&[Piece::Text("owner:"), Piece::Arg(&__value.owner)]);
    //     }
    fn of(model: &Cached, private: &TokenStream) -> Self {
        let late = || model.tags.iter().filter(|tag| tag.returns());
        let texts = Texts::of(late());
        let mut rules = TokenStream::new();
        if let Some(Ttl::ByValue(closure)) = &model.ttl {
            let span = at(closure.inputs_begin.span);
            rules.extend(quote_spanned!(span=> __keep.ttl(#private::judge(__value, #closure));));
        }
        if let Some(rule) = &model.when {
            let span = at(rule
                .to_token_stream()
                .into_iter()
                .next()
                .map_or_else(Span::mixed_site, |token| token.span()));
            rules.extend(quote_spanned!(span=> __keep.when(#private::judge(__value, #rule));));
        }
        for tag in late() {
            let pieces = pieces(private, tag, &model.function, &Args::Rendered(&texts));
            rules.extend(quote_spanned!(at(tag.literal.span())=> __keep.tag(#pieces);));
        }
        let closure = (!rules.is_empty())
            .then(|| quote_spanned!(Span::mixed_site()=> |__value, __keep| { #rules }));
        Self {
            lets: texts.lets(private, &model.function),
            closure,
        }
    }
}
