//! The cache of a process: a program of its own, as there is one of them.

use std::sync::mpsc;
use std::thread;
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

    // Another thread, that has used what is there by default: for a hit, and for a miss.
    let (turn, turns) = mpsc::channel();
    let (done, dones) = mpsc::channel();
    let other = thread::spawn(move || {
        for id in turns {
            square(id);
            done.send(()).unwrap();
        }
    });
    let elsewhere = |id| {
        turn.send(id).unwrap();
        dones.recv().unwrap();
    };
    elsewhere(1);
    elsewhere(1);

    let installed = block_on(Cache::builder().namespace("shop").install()).unwrap();
    assert_eq!(stored_here(), 0, "what was stored before is forgotten");
    square(1);
    square(1);
    let counts = || {
        let total = installed.stats().total;
        (total.stores, total.hits)
    };
    assert_eq!(counts(), (1, 1));
    elsewhere(1);
    assert_eq!(counts(), (1, 2), "known in all threads at once");
    elsewhere(2);
    assert_eq!(counts(), (2, 2));
    elsewhere(2);
    assert_eq!(counts(), (2, 3));
    drop(turn);
    other.join().unwrap();

    let error = block_on(Cache::builder().install()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyInstalled);
    let error = Cache::builder().install_blocking().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyInstalled);
    square(1);
    assert_eq!(counts(), (2, 4), "the first one stays");

    let test = TestCache::new();
    test.enter(|| square(1));
    assert_eq!(
        (
            installed.stats().total.hits,
            test.cache().stats().total.stores
        ),
        (4, 1)
    );
}
