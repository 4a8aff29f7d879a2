use cache_core::{cache, cache_query, warmup_cache};

pub struct Repo;

// case: a misspelt argument
#[warmup_cache(user = 1)]
#[cache(ttl = "5m")]
async fn profile(user_id: u64) -> u64 {
    user_id
}

// case: an argument where there are none
#[warmup_cache(id = 1)]
#[cache]
fn settings() -> u64 {
    1
}

// case: no argument
#[warmup_cache]
#[cache]
fn forgotten(id: u64) -> u64 {
    id
}

// case: one of two arguments
#[warmup_cache(id = 1)]
#[cache]
fn half(id: u64, page: u64) -> u64 {
    id + page
}

// case: an argument given twice
#[warmup_cache(id = 1, id = 2)]
#[cache]
fn twice(id: u64) -> u64 {
    id
}

// case: an argument without a value
#[warmup_cache(id)]
#[cache]
fn no_value(id: u64) -> u64 {
    id
}

// case: an argument without a name
#[warmup_cache(1)]
#[cache]
fn nameless(id: u64) -> u64 {
    id
}

// case: an argument without a name, where there are none
#[warmup_cache(1)]
#[cache]
fn no_arguments() -> u64 {
    1
}

// case: an argument that is taken apart
#[warmup_cache(a = 1)]
#[cache]
fn apart((a, b): (u64, u64)) -> u64 {
    a + b
}

// case: a generic function
#[warmup_cache(id = 1)]
#[cache]
fn generic<T: Clone + Send + Sync + serde::Serialize + 'static>(id: T) -> T {
    id
}

impl Repo {
    // case: a method
    #[warmup_cache(id = 1)]
    #[cache_query(skip(self))]
    fn load(&self, id: u64) -> u64 {
        id
    }
}

// case: a caching option
#[warmup_cache(id = 1, ttl = 5)]
#[cache]
fn fresh(id: u64) -> u64 {
    id
}

// case: again and again at once
#[warmup_cache(id = 1, every = "0s")]
#[cache]
fn at_once(id: u64) -> u64 {
    id
}

// case: an order that is no number
#[warmup_cache(id = 1, priority = "high")]
#[cache]
fn ordered(id: u64) -> u64 {
    id
}

// case: nothing left for a list
#[warmup_cache(id = 1, from = [1, 2])]
#[cache]
fn nothing_left(id: u64) -> u64 {
    id
}

fn main() {}
