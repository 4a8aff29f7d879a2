//! Functions as they are written.

use quote::ToTokens as _;

use super::*;

fn function(text: &str) -> Function {
    syn::parse_str(text).unwrap()
}

#[test]
fn finds_every_binding() {
    let found = function(
        "fn f(&self, a: u8, mut b: &str, (c, Page { d, e: ref g, .. }): (u8, Page), _: u8, [x, rest @ ..]: [u8; 3]) {}",
    );
    let names: Vec<_> = found
        .bindings
        .iter()
        .map(|each| (each.name(), each.kind, each.by_value()))
        .collect();
    let expected = [
        ("self", Kind::SelfReference, false),
        ("a", Kind::Whole, true),
        ("b", Kind::Whole, false),
        ("c", Kind::Part, true),
        ("d", Kind::Part, true),
        ("g", Kind::Part, true),
        ("x", Kind::Part, true),
        ("rest", Kind::Part, true),
    ];
    assert_eq!(
        names,
        expected.map(|(name, kind, by_value)| (name.to_owned(), kind, by_value))
    );
}

#[test]
fn sees_how_the_body_runs() {
    let shown = |text: &str| {
        let found = function(text);
        let output = found.output.map(|ty| ty.to_token_stream().to_string());
        (
            format!("{:?}", found.form)
                .split('(')
                .next()
                .unwrap()
                .to_owned(),
            found.body.to_string(),
            output,
        )
    };
    let expect = |form: &str, body: &str, output: &str| {
        (form.to_owned(), body.to_owned(), Some(output.to_owned()))
    };
    assert_eq!(shown("fn f() -> u8 { 1 }"), expect("Sync", "{ 1 }", "u8"));
    assert_eq!(
        shown("async fn f() -> u8 { 1 }"),
        expect("Async", "{ 1 }", "u8")
    );
    for text in [
        "fn f<'a>(&'a self) -> Pin<Box<dyn Future<Output = u8> + Send + 'a>> { Box::pin(async move { 1 }) }",
        "fn f() -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = u8>>> { ::std::boxed::Box::pin(async move { 1 }) }",
        "fn f() -> impl Future<Output = u8> + Send { async move { 1 } }",
    ] {
        assert_eq!(shown(text), expect("Future", "{ 1 }", "u8"), "{text}");
    }
    for text in [
        "fn f() -> impl Future<Output = u8> { g() }",
        "fn f() -> impl Future<Output = u8> { let x = 1; async move { x } }",
        "fn f() -> Pin<Box<dyn Future<Output = u8>>> { Box::pin(async { 1 }) }",
        "fn f() -> Pin<Box<dyn Future<Output = u8>>> { Box::pin(g()) }",
        "fn f() -> Pin<Box<dyn Stream<Item = u8>>> { Box::pin(async move { 1 }) }",
    ] {
        assert_eq!(shown(text).0, "Sync", "{text}");
    }
}

#[test]
fn inner_attributes_move_out() {
    let found = function("fn f() { #![allow(dead_code)] let x = 1; }");
    assert_eq!(
        found.attrs[0].to_token_stream().to_string(),
        "# [allow (dead_code)]"
    );
    assert_eq!(found.body.to_string(), "{ let x = 1 ; }");
}

#[test]
fn knows_other_items() {
    let kind = |text: &str| other_item(text.parse().unwrap()).map(|(_, kind)| kind);
    assert_eq!(kind("impl Foo { fn f() {} }"), Some("an `impl`"));
    assert_eq!(kind("pub(crate) struct S;"), Some("a struct"));
    assert_eq!(kind("const X: u8 = 1;"), Some("a constant"));
    assert_eq!(kind("pub const unsafe fn f() {}"), None);
    assert!(is_declaration("#[x] fn f(&self) -> u8;".parse().unwrap()).is_some());
    assert!(is_declaration("fn f(&self) -> u8 {}".parse().unwrap()).is_none());
}
