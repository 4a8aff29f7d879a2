use std::time::Duration;

use cache_core::{cache, cache_result};

const OFF: Duration = Duration::ZERO;

// case: a constant of zero
#[cache(ttl = OFF)]
fn zero(id: u64) -> u64 {
    id
}

// case: an expression that is zero
#[cache(ttl = Duration::from_secs(0))]
async fn zero_expression(id: u64) -> u64 {
    id
}

// case: errors kept for no time
#[cache_result(err_ttl = OFF)]
fn zero_err(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: a constant that is too long
#[cache(ttl = Duration::from_secs(u64::MAX))]
fn too_long(id: u64) -> u64 {
    id
}

// case: errors kept for too long a time
#[cache_result(err_ttl = Duration::from_secs(u64::MAX))]
fn too_long_err(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: a window of a constant that is zero
#[cache(stale_if_error = OFF)]
fn no_window(id: u64) -> Result<u64, String> {
    Ok(id)
}

fn main() {}
