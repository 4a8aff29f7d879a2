//! The steps: the same function, each time with one more word in its attribute, or one more line where the caches are set up.

use std::pin::Pin;
use std::sync::Arc;

use cache_core::{cache, invalidate_cache};

use crate::database::{Answer, Database};

/// As it is without a cache.
async fn product(database: Arc<Database>, id: usize) -> Answer {
    database.product(id).await
}

mod cached {
    use super::*;

    #[cache("products:{id}", ttl = "1m", skip(database))]
    pub async fn product(database: Arc<Database>, id: usize) -> Answer {
        database.product(id).await
    }
}

/// The guide's durations; `err_ttl` is for how long nobody asks again after a failure.
mod forgiving {
    use super::*;

    #[cache(
        "products:{id}",
        ttl = "1m",
        stale_if_error = "2h",
        err_ttl = "30s",
        skip(database)
    )]
    pub async fn product(database: Arc<Database>, id: usize) -> Answer {
        database.product(id).await
    }
}

mod prompt {
    use super::*;

    #[cache(
        "products:{id}",
        ttl = "1m",
        stale_if_error = "2h",
        err_ttl = "30s",
        timeout = "500ms", // See `Step::prompt`.
        skip(database)
    )]
    pub async fn product(database: Arc<Database>, id: usize) -> Answer {
        database.product(id).await
    }
}

mod early {
    use super::*;

    #[cache(
        "products:{id}",
        ttl = "1m",
        stale_if_error = "2h",
        err_ttl = "30s",
        timeout = "500ms",
        refresh_ahead = "20%",
        skip(database)
    )]
    pub async fn product(database: Arc<Database>, id: usize) -> Answer {
        database.product(id).await
    }
}

/// A write.
pub async fn write(database: &Database, id: usize) {
    database.write(id);
}

/// A write that says what it makes old.
#[invalidate_cache("products:{id}")]
pub async fn write_through(database: &Database, id: usize) {
    write(database, id).await;
}

/// A call that was not awaited yet.
pub type Reading = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// One of the steps.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub name: &'static str,
    /// The function, as it is read.
    pub read: fn(Arc<Database>, usize) -> Reading,
    /// Whether the nodes share a Redis.
    pub shared: bool,
    /// Whether those who write invalidate.
    pub invalidates: bool,
    /// Whether there is a time-out. It goes by a real clock, of which half a second stands for the guide's 100 ms here.
    pub prompt: bool,
    /// How often the database is asked by the guide's estimate, and at which of its steps.
    pub published: (u64, &'static str),
}

const NO_CACHE: Step = Step {
    name: "no cache",
    read: |database, id| Box::pin(product(database, id)),
    shared: false,
    invalidates: false,
    prompt: false,
    published: (18_000_000, "0"),
};

const SINGLE_FLIGHT: Step = Step {
    name: "single-flight",
    read: |database, id| Box::pin(cached::product(database, id)),
    published: (120_000, "2"),
    ..NO_CACHE
};

const REDIS: Step = Step {
    name: "memory + Redis",
    shared: true,
    published: (27_000, "6 *"),
    ..SINGLE_FLIGHT
};

const COHERENCE: Step = Step {
    name: "+ coherence",
    invalidates: true,
    published: (11_000, "9 *"),
    ..REDIS
};

const STALE_IF_ERROR: Step = Step {
    name: "+ stale_if_error",
    read: |database, id| Box::pin(forgiving::product(database, id)),
    published: (39_000, "3 †"),
    ..COHERENCE
};

const TIMEOUT: Step = Step {
    name: "+ timeout",
    read: |database, id| Box::pin(prompt::product(database, id)),
    prompt: true,
    published: (39_500, "5 †"),
    ..STALE_IF_ERROR
};

const REFRESH_AHEAD: Step = Step {
    name: "+ refresh_ahead",
    read: |database, id| Box::pin(early::product(database, id)),
    published: (39_500, "4 †"),
    ..TIMEOUT
};

pub const STEPS: [Step; 7] = [
    NO_CACHE,
    SINGLE_FLIGHT,
    REDIS,
    COHERENCE,
    STALE_IF_ERROR,
    TIMEOUT,
    REFRESH_AHEAD,
];
