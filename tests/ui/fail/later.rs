use cache_core::{cache, cache_query};

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

fn main() {}
