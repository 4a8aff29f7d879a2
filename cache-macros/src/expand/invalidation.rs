//! A function that invalidates.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::visit::{self, Visit};
use syn::{Expr, parse_quote};

use super::pieces::{Args, Texts, pieces};
use super::{Runtime, at, body, start};
use crate::input::{Binding, Form, Function};
use crate::model::Invalidation;
use crate::options::Target;
use crate::template::{Path, Template};

// Input:
//     async fn rename(id: i64) -> Result<()> { body }
//
// Output:
//     async fn rename(id: i64) -> Result<()> {
//         let mut __targets = Targets::new("rename");
//         Targets::pattern(&mut __targets, &[Piece::Text("users:"), Piece::arg(&id)]);
//         let __out: Result<()> = async move { … body … }.await;
//         let __success = { use probe::Return as _; returns(&__out).__cache_outer().__cache_succeeded(&__out) };
//         __targets.finish(__success).await;
//         __out
//     }
//
// Targets are named before the body takes the arguments.
/// The function with an invalidation after its body.
pub(crate) fn invalidation(model: &Invalidation) -> TokenStream {
    let span = Span::mixed_site();
    let runtime = Runtime(&model.krate);
    let private = runtime.at(span);
    let function = &model.function;
    let name = function.name();
    let registered = model
        .targets
        .iter()
        .filter_map(|target| registered(target, &name, &runtime));
    let early = model
        .targets
        .iter()
        .filter_map(|target| early(target, function, &runtime));
    let texts = Texts::of(late(model).map(|(_, template)| template), None);
    let lets = texts.lets(&runtime, function);
    let late = after(model, &texts, &runtime);
    let output = function
        .output
        .clone()
        .map_or_else(|| parse_quote!(()), body::nameable);
    let (now, run, finish) = match function.form {
        Form::Sync => {
            let body = body::closure(function, &output);
            (
                quote_spanned!(span=> now_blocking(&__targets)),
                quote!((#body)()),
                quote_spanned!(span=> finish_blocking(__success)),
            )
        }
        Form::Async | Form::Future(_) => {
            let body = body::future(&runtime, function, &output);
            (
                quote_spanned!(span=> now(&__targets).await),
                quote!(#body.await),
                quote_spanned!(span=> finish(__success).await),
            )
        }
    };
    let always = model
        .always
        .then(|| quote_spanned!(span=> #private::Targets::always(&mut __targets);));
    let before = model
        .before
        .then(|| quote_spanned!(span=> #private::Targets::#now;));
    let whole = quote_spanned! {span=>
        #(#registered)*
        let mut __targets = #private::Targets::new(#name);
        #always
        #(#early)*
        #before
        #lets
        let __out: #output = #run;
        let __success = {
            use #private::probe::{Return as _, Value as _};
            let __r = #private::returns(&__out).__cache_outer();
            #late
            __r.__cache_succeeded(&__out)
        };
        __targets.#finish;
        __out
    };
    body::function(function, whole)
}

/// A target for the link-time list, so that an audit can tell which ones match no function.
fn registered(target: &Target, function: &str, runtime: &Runtime<'_>) -> Option<TokenStream> {
    let (kind, text) = match target {
        Target::Pattern(template) => (quote!(Pattern), template.source()),
        Target::Tag(template) => (quote!(Tag), template.source()),
        Target::Call(call) => return registered_call(call, function, runtime),
    };
    Some(entry(&kind, &text, function, runtime))
}

/// The same for a call.
pub(super) fn registered_call(
    call: &Expr,
    function: &str,
    runtime: &Runtime<'_>,
) -> Option<TokenStream> {
    Some(entry(&quote!(Call), &called(call)?, function, runtime))
}

fn entry(kind: &TokenStream, text: &str, function: &str, runtime: &Runtime<'_>) -> TokenStream {
    let span = Span::mixed_site();
    let private = runtime.at(span);
    quote_spanned! {span=>
        #private::inventory::submit! {
            #private::TargetRef {
                function: #function,
                module: #private::module_path!(),
                kind: #private::TargetKind::#kind,
                text: #text,
            }
        }
    }
}

/// The name of the function that a typed target calls.
fn called(call: &Expr) -> Option<String> {
    match call {
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) => path.path.segments.last().map(|name| name.ident.to_string()),
            _ => None,
        },
        Expr::MethodCall(call) => Some(call.method.to_string()),
        _ => None,
    }
}

/// A target that needs no value.
fn early(target: &Target, function: &Function, runtime: &Runtime<'_>) -> Option<TokenStream> {
    let (method, template) = match target {
        Target::Pattern(template) => ("pattern", template),
        Target::Tag(template) => ("tag", template),
        Target::Call(call) => {
            let span = start(call);
            let private = runtime.at(span);
            let Call { made, call } = Call::of((**call).clone(), function, runtime);
            let capture = quote_spanned!(span=> #private::Targets::call(&mut __targets, #private::capture_call!(#call)));
            let (locals, values): (Vec<_>, Vec<_>) = made.into_iter().unzip();
            return Some(if locals.is_empty() {
                quote_spanned!(span=> #capture;)
            } else {
                quote_spanned!(span=> match (#(#values,)*) { (#(#locals,)*) => #capture };)
            });
        }
    };
    (!template.returns()).then(|| named(method, template, function, &Args::Direct, runtime))
}

/// `Targets::pattern(&mut __targets, &[Piece::Text("users:"), Piece::arg(&id)]);`
fn named(
    method: &str,
    template: &Template,
    function: &Function,
    args: &Args<'_>,
    runtime: &Runtime<'_>,
) -> TokenStream {
    let span = at(template.literal.span());
    let method = Ident::new(method, span);
    let private = runtime.at(span);
    let pieces = pieces(runtime, template, function, args);
    quote_spanned!(span=> #private::Targets::#method(&mut __targets, #pieces);)
}

/// The targets that need the value.
fn late(model: &Invalidation) -> impl Iterator<Item = (&'static str, &Template)> {
    model.targets.iter().filter_map(|target| match target {
        Target::Pattern(template) if template.returns() => Some(("pattern", template)),
        Target::Tag(template) if template.returns() => Some(("tag", template)),
        _ => None,
    })
}

fn after(model: &Invalidation, texts: &Texts, runtime: &Runtime<'_>) -> Option<TokenStream> {
    let span = Span::mixed_site();
    let private = runtime.at(span);
    let each: TokenStream = late(model)
        .map(|(method, template)| {
            named(
                method,
                template,
                &model.function,
                &Args::Rendered(texts),
                runtime,
            )
        })
        .collect();
    (!each.is_empty()).then(|| {
        quote_spanned! {span=>
            if let #private::Some(__value) = __r.__cache_item(__r.__cache_value().__cache_inner(), &__out) {
                #each
            }
        }
    })
}

/// A typed target.
struct Call {
    /// Arguments that are made by other calls, and the locals that hold them.
    made: Vec<(Ident, Expr)>,
    call: Expr,
}

impl Call {
    // Input:
    //     user(pool, id, form.name, tenant(id))
    //
    // Output:
    //     match (tenant(id),) {
    //         (__0,) => user(pool, Clone::clone(&id), Clone::clone(&form.name), __0),
    //     }
    //
    // The body still needs what this call would take. And what is captured is the first cached call: those that make
    // an argument come before it.
    fn of(mut call: Expr, function: &Function, runtime: &Runtime<'_>) -> Self {
        let mut made = Vec::new();
        let args = match &mut call {
            Expr::Call(call) => &mut call.args,
            Expr::MethodCall(call) => &mut call.args,
            _ => return Self { made, call },
        };
        for arg in args.iter_mut() {
            let takes = match &*arg {
                Expr::Path(_) => |binding: &Binding| binding.by_value(),
                Expr::Field(_) => |_: &Binding| true,
                _ if calls(arg) => {
                    let local = format_ident!("__{}", made.len(), span = start(arg));
                    let local_expr = parse_quote!(#local);
                    made.push((local, std::mem::replace(arg, local_expr)));
                    continue;
                }
                _ => continue,
            };
            let binding = Path::of(arg).and_then(|path| function.binding(&path.root));
            if binding.is_some_and(takes) {
                let span = start(arg);
                let private = runtime.at(span);
                *arg = Expr::Verbatim(quote_spanned!(span=> #private::Clone::clone(&#arg)));
            }
        }
        Self { made, call }
    }
}

/// Whether an expression may call something where it stands.
fn calls(expr: &Expr) -> bool {
    struct Calls(bool);
    impl<'e> Visit<'e> for Calls {
        fn visit_expr(&mut self, expr: &'e Expr) {
            match expr {
                Expr::Call(_) | Expr::MethodCall(_) | Expr::Macro(_) => self.0 = true,
                // Called later, by whom it is given to, who also tells of which type it is.
                Expr::Closure(_) => {}
                _ => visit::visit_expr(self, expr),
            }
        }
    }
    let mut found = Calls(false);
    found.visit_expr(expr);
    found.0
}
