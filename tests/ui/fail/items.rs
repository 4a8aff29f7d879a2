use cache_core::{cache, cache_query, cache_resource, invalidate_cache, warmup_cache};

pub struct Foo;

// case: an `impl`
#[cache]
impl Foo {
    fn load(&self, id: u64) -> u64 {
        id
    }
}

// case: a trait
#[cache_query]
pub trait Load {
    fn load(&self, id: u64) -> u64;
}

pub trait Declares {
    // case: a method without a body
    #[cache]
    fn declared(&self, id: u64) -> u64;
}

// case: a struct
#[cache]
pub struct Bar;

// case: an enum
#[cache_resource("users:{id}")]
pub enum Either {
    This,
    That,
}

// case: a module
#[invalidate_cache("users:*")]
mod inside {}

// case: a constant
#[warmup_cache]
pub const LIMIT: u64 = 5;

// case: a static
#[cache]
pub static NAME: &str = "name";

// case: a type
#[cache]
pub type Name = &'static str;

// case: a `use`
#[cache]
pub use std::mem::swap;

// case: foreign functions
#[cache]
unsafe extern "C" {}

// case: what a macro writes
#[cache]
thread_local! {}

// case: a `const fn`
#[cache]
const fn constant(id: u64) -> u64 {
    id
}

// case: cached twice
#[cache]
#[cache_query]
fn twice(id: u64) -> u64 {
    id
}

// case: cached and invalidating
#[cache]
#[invalidate_cache("users:{id}")]
fn torn(id: u64) -> u64 {
    id
}

fn main() {
    let _ = (Foo.load(1), Bar, Either::This, Either::That, LIMIT, NAME, Name::default());
}
