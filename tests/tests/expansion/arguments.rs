//! Arguments in all their forms, and names that generated code uses, too.

use std::borrow::Cow;

use cache_core::__private::block_on;
use cache_core::{cache, invalidate_cache};
use serde::Serialize;

use crate::calls::Calls;

#[cache]
async fn patterns(
    calls: &Calls,
    (a, mut b): (u8, u8),
    Page {
        number,
        size: ref s,
    }: Page,
    _: f32,
    mut list: Vec<u8>,
) -> Vec<u8> {
    calls.count();
    b += 1;
    list.extend([a, b, number, *s]);
    list
}

#[derive(Clone, Copy)]
struct Page {
    number: u8,
    size: u8,
}

#[test]
fn arguments_may_be_patterns() {
    let calls = Calls::new();
    let page = |number| Page { number, size: 9 };
    for _ in 0..2 {
        assert_eq!(
            block_on(patterns(&calls, (1, 2), page(4), 0.0, vec![0])),
            [0, 1, 3, 4, 9]
        );
        assert_eq!(
            block_on(patterns(&calls, (1, 2), page(4), 1.0, vec![0])),
            [0, 1, 3, 4, 9]
        );
        assert_eq!(
            block_on(patterns(&calls, (1, 2), page(5), 0.0, vec![0])),
            [0, 1, 3, 5, 9]
        );
        assert_eq!(
            block_on(patterns(&calls, (1, 3), page(5), 0.0, vec![0])),
            [0, 1, 4, 5, 9]
        );
    }
    assert_eq!(
        calls.taken(),
        3,
        "`_` is nothing that the function could see"
    );
}

#[cache]
fn opaque(
    calls: &Calls,
    text: impl AsRef<str> + Serialize,
    r#type: Option<impl Serialize>,
) -> usize {
    calls.count();
    let _ = r#type;
    text.as_ref().len()
}

#[cache("{c}:{a}", key(a.len(), *c))]
fn chosen<'a>(calls: &Calls, a: &'a str, b: Cow<'a, str>, c: &u8) -> usize {
    calls.count();
    a.len() + b.len() + usize::from(*c)
}

#[test]
fn arguments_may_be_opaque_or_chosen() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(opaque(&calls, "abc", Some(1)), 3);
        assert_eq!(opaque(&calls, "abc".to_owned(), Some(2)), 3);
        assert_eq!(chosen(&calls, "ab", "c".into(), &1), 4);
        assert_eq!(chosen(&calls, "ac", "d".into(), &1), 4);
    }
    assert_eq!(calls.taken(), 3);
}

/// Every name that generated code uses.
#[cache("{__call}", tags("{__value}:{return}", "{__site}"), when = |__value| *__value > 0, ttl = |__keep| *__keep)]
async fn named_alike(calls: &Calls, __call: u64, __value: u64, __site: u64, __miss: u64) -> u64 {
    calls.count();
    let (__shape, __body, __out, __keep) = (1, 2, 3, 4);
    #[expect(non_camel_case_types, reason = "the name of a generated static")]
    struct __CACHE_SITE;
    let _ = __CACHE_SITE;
    __call + __value + __site + __miss + __shape + __body + __out + __keep
}

#[invalidate_cache("{__targets}", tag = "{__text0}:{return}")]
fn named_alike_too(__targets: u8, __text0: u8, __out: u8) -> u8 {
    let (__success, __r) = (1, 2);
    __targets + __text0 + __out + __success + __r
}

#[test]
fn no_name_of_the_body_is_taken() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(block_on(named_alike(&calls, 1, 2, 3, 4)), 20);
    }
    assert_eq!(calls.taken(), 1);
    assert_eq!(named_alike_too(1, 2, 3), 9);
}
