//! Checks of `#[warmup_cache]`.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt as _;
use syn::{Expr, FnArg, GenericParam, Pat};

use super::{common, hot, names};
use crate::args::{Arg, Given};
use crate::diag::Diag;
use crate::input::Function;
use crate::model::{self, Warmup};
use crate::options::{self, Options};
use crate::preset::Macro;

/// The model of a call at start-up; of use only if nothing was reported.
pub(crate) fn warmup(args: Vec<Arg>, function: Function, diag: &mut Diag) -> Warmup {
    common(Macro::Warmup, &function, diag);
    let mut options = Options::default();
    let mut given: Vec<(Ident, Expr)> = Vec::new();
    let parameters = parameters(&function, diag);
    for arg in args {
        match arg {
            Arg::Named(name, value)
                if parameters
                    .iter()
                    .any(|parameter| parameter.unraw() == name.unraw()) =>
            {
                if given.iter().any(|(other, _)| other.unraw() == name.unraw()) {
                    diag.error(&name, format!("`{name}` is given twice"))
                        .help("keep one of them");
                } else if let Given::Value(expr) = value {
                    given.push((name, *expr));
                } else {
                    diag.error(&name, format!("`{name}` needs a value"))
                        .help(format!("write `{name} = …`"));
                }
            }
            Arg::Named(name, value) if is_option(&name) => {
                options.read(Macro::Warmup, &name, value, diag)
            }
            // Part of an argument that is taken apart, which is reported.
            Arg::Named(name, _) if function.binding(&name.unraw().to_string()).is_some() => {}
            Arg::Named(name, _) => {
                names::unknown_argument(&name, &function, options::names(Macro::Warmup), diag);
            }
            Arg::Positional(expr) => {
                diag.error(&expr, "arguments are given by name")
                    .help(match parameters.first() {
                        Some(first) => format!("write `{first} = …`"),
                        None => format!("`{}` has no arguments", function.name()),
                    });
            }
        }
    }
    let mut args = Vec::new();
    for parameter in &parameters {
        match given
            .iter()
            .find(|(name, _)| name.unraw() == parameter.unraw())
        {
            Some((_, expr)) => args.push(Some(expr.clone())),
            None if options.named("from").or(options.named("hot")).is_some() => args.push(None),
            None if diag.is_empty() => {
                diag.error_at(
                    Span::call_site(),
                    format!("`{}` needs its argument `{parameter}`", function.name()),
                )
                .help(format!(
                    "write `{parameter} = …`, or `from = …` for many calls"
                ));
            }
            None => {}
        }
    }
    let list = options.named("from").or(options.named("hot"));
    // What has no name is reported, and is no argument here.
    let all = parameters.len() == function.sig.inputs.len() && args.iter().all(Option::is_some);
    if let (Some(name), true) = (list, all) {
        diag.error(
            name,
            format!("every argument is given: nothing is left for `{name}`"),
        )
        .help("remove it, or the arguments that it gives");
    }
    let hot = hot::hot(&options, &function, &given, diag);
    Warmup {
        krate: model::runtime(options.krate),
        function,
        args,
        from: options.from,
        hot,
        every: options.every,
        priority: options.priority.unwrap_or(0),
    }
}

/// The names of the arguments; what cannot be called without more context is reported.
fn parameters(function: &Function, diag: &mut Diag) -> Vec<Ident> {
    if let Some(generic) = function
        .sig
        .generics
        .params
        .iter()
        .find(|param| !matches!(param, GenericParam::Lifetime(_)))
    {
        diag.error(
            generic,
            "a generic function cannot be warmed up: nothing says which instance",
        )
        .help("warm up a function that calls it");
    }
    let mut found = Vec::new();
    for input in &function.sig.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                diag.error(
                    receiver,
                    "a method cannot be warmed up: there is no `self` at start-up",
                )
                .help("warm up a function that calls it");
            }
            FnArg::Typed(typed) => match &*typed.pat {
                Pat::Ident(pat) => found.push(pat.ident.clone()),
                pat => diag
                    .error(pat, "this argument has no name to give a value to")
                    .help("name it, and take it apart in the body"),
            },
        }
    }
    found
}

fn is_option(name: &Ident) -> bool {
    options::TABLE
        .iter()
        .any(|row| row.on.contains(&Macro::Warmup) && name == row.name)
}
