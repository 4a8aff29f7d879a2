//! Templates as `&[Piece]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::Index;

use super::{Runtime, at};
use crate::input::Function;
use crate::template::{Part, Path, Template};

/// How a template's arguments are had.
pub(super) enum Args<'t> {
    /// From the function's arguments.
    Direct,
    /// From texts that were made of them earlier, and from the value.
    Rendered(&'t Texts),
}

impl Args<'_> {
    /// The text that was made of an argument, if one was.
    fn text(&self, path: &Path) -> Option<Ident> {
        match self {
            Args::Direct => None,
            Args::Rendered(texts) => texts.0.iter().position(|each| each == path).map(name),
        }
    }
}

/// Arguments made text before the body runs, for templates that are filled in after it.
#[derive(Default)]
pub(super) struct Texts(Vec<Path>);

impl Texts {
    /// The arguments that these templates need beside the value, and beside the id where there is one for each value.
    pub(super) fn of<'t>(
        templates: impl IntoIterator<Item = &'t Template>,
        ids: Option<&str>,
    ) -> Self {
        let mut found = Vec::new();
        for path in templates.into_iter().flat_map(Template::paths) {
            let early = !path.returns() && ids != Some(&path.root);
            if early && !found.contains(path) {
                found.push(path.clone());
            }
        }
        Self(found)
    }

    /// `let __text0 = text(Piece::arg(&a.b));`
    pub(super) fn lets(&self, runtime: &Runtime<'_>, function: &Function) -> TokenStream {
        let private = runtime.at(Span::mixed_site());
        let each = self.0.iter().enumerate().map(|(at, path)| {
            let text = name(at);
            let place = argument(path, function, Span::mixed_site());
            quote_spanned!(Span::mixed_site()=> let #text = #private::text(#private::Piece::arg(&#place));)
        });
        each.collect()
    }
}

fn name(at: usize) -> Ident {
    format_ident!("__text{at}", span = Span::mixed_site())
}

/// `&[Piece::Text("users:"), Piece::arg(&id)]`
pub(super) fn pieces(
    runtime: &Runtime<'_>,
    template: &Template,
    function: &Function,
    args: &Args<'_>,
) -> TokenStream {
    let span = at(template.literal.span());
    let private = runtime.at(span);
    let each = template.parts.iter().map(|part| match part {
        Part::Text(text) => quote_spanned!(span=> #private::Piece::Text(#text)),
        Part::Path(path) => match args.text(path) {
            Some(text) => quote_spanned!(span=> #private::Piece::Text(&#text)),
            None => {
                let place = argument(path, function, span);
                quote_spanned!(span=> #private::Piece::arg(&#place))
            }
        },
    });
    quote_spanned!(span=> &[#(#each),*])
}

/// `a.b.0`, or `__value.b.0`; the names resolve where the user's do, and errors point at the template.
fn argument(path: &Path, function: &Function, span: Span) -> TokenStream {
    let root = match function.binding(&path.root) {
        Some(binding) if !path.returns() => {
            let mut ident = binding.ident.clone();
            ident.set_span(ident.span().located_at(span));
            ident
        }
        _ => Ident::new("__value", span),
    };
    let members = path
        .members
        .iter()
        .map(|member| match member.parse::<u32>() {
            Ok(index) => Index { index, span }.to_token_stream(),
            Err(_) => {
                let mut ident = syn::parse_str::<Ident>(member)
                    .unwrap_or_else(|_| Ident::new_raw(member, Span::call_site()));
                ident.set_span(Span::call_site().located_at(span));
                ident.to_token_stream()
            }
        });
    quote_spanned!(span=> #root #(.#members)*)
}
