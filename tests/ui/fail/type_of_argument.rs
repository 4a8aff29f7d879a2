use cache_core::{cache, cache_query, cache_resource};

pub mod models {
    pub struct Filter {
        pub page: u64,
    }
}
use models::Filter;

pub struct Repo;

// case: an argument that cannot be a key
#[cache]
async fn search(filter: Filter) -> u64 {
    filter.page
}

// case: a borrowed one
#[cache]
fn borrowed(filter: &Filter) -> u64 {
    filter.page
}

// case: one in a path
#[cache]
fn in_a_path(filter: models::Filter) -> u64 {
    filter.page
}

// case: many of them
#[cache]
fn many(filters: Vec<Filter>) -> usize {
    filters.len()
}

// case: part of a pattern
#[cache]
fn apart((filter, id): (Filter, u64)) -> u64 {
    filter.page + id
}

// case: anything
#[cache]
fn anything(filter: impl Sized) -> usize {
    std::mem::size_of_val(&filter)
}

// case: a generic one without a bound
#[cache]
fn generic<T>(filter: T) -> usize {
    std::mem::size_of_val(&filter)
}

// case: a function
#[cache]
fn function(apply: fn(u64) -> u64) -> u64 {
    apply(1)
}

// case: part of a `key`
#[cache_query(key(filter.page, filter))]
fn chosen(filter: &Filter) -> u64 {
    filter.page
}

// case: a part of a `key` that is not there
#[cache_query(key(filter.pages))]
fn no_such_part(filter: &Filter) -> u64 {
    filter.page
}

impl Repo {
    // case: a `self` that cannot be a key
    #[cache_query]
    fn load(&self, id: u64) -> u64 {
        id
    }

    // case: a `self` by value
    #[cache_query]
    async fn unload(self, id: u64) -> u64 {
        id
    }
}

// case: an argument that has no text
#[cache_resource("lists:{ids}")]
fn textless(ids: Vec<u64>) -> usize {
    ids.len()
}

// case: an argument that may have no text
#[cache_resource("lists:{name}")]
fn perhaps_textless(name: Option<&str>) -> usize {
    name.map_or(0, str::len)
}

// case: a field that is not there
#[cache_resource("lists:{filter.pages}", key(filter.page + 1))]
fn fieldless(filter: &Filter) -> u64 {
    filter.page
}

// case: a value that has no text
#[cache(tags("lists:{return}"))]
fn textless_value(id: u64) -> Vec<u64> {
    vec![id]
}

// case: a field of the value that is not there
#[cache(tags("lists:{return.id}"))]
fn fieldless_value(id: u64) -> Option<String> {
    Some(id.to_string())
}

fn main() {}
