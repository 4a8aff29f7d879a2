//! `ttl = adaptive(..)`: a lifetime that follows what is seen of the value.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{
    AdaptiveTtl, Cache, TestCache, Ttl, blocking, cache, cache_query, invalidate_tag, refresh,
};
use serde::{Serialize, Serializer};

use crate::runs::{run, runs, start};

const SECOND: Duration = Duration::from_secs(1);
const LEAST: Duration = Duration::from_secs(10);
const MOST: Duration = Duration::from_secs(1_000);

thread_local! {
    /// What the functions here read. A test stays in its thread.
    static SOURCE: Cell<u64> = const { Cell::new(0) };
}

fn learnt(test: &TestCache) -> AdaptiveTtl {
    let stats = test.cache().stats();
    let mut all = stats.functions.iter().filter_map(|row| row.adaptive_ttl);
    let ttl = all.next().unwrap();
    assert!(all.next().is_none());
    assert!(stats.to_string().contains("a ttl of "), "{stats}");
    ttl
}

/// Calls each second for so long; the source changes after each `change`.
fn live(test: &TestCache, seconds: u64, change: u64, mut call: impl FnMut()) {
    test.enter(|| {
        for second in 0..seconds {
            SOURCE.set(second / change);
            call();
            test.advance(SECOND);
        }
    });
}

/// How often the source changes, by the seconds between, and between how many seconds the lifetime is then.
const CASES: [(u64, std::ops::RangeInclusive<u64>); 2] = [(u64::MAX, 200..=1_000), (2, 10..=10)];

macro_rules! adapts {
    ($($name:ident: #[$attribute:meta] $ret:ty, $make:expr;)+) => {$(
        #[test]
        fn $name() {
            for (change, range) in CASES {
                #[$attribute]
                fn sync() -> $ret {
                    ($make)(SOURCE.get())
                }
                let test = start();
                live(&test, 10_000, change, || { let _ = sync(); });
                let ttl = learnt(&test);
                assert_eq!((ttl.least, ttl.most, ttl.keys), (LEAST, MOST, 1));
                assert!(range.contains(&ttl.mean.as_secs()), "{ttl:?} {change}");
            }
        }
    )+};
}

adapts! {
    a_plain_value: #[cache(ttl = adaptive("10s", "1000s"))] u64, |n| n;
    a_map_whose_order_is_another_each_time: #[cache(ttl = adaptive(10, 1000))] HashMap<u64, u64>,
        |n| (0..20).map(|at| (at, n)).collect();
    an_arc: #[cache(ttl = adaptive(LEAST, MOST))] Arc<Vec<u64>>, |n| Arc::new(vec![n]);
    a_success: #[cache_query(ttl = adaptive("10s", MOST), err_ttl = 5)] Result<u64, String>, Ok;
    an_option: #[cache(ttl = adaptive(LEAST, "1000s"), none_ttl = 5)] Option<u64>, Some;
    a_reference_in_memory_alone: #[cache(ttl = adaptive(LEAST, MOST), tiers(memory))] &'static str,
        |n| if n % 2 == 0 { "even" } else { "odd" };
    beside_other_rules: #[cache(ttl = adaptive(LEAST, MOST), when = |n| *n < u64::MAX, tags("of:{return}"))] u64, |n| n;
    beside_stale_windows: #[cache(ttl = adaptive(LEAST, MOST), stale_if_error = "1h")] Result<u64, String>, Ok;
}

#[test]
fn an_async_function_and_each_element_of_a_batch() {
    #[cache(ttl = adaptive(LEAST, MOST))]
    async fn one(id: u64) -> u64 {
        id * SOURCE.get()
    }
    #[cache(ttl = adaptive(LEAST, MOST), each = ids)]
    async fn some(ids: Vec<u64>) -> HashMap<u64, u64> {
        let now = SOURCE.get();
        ids.into_iter().map(|id| (id, id * now)).collect()
    }
    for (constant, changing) in [
        mean_of(|id| {
            block_on(one(id));
        }),
        mean_of(|id| drop(block_on(some(vec![id])))),
    ] {
        // Zero times anything is zero.
        assert!(constant > 200, "{constant}");
        assert_eq!(changing, 10);
    }
    // One that changes in each batch.
    let test = start();
    live(&test, 5_000, 2, || drop(block_on(some(vec![0, 1]))));
    let both = learnt(&test);
    assert_eq!(both.keys, 2);
}

/// The lifetimes, in seconds, of a call with 0 and of one with 1.
fn mean_of(call: impl Fn(u64)) -> (u64, u64) {
    let of = |id| {
        let test = start();
        live(&test, 5_000, 2, || call(id));
        learnt(&test).mean.as_secs()
    };
    (of(0), of(1))
}

#[test]
fn no_value_outlives_the_longest_lifetime_with_jitter() {
    #[cache(ttl = adaptive("10s", "20s"), jitter = "50%")]
    fn jittered() -> u64 {
        run()
    }
    let test = start();
    let mut last = 0;
    test.enter(|| {
        for _ in 0..1_000 {
            jittered();
            let ttl = learnt(&test).mean;
            assert!((LEAST / 2..=2 * LEAST).contains(&ttl), "{ttl:?}");
            test.advance(2 * LEAST);
            let value = jittered();
            assert!(value > last);
            last = value;
        }
    });
}

#[test]
fn an_absence_is_kept_as_long_as_its_own_ttl_says() {
    #[cache(ttl = adaptive(LEAST, MOST), none_ttl = 3)]
    fn absent() -> Option<u64> {
        run();
        None
    }
    let test = start();
    live(&test, 300, 1, || {
        absent();
    });
    assert_eq!(runs(), 100);
    assert_eq!(learnt(&test).keys, 0);
}

#[test]
fn an_invalidated_value_teaches_nothing() {
    #[cache(ttl = adaptive(LEAST, MOST), tags("told"))]
    fn told() -> u64 {
        SOURCE.get()
    }
    let test = start();
    live(&test, 1, 1, || {
        told();
    });
    let first = learnt(&test).mean;
    live(&test, 1_000, 1, || {
        block_on(invalidate_tag("told")).unwrap();
        told();
    });
    assert_eq!(learnt(&test).mean, first);
}

#[test]
fn a_refresh_teaches_what_has_changed() {
    #[cache(ttl = adaptive(LEAST, MOST))]
    async fn refreshed() -> u64 {
        SOURCE.get()
    }
    for (change, range) in [(u64::MAX, 300..=1_000), (1, 10..=20)] {
        let test = start();
        live(&test, 5_000, change, || {
            block_on(refresh(refreshed()));
        });
        let ttl = learnt(&test).mean.as_secs();
        assert!(range.contains(&ttl), "{ttl}");
    }
}

#[test]
fn what_has_left_the_memory_is_not_forgotten() {
    #[cache(ttl = adaptive(LEAST, MOST), capacity = 1)]
    fn crowded(id: u64) -> u64 {
        id * SOURCE.get()
    }
    let test = start();
    live(&test, 5_000, 2, || {
        for id in 0..5 {
            crowded(id);
        }
    });
    let ttl = learnt(&test);
    assert_eq!(ttl.keys, 5);
    // Four of five change all the time.
    assert!(ttl.mean < MOST / 3, "{ttl:?}");
}

#[derive(Clone)]
struct Odd(u64);

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 % 3 {
            0 => Err(serde::ser::Error::custom("no")),
            1 => panic!("a `Serialize` that panics"),
            _ => to.serialize_u64(self.0),
        }
    }
}

#[test]
fn a_value_that_cannot_be_written_is_kept_all_the_same() {
    #[cache(ttl = adaptive(LEAST, MOST))]
    fn odd() -> Odd {
        run();
        Odd(SOURCE.get())
    }
    let test = start();
    live(&test, 50, 1, || {
        odd();
    });
    assert!(runs() <= 2, "{}", runs());
    assert!(learnt(&test).keys <= 1);
}

#[test]
fn a_generic_function_whose_values_can_be_compared() {
    #[cache(ttl = adaptive(LEAST, MOST), skip(make))]
    fn made<T: Clone + Send + Sync + Serialize + 'static>(make: fn(u64) -> T) -> T {
        make(SOURCE.get())
    }
    let test = start();
    live(&test, 5_000, 2, || {
        made(|n| n);
        made(|_| String::new());
    });
    let ttl = learnt(&test);
    assert_eq!(ttl.keys, 2);
    assert!((20..1_000).contains(&ttl.mean.as_secs()), "{ttl:?}");
}

#[test]
fn the_bounds_are_told() {
    #[cache(ttl = adaptive("10s", "1000s"))]
    fn listed() -> u64 {
        1
    }
    let cache = Cache::builder().build_blocking().unwrap();
    cache.enter(|| {
        listed();
        blocking::refresh(listed);
    });
    let sites = cache.sites();
    let site = sites.iter().find(|site| site.function == "listed").unwrap();
    let bounds = Ttl::Adaptive {
        least: LEAST,
        most: MOST,
    };
    assert_eq!(site.policy.ttl, bounds);
    let row = cache.stats().functions[0].adaptive_ttl.unwrap();
    assert!((LEAST..=MOST).contains(&row.mean), "{row:?}");
    // Of one key: what is known takes memory as it comes.
    assert!((1..4 << 10).contains(&row.bytes), "{row:?}");
}
