//! The templates of a cached function, beside its key.

use quote::ToTokens as _;
use syn::Expr;
use syn::ext::IdentExt as _;

use super::names;
use crate::diag::Diag;
use crate::input::Function;
use crate::model::KeyPart;
use crate::options::Options;
use crate::preset::Macro;
use crate::template::{Path, Template};
use crate::text;

/// The names in a template: they exist, and they are part of the key, or two keys would share one of its values.
pub(super) fn check_template(
    template: &Template,
    options: &Options,
    function: &Function,
    diag: &mut Diag,
) {
    if !names::check_roots(template, function, diag) {
        return;
    }
    let skip = options.skip.as_deref().unwrap_or_default();
    for path in template.paths().filter(|path| !path.returns()) {
        let root = &path.root;
        match &options.key {
            Some(key) if !key.iter().any(|expr| tells(expr, path)) => {
                let path = written(path);
                diag.error(&template.literal, format!("`{{{path}}}` is not part of `key`, so one entry would have many of its values"))
                    .help(format!("add it: `key(…, {path})`"));
            }
            None if skip.iter().any(|ident| ident.unraw() == root.as_str()) => {
                diag.error(
                    &template.literal,
                    format!("`{{{root}}}` is skipped, so one entry would have many of its values"),
                )
                .help(format!(
                    "say what identifies an entry: `key(…, {})`",
                    written(path)
                ));
            }
            _ => {}
        }
    }
}

/// Whether a part of a key tells values of the path apart: what holds it does, and of an expression nobody knows.
fn tells(part: &Expr, path: &Path) -> bool {
    match Path::of(part) {
        Some(held) => path.is_within(&held),
        None => text::mentions(part.to_token_stream(), &path.root),
    }
}

fn written(path: &Path) -> String {
    std::iter::once(&path.root)
        .chain(&path.members)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(".")
}

/// The template of an address, which is written before the call.
pub(super) fn check_address(
    by: Macro,
    template: &Template,
    options: &Options,
    function: &Function,
    diag: &mut Diag,
) {
    check_template(template, options, function, diag);
    if template.returns() {
        diag.error(
            &template.literal,
            "`{return}` is known after the call, and an address before it",
        )
        .help("use it in `tags(…)`");
    }
    if template.texts().any(|text| text.contains('*')) {
        diag.error(
            &template.literal,
            "an address is not a pattern, and `*` is text in it",
        )
        .help("name an argument: `{id}`");
    }
    let source = template.source();
    if let Some(rest) = by
        .preset()
        .prefix
        .and_then(|prefix| source.strip_prefix(prefix)?.strip_prefix(':'))
    {
        diag.error(
            &template.literal,
            format!("`#[{}]` puts its prefix before this by itself", by.name()),
        )
        .help(format!("write `{rest:?}`"));
    }
}

/// Parts of the key that the address does not name.
pub(super) fn omits(
    template: Option<&Template>,
    key: &[KeyPart],
    function: &Function,
) -> Vec<String> {
    let Some(template) = template else {
        return Vec::new();
    };
    let named = |tokens: proc_macro2::TokenStream| {
        template
            .paths()
            .any(|path| text::mentions(tokens.clone(), &path.root))
    };
    key.iter()
        .filter_map(|part| match part {
            KeyPart::Binding(at) => {
                let binding = function.bindings.get(*at)?;
                (!named(binding.ident.to_token_stream())).then(|| binding.name())
            }
            KeyPart::Expr(expr) => {
                (!named(expr.to_token_stream())).then(|| text::compact(expr.to_token_stream()))
            }
        })
        .collect()
}
