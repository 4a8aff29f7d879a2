use cache_core::{cache, warmup_cache};
use serde::Serialize;

#[derive(Serialize)]
pub struct Written(u64);

type Text = &'static str;

// case: a type that is written and not read
#[warmup_cache(hot = 100)]
#[cache]
fn written(page: u64, id: Written) -> u64 {
    page + id.0
}

// case: the same, borrowed, and in an async function
#[warmup_cache(hot = 100)]
#[cache]
async fn lent(ids: &[Written]) -> usize {
    ids.len()
}

// case: an alias of what is borrowed
#[warmup_cache(hot = 100)]
#[cache]
fn alias(name: Text) -> usize {
    name.len()
}

fn main() {}
