//! The first entry of a function has the key that all later calls have.

use std::sync::atomic::{AtomicU32, Ordering};

use cache_core::{cache, invalidate, key_of};

static RUNS: AtomicU32 = AtomicU32::new(0);

#[cache(ttl = 300)]
async fn twice(n: u64) -> u64 {
    RUNS.fetch_add(1, Ordering::SeqCst);
    n * 2
}

/// In a process of its own: no call may come before the first.
#[test]
fn the_first_entry_can_be_invalidated_by_its_call() {
    cache_core::__private::block_on(async {
        twice(1).await;
        let first = key_of(twice(1)).await.unwrap();
        twice(2).await;
        assert_eq!(key_of(twice(1)).await.unwrap(), first);
        invalidate(twice(1)).await.unwrap();
        twice(1).await;
    });
    assert_eq!(RUNS.load(Ordering::SeqCst), 3);
}
