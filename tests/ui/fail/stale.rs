use cache_core::{cache, cache_resource, cache_result};

#[derive(serde::Serialize)]
struct Pool {
    size: usize,
}

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

// case: no window while it is refreshed
#[cache(stale_while_revalidate = "0s")]
fn no_meanwhile(id: u64) -> u64 {
    id
}

// case: what never expires is never refreshed
#[cache(ttl = "never", stale_while_revalidate = 60)]
fn never_late(id: u64) -> u64 {
    id
}

// case: a part that is too small to be told from none
#[cache(refresh_ahead = "0.05%")]
fn too_fine(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: an argument that is borrowed
#[cache(stale_while_revalidate = 60)]
fn borrowed(name: &str) -> usize {
    name.len()
}

// case: an argument that holds something borrowed
#[cache(stale_while_revalidate = 60, skip(names))]
async fn held(names: Vec<&'static str>, pool: Option<&Pool>) -> usize {
    names.len() + pool.map_or(0, |pool| pool.size)
}

// case: the object itself
impl Pool {
    #[cache(stale_while_revalidate = 60, skip(self))]
    async fn size(&self) -> usize {
        self.size
    }
}

// case: part of what is borrowed
#[cache(stale_while_revalidate = 60)]
fn parts((a, b): (u64, &str)) -> u64 {
    a + b.len() as u64
}

// case: what is bound to its thread
#[cache(stale_while_revalidate = 60, skip(pool))]
fn bound(pool: std::rc::Rc<Pool>, id: u64) -> u64 {
    id + pool.size as u64
}

// case: no part of a lifetime
#[cache(refresh_ahead = "0%")]
fn no_part(id: u64) -> u64 {
    id
}

// case: part of a lifetime in another form
#[cache(refresh_ahead = 20)]
fn no_percentage(id: u64) -> u64 {
    id
}

// case: part of a lifetime without an end
#[cache(ttl = "never", refresh_ahead = "20%")]
fn endless(id: u64) -> u64 {
    id
}

// case: hits where there are none
#[cache(refresh_ahead = "20%", tiers(redis))]
async fn nowhere(id: u64) -> u64 {
    id
}

// case: a refresh ahead of what is borrowed
#[cache(refresh_ahead = "20%", skip(pool))]
async fn lent(pool: &Pool, id: u64) -> u64 {
    id + pool.size as u64
}

// case: a wait that ends with nothing
#[cache(timeout = 2, stale_while_revalidate = 60)]
async fn nothing_else(id: u64) -> u64 {
    id
}

// case: a wait that nobody can end
#[cache(timeout = 2, stale_if_error = "1h")]
fn not_left(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: no wait
#[cache(timeout = 0, stale_if_error = "1h")]
async fn no_wait(id: u64) -> Result<u64, String> {
    Ok(id)
}

// case: a body that goes on with what is borrowed
#[cache(timeout = "250ms", stale_if_error = "1h", skip(pool))]
async fn goes_on(id: u64, pool: &Pool) -> Result<u64, String> {
    Ok(id + pool.size as u64)
}

fn main() {}
