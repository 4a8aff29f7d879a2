//! Checks of `#[invalidate_cache]`.

use proc_macro2::Span;

use super::{common, names, types};
use crate::diag::Diag;
use crate::input::{self, Form, Function};
use crate::model::{self, Invalidation};
use crate::options::{Options, Target};
use crate::preset::Macro;

/// The model of a function that invalidates; of use only if nothing was reported.
pub(crate) fn invalidation(options: Options, function: Function, diag: &mut Diag) -> Invalidation {
    common(Macro::Invalidate, &function, diag);
    if let (Form::Sync, Some(output)) = (&function.form, &function.output)
        && input::is_future(output)
    {
        diag.error(output, "this invalidates when the call returns, before its future has run")
            .help("write `async fn`, or let the whole body be `async move { … }` or `Box::pin(async move { … })`");
    }
    if let Some(never @ syn::Type::Never(_)) = &function.output {
        diag.error(
            never,
            format!(
                "`{}` never returns, so nothing is invalidated after it",
                function.name()
            ),
        )
        .help("remove the attribute");
    }
    if options.targets.is_empty() && diag.is_empty() {
        diag.error_at(Span::call_site(), "nothing to invalidate").help(
            "write a template, `tag = \"…\"`, or the call of a cached function: `#[invalidate_cache(\"resource:users:{id}\")]`",
        );
    }
    let mut seen: Vec<(bool, String)> = Vec::new();
    for target in &options.targets {
        let (is_tag, template) = match target {
            Target::Pattern(template) => (false, template),
            Target::Tag(template) => (true, template),
            Target::Call(_) => continue,
        };
        let entry = (is_tag, template.source());
        if seen.contains(&entry) {
            diag.error(&template.literal, "this target is given twice")
                .help("keep one of them");
        }
        seen.push(entry);
        names::check_roots(template, &function, diag);
        if template.returns() && function.output.as_ref().is_none_or(types::is_nothing) {
            diag.error(
                &template.literal,
                format!(
                    "`{}` returns nothing to take `{{return}}` from",
                    function.name()
                ),
            )
            .help("return the value, or name an argument");
        }
    }
    let after_only = |target: &Target| match target {
        Target::Pattern(template) | Target::Tag(template) => template.returns(),
        Target::Call(_) => false,
    };
    if let Some(ident) = options.named("before")
        && !options.targets.is_empty()
        && options.targets.iter().all(after_only)
    {
        diag.error(
            ident,
            "`before` has no effect: all targets need the returned value",
        )
        .help("remove it");
    }
    Invalidation {
        krate: model::runtime(options.krate),
        function,
        targets: options.targets,
        always: options.always,
        before: options.before,
    }
}
