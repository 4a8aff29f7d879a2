//! The programme with the cache: one line above the read, one after the write.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use cache_core::{Cache, blocking, cache_resource};

use crate::process::{Answers, Rows};
use crate::table;

#[cache_resource("rows:{id}", ttl = 60)]
fn row(id: u64) -> u64 {
    table::shared().load(id)
}

/// See the module.
pub struct Annotated(Cache);

impl Annotated {
    /// Waits for the connection, which a service would not: it would work without.
    pub fn new(url: &str, namespace: &str) -> Result<Self> {
        let cache = Cache::builder()
            .namespace(namespace)
            .redis(url)
            .install_blocking()?;
        let began = Instant::now();
        while !cache.health().is_well() {
            if began.elapsed() > Duration::from_secs(5) {
                bail!("no contact with Redis: {:?}", cache.health());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(Self(cache))
    }
}

impl Rows for Annotated {
    fn read(&self, id: u64) -> u64 {
        row(id)
    }

    /// By hand, not with `#[invalidate_cache]`, as what is acknowledged is to be measured.
    fn invalidate(&self, id: u64) -> bool {
        blocking::invalidate_pattern(&format!("resource:rows:{id}")).is_ok()
    }

    fn answers(&self) -> Answers {
        let total = self.0.stats().total;
        Answers {
            memory: total.hits,
            redis: total.fetched,
            table: total.computed,
        }
    }
}
