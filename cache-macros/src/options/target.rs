//! What an invalidation is of, and when.

use syn::Expr;

use crate::diag::Diag;
use crate::preset::Macro;
use crate::template::Template;
use crate::value;

/// What an `#[invalidate_cache]` invalidates.
pub(crate) enum Target {
    Pattern(Template),
    Tag(Template),
    Call(Box<Expr>),
}

/// `on = …`: whether the function need not succeed.
pub(super) fn always(expr: Expr, diag: &mut Diag) -> bool {
    let expr = value::bare(expr);
    let word = match &expr {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        _ => None,
    };
    match word.as_deref() {
        Some("always") => return true,
        Some("success") => {}
        _ => diag
            .error(&expr, "not a condition")
            .help("write `on = success` or `on = always`"),
    }
    false
}

/// `tag = …`
pub(super) fn tag(expr: Expr, diag: &mut Diag) -> Option<Target> {
    let literal = value::string(expr, diag)?;
    Template::parse(literal, diag).map(Target::Tag)
}

/// What stands alone.
pub(super) fn target(by: Macro, expr: Expr, diag: &mut Diag) -> Option<Target> {
    match value::bare(expr) {
        Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(literal),
            ..
        }) => {
            let template = Template::parse(literal, diag)?;
            if by == Macro::Invalidate {
                template.check_pattern(diag);
            }
            Some(Target::Pattern(template))
        }
        call @ (Expr::Call(_) | Expr::MethodCall(_)) => Some(Target::Call(Box::new(call))),
        Expr::Await(call) => {
            diag.error(
                &call.await_token,
                "the call itself is the target, it does not run",
            )
            .help("remove `.await`");
            None
        }
        other => {
            let help = match by {
                Macro::Invalidate => {
                    "write a template, `tag = \"…\"`, or the call of a cached function"
                }
                _ => "write a template, or the call of a cached function",
            };
            diag.error(&other, "not a target").help(help);
            None
        }
    }
}
