//! Events: each as it happens, in order; and listeners that misbehave.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{Cache, Event, blocking, cache, cache_resource, invalidate_cache};
use futures_util::future::join;

use crate::runs::{pause, run, runs, start};

#[cache_resource("told:{id}", capacity = 1)]
async fn told(id: u64) -> Result<u64, String> {
    run();
    pause().await;
    if id == 0 {
        Err("zero".to_owned())
    } else {
        Ok(id)
    }
}

#[invalidate_cache("resource:told:{id}")]
async fn write(id: u64) {
    let _ = id;
}

fn texts(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            let text = event.to_string();
            // The clock stands still, so that every computation takes no time.
            assert!(
                !text.contains("computed in") || text.contains("computed in 0.0ns"),
                "{text}"
            );
            text
        })
        .collect()
}

#[test]
fn events_come_in_order() {
    let test = start();
    block_on(test.run(async {
        let _ = told(1).await;
        let _ = told(1).await;
        write(1).await;
        let _ = told(1).await;
        let _ = told(0).await;
        let _ = told(2).await;
    }));
    assert_eq!(
        texts(&test.events()),
        [
            "miss (absent) resource:told:1",
            "computed in 0.0ns resource:told:1",
            "stored resource:told:1",
            "hit resource:told:1",
            "invalidated resource:told:1",
            "miss (invalidated) resource:told:1",
            "computed in 0.0ns resource:told:1",
            "stored resource:told:1",
            "miss (absent) resource:told:0",
            "computed in 0.0ns resource:told:0",
            "not stored (failed) resource:told:0",
            "miss (absent) resource:told:2",
            "computed in 0.0ns resource:told:2",
            "evicted resource:told:1",
            "stored resource:told:2",
        ]
    );
    let functions: Vec<_> = test
        .events()
        .iter()
        .map(|event| event.function.to_string())
        .collect();
    assert!(
        functions
            .iter()
            .all(|f| f.is_empty() || f == "behaviour::events::told")
    );
    test.forget_events();
    assert!(test.events().is_empty());
}

#[test]
fn who_waited_is_told_as_coalesced() {
    let test = start();
    block_on(test.run(async {
        let _ = join(told(1), told(1)).await;
    }));
    assert_eq!(
        texts(&test.events()),
        [
            "miss (absent) resource:told:1",
            "miss (absent) resource:told:1",
            "computed in 0.0ns resource:told:1",
            "stored resource:told:1",
            "coalesced resource:told:1",
        ]
    );
}

#[test]
fn values_are_told_too() {
    let test = start();
    test.enter(|| {
        blocking::get::<u64>("n").unwrap();
        blocking::set("n", 1_u64, Duration::MAX).unwrap();
        blocking::get::<u64>("n").unwrap();
        blocking::get::<u32>("n").unwrap_err();
        blocking::set("n", vec![0_u8; 50 << 20], Duration::MAX).unwrap_err();
        blocking::remove("n").unwrap();
    });
    assert_eq!(
        texts(&test.events()),
        [
            "miss (absent) n",
            "stored n",
            "hit n",
            "miss (type) n",
            "not stored (too large) n",
            "invalidated n"
        ]
    );
}

#[cache("event:{id}")]
fn plain(id: u64) -> u64 {
    let _ = id;
    run()
}

#[invalidate_cache("event:{id}", on = always)]
fn write_always(id: u64, well: bool) {
    let _ = id;
    assert!(well, "on purpose");
}

#[test]
fn a_listener_that_panics_costs_no_call_its_value() {
    let heard = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&heard);
    let cache = Cache::builder()
        .on_event(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            panic!("a listener panics on purpose");
        })
        .build_blocking()
        .unwrap();
    start();
    cache.enter(|| {
        assert_eq!((plain(1), plain(1)), (1, 1), "miss, computed, stored; hit");
        assert_eq!(heard.load(Ordering::Relaxed), 4);
        write_always(1, true);
        assert_eq!((plain(1), plain(1)), (2, 2), "and it invalidates");
        // Not a panic within a panic, which would end the process.
        assert!(catch_unwind(AssertUnwindSafe(|| write_always(1, false))).is_err());
        assert_eq!(plain(1), 3);
        assert_eq!(block_on(join(told(1), told(1))), (Ok(1), Ok(1)));
        assert_eq!(runs(), 4);
        blocking::set("n", 1_u64, Duration::MAX).unwrap();
        assert_eq!(blocking::get::<u64>("n").unwrap(), Some(1));
        blocking::clear().unwrap();
    });
}

#[test]
fn a_listener_may_call_the_cache() {
    // It should not, says the documentation; no lock is held when it does.
    let own: Arc<Mutex<Option<Cache>>> = Arc::default();
    let cache = {
        let own = Arc::clone(&own);
        Cache::builder()
            .on_event(move |event| {
                if &*event.address == "event:1" {
                    let cache = own.lock().unwrap().clone().unwrap();
                    cache.enter(|| plain(2));
                }
            })
            .build_blocking()
            .unwrap()
    };
    *own.lock().unwrap() = Some(cache.clone());
    start();
    cache.enter(|| {
        let one = plain(1);
        assert_eq!(plain(1), one);
        assert_eq!(runs(), 2);
    });
    own.lock().unwrap().take();
}
