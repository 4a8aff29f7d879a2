//! What can be said of types from their tokens alone; everything else is the compiler's to say.

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{
    AngleBracketedGenericArguments, GenericArgument, Lifetime, ParenthesizedGenericArguments,
    PathArguments, Type, TypeFnPtr, TypeImplTrait, TypeParamBound, TypeReference,
};

use crate::text::compact;

/// The first `impl Trait` in a type.
pub(crate) fn opaque(ty: &Type) -> Option<&TypeImplTrait> {
    struct Opaque<'t>(Option<&'t TypeImplTrait>);
    impl<'t> Visit<'t> for Opaque<'t> {
        fn visit_type_impl_trait(&mut self, ty: &'t TypeImplTrait) {
            self.0.get_or_insert(ty);
        }
    }
    let mut found = Opaque(None);
    found.visit_type(ty);
    found.0
}

/// Whether a value of the type can change something that it borrows.
pub(crate) fn mutates(ty: &Type) -> bool {
    struct Mutates(bool);
    impl<'t> Visit<'t> for Mutates {
        fn visit_type_reference(&mut self, ty: &'t TypeReference) {
            self.0 |= ty.mutability.is_some();
            visit::visit_type_reference(self, ty);
        }
        fn visit_type_fn_ptr(&mut self, _: &'t TypeFnPtr) {}
        fn visit_parenthesized_generic_arguments(&mut self, _: &'t ParenthesizedGenericArguments) {}
    }
    let mut found = Mutates(false);
    found.visit_type(ty);
    found.0
}

/// Whether a type is by its name one of the language's or of the standard library's, in all its parts.
pub(crate) fn is_plain(ty: &Type) -> bool {
    const NAMES: [&str; 20] = [
        "bool", "char", "str", "String", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16",
        "i32", "i64", "i128", "isize", "f32", "f64", "Option", "Vec",
    ];
    match ty {
        Type::Reference(ty) => is_plain(&ty.elem),
        Type::Slice(ty) => is_plain(&ty.elem),
        Type::Array(ty) => is_plain(&ty.elem),
        Type::Tuple(ty) => ty.elems.iter().all(is_plain),
        Type::Path(ty) if ty.qself.is_none() => ty.path.segments.last().is_some_and(|last| {
            let arguments = match &last.arguments {
                PathArguments::None => None,
                PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
                _ => return false,
            };
            let plain = |argument: &GenericArgument| matches!(argument, GenericArgument::Type(ty) if is_plain(ty));
            NAMES.iter().any(|name| last.ident == name)
                && arguments.is_none_or(|arguments| arguments.iter().all(plain))
        }),
        _ => false,
    }
}

/// The first part of a type that says that it borrows.
pub(crate) fn borrows(ty: &Type) -> Option<&Type> {
    struct Borrows<'t>(Option<&'t Type>);
    impl<'t> Visit<'t> for Borrows<'t> {
        fn visit_type(&mut self, ty: &'t Type) {
            let here = match ty {
                Type::Reference(ty) => ty.lifetime.as_ref().is_none_or(is_short),
                Type::Path(ty) => ty
                    .path
                    .segments
                    .iter()
                    .any(|segment| match &segment.arguments {
                        PathArguments::AngleBracketed(arguments) => has_short(arguments),
                        _ => false,
                    }),
                Type::TraitObject(ty) => ty.bounds.iter().any(
                    |bound| matches!(bound, TypeParamBound::Lifetime(short) if is_short(short)),
                ),
                _ => false,
            };
            if here && self.0.is_none() {
                self.0 = Some(ty);
            }
            if self.0.is_none() {
                visit::visit_type(self, ty);
            }
        }
        fn visit_type_fn_ptr(&mut self, _: &'t TypeFnPtr) {}
        fn visit_parenthesized_generic_arguments(&mut self, _: &'t ParenthesizedGenericArguments) {}
    }
    let mut found = Borrows(None);
    found.visit_type(ty);
    found.0
}

fn has_short(arguments: &AngleBracketedGenericArguments) -> bool {
    arguments.args.iter().any(
        |argument| matches!(argument, GenericArgument::Lifetime(lifetime) if is_short(lifetime)),
    )
}

/// Whether a type borrows something that lives for ever.
pub(crate) fn holds_static(ty: &Type) -> bool {
    struct Static(bool);
    impl<'t> Visit<'t> for Static {
        fn visit_lifetime(&mut self, lifetime: &'t Lifetime) {
            self.0 |= !is_short(lifetime);
        }
    }
    let mut found = Static(false);
    found.visit_type(ty);
    found.0
}

fn is_short(lifetime: &Lifetime) -> bool {
    lifetime.ident != "static"
}

/// What to return instead of something borrowed.
pub(crate) fn owned(ty: &Type) -> String {
    let Type::Reference(reference) = ty else {
        return "return a value that borrows nothing".to_owned();
    };
    let elem = &reference.elem;
    let text = compact(quote::quote!(#elem));
    match &**elem {
        Type::Path(path) if path.path.is_ident("str") => "return `String` or `Arc<str>`".to_owned(),
        Type::Slice(slice) => {
            let elem = &slice.elem;
            let item = compact(quote::quote!(#elem));
            format!("return `Vec<{item}>` or `Arc<{text}>`")
        }
        Type::Path(_) => format!("return `{text}` or `Arc<{text}>`"),
        _ => "return an owned value, or an `Arc` of it".to_owned(),
    }
}

/// Whether the type says that there is nothing in it.
pub(crate) fn is_nothing(ty: &Type) -> bool {
    match ty {
        Type::Tuple(tuple) => tuple.elems.is_empty(),
        Type::Never(_) => true,
        Type::Paren(paren) => is_nothing(&paren.elem),
        Type::Group(group) => is_nothing(&group.elem),
        _ => false,
    }
}

/// Where a type says that nothing is returned, in a `Result` too.
pub(crate) fn nothing(ty: &Type) -> Option<Span> {
    let given = success(ty)?;
    is_nothing(given).then(|| given.span())
}

/// The `Option` that is returned, in a `Result` too.
pub(crate) fn option(ty: &Type) -> Option<&Type> {
    let given = success(ty)?;
    let last = |ty: &Type| matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Option"));
    last(given).then_some(given)
}

/// What is returned if all went well, as far as that can be seen.
fn success(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if last.ident == "Result" => {
                let PathArguments::AngleBracketed(args) = &last.arguments else {
                    return None;
                };
                match args.args.first()? {
                    GenericArgument::Type(given) => success(given),
                    _ => None,
                }
            }
            _ => Some(ty),
        },
        Type::Paren(paren) => success(&paren.elem),
        Type::Group(group) => success(&group.elem),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(text: &str) -> Type {
        syn::parse_str(text).unwrap()
    }

    #[test]
    fn sees_what_borrows() {
        for (text, part) in [
            ("&str", Some("&str")),
            ("Result<&'a [u8], E>", Some("&'a[u8]")),
            ("Option<Cow<'_, str>>", Some("Cow<'_,str>")),
            ("Box<dyn Error + 'a>", Some("dyn Error+'a")),
            ("&'static str", None),
            ("Cow<'static, str>", None),
            ("Box<dyn Fn(&str) -> u8 + 'static>", None),
            ("fn(&str) -> &str", None),
            ("Vec<T>", None),
        ] {
            let ty = ty(text);
            assert_eq!(
                borrows(&ty)
                    .map(|ty| compact(quote::quote!(#ty)))
                    .as_deref(),
                part,
                "{text}"
            );
        }
    }

    #[test]
    fn says_what_to_return_instead() {
        for (text, help) in [
            ("&str", "return `String` or `Arc<str>`"),
            ("&'a [u8]", "return `Vec<u8>` or `Arc<[u8]>`"),
            ("&User", "return `User` or `Arc<User>`"),
            ("&(u8, u8)", "return an owned value, or an `Arc` of it"),
            ("Cow<'_, str>", "return a value that borrows nothing"),
        ] {
            assert_eq!(owned(&ty(text)), help, "{text}");
        }
    }

    #[test]
    fn sees_what_mutates() {
        for (text, expected) in [
            ("&mut T", true),
            ("Pin<&mut T>", true),
            ("&T", false),
            ("fn(&mut T)", false),
            ("impl Fn(&mut T)", false),
        ] {
            assert_eq!(mutates(&ty(text)), expected, "{text}");
        }
    }
}
