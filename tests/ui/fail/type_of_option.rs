use cache_core::{cache, cache_resource, invalidate_cache, warmup_cache};

const LIMIT: &str = "5m";

#[derive(Clone)]
pub struct User {
    pub id: u64,
}

#[cache_resource("users:{id}")]
async fn user(id: u64) -> Option<u64> {
    Some(id)
}

// case: a condition that is not one
#[cache(when = |value| *value)]
fn not_a_condition(id: u64) -> u64 {
    id
}

// case: a condition of a field that is not there
#[cache(when = |user| user.name.is_some())]
fn no_such_field(id: u64) -> User {
    User { id }
}

// case: a condition that is a function of something else
#[cache(when = str::is_ascii)]
fn of_something_else(id: u64) -> u64 {
    id
}

// case: a lifetime that is not one
#[cache(ttl = |_| "5m")]
fn not_a_lifetime(id: u64) -> u64 {
    id
}

// case: a constant that is not a duration
#[cache(ttl = LIMIT)]
fn not_a_duration(id: u64) -> u64 {
    id
}

// case: a constant that is not there
#[cache(min_cost = LIMITS)]
fn no_constant(id: u64) -> u64 {
    id
}

// case: a target's argument of another type
#[invalidate_cache(user(name))]
fn typed(name: &str) {
    let _ = name;
}

// case: too few arguments of a target
#[invalidate_cache(user())]
async fn too_few(id: u64) {
    let _ = id;
}

// case: an argument that has no text
#[invalidate_cache("users:{ids}")]
fn textless(ids: &[u64]) -> usize {
    ids.len()
}

// case: a field of the value that is not there
#[invalidate_cache("users:{return.name}")]
fn fieldless(id: u64) -> Option<User> {
    Some(User { id })
}

// case: an argument of another type at start-up
#[warmup_cache(id = "one")]
#[cache]
fn warm(id: u64) -> u64 {
    id
}

fn main() {}
