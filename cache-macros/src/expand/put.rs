//! A function whose value is put.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::{Expr, Token, parse_quote};

use super::invalidation::registered_call;
use super::pieces::{Args, Texts, pieces};
use super::{Runtime, anchor, at, body, start};
use crate::input::{Binding, Form, Function};
use crate::model::Put;
use crate::template::{self, Path};
use crate::text;
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
// `#[cache_put(user(pool, return.id))]`:
//
//     let __c0_0 = pool;
//     let __out = …;
//     let __late = {
//         …
//         let __c0_1 = Clone::clone(&__value.id);
//         Writing::target(&mut __writing, capture_call!(user(Clone::clone(&__c0_0), Clone::clone(&__c0_1))));
//         Some((holds_of(__value).__cache_inner(), Writing::given(…), (__c0_1,)))
//     };
//     if let Some((__inner, __given, (__c0_1,))) = __late
//         && let Some(__giving) = Writing::give(&__writing, &__given) { … user(__c0_0, __c0_1) … }
//
// Addresses and calls that need no value are named before the body takes the arguments, too: a body that is left in the middle may have
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
    let calls = model.calls.iter().enumerate();
    let calls: Vec<_> = calls
        .map(|(at, call)| Call::of(at, call, function, &runtime))
        .collect();
    let registered = model.calls.iter();
    let registered = registered.filter_map(|call| registered_call(call, &name, &runtime));
    let before = calls.iter().map(|call| call.before(&runtime));
    let (run, finish) = match function.form {
        Form::Sync => {
            let body = body::closure(function, &output);
            let run = quote_spanned!(span=> #private::Writing::inside(&__writing).call(#body));
            (run, quote_spanned!(span=> finish_blocking()))
        }
        Form::Async | Form::Future(_) => {
            let body = body::future(&runtime, function, &output);
            let run = quote_spanned!(span=> #private::Writing::inside(&__writing).run(#body).await);
            (run, quote_spanned!(span=> finish().await))
        }
    };
    let late = calls.iter().map(|call| call.late(&runtime));
    let judged = |some: TokenStream, none: TokenStream| {
        let otherwise = (!none.is_empty()).then(|| quote!(else { #none }));
        quote_spanned! {span=> {
            use #private::probe::{Return as _, Value as _};
            let __r = #private::returns(&__out).__cache_outer();
            if !__r.__cache_succeeded(&__out) {
                #private::Writing::failed(&mut __writing);
                #none
            } else if let #private::Some(__value) = __r.__cache_item(__r.__cache_value().__cache_inner(), &__out) {
                #(#values)*
                #some
            } #otherwise
        }}
    };
    let after = if calls.is_empty() {
        judged(TokenStream::new(), TokenStream::new())
    } else {
        let locals: Vec<_> = calls.iter().flat_map(|call| call.late_locals()).collect();
        let some = quote_spanned! {span=>
            #(#late)*
            let __inner = #private::holds_of(__value).__cache_inner();
            let __given = #private::Writing::given(&mut __writing, __inner, __value);
            #private::Some((__inner, __given, #(#locals,)*))
        };
        let late = judged(some, quote_spanned!(span=> #private::None));
        let given = calls
            .iter()
            .map(|call| call.given(&function.form, &runtime));
        quote_spanned! {span=>
            let __late = #late;
            if let #private::Some((__inner, __given, #(#locals,)*)) = __late {
                #(#given)*
            }
        }
    };
    let whole = quote_spanned! {span=>
        #(#registered)*
        let mut __writing = #private::Writing::new(#name);
        #lets
        #(#early)*
        #(#before)*
        let __out: #output = #run;
        #after
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
        // Refused.
        Some(Ttl::Adaptive(..)) => quote_spanned!(span=> #private::None),
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

/// A call of a cached function, which is given the value.
struct Call {
    /// Its arguments: the locals that hold them, and whether they are made of the value.
    made: Vec<(Ident, TokenStream, bool)>,
    /// With the locals for its arguments.
    call: Expr,
    /// With copies of them.
    copy: Expr,
    span: Span,
}

impl Call {
    // Input:
    //     user(pool, user.id, &return.name)
    //
    // Output:
    //     user(__c0_0, __c0_1, &__c0_2), where
    //     __c0_0 is pool, __c0_1 is Clone::clone(&user.id), and __c0_2 is Clone::clone(&__value.name)
    //
    // The body takes what it is given: what it may take is copied before.
    fn of(at: usize, call: &Expr, function: &Function, runtime: &Runtime<'_>) -> Self {
        let span = start(call);
        let (mut made, mut call, mut copy) = (Vec::new(), call.clone(), call.clone());
        let count = args(&mut call).map_or(0, |args| args.len());
        for place in 0..count {
            let Some(arg) = args(&mut call).and_then(|args| args.iter_mut().nth(place)) else {
                continue;
            };
            // Called later, by whom it is given to, who also tells of which type it is.
            if let Expr::Closure(_) = arg {
                continue;
            }
            let span = start(&*arg);
            let private = runtime.at(span);
            let local = format_ident!("__c{at}_{place}", span = span);
            let late = text::mentions(arg.to_token_stream(), template::VALUE);
            let (value, refers) = held(arg, function, &private);
            made.push((local.clone(), value, late));
            let (moved, copied) = if refers {
                // A copy of what is referred to would be gone before the future is.
                let referred = quote_spanned!(span=> &#local);
                (referred.clone(), referred)
            } else {
                let copied = quote_spanned!(span=> #private::Clone::clone(&#local));
                (local.to_token_stream(), copied)
            };
            *arg = Expr::Verbatim(moved);
            if let Some(arg) = args(&mut copy).and_then(|args| args.iter_mut().nth(place)) {
                *arg = Expr::Verbatim(copied);
            }
        }
        Self {
            made,
            call,
            copy,
            span,
        }
    }

    fn is_late(&self) -> bool {
        self.made.iter().any(|(.., late)| *late)
    }

    /// Locals that are made of the value, or are not.
    fn lets(&self, wanted: bool) -> TokenStream {
        let made = self.made.iter().filter(|(.., late)| *late == wanted);
        let lets =
            made.map(|(local, value, _)| quote_spanned!(local.span()=> let #local = #value;));
        lets.collect()
    }

    /// `Writing::target(&mut __writing, capture_call!(user(Clone::clone(&__c0_0))));`
    fn target(&self, runtime: &Runtime<'_>) -> TokenStream {
        let (span, copy) = (self.span, &self.copy);
        let private = runtime.at(span);
        quote_spanned!(span=> #private::Writing::target(&mut __writing, #private::capture_call!(#copy));)
    }

    /// Before the body.
    fn before(&self, runtime: &Runtime<'_>) -> TokenStream {
        let lets = self.lets(false);
        let target = (!self.is_late()).then(|| self.target(runtime));
        quote!(#lets #target)
    }

    /// Where the value is known.
    fn late(&self, runtime: &Runtime<'_>) -> TokenStream {
        let lets = self.lets(true);
        let target = self.is_late().then(|| self.target(runtime));
        quote!(#lets #target)
    }

    fn late_locals(&self) -> impl Iterator<Item = &Ident> {
        let made = self.made.iter().filter(|(.., late)| *late);
        made.map(|(local, ..)| local)
    }

    /// The call.
    fn given(&self, form: &Form, runtime: &Runtime<'_>) -> TokenStream {
        let (span, call) = (self.span, &self.call);
        let private = runtime.at(span);
        let given = quote_spanned!(span=> __made.__cache_given(&__giving));
        let given = match form {
            Form::Sync => quote_spanned!(span=> #private::block_on(#given)),
            Form::Async | Form::Future(_) => quote_spanned!(span=> #given.await),
        };
        quote_spanned! {span=>
            if let #private::Some(__giving) = #private::Writing::give(&__writing, &__given) {
                let __made = {
                    use #private::made::{OfFuture as _, OfValue as _};
                    let __call = #private::Giving::make(&__giving, || #call);
                    (&&__call).__cache_made()
                };
                {
                    use #private::probe::{Return as _, Value as _};
                    #private::must_give(__made.__cache_returns().__cache_outer().__cache_value().__cache_inner(), __inner);
                }
                #given;
                #private::Writing::gave(&mut __writing, __giving);
            }
        }
    }
}

/// What a local holds for an argument, and whether the call takes a reference to it.
fn held(arg: &Expr, function: &Function, private: &TokenStream) -> (TokenStream, bool) {
    let span = start(arg);
    let (place, refers) = match arg {
        Expr::Reference(reference) if reference.mutability.is_none() => (&*reference.expr, true),
        _ => (arg, false),
    };
    let copied = quote_spanned!(span=> #private::Clone::clone(&#place));
    let root = Path::of(place).map(|path| path.root);
    match (place, root) {
        (Expr::Path(_), Some(root)) if root == template::VALUE => {
            // It is a reference itself.
            (
                quote_spanned!(span=> #private::Clone::clone(#place)),
                refers,
            )
        }
        (Expr::Field(_), Some(root))
            if root == template::VALUE || function.binding(&root).is_some() =>
        {
            (copied, refers)
        }
        (Expr::Path(_), Some(root)) if function.binding(&root).is_some_and(Binding::by_value) => {
            (copied, refers)
        }
        _ => (arg.to_token_stream(), false),
    }
}

/// The arguments of a call.
fn args(call: &mut Expr) -> Option<&mut Punctuated<Expr, Token![,]>> {
    match call {
        Expr::Call(call) => Some(&mut call.args),
        Expr::MethodCall(call) => Some(&mut call.args),
        _ => None,
    }
}
