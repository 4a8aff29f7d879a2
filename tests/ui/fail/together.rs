//! All errors at once, and none but them: whoever calls these functions finds them as they were written.

use cache_core::{cache, cache_query, invalidate_cache, warmup_cache};

pub struct User {
    pub id: u64,
}

#[cache(
    "users:{idd}", // case: a misspelt argument
    tll = 5, // case: an unknown option
    capacity = 0, // case: a value that stores nothing
    version = , // case: no value
    jitter = "a bit", // case: a bad value
    skip(poool), // case: a misspelt argument in a list
    min_cost = "5 parsecs", // case: a bad duration
)]
async fn user<'a>(
    pool: &'a str,
    id: u64,
    seen: &mut u64, // case: an argument that can be changed
) -> Option<&'a User> { // case: a borrowed value
    let _ = (pool, id, seen);
    None
}

#[invalidate_cache(
    "users:[{id}", // case: a bad pattern
    tag = "user:{id", // case: a bad tag
    user, // case: a function that is not called
    on = failure, // case: a bad condition
)]
fn rename(id: u64) -> Result<String, String> {
    Ok(id.to_string())
}

#[warmup_cache(
    idd = 1, // case: a misspelt argument
    every = 0, // case: again and again at once
)]
#[cache]
fn profile(id: u64) -> String {
    id.to_string()
}

impl User {
    #[cache_query(
        tables(), // case: an empty list
        when = false, // case: a bad condition
    )]
    pub async fn orders(&self, page: u64) -> Vec<u64> {
        vec![self.id, page]
    }
}

async fn calls() -> Result<usize, String> {
    let mut seen = 0;
    let found: Option<&User> = user("pool", 1, &mut seen).await;
    let owner = User { id: found.map_or(1, |user| user.id) };
    let name: String = rename(owner.id)? + &profile(owner.id);
    Ok(name.len() + owner.orders(1).await.len())
}

fn main() {
    let _ = calls();
}
