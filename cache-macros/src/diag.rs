//! Errors: all of them at once, each on its smallest token.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Path;

/// Gathers the errors of one attribute.
#[derive(Default)]
pub(crate) struct Diag {
    problems: Vec<Problem>,
}

/// One error: what is wrong, and what to type instead.
pub(crate) struct Problem {
    start: Span,
    end: Span,
    message: String,
    help: Option<String>,
}

impl Diag {
    /// Adds an error under all of `tokens`.
    pub(crate) fn error(
        &mut self,
        tokens: &dyn ToTokens,
        message: impl Into<String>,
    ) -> &mut Problem {
        let mut spans = tokens
            .to_token_stream()
            .into_iter()
            .map(|token| token.span());
        let start = spans.next().unwrap_or_else(Span::call_site);
        let end = spans.last().unwrap_or(start);
        self.push(start, end, message.into())
    }

    /// Adds an error at one span.
    pub(crate) fn error_at(&mut self, span: Span, message: impl Into<String>) -> &mut Problem {
        self.push(span, span, message.into())
    }

    /// Takes over what syn found wrong.
    pub(crate) fn syntax(&mut self, error: &syn::Error) {
        for each in error {
            self.error_at(each.span(), each.to_string());
        }
    }

    /// How many errors there are so far.
    pub(crate) fn count(&self) -> usize {
        self.problems.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// One `compile_error!` for each error.
    pub(crate) fn tokens(&self, krate: &Path) -> TokenStream {
        self.problems
            .iter()
            .map(|problem| problem.tokens(krate))
            .collect()
    }

    fn push(&mut self, start: Span, end: Span, message: String) -> &mut Problem {
        let at = self.problems.len();
        self.problems.push(Problem {
            start,
            end,
            message,
            help: None,
        });
        &mut self.problems[at]
    }

    /// The errors as data: message, help, and the text that the error is under.
    #[cfg(test)]
    pub(crate) fn listed(&self) -> Vec<String> {
        let text = |problem: &Problem| {
            let whole = problem.start.join(problem.end).unwrap_or(problem.start);
            whole.source_text().unwrap_or_default()
        };
        self.problems
            .iter()
            .map(|problem| format!("{} @ {}", problem.text(), text(problem)))
            .collect()
    }
}

impl Problem {
    /// Says what to type instead.
    pub(crate) fn help(&mut self, text: impl Into<String>) {
        self.help = Some(text.into());
    }

    /// Suggests the candidate nearest to `name` as it would be written by `write`, or says `otherwise`.
    pub(crate) fn did_you_mean<'c>(
        &mut self,
        name: &str,
        candidates: impl IntoIterator<Item = &'c str>,
        write: impl Fn(&str) -> String,
        otherwise: impl FnOnce() -> String,
    ) {
        self.help(match nearest(&name.to_lowercase(), candidates) {
            Some(found) => format!("did you mean `{}`?", write(found)),
            None => otherwise(),
        });
    }

    fn text(&self) -> String {
        match &self.help {
            Some(help) => format!("{}\nhelp: {help}", self.message),
            None => self.message.clone(),
        }
    }

    // The path carries the first token's span and the braces the last one's: rustc reports from the one to the other.
    // Both are the user's own spans, so that nothing is said of the macro that they went through.
    fn tokens(&self, krate: &Path) -> TokenStream {
        let text = self.text();
        let path = quote::quote!(#krate::__private::compile_error!)
            .into_iter()
            .map(|mut token| {
                token.set_span(self.start);
                token
            });
        let path: TokenStream = path.collect();
        let braces = quote_spanned!(self.end=> { #text });
        quote::quote!(#path #braces)
    }
}

/// The tokens, all at another place; names resolve as before.
pub(crate) fn respanned(tokens: TokenStream, place: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            if let proc_macro2::TokenTree::Group(group) = &token {
                let mut moved =
                    proc_macro2::Group::new(group.delimiter(), respanned(group.stream(), place));
                moved.set_span(group.span().located_at(place));
                return moved.into();
            }
            token.set_span(token.span().located_at(place));
            token
        })
        .collect()
}

/// The names as a sentence wants them: `` `a`, `b` ``.
pub(crate) fn quoted<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names
        .into_iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The candidate that `name` was probably meant to be.
pub(crate) fn nearest<'c>(
    name: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let close = |candidate: &str| {
        let (short, long) = (
            name.len().min(candidate.len()),
            name.len().max(candidate.len()),
        );
        let cost = distance(name, candidate);
        let begins = short >= 2 && (candidate.starts_with(name) || name.starts_with(candidate));
        (begins || (cost <= (long / 3).max(1) && cost < short)).then_some(cost)
    };
    candidates
        .into_iter()
        .filter_map(|candidate| Some((close(candidate)?, candidate)))
        .min_by_key(|&(cost, _)| cost)
        .map(|(_, candidate)| candidate)
}

/// Edits between two words: insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut cost = (rows[i][j + 1] + 1)
                .min(row[j] + 1)
                .min(rows[i][j] + usize::from(x != y));
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                cost = cost.min(rows[i - 1][j - 1] + 1);
            }
            row.push(cost);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_meant() {
        let names = [
            "ttl",
            "tables",
            "tags",
            "tiers",
            "skip",
            "stale_if_error",
            "user_id",
        ];
        for (typed, meant) in [
            ("tll", Some("ttl")),
            ("tlt", Some("ttl")),
            ("tag", Some("tags")),
            ("user", Some("user_id")),
            ("stale_if_eror", Some("stale_if_error")),
            ("sikp", Some("skip")),
            ("x", None),
            ("capacity", None),
        ] {
            assert_eq!(nearest(typed, names), meant, "{typed}");
        }
        assert_eq!(nearest("a", ["b"]), None, "one letter says nothing");
    }

    #[test]
    fn counts_edits() {
        for (a, b, edits) in [
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
            ("same", "same", 0),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }
}
