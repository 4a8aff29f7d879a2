//! What is one key and what is two, and what a function goes on being.

use std::collections::{HashMap, HashSet};
use std::fmt;

use cache_core::__private::block_on;
use cache_core::{blocking, cache, cache_query, invalidate_cache};
use serde::Serialize;

use crate::runs::{run, runs, start};

mod here {
    use super::*;

    #[cache]
    pub(super) fn same(id: u64) -> String {
        format!("here {id}")
    }
}

mod there {
    use super::*;

    #[cache]
    pub(super) fn same(id: u64) -> String {
        format!("there {id}")
    }
}

#[cache]
fn instance<T: 'static>(id: u64) -> String {
    format!("{} {id}", std::any::type_name::<T>())
}

#[test]
fn regression_07_same_name_in_two_modules_and_two_instances_of_one_generic() {
    start().enter(|| {
        for _ in 0..2 {
            assert_eq!(
                (here::same(1), there::same(1)),
                ("here 1".into(), "there 1".into())
            );
            assert_eq!(
                (instance::<u8>(1), instance::<u16>(1)),
                ("u8 1".into(), "u16 1".into())
            );
        }
        let keys = [
            blocking::key_of(|| here::same(1)),
            blocking::key_of(|| there::same(1)),
            blocking::key_of(|| instance::<u8>(1)),
            blocking::key_of(|| instance::<u16>(1)),
        ];
        let digests: HashSet<_> = keys.into_iter().map(|key| key.unwrap().digest).collect();
        assert_eq!(digests.len(), 4, "outside of this process, too");
    });
}

#[cache]
fn f(n: u64) -> u64 {
    let _ = n;
    run()
}

#[cache]
fn f1(n: u64) -> u64 {
    let _ = n;
    run()
}

#[cache]
fn texts(a: &str, b: &str) -> u64 {
    let _ = (a, b);
    run()
}

#[cache("texts:{a}:{b}")]
fn texts_with_template(a: &str, b: &str) -> u64 {
    let _ = (a, b);
    run()
}

#[derive(Clone, Serialize)]
struct Secret(&'static str);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cache]
fn secret(secret: Secret) -> u64 {
    let _ = secret;
    run()
}

#[cache("secrets:{secret}")]
fn shown_secret(secret: Secret) -> u64 {
    let _ = secret;
    run()
}

#[test]
fn regression_08_no_two_argument_lists_collide() {
    start().enter(|| {
        for _ in 0..2 {
            assert_eq!((f1(2), f(12)), (1, 2));
            assert_eq!(
                (
                    texts("a", "bc"),
                    texts("ab", "c"),
                    texts("a:b", "c"),
                    texts("a", "b:c")
                ),
                (3, 4, 5, 6)
            );
            assert_eq!(
                (
                    texts_with_template("a:b", "c"),
                    texts_with_template("a", "b:c")
                ),
                (7, 8)
            );
            assert_eq!((secret(Secret("x")), secret(Secret("y"))), (9, 10));
            assert_eq!(
                (shown_secret(Secret("x")), shown_secret(Secret("y"))),
                (11, 12)
            );
        }
    });
}

/// Documented.
#[deprecated = "so that its callers can tell whether attributes are still there"]
#[cache(skip(sizes))]
#[must_use]
#[inline(never)]
fn everything<'a, T, const N: usize>(
    name: &'a str,
    (left, _): (u8, f64),
    sizes: [T; N],
) -> Option<String>
where
    T: Copy + Into<u64> + 'a,
{
    run();
    let total: u64 = sizes.iter().map(|size| (*size).into()).sum();
    Some(format!("{name} {left} {total}"))
}

#[async_trait::async_trait]
trait Loads {
    async fn load(&self, id: u64) -> Result<String, String>;
}

#[derive(Serialize)]
struct Loader<'a>(&'a str);

#[async_trait::async_trait]
impl Loads for Loader<'_> {
    #[cache_query]
    async fn load(&self, id: u64) -> Result<String, String> {
        run();
        Ok(format!("{} {id}", self.0))
    }
}

#[test]
#[deny(unfulfilled_lint_expectations)]
#[expect(deprecated, reason = "it has to be")]
fn regression_13_what_surrounds_a_function_survives() {
    start().enter(|| {
        for _ in 0..2 {
            assert_eq!(
                everything("a", (1, 0.5), [2_u8, 3]).as_deref(),
                Some("a 1 5")
            );
            assert_eq!(
                everything("a", (1, 0.5), [4_u16, 4]).as_deref(),
                Some("a 1 8")
            );
            let (a, b): (Box<dyn Loads>, Box<dyn Loads>) =
                (Box::new(Loader("a")), Box::new(Loader("b")));
            assert_eq!(block_on(a.load(1)).as_deref(), Ok("a 1"));
            assert_eq!(block_on(b.load(1)).as_deref(), Ok("b 1"));
        }
        assert_eq!(runs(), 4);
    });
}

#[cache]
fn of_map(map: HashMap<String, u64>) -> u64 {
    let _ = map;
    run()
}

#[cache]
fn of_set(set: &HashSet<u64>) -> u64 {
    let _ = set;
    run()
}

#[cache]
fn of_nested(list: Vec<HashMap<u64, HashMap<String, u64>>>) -> u64 {
    let _ = list;
    run()
}

#[test]
fn regression_24_a_map_in_another_order_is_the_same_key() {
    start().enter(|| {
        // Every map has a seed of its own, hence an order of its own.
        for _ in 0..10 {
            assert_eq!(of_map((0..100).map(|n| (n.to_string(), n)).collect()), 1);
            assert_eq!(
                of_map((0..100).rev().map(|n| (n.to_string(), n)).collect()),
                1
            );
        }
        for _ in 0..10 {
            assert_eq!(of_set(&(0..100).rev().collect()), 2);
            assert_eq!(of_set(&(0..100).collect()), 2);
        }
        let inner = |n: u64| {
            (0..10)
                .map(|k| (k.to_string(), n))
                .collect::<HashMap<_, _>>()
        };
        for _ in 0..10 {
            assert_eq!(of_nested(vec![(0..10).map(|n| (n, inner(n))).collect()]), 3);
        }
        assert_eq!(
            of_map((0..100).map(|n| (n.to_string(), n + 1)).collect()),
            4,
            "other values"
        );
        assert_eq!(of_set(&(0..101).collect()), 5);
    });
}

#[cache]
fn reciprocal(x: f64) -> f64 {
    1.0 / x
}

#[cache("price:{x}")]
fn price(x: f64) -> u64 {
    let _ = x;
    run()
}

#[invalidate_cache("price:{x}")]
fn set_price(x: f64) {
    let _ = x;
}

#[test]
fn the_zeros_are_two_keys_and_two_addresses() {
    start().enter(|| {
        assert_eq!(reciprocal(0.0), f64::INFINITY);
        assert_eq!(reciprocal(-0.0), f64::NEG_INFINITY);
        assert_eq!((price(0.0), price(-0.0)), (1, 2));
        set_price(-0.0);
        assert_eq!((price(0.0), price(-0.0)), (1, 3));
    });
}

/// Two names that 32-bit FNV-1a takes for one.
#[derive(Default, Serialize)]
struct Filter {
    #[serde(skip_serializing_if = "Option::is_none")]
    costarring: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    liquid: Option<u64>,
}

#[cache]
fn filtered(filter: &Filter) -> u64 {
    let _ = (filter.costarring, filter.liquid);
    run()
}

#[test]
fn fields_whose_names_are_easily_confused_are_two_keys() {
    start().enter(|| {
        let one = Filter {
            costarring: Some(1),
            ..Filter::default()
        };
        let other = Filter {
            liquid: Some(1),
            ..Filter::default()
        };
        assert_eq!((filtered(&one), filtered(&other)), (1, 2));
    });
}
