//! Start-up calls that do not end well: one that panics when it is given up, and more than can be begun.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use cache_core::{TestCache, cache, warmup_cache};

const SOON: Duration = Duration::from_secs(20);

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(thread::panicking(), "as it should");
    }
}

#[warmup_cache(every = "50ms", priority = 3)]
#[cache]
async fn bomb() -> u64 {
    let _bomb = Bomb;
    std::future::pending().await
}

static MADE: AtomicU64 = AtomicU64::new(0);

#[warmup_cache(every = "10ms", priority = 2)]
#[cache]
async fn well() -> u64 {
    MADE.fetch_add(1, SeqCst)
}

// A minute of them, as good as endless.
#[warmup_cache(from = 0_u64..500_000, priority = 1)]
#[cache]
async fn endless(id: u64) -> u64 {
    // What takes a while to make, before it waits for others.
    thread::sleep(Duration::from_micros(100));
    std::future::pending::<()>().await;
    id
}

#[tokio::test]
async fn what_panics_when_it_is_given_up_stops_nothing_and_the_end_is_the_end() {
    let test = TestCache::new();
    let warmup = test.cache().warmup().concurrency(usize::MAX);
    let began = Instant::now();
    let report = warmup.deadline(Duration::from_millis(200)).run().await;
    assert!(began.elapsed() < SOON);
    assert_eq!(report.warmed.named(), ["warmup_ends::well()"]);
    let cancelled = |name: &str| {
        report
            .cancelled
            .named()
            .iter()
            .any(|call| call.contains(name))
    };
    assert!(cancelled("bomb()") && cancelled("endless(from 0_u64..500_000)"));

    // Each of its rounds ends so, and the others go on.
    let made = MADE.load(SeqCst);
    let rounds = test.cache().warmup().deadline(Duration::from_millis(20));
    let repeated = rounds.repeat(|_| {});
    let enough = async {
        while MADE.load(SeqCst) < made + 5 {
            assert!(began.elapsed() < SOON, "it is not made again");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    futures_util::future::select(std::pin::pin!(repeated), std::pin::pin!(enough)).await;
    assert!(MADE.load(SeqCst) >= made + 5);
}
