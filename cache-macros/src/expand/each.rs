//! A cached function that is asked for many elements at once.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;

use super::cached::{Rules, args, names, tell};
use super::{Runtime, anchor, at, body, spec};
use crate::input::{Binding, Kind};
use crate::model::{Cached, Each};

// Input:
//     async fn users(tenant: String, ids: Vec<i64>) -> HashMap<i64, User> { body }
//
// Output:
//     async fn users(tenant: String, ids: Vec<i64>) -> HashMap<i64, User> {
//         let __ids = ids(&ids);
//         let __function = function(&|| { … the shape of one element … });
//         let __asked = ask(__ids, { … the shape of the whole … }, __function);
//         let mut __batch = {
//             let mut __call = Call::new();
//             __call.__cache_arg::<String>(&tenant);
//             match each(__asked, &__call, { static … &SITE }, 100, &mut |ids, mut __miss| { Miss::address(__miss, &[…]); }) {
//                 Ok(__hit) => return __hit,
//                 Err(__batch) => __batch,
//             }
//         };
//         loop {
//             let mut __part = match next(&mut __batch).await {
//                 Turn::Run(__part) => __part,
//                 Turn::Answer(__out) => return __out,
//             };
//             let ids = lend(&__batch, &mut __part);
//             let tenant = again(&tenant);
//             let __body = pin!(async move { … body … });
//             if let Some(__out) = run_part(&mut __batch, __body, |_, __value, __keep| …).await {
//                 return __out;
//             }
//         }
//     }
//
// The body stands in the loop, and not in a closure that is called: so it can borrow what the arguments borrow, anew each time, and
// the future is `Send` exactly if the body is.
/// The function with a look-up of every element before its body.
pub(super) fn batch(
    model: &Cached,
    each: &Each,
    ids: &Binding,
    runtime: &Runtime<'_>,
) -> TokenStream {
    let site = spec::site(model, runtime);
    let function = tell(model, runtime);
    let Rules { lets, closure } = Rules::of(model, runtime);
    let rules = closure.unwrap_or_else(|| quote!(|_, _, _| ()));
    let (args, names) = (args(model, runtime), names(model, runtime));
    let output = &model.output;
    let span = Span::mixed_site();
    let private = runtime.at(span);
    let place = anchor(output);
    let returns = runtime.at(place);
    let max = each.max.unwrap_or(usize::MAX);
    let Some(ty) = &ids.ty else {
        return TokenStream::new();
    };
    let (id, ids_at) = (&ids.ident, anchor(ty));
    let ask = quote_spanned! {place=> {
        use #returns::probe::Return as _;
        #returns::ask(__ids, #returns::Returns::<#output>::new().__cache_outer(), __function)
    }};
    let given = {
        let private = runtime.at(ids_at);
        quote_spanned!(ids_at=> #private::ids(&#id))
    };
    let start = quote_spanned! {place=> #returns::each(__asked, &__call, #site, #max, &mut |#id, mut __miss| { let _ = #id; #names })};
    let next = quote_spanned!(place=> #returns::next(&mut __batch).await);
    let lend = quote_spanned!(place=> #returns::lend(&__batch, &mut __part));
    let mutable = |binding: &Binding| each.mutable.contains(&binding.ident).then(|| quote!(mut));
    let (ids_mut, own) = (mutable(ids), own(model, each, &mutable, runtime));
    let body = body::future(runtime, &model.function, output);
    let run = quote_spanned!(place=> #returns::run_part(&mut __batch, __body, #rules).await);
    let call = if args.is_empty() {
        quote!()
    } else {
        quote_spanned!(span=> mut)
    };
    let whole = quote_spanned! {span=>
        let __ids = #given;
        let __function = #function;
        let __asked = #ask;
        let mut __batch = {
            let #call __call = #private::Call::new();
            #args
            match #start {
                #private::Ok(__hit) => return __hit,
                #private::Err(__batch) => __batch,
            }
        };
        #lets
        loop {
            let mut __part = match #next {
                #private::Turn::Run(__part) => __part,
                #private::Turn::Answer(__out) => return __out,
            };
            let #ids_mut #id = #lend;
            #own
            let __body = #private::pin!(#body);
            if let #private::Some(__out) = #run {
                return __out;
            }
        }
    };
    body::function(&model.function, whole)
}

/// Of every argument beside the ids that the body may take, one for this run: `let tenant = again(&tenant);`
fn own(
    model: &Cached,
    each: &Each,
    mutable: &dyn Fn(&Binding) -> Option<TokenStream>,
    runtime: &Runtime<'_>,
) -> TokenStream {
    let others = model.function.bindings.iter().enumerate();
    let others = others.filter(|(place, _)| *place != each.place);
    let lets = others.filter_map(|(_, binding)| {
        let ident = &binding.ident;
        let mutable = mutable(binding);
        let value = match &binding.ty {
            _ if matches!(binding.kind, Kind::SelfValue | Kind::SelfReference) => return None,
            Some(Type::Reference(reference)) if binding.kind == Kind::Whole => {
                reference.mutability?;
                quote_spanned!(Span::mixed_site()=> &mut *#ident)
            }
            Some(Type::Reference(_)) => return None,
            ty => {
                let span = match (binding.kind, ty) {
                    (Kind::Whole, Some(ty)) => anchor(ty),
                    _ => at(ident.span()),
                };
                let private = runtime.at(span);
                quote_spanned!(span=> #private::again(&#ident))
            }
        };
        let cfgs = &binding.cfgs;
        Some(quote_spanned!(Span::mixed_site()=> #(#cfgs)* let #mutable #ident = #value;))
    });
    lets.collect()
}
