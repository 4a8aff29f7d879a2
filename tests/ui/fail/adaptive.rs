use std::time::Duration;

use cache_core::{cache, cache_put, cache_query};

const SHORT: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(3600);

#[derive(Clone)]
pub struct Unwritten(u64);

// case: no bounds at all
#[cache(ttl = adaptive)]
fn bare(id: u64) -> u64 {
    id
}

// case: no bounds in the parentheses
#[cache(ttl = adaptive())]
fn empty(id: u64) -> u64 {
    id
}

// case: one bound
#[cache(ttl = adaptive("30s"))]
fn one(id: u64) -> u64 {
    id
}

// case: a bound too many
#[cache(ttl = adaptive("30s", "1h", "1d"))]
fn three(id: u64) -> u64 {
    id
}

// case: bounds that are the same
#[cache(ttl = adaptive("60s", "1m"))]
fn same(id: u64) -> u64 {
    id
}

// case: the longer one first
#[cache(ttl = adaptive("1h", 30))]
fn reversed(id: u64) -> u64 {
    id
}

// case: constants of which the longer one is first
#[cache(ttl = adaptive(LONG, SHORT))]
fn reversed_constants(id: u64) -> u64 {
    id
}

// case: a constant and a literal that are the same
#[cache(ttl = adaptive("30s", SHORT))]
fn same_constants(id: u64) -> u64 {
    id
}

// case: nothing at all as the shorter one
#[cache(ttl = adaptive(0, "1h"))]
fn zero(id: u64) -> u64 {
    id
}

// case: no end
#[cache(ttl = adaptive("30s", "never"))]
fn never(id: u64) -> u64 {
    id
}

// case: no end, as a constant
#[cache(ttl = adaptive("30s", Duration::MAX))]
fn never_constant(id: u64) -> u64 {
    id
}

// case: an unknown unit
#[cache(ttl = adaptive("30 parsecs", "1h"))]
fn parsecs(id: u64) -> u64 {
    id
}

// case: below zero
#[cache(ttl = adaptive("30s", -1))]
fn negative(id: u64) -> u64 {
    id
}

// case: decided from the value
#[cache(ttl = adaptive("30s", |id| id))]
fn judged(id: u64) -> u64 {
    id
}

// case: an argument
#[cache(ttl = adaptive("30s", id))]
fn argument(id: Duration) -> u64 {
    id.as_secs()
}

// case: where nothing is computed again
#[cache_put("users:{id}", ttl = adaptive("30s", "1h"))]
fn put(id: u64) -> u64 {
    id
}

// case: of no other option
#[cache(none_ttl = adaptive("30s", "1h"))]
fn absent(id: u64) -> Option<u64> {
    Some(id)
}

// case: a value that cannot be compared
#[cache(ttl = adaptive("30s", "1h"), tiers(memory))]
fn unwritten(id: u64) -> Unwritten {
    Unwritten(id)
}

// case: the same, async, in a `Result` of an `Option`
#[cache_query(ttl = adaptive(SHORT, LONG))]
async fn unwritten_query(id: u64) -> Result<Option<Unwritten>, String> {
    Ok(Some(Unwritten(id)))
}

// case: nearly its name
#[cache(ttl = adaptve("30s", "1h"))]
fn misspelt(n: u64) -> u64 {
    n
}

fn main() {}
