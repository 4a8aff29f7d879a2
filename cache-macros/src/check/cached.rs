//! Checks of the caching macros.

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::{Expr, FnArg, Ident, LitStr, ReturnType, Type};

use super::{common, names, types};
use crate::diag::{Diag, quoted};
use crate::input::{self, Form, Function};
use crate::model::{self, Cached, KeyPart};
use crate::options::Options;
use crate::preset::Macro;
use crate::template::{Part, Path, Template};
use crate::text;
use crate::value::{Length, Ttl};

/// The model of a cached function; of use only if nothing was reported.
pub(crate) fn cached(
    by: Macro,
    mut options: Options,
    function: Function,
    diag: &mut Diag,
) -> Cached {
    let preset = by.preset();
    common(by, &function, diag);
    let output = output(&function, diag);
    let key = key(&options, &function, diag);
    let tags = tags(&mut options, diag);
    for tag in &tags {
        check_template(tag, &options, &function, diag);
    }
    if let Some(template) = &options.template {
        check_address(by, template, &options, &function, diag);
    }
    if let Some(Ttl::ByValue(rule)) = &options.ttl {
        names::check_rule("ttl", rule, &function, diag);
    }
    if let Some(Expr::Closure(rule)) = &options.when {
        names::check_rule("when", rule, &function, diag);
    }
    check_name(&options, diag);
    check_lengths(by, &options, &function, diag);
    if preset.fingerprint
        && options.fingerprint
        && let Some(ident) = options.named("fingerprint")
    {
        diag.error(
            ident,
            format!("`fingerprint` is on already in `#[{}]`", by.name()),
        )
        .help("remove it");
    }
    let fingerprint = options.fingerprint || preset.fingerprint;
    Cached {
        preset,
        krate: model::runtime(options.krate),
        output,
        omits: omits(options.template.as_ref(), &key, &function),
        key,
        template: options.template,
        tags,
        ttl: options.ttl,
        none_ttl: options.none_ttl,
        err_ttl: options.err_ttl,
        jitter: options.jitter,
        capacity: options.capacity,
        version: options.version,
        name: options.name.map(|name| name.value()),
        min_cost: options.min_cost,
        when: options.when,
        fingerprint: fingerprint.then(|| text::fingerprint(function.body.stream())),
        memory_only: options.memory_only,
        function,
    }
}

fn output(function: &Function, diag: &mut Diag) -> Type {
    let declared = match &function.sig.output {
        ReturnType::Type(_, ty) if matches!(function.form, Form::Sync) => Some(&**ty),
        _ => None,
    };
    match &function.output {
        None => nothing(function, diag),
        Some(ty) if types::is_nothing(ty) => nothing(function, diag),
        Some(ty) if declared.is_some_and(input::is_future) => {
            diag.error(ty, "a future cannot be stored")
                .help("write `async fn`, or let the whole body be `async move { … }` or `Box::pin(async move { … })`");
        }
        Some(ty) => {
            if let Some(opaque) = types::opaque(ty) {
                let stream = opaque
                    .to_token_stream()
                    .into_iter()
                    .any(|token| token.to_string().contains("Stream"));
                let iterator = text::mentions(opaque.to_token_stream(), "Iterator");
                diag.error(opaque, "an `impl Trait` value cannot be stored")
                    .help(if stream || iterator {
                        "collect it"
                    } else {
                        "name the type"
                    });
            } else if let Some(borrowed) = types::borrows(ty) {
                diag.error(borrowed, "a borrowed value cannot be cached")
                    .help(types::owned(borrowed));
            }
        }
    }
    function
        .output
        .clone()
        .unwrap_or_else(|| syn::parse_quote!(()))
}

fn nothing(function: &Function, diag: &mut Diag) {
    diag.error(
        &function.sig.ident,
        format!("`{}` returns nothing to cache", function.name()),
    )
    .help("return a value, or remove the attribute");
}

fn key(options: &Options, function: &Function, diag: &mut Diag) -> Vec<KeyPart> {
    let skip = options.skip.as_deref().unwrap_or_default();
    for ident in skip
        .iter()
        .filter(|ident| function.binding(&ident.unraw().to_string()).is_none())
    {
        names::unknown_argument(ident, function, diag);
    }
    if let (Some(_), Some(ident)) = (options.named("key"), options.named("skip")) {
        diag.error(ident, "`skip` has no effect beside `key`")
            .help("remove it");
    }
    if options.named("key").is_some() {
        let exprs = options.key.clone().unwrap_or_default();
        for ident in exprs.iter().filter_map(bare_name) {
            if function.binding(&ident.unraw().to_string()).is_none() {
                names::unknown_argument(ident, function, diag);
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
fn bare_name(expr: &Expr) -> Option<&Ident> {
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

fn tags(options: &mut Options, diag: &mut Diag) -> Vec<Template> {
    let mut tags = std::mem::take(&mut options.tags);
    for table in &options.tables {
        let text = format!("table:{}", table.unraw());
        if tags.iter().any(|tag| tag.source() == text) {
            diag.error(table, format!("`tags` has `{text}` already"))
                .help("keep one of them");
        }
        tags.push(Template {
            literal: LitStr::new(&text, table.span()),
            parts: vec![Part::Text(text)],
        });
    }
    tags
}

/// The names in a template: they exist, and they are part of the key, or two keys would share one of its values.
fn check_template(template: &Template, options: &Options, function: &Function, diag: &mut Diag) {
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

fn check_address(
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

fn check_name(options: &Options, diag: &mut Diag) {
    let Some(name) = &options.name else { return };
    let text = name.value();
    if text.trim().is_empty() {
        diag.error(name, "an empty name")
            .help("write `name = \"users.load\"`");
    } else if text.contains(['{', '}']) {
        diag.error(name, "a name has no arguments in it")
            .help("write a template as the first argument of the attribute");
    } else if let Some(odd) = text
        .chars()
        .find(|c| c.is_whitespace() || c.is_control() || "*?[]\\%".contains(*c))
    {
        diag.error(name, format!("a name cannot have {odd:?} in it"))
            .help("write `name = \"users.load\"`");
    }
}

fn check_lengths(by: Macro, options: &Options, function: &Function, diag: &mut Diag) {
    if let (Some(Ttl::Never), Some(ident)) = (&options.ttl, options.named("jitter")) {
        diag.error(ident, "`jitter` has no effect where nothing expires")
            .help("remove it");
    }
    // What is on by default can be turned off; what is off already cannot.
    let zero = |length: &Option<Length>| length.as_ref().is_some_and(Length::is_zero);
    let mut refuse = |name: &str, is_zero: bool, effect: &str| {
        if is_zero {
            let at = options.valued(name).unwrap_or_else(Span::call_site);
            diag.error_at(at, effect).help("remove it");
        }
    };
    refuse(
        "none_ttl",
        zero(&options.none_ttl) && !by.preset().none_ttl,
        "a `none_ttl` of zero stores nothing",
    );
    refuse(
        "err_ttl",
        zero(&options.err_ttl),
        "an `err_ttl` of zero stores nothing",
    );
    refuse(
        "min_cost",
        zero(&options.min_cost),
        "a `min_cost` of zero has no effect",
    );
    let ttl = match &options.ttl {
        Some(Ttl::For(length)) => Some(length),
        _ => None,
    };
    let lengths = [
        ("ttl", ttl),
        ("none_ttl", options.none_ttl.as_ref()),
        ("err_ttl", options.err_ttl.as_ref()),
        ("min_cost", options.min_cost.as_ref()),
    ];
    for (name, length) in lengths {
        let Some(Length::Const(expr)) = length else {
            continue;
        };
        if let Some(this) = text::find(expr.to_token_stream(), "Self") {
            diag.error(
                &this,
                format!("`{name}` is a constant, which knows no `Self`"),
            )
            .help("write the type's name");
        }
        let Some(binding) =
            bare_name(expr).and_then(|ident| function.binding(&ident.unraw().to_string()))
        else {
            continue;
        };
        let help = match name {
            "ttl" => "decide it from the value: `ttl = |value| …`".to_owned(),
            _ => "write a constant".to_owned(),
        };
        diag.error(
            expr,
            format!(
                "`{name}` is a constant, and `{}` an argument",
                binding.name()
            ),
        )
        .help(help);
    }
}

fn omits(template: Option<&Template>, key: &[KeyPart], function: &Function) -> Vec<String> {
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
