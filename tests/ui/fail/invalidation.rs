use std::future::Future;

use cache_core::{cache, cache_resource, invalidate_cache};

#[cache_resource("users:{id}")]
async fn user(id: u64) -> Option<u64> {
    Some(id)
}

// case: a misspelt argument
#[invalidate_cache("resource:users:{idd}")]
async fn rename_user(id: u64, name: &str) -> Result<(), String> {
    let _ = (id, name);
    Ok(())
}

// case: a misspelt argument in a tag
#[invalidate_cache(tag = "tenant:{tennant}")]
fn misspelt_tag(tenant: u64) {
    let _ = tenant;
}

// case: nothing to invalidate
#[invalidate_cache]
fn nothing(id: u64) -> u64 {
    id
}

// case: no target beside its options
#[invalidate_cache(on = always)]
fn only_options(id: u64) -> u64 {
    id
}

// case: an empty target
#[invalidate_cache("")]
fn empty(id: u64) -> u64 {
    id
}

// case: a class that is not closed
#[invalidate_cache("users:[a-c")]
fn class_not_closed(id: u64) -> u64 {
    id
}

// case: an argument inside a class
#[invalidate_cache("users:[{id}]")]
fn class_around_argument(id: u64) -> u64 {
    id
}

// case: a class of nothing
#[invalidate_cache("users:[]")]
fn empty_class(id: u64) -> u64 {
    id
}

// case: a backslash at the end
#[invalidate_cache("users:\\")]
fn trailing_backslash(id: u64) -> u64 {
    id
}

// case: a backslash at the end of raw text
#[invalidate_cache(r"users:\")]
fn trailing_backslash_raw(id: u64) -> u64 {
    id
}

// case: a backslash before an argument
#[invalidate_cache("users:\\{id}")]
fn escaped_argument(id: u64) -> u64 {
    id
}

// case: a brace that is not closed
#[invalidate_cache("users:{id")]
fn brace_not_closed(id: u64) -> u64 {
    id
}

// case: a target given twice
#[invalidate_cache("users:{id}", "users:{id}")]
fn twice(id: u64) -> u64 {
    id
}

// case: a tag that is not text
#[invalidate_cache(tag = users)]
fn bare_tag(id: u64) -> u64 {
    id
}

// case: a tag without its text
#[invalidate_cache(tag)]
fn no_tag(id: u64) -> u64 {
    id
}

// case: a function that is not called
#[invalidate_cache(user)]
fn not_called(id: u64) -> u64 {
    id
}

// case: a call that is awaited
#[invalidate_cache(user(id).await)]
async fn awaited(id: u64) -> u64 {
    id
}

// case: neither text nor a call
#[invalidate_cache(1 + 1)]
fn a_sum(id: u64) -> u64 {
    id
}

// case: an unknown condition
#[invalidate_cache("users:{id}", on = failure)]
fn on_failure(id: u64) -> u64 {
    id
}

// case: a misspelt option
#[invalidate_cache("users:{id}", onn = always)]
fn misspelt_option(id: u64) -> u64 {
    id
}

// case: an option of the caching attributes
#[invalidate_cache("users:{id}", ttl = 5)]
fn fresh(id: u64) -> u64 {
    id
}

// case: a value for a flag
#[invalidate_cache("users:{id}", before = true)]
fn before_what(id: u64) -> u64 {
    id
}

// case: before there is a value
#[invalidate_cache("users:{return.id}", before)]
fn too_early(id: u64) -> u64 {
    id
}

// case: a value that is not returned
#[invalidate_cache("users:{return.id}")]
fn no_value(id: u64) {
    let _ = id;
}

// case: a function that never returns
#[invalidate_cache("users:*")]
fn forever(id: u64) -> ! {
    std::process::exit(id as i32)
}

// case: a future that is made before
#[invalidate_cache("users:{id}")]
fn future(id: u64) -> impl Future<Output = u64> {
    let made = async move { id };
    made
}

// case: cached and invalidating
#[invalidate_cache("users:{id}")]
#[cache]
fn torn(id: u64) -> u64 {
    id
}

fn main() {}
