//! Which module of `cache-core` may import which. Imports run downwards only: never to a higher
//! layer, and sideways only where the table says so.

use std::path::{Path, PathBuf};
use std::{fs, io};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One row of the table, from the bottom up.
struct Layer {
    modules: &'static [&'static str],
    /// May the modules of this row know each other?
    sideways: bool,
}

const fn apart(modules: &'static [&'static str]) -> Layer {
    Layer {
        modules,
        sideways: false,
    }
}

const fn together(modules: &'static [&'static str]) -> Layer {
    Layer {
        modules,
        sideways: true,
    }
}

/// THE TABLE. A new module of `cache-core/src` gets its place here.
const LAYERS: &[Layer] = &[
    // Words.
    apart(&["sync"]),
    apart(&["rule"]),
    apart(&["error", "time", "stats", "alarm"]),
    // Identity.
    together(&[
        "key", "address", "pattern", "tag", "policy", "position", "matcher", "deps",
    ]),
    // Content.
    together(&["cipher", "class", "codec", "schema", "weight", "envelope"]),
    // The way to a server.
    apart(&["link"]),
    // Mechanisms, none of which knows another.
    apart(&["tier", "flight", "index", "events", "curve", "lifetime"]),
    // A log at a server, which the index copies.
    apart(&["log"]),
    // One function.
    together(&["entry", "shape", "site"]),
    // Assembly.
    together(&[
        "cache",
        "config",
        "scope",
        "global",
        "health",
        "shutdown",
        "read",
        "remote",
        "write",
        "invalidate",
        "invalidating",
        "invalidation",
        "invalidations",
        "mapping",
        "transaction",
        "modifiers",
        "warmup",
        "audit",
        "values",
    ]),
    // Doors.
    together(&["testing", "private", "fuzz"]),
];

/// The layer of a module, and whether its neighbours are open to it.
fn place(module: &str) -> Option<(usize, bool)> {
    LAYERS.iter().enumerate().find_map(|(at, layer)| {
        layer
            .modules
            .contains(&module)
            .then_some((at, layer.sideways))
    })
}

/// Why `from` may not import `to`, if it may not.
fn forbidden(from: &str, to: &str) -> Option<String> {
    let (low, sideways) = place(from)?;
    let Some((high, _)) = place(to) else {
        // A re-export of `lib.rs` would hide which module is meant.
        return Some(format!(
            "`{from}` imports `crate::{to}`: name the module that `{to}` lives in"
        ));
    };
    if from == to || high < low || (high == low && sideways) {
        return None;
    }
    let way = if high == low { "sideways" } else { "upwards" };
    Some(format!("`{from}` imports `{to}`: {way}"))
}

/// The first names after `crate::` in a source text, tests left out.
///
/// `depth` is how many modules the text is inside of: `super::` leads to the root from depth 1.
fn imports(source: &str, depth: usize) -> Result<Vec<String>, String> {
    let tokens: TokenStream = source.parse().map_err(|error| format!("{error}"))?;
    let mut found = Vec::new();
    walk(tokens, depth, &mut found);
    Ok(found)
}

fn walk(tokens: TokenStream, depth: usize, found: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if let Some(body) = inline_module(&tokens[at..]) {
            // Tests may reach for anything.
            if !is(&tokens[at + 1], "tests") {
                walk(body, depth + 1, found);
            }
            at += 3;
        } else if let Some((path, length)) = path_from_root(&tokens[at..], depth) {
            names(path, found);
            at += length;
        } else {
            if let TokenTree::Group(group) = &tokens[at] {
                walk(group.stream(), depth, found);
            }
            at += 1;
        }
    }
}

/// `mod name { … }`
fn inline_module(tokens: &[TokenTree]) -> Option<TokenStream> {
    match tokens {
        [word, TokenTree::Ident(_), TokenTree::Group(body), ..]
            if is(word, "mod") && body.delimiter() == Delimiter::Brace =>
        {
            Some(body.stream())
        }
        _ => None,
    }
}

/// What follows `crate::`, or as many `super::` as lead to the root, and the prefix's length.
fn path_from_root(tokens: &[TokenTree], depth: usize) -> Option<(&[TokenTree], usize)> {
    if is(tokens.first()?, "crate") && colons(&tokens[1..]) {
        return Some((&tokens[3..], 3));
    }
    if depth == 0 {
        return None;
    }
    let mut rest = tokens;
    for _ in 0..depth {
        if !(is(rest.first()?, "super") && colons(&rest[1..])) {
            return None;
        }
        rest = &rest[3..];
    }
    Some((rest, 3 * depth))
}

/// The name a path begins with, or those of all branches of `{a::b, c}`.
fn names(path: &[TokenTree], found: &mut Vec<String>) {
    match path.first() {
        // An exported macro stands at the root, wherever it is written.
        Some(TokenTree::Ident(_)) if path.get(1).is_some_and(|next| is(next, "!")) => {}
        // Generated code finds `private` as `__private`; other such names are exported macros.
        Some(TokenTree::Ident(name)) => match name.to_string() {
            name if name == "__private" => found.push("private".to_owned()),
            name if name.starts_with("__") => {}
            name => found.push(name),
        },
        Some(TokenTree::Group(group)) => {
            let branches: Vec<TokenTree> = group.stream().into_iter().collect();
            for branch in branches.split(|token| is(token, ",")) {
                names(branch, found);
            }
        }
        // `crate::*` brings everything.
        Some(TokenTree::Punct(other)) => found.push(other.to_string()),
        _ => {}
    }
}

fn is(token: &TokenTree, text: &str) -> bool {
    !matches!(token, TokenTree::Group(_)) && token.to_string() == text
}

fn colons(tokens: &[TokenTree]) -> bool {
    tokens.len() >= 2 && tokens[..2].iter().all(|token| is(token, ":"))
}

/// The complaints about one file, `path` being relative to `src`.
fn complaints(path: &Path, source: &str) -> Vec<String> {
    let parts: Vec<String> = path
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let module = &parts[0];
    if module == "lib" || parts[1..].iter().any(|part| part == "tests") {
        return Vec::new();
    }
    let found = match imports(source, parts.len()) {
        // A file without imports has to have its place too.
        Ok(_) if place(module).is_none() => {
            vec![format!("`{module}` has no place in the table of layers")]
        }
        Ok(mut found) => {
            found.sort();
            found.dedup();
            found
                .iter()
                .filter_map(|to| forbidden(module, to))
                .collect()
        }
        Err(error) => vec![error],
    };
    found
        .into_iter()
        .map(|why| format!("{}: {why}", path.display()))
        .collect()
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for item in fs::read_dir(folder)? {
        let path = item?.path();
        if path.is_dir() {
            sources(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[test]
fn imports_run_downwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cache-core/src");
    let mut files = Vec::new();
    sources(&src, &mut files).unwrap();
    assert!(!files.is_empty(), "nothing to read in {}", src.display());
    let found: Vec<String> = files
        .iter()
        .flat_map(|file| {
            let source = fs::read_to_string(file).unwrap();
            complaints(file.strip_prefix(&src).unwrap(), &source)
        })
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn no_module_stands_twice_in_the_table() {
    let mut all: Vec<_> = LAYERS.iter().flat_map(|layer| layer.modules).collect();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn planted_violations_are_found() {
    for (path, source, complaint) in [
        ("time.rs", "use crate::cache::Cache;", "upwards"),
        ("time.rs", "use crate::error::Error;", "sideways"),
        ("tier/memory.rs", "use crate::flight::Flight;", "sideways"),
        ("tier.rs", "fn f() { crate::read::read() }", "upwards"),
        (
            "tier.rs",
            "use crate::{key::Key, flight::Flight};",
            "sideways",
        ),
        ("tier.rs", "use crate::{{key, cache}};", "upwards"),
        ("tier.rs", "use super::flight::Flight;", "sideways"),
        (
            "tier/memory.rs",
            "use super::super::flight::Flight;",
            "sideways",
        ),
        (
            "tier.rs",
            "mod inner { use super::super::flight; }",
            "sideways",
        ),
        ("tier.rs", "use crate::Error;", "name the module"),
        ("tier.rs", "use crate::*;", "name the module"),
        (
            "tier.rs",
            "macro_rules! m { () => { $crate::flight::x() } }",
            "sideways",
        ),
        ("shelf.rs", "", "no place"),
        ("tier.rs", "fn f( {", "tier.rs"),
    ] {
        let found = complaints(Path::new(path), source);
        assert!(
            matches!(&found[..], [one] if one.contains(complaint)),
            "{path}: {source}: {found:?}"
        );
    }
}

#[test]
fn what_is_allowed_is_not_complained_about() {
    for (path, source) in [
        ("lib.rs", "pub use crate::cache::Cache;"),
        (
            "tier.rs",
            "use crate::{key::Key, schema::{Fingerprint, Age}, tier::memory};",
        ),
        ("tier/memory.rs", "use super::Tier; pub(crate) fn f() {}"),
        ("tier/tests.rs", "use crate::testing::TestCache;"),
        (
            "tier.rs",
            "#[cfg(test)] mod tests { use crate::testing::TestCache; }",
        ),
        ("tier.rs", "mod inner { use super::Cache; }"),
        (
            "tier.rs",
            "/// [`crate::cache`]\nfn f() { g(\"crate::cache\") } // crate::cache",
        ),
        ("cache.rs", "use crate::read::read;"),
        (
            "private.rs",
            "macro_rules! m { () => { $crate::__private::f(); $crate::n!() } }",
        ),
    ] {
        let found = complaints(Path::new(path), source);
        assert!(found.is_empty(), "{path}: {source}: {found:?}");
    }
}
