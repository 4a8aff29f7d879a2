//! The attributes in a crate of the edition before, where temporaries live longer and futures capture less.

use cache_core::__private::block_on;
use cache_core::{
    cache, cache_query, cache_resource, cache_result, invalidate_cache, warmup_cache,
};

struct Pool;

#[cache_resource("users:{id}", skip(pool), tags("{return.0}"), when = |user| user.0 > 0)]
async fn user(pool: &Pool, id: u64) -> Option<(u64, String)> {
    let _ = pool;
    Some((id, id.to_string()))
}

trait Load {
    fn load(&self, id: u64) -> impl std::future::Future<Output = Result<u64, String>> + Send;
}

impl Load for Pool {
    #[cache_result(err_ttl = 1, skip(self))]
    async fn load(&self, id: u64) -> Result<u64, String> {
        id.checked_mul(2).ok_or_else(|| "too large".to_owned())
    }
}

#[warmup_cache(gen = 1)]
#[cache(ttl = "5m", key(gen + 1))]
fn generation(gen: u64) -> u64 {
    gen
}

#[cache_query]
fn joined(words: &[&str]) -> String {
    words.join(" ")
}

#[invalidate_cache("resource:users:{id}", user(pool, id), tag = "{return}", before)]
async fn rename(pool: &Pool, id: u64) -> Result<u64, String> {
    pool.load(id).await
}

#[test]
fn the_edition_before_knows_the_attributes() {
    assert_eq!(block_on(user(&Pool, 1)), Some((1, "1".to_owned())));
    assert_eq!(block_on(rename(&Pool, 2)), Ok(4));
    assert!(block_on(rename(&Pool, u64::MAX)).is_err());
    assert_eq!(generation(3), 3);
    assert_eq!(joined(&["a", "b"]), "a b");
}
