use cache_core::{cache, cache_query, warmup_cache};

// case: a longest wait
#[cache(timeout = 2)]
async fn slow(id: u64) -> u64 {
    id
}

// case: a batch
#[cache_query(each = ids)]
async fn batch(ids: Vec<u64>) -> Vec<u64> {
    ids
}

// case: another remote tier
#[cache(tiers(memory, postgres))]
fn remote(id: u64) -> u64 {
    id
}

// case: another remote tier, alone
#[cache(tiers(postgres))]
fn far(id: u64) -> u64 {
    id
}

// case: again and again
#[warmup_cache(id = 1, every = "10m")]
#[cache]
fn again(id: u64) -> u64 {
    id
}

// case: an order
#[warmup_cache(id = 1, priority = 1)]
#[cache]
fn first(id: u64) -> u64 {
    id
}

// case: many sets of arguments
#[warmup_cache(from = [1, 2])]
#[cache]
fn many() -> u64 {
    1
}

fn main() {}
