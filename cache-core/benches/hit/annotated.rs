//! `cached`: with the 300 seconds that ours has, and with nothing but the attribute, which keeps
//! every entry for ever and so looks at no clock.

use crate::Entrant;
use crate::arguments::{page_args, user_args};
use crate::awaited::each_awaited;
use crate::rounds::each;

/// The same functions under one attribute. A `&str` cannot be part of the key of `cached`, hence
/// the conversion of `page`.
macro_rules! annotated {
    ($module:ident, $attribute:ident $(, $option:ident = $value:literal)*) => {
        mod $module {
            pub(super) mod blocking {
                use crate::bodies::{Page, User, load_page, load_user};
                use cached::macros::$attribute;
                use std::sync::Arc;

                #[$attribute($($option = $value),*)]
                pub(crate) fn user(id: u64) -> Arc<User> {
                    load_user(id)
                }

                #[$attribute(
                    key = "(String, u64, Option<u32>)",
                    convert = { (name.to_owned(), number, size) }
                    $(, $option = $value)*
                )]
                pub(crate) fn page(name: &str, number: u64, size: Option<u32>) -> Arc<Page> {
                    load_page(name, number, size)
                }
            }

            pub(super) mod suspending {
                use crate::bodies::{Page, User, load_page, load_user};
                use cached::macros::$attribute;
                use std::sync::Arc;

                #[$attribute($($option = $value),*)]
                pub(crate) async fn user(id: u64) -> Arc<User> {
                    load_user(id)
                }

                #[$attribute(
                    key = "(String, u64, Option<u32>)",
                    convert = { (name.to_owned(), number, size) }
                    $(, $option = $value)*
                )]
                pub(crate) async fn page(name: &str, number: u64, size: Option<u32>) -> Arc<Page> {
                    load_page(name, number, size)
                }
            }
        }
    };
}

annotated!(locked, cached, ttl_secs = 300);
annotated!(locked_for_ever, cached);
annotated!(sharded, concurrent_cached, ttl_secs = 300);
annotated!(sharded_for_ever, concurrent_cached);

macro_rules! entrants {
    ($($module:ident, $sync:literal, $async:literal;)*) => {
        &[$(
            Entrant {
                name: $sync,
                user: |calls| each(calls, |n| $module::blocking::user(user_args(n))),
                page: |calls| each(calls, |n| {
                    let args = page_args(n);
                    $module::blocking::page(args.name, args.number, args.size)
                }),
            },
            Entrant {
                name: $async,
                user: |calls| each_awaited(calls, |n| $module::suspending::user(user_args(n))),
                page: |calls| each_awaited(calls, |n| {
                    let args = page_args(n);
                    $module::suspending::page(args.name, args.number, args.size)
                }),
            },
        )*]
    };
}

pub(crate) const ENTRANTS: &[Entrant] = entrants! {
    locked, "#[cached(ttl_secs)] sync", "#[cached(ttl_secs)] async";
    locked_for_ever, "#[cached] sync", "#[cached] async";
    sharded, "#[concurrent_cached(ttl_secs)] sync", "#[concurrent_cached(ttl_secs)] async";
    sharded_for_ever, "#[concurrent_cached] sync", "#[concurrent_cached] async";
};
