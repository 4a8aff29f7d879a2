use std::cell::Cell;
use std::rc::Rc;

use cache_core::{cache, cache_query, cache_resource, cache_result};

pub struct NotClone;

#[derive(Clone)]
pub struct Error(Rc<str>);

pub mod models {
    pub struct Page;
}

// case: a value that cannot be cloned
#[cache]
fn not_clone(id: u64) -> NotClone {
    let _ = id;
    NotClone
}

// case: the same, async
#[cache]
async fn not_clone_async(id: u64) -> NotClone {
    let _ = id;
    NotClone
}

// case: in a `Result`
#[cache_query]
async fn in_a_result(id: u64) -> Result<NotClone, String> {
    let _ = id;
    Ok(NotClone)
}

// case: in a `Result` of an `Option`
#[cache_resource("users:{id}")]
fn in_an_option(id: u64) -> Result<Option<NotClone>, String> {
    let _ = id;
    Ok(Some(NotClone))
}

// case: in a path
#[cache]
fn in_a_path(id: u64) -> models::Page {
    let _ = id;
    models::Page
}

// case: a value that is bound to its thread
#[cache]
fn not_send(id: u64) -> Rc<u64> {
    Rc::new(id)
}

// case: a value that is not to be shared
#[cache]
async fn not_sync(id: u64) -> Cell<u64> {
    Cell::new(id)
}

// case: a generic value without a bound
#[cache]
fn generic<T: Default>(id: u64) -> T {
    let _ = id;
    T::default()
}

// case: no `Result`
#[cache_result]
fn no_result(id: u64) -> Option<u64> {
    Some(id)
}

// case: no `Result`, async
#[cache_result(ttl = 5)]
async fn no_result_async(id: u64) -> u64 {
    id
}

// case: no error to keep
#[cache(err_ttl = 5)]
fn no_error(id: u64) -> u8 {
    id as u8
}

// case: an error that cannot be kept
#[cache(err_ttl = 5)]
fn error_not_clone(id: u64) -> Result<u64, NotClone> {
    Ok(id)
}

// case: an error that is bound to its thread
#[cache_result(err_ttl = 5)]
fn error_not_send(id: u64) -> Result<u64, Error> {
    Err(Error(id.to_string().into()))
}

// case: no `None` to keep
#[cache(none_ttl = 5)]
fn no_none(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: no `None` to keep, although a resource
#[cache_resource("users:{id}", none_ttl = 5)]
async fn no_none_async(id: u64) -> u64 {
    id
}

#[derive(Clone)]
pub struct Local(u64);

// case: a value that cannot leave the process
#[cache(tiers(redis))]
fn not_serde(id: u64) -> Local {
    Local(id)
}

// case: the same beside the memory, in a `Result` of an `Option`
#[cache_query(tiers(memory, redis))]
async fn not_serde_inside(id: u64) -> Result<Option<Local>, String> {
    Ok(Some(Local(id)))
}

fn main() {}
