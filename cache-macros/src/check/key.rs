//! What a key is made of.

use syn::ext::IdentExt as _;
use syn::{Expr, FnArg, Ident};

use super::{names, types};
use crate::diag::{Diag, quoted};
use crate::input::{self, Function};
use crate::model::KeyPart;
use crate::options::Options;

/// What identifies an entry.
pub(super) fn key(options: &Options, function: &Function, diag: &mut Diag) -> Vec<KeyPart> {
    let skip = options.skip.as_deref().unwrap_or_default();
    for ident in skip
        .iter()
        .filter(|ident| function.binding(&ident.unraw().to_string()).is_none())
    {
        names::unknown_argument(ident, function, None, diag);
    }
    if let (Some(_), Some(ident)) = (options.named("key"), options.named("skip")) {
        diag.error(ident, "`skip` has no effect beside `key`")
            .help("remove it");
    }
    if options.named("key").is_some() {
        let exprs = options.key.clone().unwrap_or_default();
        for ident in exprs.iter().filter_map(bare_name) {
            if function.binding(&ident.unraw().to_string()).is_none() {
                names::unknown_argument(ident, function, None, diag);
            }
        }
        return exprs
            .into_iter()
            .map(|expr| KeyPart::Expr(Box::new(expr)))
            .collect();
    }
    let skipped = |name: &str| skip.iter().any(|ident| ident.unraw() == name);
    for input in &function.sig.inputs {
        check_unchanged(input, &skipped, diag);
    }
    let kept = |at: &usize| {
        function
            .bindings
            .get(*at)
            .is_some_and(|binding| !skipped(&binding.name()))
    };
    (0..function.bindings.len())
        .filter(kept)
        .map(KeyPart::Binding)
        .collect()
}

/// An identifier that stands alone and can only be a variable.
pub(super) fn bare_name(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Path(path) => path.path.get_ident().filter(|ident| {
            ident
                .to_string()
                .starts_with(|c: char| c.is_lowercase() || c == '_')
        }),
        _ => None,
    }
}

/// What the function can change is no part of a key: it would be looked up as one value and stored as another.
fn check_unchanged(input: &FnArg, skipped: &dyn Fn(&str) -> bool, diag: &mut Diag) {
    let (names, ty): (Vec<String>, &dyn quote::ToTokens) = match input {
        FnArg::Receiver(receiver) => {
            let changes = match &receiver.kind {
                syn::ReceiverKind::Reference(_, _, mutable) => mutable.is_some(),
                syn::ReceiverKind::Typed(_, ty) => types::mutates(ty),
                _ => false,
            };
            if !changes {
                return;
            }
            (vec!["self".to_owned()], receiver)
        }
        FnArg::Typed(typed) => {
            if !types::mutates(&typed.ty) {
                return;
            }
            (
                input::names(&typed.pat)
                    .iter()
                    .map(|ident| ident.unraw().to_string())
                    .collect(),
                &typed.ty,
            )
        }
    };
    let names: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| !skipped(name))
        .collect();
    if !names.is_empty() {
        diag.error(
            ty,
            format!(
                "{} can be changed by the function, so {} cannot be part of the key",
                quoted(names.iter().copied()),
                if names.len() == 1 { "it" } else { "they" },
            ),
        )
        .help(format!("`skip({})`", names.join(", ")));
    }
}
