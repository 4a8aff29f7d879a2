//! What is wrong in a body is said of the body, once, as if there were no attribute.

use std::rc::Rc;

use cache_core::{cache, cache_query, invalidate_cache};

// case: another type
#[cache]
fn another_type(id: u64) -> Result<u64, String> {
    id
}

// case: another type, async
#[cache]
async fn another_type_async(id: u64) -> Result<u64, String> {
    id
}

// case: an early return of another type
#[cache_query]
async fn early(id: u64) -> Result<u64, String> {
    if id == 0 {
        return Err(0);
    }
    Ok(id)
}

// case: a question mark after another error
#[cache]
fn question(text: &str) -> Result<u64, String> {
    Ok(text.parse::<u64>()?)
}

// case: a name that is not there
#[cache]
fn unknown_name(id: u64) -> u64 {
    idd
}

// case: a name of the generated code
#[cache]
fn generated_name(id: u64) -> u64 {
    let _ = &__shape;
    id
}

// case: another type after an invalidation
#[invalidate_cache("users:{id}")]
fn another_type_after(id: u64) -> Result<u64, String> {
    id
}

fn is_send<T: Send>(_: T) {}

#[cache]
async fn holds_rc(id: u64) -> u64 {
    let held = Rc::new(id);
    std::future::ready(()).await;
    *held
}

fn main() {
    // case: a future that is not `Send` because its body is not
    is_send(holds_rc(1));
}
