//! What is of no use leaves memory when it is asked to, and nothing else does.

use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{Cache, Eviction, Memory, blocking, cache, invalidate_pattern};

use crate::runs::{run, runs, start_with};

#[cache("kept:{id}")]
fn kept(id: u64) -> u64 {
    run();
    id
}

#[cache("dropped:{id}")]
fn dropped(id: u64) -> u64 {
    run();
    id
}

#[cache("brief:{id}", ttl = 1)]
fn brief(id: u64) -> u64 {
    run();
    id
}

#[test]
fn what_is_of_no_use_is_reclaimed_and_the_rest_stays() {
    for eviction in Eviction::ALL {
        let test = start_with(Cache::builder().memory(Memory::new().eviction(*eviction)));
        let before = runs();
        test.enter(|| {
            for id in 0..1_000 {
                assert_eq!((kept(id), dropped(id), brief(id)), (id, id, id));
            }
            assert_eq!(test.cache().reclaim(), 0);
            let full = test.cache().stats().total;
            block_on(invalidate_pattern("dropped:*")).unwrap();
            test.advance(Duration::from_secs(2));
            assert_eq!(test.cache().reclaim(), 2_000);
            assert_eq!(test.cache().reclaim(), 0);
            let left = test.cache().stats().total;
            assert_eq!((full.entries, left.entries), (3_000, 1_000));
            assert!(left.bytes * 2 < full.bytes && left.evictions == 0);
            assert_eq!(runs() - before, 3_000);
            assert!((0..1_000).all(|id| kept(id) == id));
            assert_eq!(runs() - before, 3_000, "what is valid stays");
            assert_eq!(blocking::peek(|| dropped(1)).unwrap(), None);
            assert_eq!((dropped(1), brief(1)), (1, 1));
            let stats = test.cache().stats();
            let misses = |name| stats.function(name).unwrap().misses.total();
            assert_eq!(
                (misses("kept"), misses("dropped"), misses("brief")),
                (1_000, 1_001, 1_001)
            );
        });
    }
}
