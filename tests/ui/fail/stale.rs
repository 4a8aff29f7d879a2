use cache_core::{cache, cache_resource, cache_result};

// case: in place of an error that cannot be
#[cache(stale_if_error = "1h")]
fn infallible(id: u64) -> Option<u64> {
    Some(id)
}

// case: no window at all
#[cache(stale_if_error = 0)]
fn no_window(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: what never expires
#[cache_result(ttl = "never", stale_if_error = "1h")]
fn for_ever(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: a window that is an argument
#[cache_resource(stale_if_error = window)]
fn by_argument(window: std::time::Duration) -> Result<Option<u64>, String> {
    Ok(Some(window.as_secs()))
}

fn main() {}
