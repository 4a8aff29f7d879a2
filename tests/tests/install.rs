//! The cache of a process: a program of its own, as there is one of them.

use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{Cache, ErrorKind, TestCache, cache, current};

#[cache("installed:{id}")]
fn square(id: u64) -> u64 {
    id * id
}

fn stored_here() -> u64 {
    current().stats().total.stores
}

#[test]
fn a_process_has_one_cache() {
    // Without any set-up.
    assert_eq!((square(1), square(1)), (1, 1));
    assert_eq!(stored_here(), 1);

    let error = Cache::builder()
        .ttl("[", Duration::MAX)
        .install_blocking()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);

    let installed = block_on(Cache::builder().namespace("shop").install()).unwrap();
    assert_eq!(stored_here(), 0, "what was stored before is forgotten");
    square(1);
    square(1);
    let stats = installed.stats();
    assert_eq!((stats.total.stores, stats.total.hits), (1, 1));

    let error = block_on(Cache::builder().install()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyInstalled);
    let error = Cache::builder().install_blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyInstalled);
    square(1);
    assert_eq!(installed.stats().total.hits, 2, "the first one stays");

    let test = TestCache::new();
    test.enter(|| square(1));
    assert_eq!(
        (
            installed.stats().total.hits,
            test.cache().stats().total.stores
        ),
        (2, 1)
    );
}
