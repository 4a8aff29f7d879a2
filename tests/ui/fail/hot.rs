use cache_core::{cache, cache_query, warmup_cache};

pub struct Pool;
pub struct Repo;

fn pool() -> Pool {
    Pool
}

// case: of a function that is not cached
#[warmup_cache(hot = 100)]
fn plain(id: u64) -> u64 {
    id
}

// case: below what caches
#[cache]
#[warmup_cache(hot = 100)]
fn below(id: u64) -> u64 {
    id
}

// case: as an option of what caches
#[cache(hot = 100)]
fn option(id: u64) -> u64 {
    id
}

// case: none
#[warmup_cache(hot = 0)]
#[cache]
fn none(id: u64) -> u64 {
    id
}

// case: too many
#[warmup_cache(hot = 10_001)]
#[cache]
fn too_many(id: u64) -> u64 {
    id
}

// case: all of them
#[warmup_cache(hot)]
#[cache]
fn all(id: u64) -> u64 {
    id
}

// case: beside a list
#[warmup_cache(hot = 100, from = [1, 2])]
#[cache]
fn listed(id: u64) -> u64 {
    id
}

// case: what is skipped is not known
#[warmup_cache(hot = 100)]
#[cache_query(skip(pool))]
fn skipped(pool: Pool, id: u64) -> u64 {
    id
}

// case: what is in the key is known
#[warmup_cache(hot = 100, pool = pool(), tenant = 7)]
#[cache_query(skip(pool))]
fn given(pool: Pool, tenant: u64, id: u64) -> u64 {
    tenant + id
}

// case: a key in place of the arguments
#[warmup_cache(hot = 100)]
#[cache(key(id / 10))]
fn keyed(id: u64) -> u64 {
    id
}

// case: elements of a batch
#[warmup_cache(hot = 100)]
#[cache(each = ids)]
async fn batch(ids: Vec<u64>) -> Vec<u64> {
    ids
}

// case: nothing in memory
#[warmup_cache(hot = 100)]
#[cache(tiers(redis))]
fn elsewhere(id: u64) -> u64 {
    id
}

// case: nothing to choose from
#[warmup_cache(hot = 100)]
#[cache]
fn settings() -> u64 {
    1
}

// case: nothing is left
#[warmup_cache(hot = 100, pool = pool())]
#[cache(skip(pool))]
fn nothing_left(pool: Pool) -> u64 {
    1
}

// case: a type without a name
#[warmup_cache(hot = 100)]
#[cache]
fn unnamed(id: impl Copy + Send + serde::Serialize) -> u64 {
    1
}

// case: borrowed inside
#[warmup_cache(hot = 100)]
#[cache]
fn borrowed(name: Option<&str>) -> usize {
    name.map_or(0, str::len)
}

// case: borrowed twice
#[warmup_cache(hot = 100)]
#[cache]
fn twice(names: &[&str]) -> usize {
    names.len()
}

// case: borrowed for ever
#[warmup_cache(hot = 100)]
#[cache]
fn for_ever(name: &'static str) -> usize {
    name.len()
}

// case: generic
#[warmup_cache(hot = 100)]
#[cache]
fn generic<T: Copy + Send + serde::Serialize>(id: T) -> u64 {
    1
}

impl Repo {
    // case: a method
    #[warmup_cache(hot = 100)]
    #[cache_query(skip(self))]
    fn load(&self, id: u64) -> u64 {
        id
    }
}

// case: an argument that is taken apart
#[warmup_cache(hot = 100)]
#[cache]
fn apart((a, b): (u64, u64)) -> u64 {
    a + b
}

fn main() {}
