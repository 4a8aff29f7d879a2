//! Nothing in scope but what the language itself has.

#![no_implicit_prelude]

#[::cache_core::cache_resource("users:{id}", tags("{return}"), when = |user| *user > 1)]
#[must_use]
async fn user(id: u64) -> ::std::option::Option<u64> {
    ::std::option::Option::Some(id)
}

#[::cache_core::invalidate_cache("resource:users:{id}", user(id), tag = "{return}", before)]
fn rename(id: u64) -> ::std::result::Result<u64, u64> {
    ::std::result::Result::Ok(id)
}

#[::cache_core::warmup_cache(id = 1)]
#[::cache_core::cache_result(err_ttl = 1)]
fn warm(id: u64) -> ::std::result::Result<u64, u64> {
    ::std::result::Result::Ok(id)
}

fn main() {
    ::std::assert!(rename(1).is_ok());
    ::std::assert!(warm(1).is_ok());
    ::std::assert!(::cache_core::__private::block_on(user(2)).is_some());
}
