//! The user's body, in place.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::visit_mut::{self, VisitMut};
use syn::{Type, TypeInfer};

use super::{Runtime, anchor};
use crate::input::{Form, Function};

/// The function with another body: `prologue` runs wherever the body would have.
pub(super) fn function(function: &Function, prologue: TokenStream) -> TokenStream {
    let Function {
        attrs,
        vis,
        sig,
        form,
        ..
    } = function;
    let whole = match form {
        Form::Sync | Form::Async => prologue,
        Form::Future(before) if before.is_empty() => quote!(async move { #prologue }),
        Form::Future(before) => quote!(#before(async move { #prologue })),
    };
    // The user's braces, or the compiler takes the whole function for one that a macro wrote.
    let mut braced = Group::new(Delimiter::Brace, whole);
    braced.set_span(function.braces);
    quote!(#(#attrs)* #vis #sig #braced)
}

// Input:
//     stmts
//
// Output:
//     async move {
//         if false { return never::<R>(); }
//         stmts
//     }
//
// The first `return` tells the compiler the type of all others, of `?`, and of the last expression.
/// The body as a future of `output`.
pub(super) fn future(runtime: &Runtime<'_>, function: &Function, output: &Type) -> TokenStream {
    let body = function.body.stream();
    let span = anchor(output);
    let private = runtime.at(span);
    let never = quote_spanned!(span=> return #private::never::<#output>(););
    quote_spanned! {Span::mixed_site()=>
        async move {
            if false {
                #never
            }
            #body
        }
    }
}

/// The body as a closure without arguments.
pub(super) fn closure(function: &Function, output: &Type) -> TokenStream {
    let body = &function.body;
    quote_spanned!(Span::mixed_site()=> move || -> #output #body)
}

/// The type with `_` for every `impl Trait`, as it may be written inside a function.
pub(super) fn nameable(mut ty: Type) -> Type {
    struct Infer;
    impl VisitMut for Infer {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Type::ImplTrait(_) = ty {
                *ty = Type::Infer(TypeInfer {
                    attrs: Vec::new(),
                    underscore_token: syn::Token![_](Span::mixed_site()),
                });
            } else {
                visit_mut::visit_type_mut(self, ty);
            }
        }
    }
    Infer.visit_type_mut(&mut ty);
    ty
}
