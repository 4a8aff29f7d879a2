//! Checks of the caching macros.

use proc_macro2::Span;
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::{Expr, LitStr, ReturnType, Type};

use super::key::{bare_name, key};
use super::template::{check_address, check_template, omits};
use super::{common, each, names, stale, types};
use crate::diag::Diag;
use crate::input::{self, Form, Function};
use crate::model::{self, Cached};
use crate::options::Options;
use crate::preset::Macro;
use crate::template::{Part, Template};
use crate::text;
use crate::value::{Length, Ttl};

/// The model of a cached function; of use only if nothing was reported.
pub(crate) fn cached(
    by: Macro,
    mut options: Options,
    mut function: Function,
    diag: &mut Diag,
) -> Cached {
    let preset = by.preset();
    common(by, &function, diag);
    let output = output(&function, diag);
    let mut key = key(&options, &function, diag);
    let each = each::each(&mut options, &mut function, &mut key, diag);
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
    stale::check(&options, &function, diag);
    check_tiers(&options, &function, diag);
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
        stale_while_revalidate: options.stale_while_revalidate,
        stale_if_error: options.stale_if_error,
        refresh_ahead: options.refresh_ahead,
        timeout: options.timeout,
        jitter: options.jitter,
        capacity: options.capacity,
        version: options.version,
        name: options.name.map(|name| name.value()),
        min_cost: options.min_cost,
        when: options.when,
        fingerprint: fingerprint.then(|| text::fingerprint(function.body.stream())),
        tiers: options.tiers,
        each,
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
    let (ttl, most) = match &options.ttl {
        Some(Ttl::For(length)) => (Some(length), None),
        Some(Ttl::Adaptive(least, most, _)) => (Some(least), Some(most)),
        _ => (None, None),
    };
    let lengths = [
        ("ttl", ttl),
        ("ttl", most),
        ("none_ttl", options.none_ttl.as_ref()),
        ("err_ttl", options.err_ttl.as_ref()),
        (
            "stale_while_revalidate",
            options.stale_while_revalidate.as_ref(),
        ),
        ("stale_if_error", options.stale_if_error.as_ref()),
        ("timeout", options.timeout.as_ref()),
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

/// What has no effect in the tiers that are named.
fn check_tiers(options: &Options, function: &Function, diag: &mut Diag) {
    let Some(tiers) = options.tiers.filter(|tiers| tiers.redis) else {
        return;
    };
    if let Some(ty) = function
        .output
        .as_ref()
        .filter(|ty| types::holds_static(ty))
    {
        diag.error(ty, "what borrows for ever does not come back from Redis")
            .help("return what owns its text (`String`, `Arc<str>`), or write `tiers(memory)`");
    }
    if let (Some(Ttl::Never), Some(at)) = (&options.ttl, options.valued("ttl")) {
        diag.error_at(at, "in Redis everything expires")
            .help(if tiers.memory {
                "write a length of time, or `tiers(memory)`"
            } else {
                "write a length of time"
            });
    }
    if tiers.memory {
        return;
    }
    if let Some(ident) = options.named("capacity") {
        diag.error(ident, "`capacity` is of the memory, where nothing is kept")
            .help("remove it, or write `tiers(memory, redis)`");
    }
    if let Some(ident) = options.named("err_ttl") {
        diag.error(ident, "an `Err` is kept in memory alone")
            .help("remove it, or write `tiers(memory, redis)`");
    }
}
