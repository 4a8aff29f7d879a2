//! What is called again, and what need not be.

use std::path::Path;

use cache_core::{cache, cache_query, cache_resource, invalidate};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::*;

static ROWS: Made = Made::new();

struct Pool(u64);
static POOL: Pool = Pool(100);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct RowId(u64);

/// What is no part of the key is given; whatever it is, the key is the same.
#[warmup_cache(hot = 10, pool = &POOL)]
#[cache_query(skip(pool))]
fn row(pool: &Pool, id: &RowId) -> Result<u64, String> {
    ROWS.make(id.0);
    Ok(pool.0 + id.0)
}

#[tokio::test]
async fn what_is_there_is_not_computed() {
    let server = start!();
    let call = |cache: &Cache, n| cache.enter(|| row(&POOL, &RowId(n)).unwrap());
    let cache = started(&server).await;
    for n in [1, 2, 3, 4].repeat(3) {
        assert_eq!(call(&cache, n), 100 + n);
    }
    until("all are stored", || {
        names(&server, "fc:{test}/v/*").len() == 4
    });
    end(cache).await;
    assert_eq!(ROWS.take(), ["1 ", "2 ", "3 ", "4 "].map(str::trim));

    let cache = started(&server).await;
    assert_eq!(call(&cache, 4), 104);
    let second = async { row(&POOL, &RowId(2)) };
    cache.scope(invalidate(second)).await.unwrap();
    let report = cache.warmup().run().await;
    assert_eq!(
        warmed(&report, "hot::row(& POOL,hot 10)") + warmed(&report, "row(&POOL,hot 10)"),
        4,
        "{report}"
    );
    assert_eq!(ROWS.take(), ["2"], "what was invalidated");
    let stats = cache.stats();
    let seen = stats.function("row").unwrap();
    assert_eq!((seen.computed, seen.fetched, seen.hits), (1, 3, 1));
    let again = cache.warmup().run().await;
    assert_eq!((warmed(&again, "row("), ROWS.take().len()), (4, 0));
}

static LOCAL: Made = Made::new();

#[derive(Clone, Debug, PartialEq)]
struct Unencodable(u64);

#[warmup_cache(hot = 2, priority = 3)]
#[cache(tiers(memory))]
fn local(path: &Path, all: Vec<(u8, Option<String>)>) -> Unencodable {
    LOCAL.make(path.display());
    Unencodable(all.len() as u64)
}

#[tokio::test]
async fn values_that_never_leave_the_process_are_computed() {
    let server = start!();
    let cache = started(&server).await;
    let all = vec![(1, None), (2, Some("two".to_owned()))];
    for path in ["/a", "/b", "/a", "/b", "/a", "/c"] {
        cache.enter(|| local(Path::new(path), all.clone()));
    }
    end(cache).await;
    assert_eq!(LOCAL.take().len(), 3);
    let cache = started(&server).await;
    let report = cache.warmup().run().await;
    assert_eq!(warmed(&report, "local("), 2, "{report}");
    assert_eq!(LOCAL.take(), ["/a", "/b"]);
}

static FLEET: Made = Made::new();

#[warmup_cache(hot = 20)]
#[cache_resource("things:{id}")]
async fn thing(id: u64) -> u64 {
    FLEET.make(id);
    tokio::time::sleep(Duration::from_millis(20)).await;
    id
}

#[tokio::test]
async fn a_fleet_that_starts_together_computes_each_once() {
    let server = start!();
    let cache = started(&server).await;
    let ids: Vec<u64> = (0..20).collect();
    for _ in 0..3 {
        join_all(ids.iter().map(|id| cache.scope(thing(*id)))).await;
    }
    end(cache).await;
    expire(&server);
    FLEET.take();
    let fleet = join_all((0..4).map(|_| started(&server))).await;
    let reports = join_all(fleet.iter().map(|cache| cache.warmup().run())).await;
    for report in &reports {
        assert_eq!(
            (warmed(report, "thing("), report.failed.count()),
            (20, 0),
            "{report}"
        );
    }
    let made = FLEET.take();
    assert_eq!(made.len(), 20);
    assert!(made.iter().all(|call| !call.contains('×')), "{made:?}");
}

#[tokio::test]
async fn without_redis_nothing_is_called() {
    let cache = Cache::builder().build().await.unwrap();
    for _ in 0..3 {
        cache.scope(thing(77)).await;
    }
    let report = cache.warmup().run().await;
    assert_eq!(
        (report.warmed.count(), report.failed.count()),
        (0, 0),
        "{report}"
    );
    end(cache).await;
}

static HANGS: AtomicU64 = AtomicU64::new(0);

#[warmup_cache(hot = 9)]
#[cache]
async fn hangs(id: u64) -> u64 {
    if HANGS.load(SeqCst) > 0 {
        std::future::pending::<()>().await;
    }
    id
}

#[tokio::test]
async fn the_deadline_ends_them() {
    let server = start!();
    let cache = started(&server).await;
    for n in [1, 2, 3].repeat(2) {
        cache.scope(hangs(n)).await;
    }
    end(cache).await;
    expire(&server);
    HANGS.store(1, SeqCst);
    let cache = started(&server).await;
    let warmup = cache.warmup().concurrency(2);
    let report = warmup.deadline(Duration::from_millis(300)).run().await;
    let cut: Vec<_> = report
        .cancelled
        .named()
        .iter()
        .filter(|name| name.contains("hangs("))
        .collect();
    assert_eq!(
        cut.len(),
        3,
        "two were under way, and there is more: {report}"
    );
}

static AGAIN: Made = Made::new();

#[warmup_cache(hot = 2, every = "100ms")]
#[cache(ttl = "1h")]
async fn again(id: u64) -> u64 {
    AGAIN.make(id);
    id
}

/// The hottest are made again and again, whether they are there or not.
#[tokio::test]
async fn with_every_they_are_refreshed() {
    let server = start!();
    let cache = started(&server).await;
    for n in [1, 2, 3, 1, 2, 1, 2] {
        cache.scope(again(n)).await;
    }
    end(cache).await;
    AGAIN.take();
    let cache = started(&server).await;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let repeat = cache
        .warmup()
        .repeat(move |report| tell.send(report).unwrap());
    tokio::select! {
        () = repeat => unreachable!("it goes on"),
        report = told.recv() => {
            let report = report.unwrap();
            assert_eq!((report.warmed.count(), report.failed.count()), (2, 0), "{report}");
        }
    }
    assert_eq!(AGAIN.take(), ["1", "2"]);
}
