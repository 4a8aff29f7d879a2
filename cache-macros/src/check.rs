//! Checks that need more than one token: options against each other and against the function.

mod cached;
mod each;
mod hot;
mod invalidation;
mod key;
mod names;
mod put;
mod stale;
mod template;
pub(crate) mod types;
mod warmup;

pub(crate) use cached::cached;
pub(crate) use invalidation::invalidation;
pub(crate) use put::put;
pub(crate) use warmup::warmup;

use syn::Attribute;

use crate::diag::Diag;
use crate::input::Function;
use crate::preset::Macro;

/// What no macro can do anything with.
fn common(by: Macro, function: &Function, diag: &mut Diag) {
    let sig = &function.sig;
    if let Some(keyword) = &sig.constness {
        diag.error(keyword, "a `const fn` cannot be cached")
            .help("remove `const`, or the attribute");
    }
    if let Some(dots) = &sig.variadic {
        diag.error(dots, "a variadic function cannot be cached")
            .help("remove the attribute");
    }
    for (other, attr) in function
        .attrs
        .iter()
        .filter_map(|attr| Some((macro_of(attr)?, attr)))
    {
        match (by, other) {
            (Macro::Warmup, other) | (other, Macro::Warmup) => {
                if matches!(other, Macro::Invalidate | Macro::Put) {
                    diag.error(
                        attr.path(),
                        format!(
                            "`{}` changes data, and would do so at each start",
                            function.name()
                        ),
                    )
                    .help(
                        "warm up a function that reads, or call this one where the program starts",
                    );
                }
            }
            _ if !by.caches() && !other.caches() => {}
            _ if by.caches() && other.caches() => {
                diag.error(
                    attr.path(),
                    format!("`{}` is cached already", function.name()),
                )
                .help(format!(
                    "keep one of `#[{}]` and `#[{}]`",
                    by.name(),
                    other.name()
                ));
            }
            _ => diag
                .error(
                    attr.path(),
                    format!(
                        "`{}` changes data, so it must run every time",
                        function.name()
                    ),
                )
                .help("keep one of the attributes, or cache a function that only reads"),
        }
    }
}

/// Which of our macros an attribute is, by the last segment of its path.
fn macro_of(attr: &Attribute) -> Option<Macro> {
    attr.path()
        .segments
        .last()
        .and_then(|segment| Macro::named(&segment.ident.to_string()))
}
