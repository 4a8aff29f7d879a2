//! Write-behind, where others share the cache.

#![expect(clippy::unwrap_used, reason = "what tests share is a test, too")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use cache_core::{Behind, WriteBehind, cache};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const NEVER: Behind = Behind::new().delay(Duration::MAX);

type Rows = Arc<Mutex<HashMap<String, u64>>>;

/// A queue whose writer is a task.
fn queue(cache: &Cache, rows: &Rows) -> WriteBehind<u64> {
    let rows = Arc::clone(rows);
    let (names, writer) = cache.write_behind(NEVER, move |batch: Vec<(String, u64)>| {
        let rows = Arc::clone(&rows);
        async move {
            tokio::task::yield_now().await;
            rows.lock().unwrap().extend(batch);
            Ok::<_, String>(())
        }
    });
    tokio::spawn(writer);
    names
}

#[tokio::test]
async fn others_have_the_value_at_once_and_no_older_one_when_it_is_written() {
    static ROWS: Mutex<Option<Rows>> = Mutex::new(None);
    #[cache(ttl = 600)]
    async fn name(id: u64) -> u64 {
        let address = format!("names:{id}");
        if let Ok(Some(name)) = cache_core::get(&address).await {
            return name;
        }
        let rows = ROWS.lock().unwrap().clone().unwrap();
        rows.lock().unwrap().get(&address).copied().unwrap_or(0)
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    let rows = Rows::default();
    *ROWS.lock().unwrap() = Some(Arc::clone(&rows));
    let names = queue(&a, &rows);
    names.set("names:7", 1, MINUTE).await.unwrap();
    until_got(&b, Some(1)).await;
    assert!(rows.lock().unwrap().is_empty(), "it is not written yet");
    // Evicted, everywhere: what there is now is an old source.
    a.invalidate_pattern("names:7").await.unwrap();
    until_got(&b, None).await;
    assert_eq!(names.get("names:7").await.unwrap(), Some(1));
    assert_eq!(b.scope(name(7)).await, 0);
    assert_eq!(b.scope(name(7)).await, 0);
    names.flush().await.unwrap();
    assert_eq!(rows.lock().unwrap().get("names:7"), Some(&1));
    let began = Instant::now();
    while b.scope(name(7)).await != 1 {
        assert!(
            began.elapsed() < SOON,
            "what was made of the old source is served for ever"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let other = process(&server).await;
    assert_eq!(other.scope(name(7)).await, 1);
}

async fn until_got(cache: &Cache, value: Option<u64>) {
    let began = Instant::now();
    while cache.get::<u64>("names:7").await.ok() != Some(value) {
        assert!(began.elapsed() < SOON, "{value:?} is never there");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Many set the same addresses: cache and source end with one value each.
#[tokio::test]
async fn cache_and_source_end_with_the_same_values() {
    let server = start!();
    let cache = process(&server).await;
    let rows = Rows::default();
    let names = queue(&cache, &rows);
    let setters = (0..8_u64).map(|setter| {
        let names = names.clone();
        async move {
            for n in 0..25 {
                let address = format!("many:{}", n % 3);
                // It may take too long on a busy machine, and is queued all the same.
                let _ = names.set(&address, 100 * setter + n, MINUTE).await;
            }
        }
    });
    futures_util::future::join_all(setters).await;
    names.flush().await.unwrap();
    for n in 0..3 {
        let address = format!("many:{n}");
        let written = rows.lock().unwrap().get(&address).copied();
        assert!(written.is_some());
        let found = cache.get::<u64>(&address).await.unwrap();
        assert!(
            found.is_none() || found == written,
            "{found:?}, {written:?}"
        );
    }
    let left = cache.shutdown(SOON).await;
    assert_eq!(left.unwritten, 0);
}

/// The put is dropped at each of its steps: then there is the queued value, or the one before, and nothing else.
#[tokio::test]
async fn a_dropped_set_has_done_both_or_neither() {
    let server = start!();
    let cache = process(&server).await;
    let rows = Rows::default();
    let names = queue(&cache, &rows);
    for polls in 0..40_u64 {
        let (old, new) = (1_000 + polls, 2_000 + polls);
        names.set("a", old, MINUTE).await.unwrap();
        names.flush().await.unwrap();
        let mut polled = 0;
        let mut set = Box::pin(names.set("a", new, MINUTE));
        std::future::poll_fn(|cx| {
            let out = set.as_mut().poll(cx).is_ready();
            polled += 1;
            match out || polled > polls {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
        drop(set);
        assert_eq!(names.get("a").await.unwrap(), Some(new));
        names.flush().await.unwrap();
        assert_eq!(rows.lock().unwrap().get("a"), Some(&new));
        let found = cache.get::<u64>("a").await.unwrap();
        assert!(found.is_none_or(|found| found == new), "{found:?}");
    }
}

#[tokio::test]
async fn while_redis_is_away_values_are_queued_and_a_flush_says_who_was_not_told() {
    let mut server = start!();
    let cache = process(&server).await;
    let rows = Rows::default();
    let names = queue(&cache, &rows);
    server.kill().unwrap();
    let error = names.set("a", 1, MINUTE).await.unwrap_err();
    assert_eq!(error.kind(), cache_core::ErrorKind::NotLogged);
    let error = names.flush().await.unwrap_err();
    assert_eq!(error.kind(), cache_core::ErrorKind::NotLogged);
    assert_eq!(rows.lock().unwrap().get("a"), Some(&1), "the source has it");
    server.start_again().unwrap();
    let began = Instant::now();
    while names.flush().await.is_err() {
        assert!(began.elapsed() < SOON, "it is never told");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let stats = cache.stats().behind.unwrap();
    assert_eq!((stats.queued, stats.written), (0, 1));
}
