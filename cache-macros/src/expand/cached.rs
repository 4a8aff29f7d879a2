//! A cached function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use super::pieces::{Args, Texts, pieces};
use super::{Runtime, anchor, at, body, each, spec, start};
use crate::check::types;
use crate::input::{Binding, Form, Kind};
use crate::model::{Cached, KeyPart};
use crate::template::{Path, Template};
use crate::value::Ttl;

// Input:
//     async fn user(id: i64) -> Option<User> { body }
//
// Output:
//     async fn user(id: i64) -> Option<User> {
//         let __function = function(&|| { … shape … });
//         let __miss = {
//             let mut __call = Call::new();
//             __call.__cache_arg::<i64>(&id);
//             match __call.__cache_start({ static … &SITE }, __function) {
//                 Ok(__hit) => return __hit,
//                 Err(mut __miss) => { Miss::address(&mut __miss, &[…]); __miss }
//             }
//         };
//         let mut __driven = #private::drive(__miss);
//         let __body = pin!(async move { … body … });
//         run(&mut __driven, __body).await
//     }
//
// The look-up comes before the body's future exists: a hit moves no argument and builds nothing. The body is dropped
// before what drives it.
/// The function with a look-up before its body.
pub(crate) fn cached(model: &Cached) -> TokenStream {
    let runtime = Runtime(&model.krate);
    if let (Some(each), Some(ids)) = (&model.each, model.ids()) {
        return each::batch(model, each, ids, &runtime);
    }
    let function = tell(model, &runtime);
    let miss = miss(model, &runtime);
    let Rules { lets, closure } = Rules::of(model, &runtime);
    let rest = closure.as_ref().map(|closure| quote!(, #closure));
    // At the return type, as everything else that needs it to be a value: the compiler reports one place once.
    let span = anchor(&model.output);
    let private = runtime.at(span);
    let work = match model.function.form {
        _ if model.goes_on() => behind(model, &runtime, closure),
        Form::Sync => {
            let run = Ident::new(
                if closure.is_some() {
                    "run_blocking_with"
                } else {
                    "run_blocking"
                },
                span,
            );
            let body = body::closure(&model.function, &model.output);
            quote_spanned!(span=> #private::#run(__miss, #body #rest))
        }
        Form::Async | Form::Future(_) => {
            let run = Ident::new(if closure.is_some() { "run_with" } else { "run" }, span);
            let body = body::future(&runtime, &model.function, &model.output);
            let drive = quote_spanned!(span=> let mut __driven = #private::drive(__miss););
            let pinned = runtime.at(Span::mixed_site());
            let body = quote_spanned!(Span::mixed_site()=> let __body = #pinned::pin!(#body););
            let run = quote_spanned!(span=> #private::#run(&mut __driven, __body #rest).await);
            quote!(#drive #body #run)
        }
    };
    let whole = quote_spanned! {Span::mixed_site()=>
        let __function = #function;
        let __miss = #miss;
        #lets
        #work
    };
    body::function(&model.function, whole)
}

// Output:
//     run_behind(__miss, async move { … body … }, move |__value, __keep| { … }).await
/// The body, owned by what drives it: it may go on when the caller has a value.
fn behind(model: &Cached, runtime: &Runtime<'_>, closure: Option<TokenStream>) -> TokenStream {
    let span = anchor(&model.output);
    let private = runtime.at(span);
    let rules = match closure {
        Some(closure) => quote_spanned!(Span::mixed_site()=> move #closure),
        None => quote_spanned!(Span::mixed_site()=> |_, _| {}),
    };
    match model.function.form {
        Form::Sync => {
            let body = body::closure(&model.function, &model.output);
            quote_spanned!(span=> #private::run_blocking_behind(__miss, #body, #rules))
        }
        Form::Async | Form::Future(_) => {
            let body = body::future(runtime, &model.function, &model.output);
            quote_spanned!(span=> #private::run_behind(__miss, #body, #rules).await)
        }
    }
}

// Output:
//     function(&|| {
//         use probe::{Return as _, …};
//         let __r = Returns::<Option<User>>::new().__cache_outer();
//         let __v = __r.__cache_value();
//         __r.__cache_shape(__v.__cache_inner(), (&&&__v).__cache_weigh(), (&&__v).__cache_content(), (&&__r.__cache_error()).__cache_share())
//     })
//
// The closure is never called: what it does is known from its type, and it is not compiled any further.
/// What the runtime learns of the function and of its return type, at the return type.
pub(super) fn tell(model: &Cached, runtime: &Runtime<'_>) -> TokenStream {
    let output = &model.output;
    let span = anchor(output);
    let private = runtime.at(span);
    // What borrows for ever is `Deserialize` for input that lives for ever only, and the compiler would insist on such.
    let portable = !model.memory_only() && !types::holds_static(output);
    let content = portable.then(|| quote_spanned!(span=> ContentSerde as _,));
    let fallible = model.preset.result || model.err_ttl.is_some() || model.stale_if_error.is_some();
    let must_be_result = fallible.then(|| quote_spanned!(span=> #private::must_be_result(__r);));
    let must_keep_errors = model
        .err_ttl
        .is_some()
        .then(|| quote_spanned!(span=> #private::must_keep_errors(__r.__cache_error());));
    let must_be_option = model
        .none_ttl
        .is_some()
        .then(|| quote_spanned!(span=> #private::must_be_option(__v.__cache_inner());));
    let must_be_portable = model
        .tiers
        .is_some_and(|tiers| tiers.redis)
        .then(|| quote_spanned!(span=> #private::must_be_portable(__v);));
    let bindings = model.function.bindings.iter();
    let types = bindings.filter_map(|binding| binding.ty.as_ref());
    let owned = types
        .filter(|ty| model.goes_on() && types::opaque(ty).is_none())
        .map(|ty| {
            let span = anchor(ty);
            let private = runtime.at(span);
            quote_spanned!(span=> #private::must_be_owned::<#ty>();)
        });
    let element = model.each.as_ref().map(|_| {
        quote_spanned! {span=>
            use #private::probe::{Each as _, NotEach as _};
            let __e = (&&#private::gives(__r.__cache_value(), __ids)).__cache_element();
            let __r = #private::with(__r, __e);
        }
    });
    quote_spanned! {span=> #private::function(&|| {
        use #private::probe::{
            #content ContentLocal as _, Return as _, ShareClone as _, ShareNone as _, Value as _, WeighHook as _,
            WeighSerde as _, WeighSize as _,
        };
        let __r = #private::Returns::<#output>::new().__cache_outer();
        #element
        let __v = __r.__cache_value();
        #must_be_result
        #must_keep_errors
        #must_be_option
        #must_be_portable
        #(#owned)*
        __r.__cache_shape(__v.__cache_inner(), (&&&__v).__cache_weigh(), (&&__v).__cache_content(), (&&__r.__cache_error()).__cache_share())
    })}
}

/// The look-up: returns on a hit, gives the miss otherwise.
fn miss(model: &Cached, runtime: &Runtime<'_>) -> TokenStream {
    let span = Span::mixed_site();
    let private = runtime.at(span);
    let site = spec::site(model, runtime);
    let names = names(model, runtime);
    let missed = if names.is_empty() {
        quote_spanned!(span=> #private::Err(__miss) => __miss,)
    } else {
        quote_spanned!(span=> #private::Err(mut __miss) => { #names __miss })
    };
    let args = args(model, runtime);
    let start = quote_spanned!(anchor(&model.output)=> __call.__cache_start(#site, __function));
    quote_spanned! {span=> {
        let mut __call = #private::Call::new();
        #args
        match #start {
            #private::Ok(__hit) => return __hit,
            #missed
        }
    }}
}

/// The address and the tags that need no value, for a miss.
pub(super) fn names(model: &Cached, runtime: &Runtime<'_>) -> TokenStream {
    let fill = |method: &str, template: &Template| {
        let span = at(template.literal.span());
        let method = Ident::new(method, span);
        let private = runtime.at(span);
        let pieces = pieces(runtime, template, &model.function, &Args::Direct);
        quote_spanned!(span=> #private::Miss::#method(&mut __miss, #pieces);)
    };
    let address = model
        .template
        .iter()
        .map(|template| fill("address", template));
    let tags = model
        .tags
        .iter()
        .filter(|tag| !tag.returns())
        .map(|tag| fill("tag", tag));
    address.chain(tags).collect()
}

/// `__call.__cache_arg::<i64>(&id);` for what is in the key; ids are added one by one, elsewhere.
pub(super) fn args(model: &Cached, runtime: &Runtime<'_>) -> TokenStream {
    let span = Span::mixed_site();
    let ids = model.each.as_ref().map(|each| each.place);
    let parts = || {
        model
            .key
            .iter()
            .filter(|part| !matches!(part, KeyPart::Binding(place) if Some(*place) == ids))
    };
    let args = parts().filter_map(|part| match part {
        KeyPart::Binding(place) => model.binding(*place).map(argument),
        KeyPart::Expr(expr) => Some(quote_spanned!(start(expr)=> __call.__cache_arg(&(#expr));)),
    });
    let args: TokenStream = args.collect();
    if parts().all(|part| is_plain(model, part)) {
        return args;
    }
    let private = runtime.at(span);
    quote_spanned! {span=> {
        let __preparing = #private::Preparing::new();
        #args
    }}
}

/// Whether no code of a user's runs where this part is added to the key. By their names alone, as nothing but a
/// modifier that is given away depends on it.
fn is_plain(model: &Cached, part: &KeyPart) -> bool {
    match part {
        KeyPart::Binding(place) => model
            .binding(*place)
            .and_then(|binding| binding.ty.as_ref())
            .is_some_and(types::is_plain),
        KeyPart::Expr(expr) => Path::of(expr)
            .filter(|path| path.members.is_empty())
            .and_then(|path| model.function.binding(&path.root)?.ty.as_ref())
            .is_some_and(types::is_plain),
    }
}

/// `__call.__cache_arg::<i64>(&id);`, all of it at the type.
fn argument(binding: &Binding) -> TokenStream {
    let span = match (&binding.kind, &binding.ty) {
        (Kind::Whole | Kind::Part, Some(ty)) => anchor(ty),
        _ => at(binding.ident.span()),
    };
    let mut ident = binding.ident.clone();
    ident.set_span(ident.span().located_at(span));
    let cfgs = &binding.cfgs;
    let call = match (&binding.kind, &binding.ty) {
        (Kind::SelfReference, _) => quote_spanned!(span=> __call.__cache_arg::<Self>(#ident);),
        (Kind::SelfValue, None) => quote_spanned!(span=> __call.__cache_arg::<Self>(&#ident);),
        (Kind::SelfValue | Kind::Whole, Some(ty)) if types::opaque(ty).is_none() => {
            quote_spanned!(span=> __call.__cache_arg::<#ty>(&#ident);)
        }
        _ => quote_spanned!(span=> __call.__cache_arg(&#ident);),
    };
    quote!(#(#cfgs)* #call)
}

/// What is decided once the value is there.
pub(super) struct Rules {
    /// Texts of arguments, made before the body takes them.
    pub(super) lets: TokenStream,
    pub(super) closure: Option<TokenStream>,
}

impl Rules {
    // Output:
    //     |__value, __keep| {
    //         __keep.ttl(judge(__value, |value| …));
    //         __keep.when(holds(__value, |value| …));
    //         __keep.tag(&[Piece::Text("owner:"), Piece::arg(&__value.owner)]);
    //     }
    // or, of a lifetime that adapts,
    //     |__value, __keep| if __keep.content(__value) { … }
    pub(super) fn of(model: &Cached, runtime: &Runtime<'_>) -> Self {
        let late = || model.tags.iter().filter(|tag| tag.returns());
        let ids = model.ids().map(Binding::name);
        let texts = Texts::of(late(), ids.as_deref());
        let mut rules = TokenStream::new();
        if let Some(Ttl::ByValue(rule)) = &model.ttl {
            let span = start(rule);
            let private = runtime.at(span);
            rules.extend(quote_spanned!(span=> __keep.ttl(#private::judge(__value, #rule));));
        }
        if let Some(rule) = &model.when {
            let span = start(rule);
            let private = runtime.at(span);
            rules.extend(quote_spanned!(span=> __keep.when(#private::holds(__value, #rule));));
        }
        for tag in late() {
            let pieces = pieces(runtime, tag, &model.function, &Args::Rendered(&texts));
            rules.extend(quote_spanned!(at(tag.literal.span())=> __keep.tag(#pieces);));
        }
        if let Some(Ttl::Adaptive(..)) = &model.ttl {
            // At the return type, as what it needs is said of that.
            let span = anchor(&model.output);
            rules = quote_spanned!(span=> if __keep.content(__value) { #rules });
        }
        let ids = model.ids().map(|ids| &ids.ident);
        let id = ids.map(|id| quote!(#id,));
        let used = ids.map(|id| quote!(let _ = #id;));
        let closure = (!rules.is_empty())
            .then(|| quote_spanned!(Span::mixed_site()=> |#id __value, __keep| { #used #rules }));
        Self {
            lets: texts.lets(runtime, &model.function),
            closure,
        }
    }
}
