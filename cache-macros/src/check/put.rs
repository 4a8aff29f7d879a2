//! Checks of `#[cache_put]`.

use proc_macro2::Span;

use super::{common, names, types};
use crate::diag::Diag;
use crate::input::{self, Form, Function};
use crate::model::{self, Put};
use crate::options::{Options, Target};
use crate::preset::Macro;
use crate::value::Ttl;

/// The model of a function that puts what it returns; of use only if nothing was reported.
pub(crate) fn put(options: Options, function: Function, diag: &mut Diag) -> Put {
    common(Macro::Put, &function, diag);
    if let (Form::Sync, Some(output)) = (&function.form, &function.output)
        && input::is_future(output)
    {
        diag.error(output, "this puts its value when the call returns, before its future has one")
            .help("write `async fn`, or let the whole body be `async move { … }` or `Box::pin(async move { … })`");
    }
    let nothing = match &function.output {
        None => Some(function.sig.ident.span()),
        Some(output) => types::nothing(output),
    };
    if let Some(nothing) = nothing {
        diag.error_at(
            nothing,
            format!("`{}` returns nothing to put", function.name()),
        )
        .help("return what it has written, or invalidate: `#[invalidate_cache(…)]`");
    }
    if options.targets.is_empty() && diag.is_empty() {
        diag.error_at(Span::call_site(), "nowhere to put the value")
            .help("write the template of an address, `#[cache_put(\"users:{return.id}\")]`, or the call of a cached function");
    }
    let is_call = |target: &Target| matches!(target, Target::Call(_));
    if let Some(ident) = options.named("ttl")
        && !options.targets.is_empty()
        && options.targets.iter().all(is_call)
    {
        diag.error(
            ident,
            "`ttl` has no effect: the function that is called has its own",
        )
        .help("remove it");
    }
    if let Some(Ttl::Adaptive(.., at)) = options.ttl {
        diag.error_at(
            at,
            "what is put is not computed again, so that nothing is seen of it",
        )
        .help("write a length of time");
    }
    let (mut templates, mut calls) = (Vec::new(), Vec::new());
    for target in options.targets {
        let template = match target {
            Target::Pattern(template) | Target::Tag(template) => template,
            Target::Call(call) => {
                calls.push(*call);
                continue;
            }
        };
        names::check_roots(&template, &function, diag);
        if template.texts().any(|text| text.contains('*')) {
            diag.error(
                &template.literal,
                "an address is not a pattern, and `*` is text in it",
            )
            .help("name an argument: `{id}`");
        }
        if templates
            .iter()
            .any(|other: &crate::template::Template| other.source() == template.source())
        {
            diag.error(&template.literal, "this address is given twice")
                .help("keep one of them");
        }
        templates.push(template);
    }
    Put {
        krate: model::runtime(options.krate),
        function,
        templates,
        calls,
        ttl: options.ttl,
    }
}
