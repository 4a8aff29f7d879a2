use cache_core::{cache, cache_query, cache_result};

// case: stale while it is refreshed
#[cache(stale_while_revalidate = 60)]
fn revalidated(id: u64) -> u64 {
    id
}

// case: stale when the function fails
#[cache_result(stale_if_error = "1h")]
fn stale(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: refreshed before it expires
#[cache(refresh_ahead = "20%")]
fn ahead(id: u64) -> u64 {
    id
}

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

fn main() {}
