//! Functions that are asked for many elements at once, each of which has an entry of its own.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::visit_mut::{self, VisitMut};
use syn::{FnArg, Ident, LitStr, PatIdent, ReceiverKind};

use super::{names, types};
use crate::diag::Diag;
use crate::input::{Form, Function, Kind};
use crate::model::{Each, KeyPart};
use crate::options::Options;
use crate::template::{Part, Path, Template};

/// What `each` means for the function, whose ids are from now on one id, the last part of the key.
pub(super) fn each(
    options: &mut Options,
    function: &mut Function,
    key: &mut Vec<KeyPart>,
    diag: &mut Diag,
) -> Option<Each> {
    if options.named("each").is_none()
        && let Some(ident) = options.named("each_max")
    {
        diag.error(ident, "`each_max` has no effect without `each`")
            .help("name the argument with the ids, too: `each = ids`");
    }
    let ids = options.each.clone()?;
    let name = ids.unraw().to_string();
    let before = diag.count();
    check_options(options, &name, diag);
    let fits = diag.count() == before;
    check_function(options, function, diag);
    let found = function
        .bindings
        .iter()
        .position(|each| each.name() == name);
    let Some(place) = found else {
        names::unknown_argument(&ids, function, None, diag);
        return None;
    };
    let binding = &function.bindings[place];
    match &binding.ty {
        Some(ty) if binding.kind == Kind::Whole => {
            if let Some(opaque) = types::opaque(ty) {
                diag.error(opaque, "an `impl Trait` does not say what the ids are")
                    .help("name the type: `Vec<K>`, `&[K]`, `HashSet<K>`, `BTreeSet<K>`");
            }
        }
        Some(_) if binding.kind == Kind::Part => {
            diag.error(&binding.ident, format!("`{name}` is a part of an argument"))
                .help(format!("make it an argument of its own: `{name}: Vec<K>`"));
        }
        _ => diag
            .error(&ids, "`self` is no collection of ids")
            .help("name the argument with the ids"),
    }
    if let Some(output) = function.output.as_ref().and_then(types::option)
        && diag.is_empty()
    {
        diag.error(
            output,
            "an `Option` of all elements is none of what a batch returns",
        )
        .help("return the map or the list; an element that is not there is left out of it");
    }
    // Behind the others, so that what they make of the key is made once.
    let is_ids = |part: &KeyPart| matches!(part, KeyPart::Binding(at) if *at == place);
    key.retain(|part| !is_ids(part));
    key.push(KeyPart::Binding(place));
    if options.template.is_none() && fits {
        let given = options.name.as_ref().map(LitStr::value);
        let label = given.unwrap_or_else(|| function.name());
        options.template = Some(by_id(&label, &name, ids.span()));
    }
    Some(Each {
        place,
        max: options.each_max,
        mutable: freeze(function),
    })
}

fn check_options(options: &Options, ids: &str, diag: &mut Diag) {
    if let Some(ident) = options.named("key") {
        diag.error(
            ident,
            format!(
                "the key of an element holds its id, and `key` would say what else: all but `{ids}`"
            ),
        )
        .help("name what is not part of it: `skip(…)`");
    }
    let skipped = options.skip.iter().flatten();
    for ident in skipped.filter(|ident| ident.unraw() == ids) {
        diag.error(ident, format!("`{ids}` tells the elements apart"))
            .help("remove it here");
    }
    for name in [
        "stale_while_revalidate",
        "stale_if_error",
        "refresh_ahead",
        "timeout",
    ] {
        if let Some(ident) = options.named(name) {
            diag.error(ident, format!("`{name}` is not for elements of a batch"))
                .help("remove it");
        }
    }
    if let Some(ident) = options.named("err_ttl") {
        diag.error(ident, "an `Err` is no element, and not kept")
            .help("remove it");
    }
}

fn check_function(options: &Options, function: &Function, diag: &mut Diag) {
    if let (Form::Sync, Some(ident)) = (&function.form, options.named("each")) {
        diag.error(ident, "`each` is for functions that are async")
            .help("write `async fn`");
    }
    let Some(FnArg::Receiver(receiver)) = function.sig.inputs.first() else {
        return;
    };
    let shared = matches!(&receiver.kind, ReceiverKind::Reference(_, _, None));
    if !shared {
        diag.error(
            receiver,
            "the body of a batch may run more than once, and would take `self` each time",
        )
        .help("write `&self`");
    }
}

/// `users:{ids}`
fn by_id(label: &str, ids: &str, span: Span) -> Template {
    let path = Path {
        root: ids.to_owned(),
        members: Vec::new(),
    };
    Template {
        literal: LitStr::new(&format!("{label}:{{{ids}}}"), span),
        parts: vec![Part::Text(format!("{label}:")), Part::Path(path)],
    }
}

/// Takes every `mut` from the arguments, of which each run of the body has its own; gives the names that had one.
fn freeze(function: &mut Function) -> Vec<Ident> {
    #[derive(Default)]
    struct Frozen(Vec<Ident>);
    impl VisitMut for Frozen {
        fn visit_pat_ident_mut(&mut self, pat: &mut PatIdent) {
            if pat.by_ref.is_none() && pat.mutability.take().is_some() {
                self.0.push(pat.ident.clone());
            }
            visit_mut::visit_pat_ident_mut(self, pat);
        }
    }
    let mut frozen = Frozen::default();
    for input in &mut function.sig.inputs {
        if let FnArg::Typed(typed) = input {
            frozen.visit_pat_mut(&mut typed.pat);
        }
    }
    frozen.0
}
