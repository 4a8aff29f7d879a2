//! Every option, each used properly at least once.

use std::collections::HashMap;
use std::time::Duration;

use cache_core::{
    cache, cache_analysis, cache_query, cache_resource, cache_result, invalidate_cache,
    warmup_cache,
};

const MINUTE: Duration = Duration::from_secs(60);

pub struct Pool;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct User {
    pub id: u64,
    pub tenant: u64,
    pub lifetime: u64,
}

#[cache]
fn bare(id: u64) -> u64 {
    id
}

#[cache("sums:{a}:{pair.0}", ttl = "1h 30m", key(a, pair.0 + pair.1), tags("sum", "of:{a}"))]
fn keyed(pool: &Pool, a: u64, pair: &(u64, u64)) -> u64 {
    let _ = pool;
    a + pair.0 + pair.1
}

#[warmup_cache(hot = 10_000, pool = &Pool, priority = 1, every = "1h")]
#[cache_query(ttl = MINUTE, skip(pool), tables(users, orders), capacity = 1000, jitter = "2.5%")]
async fn query(pool: &Pool, id: u64) -> Result<Vec<u64>, String> {
    let _ = pool;
    Ok(vec![id])
}

#[cache_result(ttl = |_| 60, err_ttl = "250ms", none_ttl = Duration::from_secs(5), version = 2)]
async fn result(id: u64) -> Result<Option<u64>, String> {
    Ok(Some(id))
}

#[cache(ttl = 60, stale_while_revalidate = "1m", tags("of:{id}:{return}"))]
fn refreshed(id: u64, (a, _b): (u64, u64)) -> u64 {
    id + a
}

#[cache_query(stale_while_revalidate = MINUTE, refresh_ahead = "12.5%", timeout = "2s", stale_if_error = "1h", err_ttl = 5, skip(pool))]
async fn excused<T: Send + Sync + 'static>(pool: std::sync::Arc<T>, id: u64) -> Result<u64, String> {
    let _ = pool;
    Ok(id)
}

#[cache_resource(
    "users:{id}",
    ttl = |user| Duration::from_secs(user.lifetime),
    none_ttl = 0,
    when = |user| user.id > 0,
    tags("tenant:{return.tenant}", "user:{id}"),
    min_cost = "1ms",
    name = "users.load",
    skip(pool),
)]
async fn user(pool: &Pool, id: u64) -> Option<User> {
    let _ = pool;
    Some(User { id, tenant: 7, lifetime: 60 })
}

#[cache_analysis(ttl = "never", tiers(memory), crate = ::cache_core)]
fn analysis(text: &str) -> usize {
    text.len()
}

#[cache(tiers(redis), jitter = "5%", none_ttl = 5)]
async fn remote(id: u64) -> Option<User> {
    Some(User { id, tenant: 7, lifetime: 60 })
}

#[cache_query(tiers(memory, redis), capacity = 5, err_ttl = 5)]
fn both<T: serde::Serialize + serde::de::DeserializeOwned + Clone + Send + Sync + 'static>(value: T) -> Result<T, String> {
    Ok(value)
}

#[warmup_cache(text = "one")]
#[warmup_cache(text = "two", crate = ::cache_core)]
#[cache(fingerprint, ttl = 5, when = is_long)]
async fn text(text: &str) -> String {
    text.to_owned()
}

#[cache_query(
    "batch:{tenant}:{ids}",
    ttl = 300,
    each = ids,
    each_max = 100,
    none_ttl = "1s",
    skip(pool),
    tags("of:{tenant}:{ids}:{return.tenant}")
)]
async fn batch(pool: &Pool, tenant: String, mut ids: Vec<u64>) -> Result<HashMap<u64, User>, String> {
    let _ = (pool, tenant);
    Ok(ids.drain(..).map(|id| (id, User { id, tenant: id, lifetime: 1 })).collect())
}

fn is_long(text: &String) -> bool {
    text.len() > 2
}

#[invalidate_cache(
    "resource:users:{id}",
    r"query:orders\*:[a-c]?:{{*",
    tag = "tenant:{return.tenant}",
    tag = "table:users",
    user(pool, id),
    query(pool, id),
    on = always,
    before,
    crate = ::cache_core,
)]
async fn rename(pool: &Pool, id: u64, name: &str) -> Result<User, String> {
    Ok(user(pool, id).await.ok_or(name)?)
}

#[invalidate_cache(bare(id), on = success)]
fn forget(id: u64) {
    let _ = id;
}

fn main() {
    use cache_core::__private::block_on;

    assert_eq!(bare(1), 1);
    assert_eq!(keyed(&Pool, 1, &(2, 3)), 6);
    assert_eq!(block_on(query(&Pool, 1)), Ok(vec![1]));
    assert_eq!(block_on(result(1)), Ok(Some(1)));
    assert_eq!(block_on(rename(&Pool, 1, "x")).map(|user| user.id), Ok(1));
    assert_eq!(analysis("four"), 4);
    assert_eq!(block_on(remote(1)).map(|user| user.id), Some(1));
    assert_eq!(both(1_u8), Ok(1));
    assert_eq!(block_on(text("text")), "text");
    forget(1);
    let batch = block_on(batch(&Pool, "a".to_owned(), vec![1, 2]));
    assert_eq!(batch.map(|users| users.len()), Ok(2));
}
