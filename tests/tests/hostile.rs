//! A crate that has no prelude and gives well-known names to other things.

#![no_implicit_prelude]
#![forbid(unsafe_code, unreachable_code, unused_variables, clippy::all)]

extern crate serde as alloc;
extern crate serde as core;

use ::cache_core::{cache, cache_resource, cache_result, invalidate_cache, warmup_cache};
use ::std::clone::Clone;
use ::std::{assert, assert_eq};

/// Names that generated code would say if it said them without a path.
mod decoys {
    #![expect(dead_code, reason = "only their names count")]

    pub(super) struct Ok;
    pub(super) struct Err;
    pub(super) struct Some;
    pub(super) struct None;
    pub(super) struct Box;
    pub(super) struct String;
    pub(super) struct Duration;
    pub(super) struct Piece;
    pub(super) struct Site;
    pub(super) struct Spec;
    pub(super) struct Call;
    pub(super) struct Value;
    pub(super) struct Return;
    pub(super) trait Future {}
}
#[expect(unused_imports, reason = "only their names count")]
use decoys::*;

/// A trait that gives every type the methods that generated code would call.
macro_rules! extension {
    ($($method:ident)+) => {
        #[expect(dead_code, reason = "generated code uses none of it")]
        trait Extension: ::std::marker::Sized {
            $(fn $method(self) {})+
        }
        impl<T> Extension for T {}
    };
}
extension! {
    outer inner value error weigh content share shape succeeded item target outcome address tag ttl when always pattern
    call now now_blocking finish finish_blocking run run_with run_blocking run_blocking_with name version
}

#[derive(Clone, Debug, PartialEq)]
struct Result<T>(T);

#[cache_resource("users:{id}", tags("{return.0}"), when = |user| user.0 > 1, ttl = 60)]
async fn load(id: u64) -> Result<u64> {
    Result(id)
}

#[cache_result(err_ttl = "1s", none_ttl = "1s")]
fn fallible(id: u64) -> ::std::result::Result<::std::option::Option<u64>, u8> {
    if id == 0 {
        return ::std::result::Result::Err(1);
    }
    ::std::result::Result::Ok(::std::option::Option::Some(id))
}

#[warmup_cache(id = 1)]
#[cache]
async fn warmed(id: u64) -> u64 {
    id
}

#[invalidate_cache("resource:users:{id}", load(id), tag = "{return.0}", before, on = always)]
async fn change(id: u64) -> ::std::result::Result<Result<u64>, u8> {
    ::std::result::Result::Ok(Result(id))
}

#[invalidate_cache("resource:users:{id}", load(id), tag = "{return.0}", before, on = always)]
fn change_now(id: u64) -> ::std::result::Result<Result<u64>, u8> {
    ::std::result::Result::Ok(Result(id))
}

#[test]
fn needs_nothing_in_scope() {
    assert_eq!(::cache_core::__private::block_on(load(7)), Result(7));
    assert!(fallible(0).is_err());
    assert_eq!(::cache_core::__private::block_on(warmed(1)), 1);
    assert!(::cache_core::__private::block_on(change(7)).is_ok());
    assert!(change_now(7).is_ok());
}
