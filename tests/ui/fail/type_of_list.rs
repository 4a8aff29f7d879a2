use cache_core::{cache, warmup_cache};

// case: a list that is none
#[warmup_cache(from = 5)]
#[cache]
fn no_list(id: u64) -> u64 {
    id
}

// case: items of another type
#[warmup_cache(from = ["a", "b"])]
#[cache]
fn other_items(id: u64) -> u64 {
    id
}

// case: items for two arguments
#[warmup_cache(from = [1_u64, 2])]
#[cache]
fn two_arguments(id: u64, page: u64) -> u64 {
    id + page
}

fn main() {}
