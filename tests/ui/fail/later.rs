use cache_core::cache;

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
