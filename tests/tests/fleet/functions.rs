//! What every process of the fleet has cached, each in another way.

use std::thread;
use std::time::Duration;

use cache_core::{cache, cache_put, cache_resource, invalidate_cache};

use super::source::ROWS;
use super::worker::{LISTED, here};

/// Reads the row, and now and then takes its time before it returns.
fn select(row: u64) -> u64 {
    let version = here(|session, _| session.read(row));
    thread::sleep(pause());
    version
}

fn pause() -> Duration {
    let pause = here(|_, chance| {
        if chance.one_in(3) {
            chance.below(20)
        } else {
            0
        }
    });
    Duration::from_millis(pause)
}

#[cache_resource("row:{id}", tags("rows", "row-{id}"), ttl = 600)]
pub(crate) async fn row(id: u64) -> u64 {
    select(id)
}

#[cache(ttl = 600)]
pub(crate) async fn pair(a: u64, b: u64) -> (u64, u64) {
    (row(a).await, row(b).await)
}

#[cache(ttl = 600)]
pub(crate) async fn pairs(a: u64) -> Vec<(u64, u64)> {
    vec![
        pair(a, (a + 1) % ROWS).await,
        pair((a + 2) % ROWS, (a + 3) % ROWS).await,
    ]
}

/// Served when it has expired, and refreshed behind the call.
#[cache(ttl = "100ms", stale_while_revalidate = 600, tags("plain-{id}"))]
pub(crate) fn plain(id: u64) -> u64 {
    select(id)
}

/// Refreshed behind calls before it has expired.
#[cache(ttl = "300ms", refresh_ahead = "50%", tags("eager-{id}"))]
pub(crate) async fn eager(id: u64) -> u64 {
    select(id)
}

/// Served when it has expired and the source fails, or is slow.
#[cache(
    ttl = "50ms",
    stale_if_error = 600,
    timeout = "8ms",
    tags("guarded-{id}")
)]
pub(crate) async fn guarded(id: u64) -> Result<u64, String> {
    let version = here(|session, _| session.read(id));
    tokio::time::sleep(pause()).await;
    if here(|_, chance| chance.one_in(4)) {
        return Err("by chance".to_owned());
    }
    Ok(version)
}

/// Every row has an entry of its own.
#[cache("listed:{ids}", each = ids, ttl = 600, tags("listed-{ids}"))]
pub(crate) async fn listed(ids: Vec<u64>) -> Vec<u64> {
    ids.into_iter().map(select).collect()
}

#[cache(ttl = 600)]
pub(crate) async fn three(a: u64) -> Vec<u64> {
    listed(in_turn(a, 3)).await
}

/// Rows of the lists, one after the other.
pub(crate) fn in_turn(first: u64, count: u64) -> Vec<u64> {
    (0..count).map(|n| LISTED + (first + n) % ROWS).collect()
}

#[cache(ttl = 600, tags("stored-{id}"))]
pub(crate) async fn stored(id: u64) -> u64 {
    select(id)
}

/// What it has written is there for all.
#[cache_put(stored(id))]
pub(crate) async fn store(id: u64) -> u64 {
    let version = here(|session, _| session.write(id));
    thread::sleep(pause());
    version
}

#[cache(ttl = 600, tags("calm-{id}"))]
pub(crate) async fn calm(id: u64) -> u64 {
    select(id)
}

/// Whoever calls this is not told whether the log has it.
#[invalidate_cache("resource:row:{id}")]
pub(crate) async fn update(id: u64) -> u64 {
    here(|session, _| session.write(id))
}
