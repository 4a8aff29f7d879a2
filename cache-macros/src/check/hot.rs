//! Checks of `#[warmup_cache(hot = …)]`: whether calls can be made again from what is kept of them, which is their keys.

use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::{Expr, Meta, Type};

use super::{macro_of, types};
use crate::attribute;
use crate::diag::Diag;
use crate::input::{Binding, Function, Kind};
use crate::model::Hot;
use crate::options::Options;

/// The hottest calls, if they are asked for; of use only if nothing was reported.
pub(super) fn hot(
    options: &Options,
    function: &Function,
    given: &[(Ident, Expr)],
    diag: &mut Diag,
) -> Option<Hot> {
    let (name, most) = (options.named("hot")?, options.hot?);
    if options.named("from").is_some() {
        diag.error(name, "`from` says already which calls are made")
            .help("keep one of them, or write the attribute twice");
        return None;
    }
    let Some(cached) = cached(function) else {
        diag.error(
            name,
            format!("nothing below caches `{}`, and only of a cached function it is known which calls are hot", function.name()),
        )
        .help("put it above `#[cache]`, or write `from = …`");
        return None;
    };
    // What is wrong with that attribute, it says itself.
    let cached = cached?;
    let mut refuse = |what: &str, help: &str| {
        diag.error(name, what).help(help.to_owned());
    };
    if cached.named("each").is_some() {
        refuse(
            "with `each` a key is that of an element, and not of a call",
            "write `from = …`",
        );
        return None;
    }
    if cached.named("key").is_some() {
        refuse(
            "`key(…)` stands in place of the arguments, and nothing leads from it back to them",
            "write `from = …`, or leave out what is no part of the key with `skip(…)`",
        );
        return None;
    }
    if cached.tiers.is_some_and(|tiers| !tiers.memory) {
        refuse(
            "which calls are hot is read from the memory, where nothing is kept",
            "write `tiers(memory, redis)`, or `from = …`",
        );
    }
    let skip = cached.skip.as_deref().unwrap_or_default();
    let whole = |binding: &&Binding| binding.kind == Kind::Whole;
    for binding in function.bindings.iter().filter(whole) {
        let is = |ident: &Ident| ident.unraw() == binding.name();
        let given = given.iter().find(|(ident, _)| is(ident));
        match (skip.iter().find(|ident| is(ident)), given) {
            (Some(skipped), None) => diag
                .error(
                    skipped,
                    format!("`{skipped}` is no part of the key, and `hot` does not know it at the next start"),
                )
                .help(format!("write `{skipped} = …` beside `hot`")),
            (None, Some((given, _))) => diag
                .error(given, format!("`{given}` is a part of the key, and comes with each call"))
                .help("remove it, or write `from = …` in place of `hot`"),
            (None, None) => check_type(binding, diag),
            (Some(_), Some(_)) => {}
        }
    }
    Some(Hot {
        most,
        name: cached.name.map(|name| name.value()),
        version: cached.version,
    })
}

/// The options of the attribute that caches the function, if there is one; and if they are right.
fn cached(function: &Function) -> Option<Option<Options>> {
    let mut attrs = function.attrs.iter();
    let (by, attr) = attrs.find_map(|attr| {
        let by = macro_of(attr).filter(|by| by.caches())?;
        Some((by, attr))
    })?;
    let tokens = match &attr.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => proc_macro2::TokenStream::new(),
    };
    let mut unsaid = Diag::default();
    let args = attribute::arguments(by, tokens, &mut unsaid);
    let options = Options::of_cache(by, args, &mut unsaid);
    Some(unsaid.is_empty().then_some(options))
}

/// What is read back is owned, and of a type that has a name.
fn check_type(binding: &Binding, diag: &mut Diag) {
    let Some(ty) = &binding.ty else { return };
    if let Some(opaque) = types::opaque(ty) {
        diag.error(opaque, "nothing says which type this was")
            .help("name the type, or write `from = …` in place of `hot`");
        return;
    }
    let inner = match ty {
        Type::Reference(reference)
            if reference
                .lifetime
                .as_ref()
                .is_some_and(|l| l.ident == "static") =>
        {
            diag.error(ty, "what is read back does not live for ever")
                .help("take a shorter reference, or an owned value");
            return;
        }
        // Lent for the call.
        Type::Reference(reference) => &*reference.elem,
        ty => ty,
    };
    if let Some(borrowed) = types::borrows(inner) {
        let help = types::owned(borrowed).replacen("return", "take", 1);
        diag.error(borrowed, "what is read back borrows nothing")
            .help(format!("{help}, or write `from = …` in place of `hot`"));
    }
}
