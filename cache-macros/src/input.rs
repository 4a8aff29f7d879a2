//! The annotated function: its signature, what it binds, and its body as raw tokens.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::visit::Visit;
use syn::{
    AttrStyle, Attribute, FnArg, GenericArgument, Pat, PatIdent, PathArguments, ReceiverKind,
    ReturnType, Signature, Token, Type, TypeParamBound, TypePath, Visibility,
};

/// A function with a body.
pub(crate) struct Function {
    /// All attributes below ours; those that stood inside the body have moved out here.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The tokens between the braces; of the innermost `async move` where the function returns a future.
    pub(crate) body: Group,
    /// The braces around all of it.
    pub(crate) braces: Span,
    pub(crate) form: Form,
    /// What the function gives; of the future, where it returns one. Nothing is `()`.
    pub(crate) output: Option<Type>,
    pub(crate) bindings: Vec<Binding>,
}

/// How the body runs.
#[derive(Debug)]
pub(crate) enum Form {
    Sync,
    Async,
    /// A plain function whose whole body is a future: `async move { … }`, or `Box::pin(async move { … })`, which is
    /// what `#[async_trait]` leaves. The tokens are those before the parentheses, if any.
    Future(TokenStream),
}

/// A name that the arguments bind.
pub(crate) struct Binding {
    pub(crate) ident: Ident,
    /// The declared type; of the whole pattern where the argument is one.
    pub(crate) ty: Option<Type>,
    /// The `cfg`s of the argument.
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) kind: Kind,
}

/// What a binding binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `self`, `mut self` or `self: Type`.
    SelfValue,
    /// `&self` or `&mut self`.
    SelfReference,
    /// An argument.
    Whole,
    /// Part of an argument that is taken apart.
    Part,
}

impl Binding {
    /// The name as templates and errors have it.
    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// Whether the argument is moved into the function.
    pub(crate) fn by_value(&self) -> bool {
        self.kind != Kind::SelfReference && !matches!(self.ty, Some(Type::Reference(_)))
    }
}

impl Function {
    /// The binding of this name.
    pub(crate) fn binding(&self, name: &str) -> Option<&Binding> {
        self.bindings.iter().find(|binding| binding.name() == name)
    }

    /// The function's name as errors have it.
    pub(crate) fn name(&self) -> String {
        self.sig.ident.unraw().to_string()
    }
}

impl Parse for Function {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig: Signature = input.parse()?;
        let body: TokenTree = input.parse()?;
        let span = body.span();
        let body = braced(body).ok_or_else(|| syn::Error::new(span, "expected a body"))?;
        let braces = body.span();
        let (inner, body) = split_attributes(body)?;
        attrs.extend(inner);
        let bindings = bindings(&sig);
        let declared = match &sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some((**ty).clone()),
        };
        let (form, body, output) = match future(&sig, declared.as_ref(), &body) {
            Some((before, body, output)) => (Form::Future(before), body, Some(output)),
            None if sig.asyncness.is_some() => (Form::Async, body, declared),
            None => (Form::Sync, body, declared),
        };
        Ok(Self {
            attrs,
            vis,
            sig,
            body,
            braces,
            form,
            output,
            bindings,
        })
    }
}

/// A group in braces, seen through the invisible delimiters that a macro puts around a `$body:block`.
fn braced(token: TokenTree) -> Option<Group> {
    let TokenTree::Group(group) = token else {
        return None;
    };
    match group.delimiter() {
        Delimiter::Brace => Some(group),
        Delimiter::None => {
            let mut tokens = group.stream().into_iter();
            let only = tokens.next().filter(|_| tokens.next().is_none())?;
            braced(only)
        }
        _ => None,
    }
}

// Input:
//     { #![allow(x)] stmts }
//
// Output:
//     #[allow(x)]  and  { stmts }
fn split_attributes(body: Group) -> syn::Result<(Vec<Attribute>, Group)> {
    let mut tokens = body.stream().into_iter();
    let begins = matches!(tokens.next(), Some(TokenTree::Punct(punct)) if punct.as_char() == '#')
        && matches!(tokens.next(), Some(TokenTree::Punct(punct)) if punct.as_char() == '!');
    if !begins {
        return Ok((Vec::new(), body));
    }
    let split = |input: ParseStream| {
        Ok((
            input.call(Attribute::parse_inner)?,
            input.parse::<TokenStream>()?,
        ))
    };
    let (mut attrs, rest) = syn::parse::Parser::parse2(split, body.stream())?;
    for attr in &mut attrs {
        attr.style = AttrStyle::Outer;
    }
    let mut body_left = Group::new(Delimiter::Brace, rest);
    body_left.set_span(body.span());
    Ok((attrs, body_left))
}

fn bindings(sig: &Signature) -> Vec<Binding> {
    let mut found = Vec::new();
    for input in &sig.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                let (kind, ty) = match &receiver.kind {
                    ReceiverKind::Reference(..) => (Kind::SelfReference, None),
                    ReceiverKind::Typed(_, ty) => (Kind::SelfValue, Some((**ty).clone())),
                    _ => (Kind::SelfValue, None),
                };
                let ident = Ident::new("self", receiver.self_token.span);
                found.push(Binding {
                    ident,
                    ty,
                    cfgs: cfgs(&receiver.attrs),
                    kind,
                });
            }
            FnArg::Typed(typed) => {
                let kind = match &*typed.pat {
                    Pat::Ident(PatIdent {
                        by_ref: None,
                        subpat: None,
                        ..
                    }) => Kind::Whole,
                    _ => Kind::Part,
                };
                found.extend(names(&typed.pat).into_iter().map(|ident| Binding {
                    ident,
                    ty: Some((*typed.ty).clone()),
                    cfgs: cfgs(&typed.attrs),
                    kind,
                }));
            }
        }
    }
    found
}

/// The `cfg`s among attributes.
pub(crate) fn cfgs(attrs: &[Attribute]) -> Vec<Attribute> {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cfg"))
        .cloned()
        .collect()
}

/// The names that a pattern binds.
pub(crate) fn names(pat: &Pat) -> Vec<Ident> {
    struct Names(Vec<Ident>);
    impl<'p> Visit<'p> for Names {
        fn visit_pat_ident(&mut self, pat: &'p PatIdent) {
            self.0.push(pat.ident.clone());
            syn::visit::visit_pat_ident(self, pat);
        }
    }
    let mut names = Names(Vec::new());
    names.visit_pat(pat);
    names.0
}

// Input:
//     fn f(&self) -> Pin<Box<dyn Future<Output = R> + Send + '_>> { Box::pin(async move { body }) }
//     fn f(&self) -> impl Future<Output = R> + Send { async move { body } }
//
// Output:
//     Box::pin  { body }  R
fn future(
    sig: &Signature,
    declared: Option<&Type>,
    body: &Group,
) -> Option<(TokenStream, Group, Type)> {
    if sig.asyncness.is_some() {
        return None;
    }
    let declared = declared?;
    match declared {
        Type::ImplTrait(ty) => Some((
            TokenStream::new(),
            async_move(body.stream())?,
            output_of(ty.bounds.iter())?,
        )),
        Type::Path(path) => {
            let boxed = only_type(path, "Pin").and_then(|ty| match ty {
                Type::Path(path) => only_type(path, "Box"),
                _ => None,
            })?;
            let Type::TraitObject(ty) = boxed else {
                return None;
            };
            let output = output_of(ty.bounds.iter())?;
            let mut tokens: Vec<TokenTree> = body.stream().into_iter().collect();
            let TokenTree::Group(parens) = tokens.pop()? else {
                return None;
            };
            let is_pin = matches!(tokens.last(), Some(TokenTree::Ident(ident)) if ident == "pin");
            let is_path = tokens.iter().all(|token| match token {
                TokenTree::Ident(_) => true,
                TokenTree::Punct(punct) => punct.as_char() == ':',
                _ => false,
            });
            if !is_pin || !is_path || parens.delimiter() != Delimiter::Parenthesis {
                return None;
            }
            Some((
                tokens.into_iter().collect(),
                async_move(parens.stream())?,
                output,
            ))
        }
        _ => None,
    }
}

/// The block of an `async move { … }` that is all there is.
fn async_move(tokens: TokenStream) -> Option<Group> {
    let mut tokens = tokens.into_iter();
    let mut word = |expected: &str| matches!(tokens.next(), Some(TokenTree::Ident(ident)) if ident == expected);
    if !word("async") || !word("move") {
        return None;
    }
    let body = tokens.next().filter(|_| tokens.next().is_none())?;
    braced(body)
}

/// `T` of `a::b::Name<T>`.
fn only_type<'t>(path: &'t TypePath, name: &str) -> Option<&'t Type> {
    let segment = path
        .path
        .segments
        .last()
        .filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// `R` of `Future<Output = R> + …`.
fn output_of<'t>(bounds: impl Iterator<Item = &'t TypeParamBound>) -> Option<Type> {
    bounds
        .filter_map(trait_segment)
        .filter(|segment| segment.ident == "Future")
        .find_map(|segment| {
            let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
                return None;
            };
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::AssocType(output) if output.ident == "Output" => {
                    Some(output.ty.clone())
                }
                _ => None,
            })
        })
}

/// The last segment of the trait in a bound.
fn trait_segment(bound: &TypeParamBound) -> Option<&syn::PathSegment> {
    match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last(),
        _ => None,
    }
}

/// Whether a return type names a future.
pub(crate) fn is_future(ty: &Type) -> bool {
    match ty {
        Type::ImplTrait(ty) => ty
            .bounds
            .iter()
            .filter_map(trait_segment)
            .any(|segment| segment.ident == "Future"),
        Type::Path(path) => {
            let named = |name: &str| {
                path.path
                    .segments
                    .last()
                    .is_some_and(|segment| segment.ident == name)
            };
            named("Pin") || named("BoxFuture") || named("LocalBoxFuture")
        }
        _ => false,
    }
}

/// What an attribute was put on, where that is no function: the keyword to point at, and the kind of item.
pub(crate) fn other_item(item: TokenStream) -> Option<(Ident, &'static str)> {
    const KINDS: [(&str, &str); 12] = [
        ("impl", "an `impl`"),
        ("trait", "a trait"),
        ("struct", "a struct"),
        ("enum", "an enum"),
        ("union", "a union"),
        ("mod", "a module"),
        ("use", "a `use`"),
        ("type", "a type"),
        ("static", "a static"),
        ("let", "a variable"),
        ("const", "a constant"),
        ("extern", "an `extern`"),
    ];
    let words: Vec<Ident> = item
        .into_iter()
        .filter_map(|token| match token {
            TokenTree::Ident(ident) => Some(ident),
            _ => None,
        })
        .collect();
    if words.iter().take(8).any(|word| word == "fn") {
        return None;
    }
    words.into_iter().find_map(|word| {
        let kind = KINDS.iter().find(|(keyword, _)| word == keyword)?.1;
        Some((word, kind))
    })
}

/// A function without a body, as traits declare them.
pub(crate) fn is_declaration(item: TokenStream) -> Option<Signature> {
    let parse = |input: ParseStream| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let sig = input.parse::<Signature>()?;
        input.parse::<Token![;]>()?;
        Ok(sig)
    };
    syn::parse::Parser::parse2(parse, item).ok()
}

#[cfg(test)]
mod tests;
