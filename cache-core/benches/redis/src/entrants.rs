//! Ours and the others. Each hit gives the same page; ours and the caches decode it, the clients give its bytes.

use std::error::Error;
use std::time::Duration;

use cache_core::{Cache, cache};
use cached::{AsyncRedisCache, ConcurrentCachedAsync};
use multi_tier_cache::{Bytes, CacheBackend, RedisCache};
use redis::aio::MultiplexedConnection;
use rustis::commands::StringCommands;
use serde::{Deserialize, Serialize};

use crate::crowd::{KEYS, Row};

const TTL: Duration = Duration::from_secs(3_600);

/// Some 300 bytes when it is encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Page {
    id: u64,
    title: String,
    text: String,
}

impl Page {
    fn of(id: u64) -> Self {
        Self {
            id,
            title: format!("The title of page {id}"),
            text: "0123456789 abcdefghi".repeat(12),
        }
    }
}

// So every hit is one in Redis.
#[cache(ttl = 3_600, tiers(redis))]
async fn page(id: u64) -> Page {
    Page::of(id)
}

pub(crate) struct Entrants {
    plain: MultiplexedConnection,
    rustis: rustis::client::Client,
    cached: std::sync::Arc<AsyncRedisCache<u64, Page>>,
    tiers: std::sync::Arc<RedisCache>,
}

fn plain_key(id: u64) -> String {
    format!("plain/v/{{{id:032x}}}")
}

impl Entrants {
    /// Connects everybody, and stores the pages.
    pub(crate) async fn new(url: &str) -> Result<Self, Box<dyn Error>> {
        let ours = Cache::builder()
            .namespace("bench")
            .redis(url)
            .install()
            .await?;
        let client = redis::Client::open(url)?;
        let mut plain = client.get_multiplexed_async_connection().await?;
        let cached = AsyncRedisCache::builder("cached")
            .ttl(TTL)
            .connection_string(url);
        let entrants = Self {
            cached: cached.build().await?.into(),
            rustis: rustis::client::Client::connect(url).await?,
            tiers: RedisCache::with_url(url).await?.into(),
            plain: plain.clone(),
        };
        while !ours.health().is_well() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for id in 0..KEYS {
            let text = serde_json::to_string(&Page::of(id))?;
            let set = redis::cmd("SET")
                .arg(plain_key(id))
                .arg(&text)
                .arg("EX")
                .arg(3_600)
                .clone();
            set.query_async::<()>(&mut plain).await?;
            entrants.cached.async_cache_set(id, Page::of(id)).await?;
            let key = format!("tiers/{id:032x}");
            entrants
                .tiers
                .set_with_ttl(&key, Bytes::from(text), TTL)
                .await?;
            page(id).await;
        }
        // They are stored in the background.
        let stored = async |mut plain| -> Result<usize, redis::RedisError> {
            let keys = redis::cmd("KEYS").arg("fc:{bench}/v/*").clone();
            Ok(keys.query_async::<Vec<String>>(&mut plain).await?.len())
        };
        while stored(plain.clone()).await? < KEYS as usize {
            for id in 0..KEYS {
                page(id).await;
            }
        }
        Ok(entrants)
    }

    /// Those whose name has this text, and the plain `GET`.
    pub(crate) fn rows(&self, only: &str) -> Vec<Row> {
        let (plain, rustis) = (self.plain.clone(), self.rustis.clone());
        let (cached, tiers) = (self.cached.clone(), self.tiers.clone());
        let mut rows = vec![
            Row {
                name: crate::PLAIN,
                caller: Box::new(move |keys| {
                    let mut plain = plain.clone();
                    Box::pin(async move {
                        let mut calls = 0;
                        for id in keys {
                            let get = redis::cmd("GET").arg(plain_key(id)).clone();
                            let bytes = get.query_async::<Vec<u8>>(&mut plain).await;
                            calls += u64::from(bytes.is_ok_and(|bytes| bytes.len() > 250));
                        }
                        calls
                    })
                }),
            },
            Row {
                name: crate::OURS,
                caller: Box::new(|keys| {
                    Box::pin(async move {
                        let mut calls = 0;
                        for id in keys {
                            calls += u64::from(page(id).await.id == id);
                        }
                        calls
                    })
                }),
            },
            Row {
                name: "rustis, GET",
                caller: Box::new(move |keys| {
                    let rustis = rustis.clone();
                    Box::pin(async move {
                        let mut calls = 0;
                        for id in keys {
                            let text = rustis.get::<String>(plain_key(id)).await;
                            calls += u64::from(text.is_ok_and(|text| text.len() > 250));
                        }
                        calls
                    })
                }),
            },
            Row {
                name: "cached, AsyncRedisCache",
                caller: Box::new(move |keys| {
                    let cached = cached.clone();
                    Box::pin(async move {
                        let mut calls = 0;
                        for id in keys {
                            let page = cached.async_cache_get(&id).await.ok().flatten();
                            calls += u64::from(page.is_some_and(|page| page.id == id));
                        }
                        calls
                    })
                }),
            },
            Row {
                name: "multi-tier-cache, RedisCache and JSON",
                caller: Box::new(move |keys| {
                    let tiers = tiers.clone();
                    Box::pin(async move {
                        let mut calls = 0;
                        for id in keys {
                            let bytes = tiers.get(&format!("tiers/{id:032x}")).await;
                            let page =
                                bytes.and_then(|bytes| serde_json::from_slice::<Page>(&bytes).ok());
                            calls += u64::from(page.is_some_and(|page| page.id == id));
                        }
                        calls
                    })
                }),
            },
        ];
        rows.retain(|row| {
            row.name == crate::PLAIN && only != crate::OURS || row.name.contains(only)
        });
        rows
    }
}
