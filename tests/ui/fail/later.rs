use cache_core::{cache, warmup_cache};

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

// case: the arguments that were hot before
#[warmup_cache(hot = 1_000)]
#[cache]
fn favourite(id: u64) -> u64 {
    id
}

fn main() {}
