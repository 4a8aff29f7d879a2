//! Names of arguments in options and templates.

use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};
use syn::{ExprClosure, ExprPath, PatIdent};

use crate::diag::{Diag, quoted};
use crate::input::Function;
use crate::template::{Path, Template};

/// Reports an identifier that is no argument of the function, nor one of these.
pub(super) fn unknown_argument(
    ident: &Ident,
    function: &Function,
    others: impl IntoIterator<Item = &'static str>,
    diag: &mut Diag,
) {
    let name = ident.unraw().to_string();
    let (names, others): (_, Vec<&str>) = (names(function), others.into_iter().collect());
    diag.error(
        ident,
        format!("`{}` has no argument `{name}`", function.name()),
    )
    .did_you_mean(
        &name,
        names.iter().map(String::as_str).chain(others),
        str::to_owned,
        || listed(&names, str::to_owned),
    );
}

/// Reports paths of a template that begin with no argument; returns whether there were none.
pub(super) fn check_roots(template: &Template, function: &Function, diag: &mut Diag) -> bool {
    let mut fine = true;
    for path in template.paths().filter(|path| !path.returns()) {
        if function.binding(&path.root).is_none() {
            unknown_root(template, path, function, diag);
            fine = false;
        }
    }
    fine
}

fn unknown_root(template: &Template, path: &Path, function: &Function, diag: &mut Diag) {
    let braced = |name: &str| format!("{{{name}}}");
    let message = format!(
        "`{}` is not an argument of `{}`",
        braced(&path.root),
        function.name()
    );
    let names = names(function);
    diag.error(&template.literal, message).did_you_mean(
        &path.root,
        names.iter().map(String::as_str).chain(["return"]),
        braced,
        || listed(&names, braced),
    );
}

/// Reports arguments in a closure that is asked about the value: by then the body has taken them.
pub(super) fn check_rule(option: &str, rule: &ExprClosure, function: &Function, diag: &mut Diag) {
    let mut names = Names::default();
    names.visit_expr_closure(rule);
    for ident in names.used {
        let name = ident.unraw().to_string();
        if !names.bound.contains(&name) && function.binding(&name).is_some() {
            diag.error(
                &ident,
                format!("`{option}` is asked about the value, and `{name}` is an argument"),
            )
            .help("let the value tell, or decide in a function around this one");
        }
    }
}

/// The names in an expression; what macros are given is unknown.
#[derive(Default)]
struct Names {
    used: Vec<Ident>,
    bound: Vec<String>,
}

impl<'e> Visit<'e> for Names {
    fn visit_expr_path(&mut self, path: &'e ExprPath) {
        self.used.extend(path.path.get_ident().cloned());
    }

    fn visit_pat_ident(&mut self, pat: &'e PatIdent) {
        self.bound.push(pat.ident.unraw().to_string());
        visit::visit_pat_ident(self, pat);
    }
}

fn names(function: &Function) -> Vec<String> {
    function
        .bindings
        .iter()
        .map(|binding| binding.name())
        .collect()
}

fn listed(names: &[String], write: impl Fn(&str) -> String) -> String {
    if names.is_empty() {
        return "it has no arguments".to_owned();
    }
    let names: Vec<String> = names.iter().map(|name| write(name)).collect();
    format!("it has {}", quoted(names.iter().map(String::as_str)))
}
