//! How long values are kept: `ttl` in all its forms, `none_ttl`, `err_ttl`, `jitter`, the configuration, the presets.

use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{
    Cache, MissReason, RefusalReason, blocking, cache, cache_analysis, cache_query, cache_resource,
    cache_result,
};

use crate::runs::{run, runs, start, start_with};

const MINUTE: Duration = Duration::from_secs(60);
const MILLI: Duration = Duration::from_millis(1);

macro_rules! lasts {
    ($($name:ident: $ttl:expr => $lasts:expr;)+) => {$(
        #[test]
        fn $name() {
            #[cache(ttl = $ttl)]
            fn sync() -> u64 { run() }
            #[cache(ttl = $ttl)]
            async fn waits() -> u64 { run() }

            let test = start();
            test.enter(|| {
                assert_eq!((sync(), block_on(waits())), (1, 2));
                test.advance($lasts - MILLI);
                assert_eq!((sync(), block_on(waits())), (1, 2), "a millisecond before its end");
                test.advance(MILLI);
                assert_eq!((sync(), block_on(waits())), (3, 4), "exactly at its end");
            });
            let stats = test.cache().stats();
            assert_eq!(stats.total.misses.of(MissReason::Expired), 2);
        }
    )+};
}

lasts! {
    a_ttl_in_seconds: 7 => Duration::from_secs(7);
    a_ttl_in_milliseconds: "250ms" => Duration::from_millis(250);
    a_ttl_in_text_seconds: "30s" => Duration::from_secs(30);
    a_ttl_in_minutes: "5m" => 5 * MINUTE;
    a_ttl_in_several_units: "1h 30m" => 90 * MINUTE;
    a_ttl_in_days: "7d" => 7 * 24 * 60 * MINUTE;
    a_ttl_of_a_constant: MINUTE => MINUTE;
    a_ttl_of_a_constant_expression: Duration::from_secs(2 * 60) => 2 * MINUTE;
    a_ttl_of_a_year: "365d" => 365 * 24 * 60 * MINUTE;
}

/// A longer constant does not compile, but for `Duration::MAX`.
const LONGEST: Duration = Duration::from_millis(u64::MAX);

#[cache(ttl = "never")]
fn for_ever() -> u64 {
    run()
}

#[cache(ttl = LONGEST)]
fn as_long_as_can_be_said() -> u64 {
    run()
}

#[cache(ttl = Duration::MAX)]
fn for_ever_by_constant() -> u64 {
    run()
}

#[cache(ttl = |_| Duration::MAX, jitter = "50%")]
fn spread_for_ever() -> u64 {
    run()
}

#[cache(ttl = |_| Duration::MAX)]
fn for_ever_by_value() -> u64 {
    run()
}

#[test]
fn a_ttl_without_end_outlives_every_clock() {
    let test = start();
    test.enter(|| {
        let all = || {
            (
                for_ever(),
                as_long_as_can_be_said(),
                spread_for_ever(),
                for_ever_by_value(),
                for_ever_by_constant(),
            )
        };
        assert_eq!(all(), (1, 2, 3, 4, 5));
        test.advance(Duration::MAX);
        assert_eq!(all(), (1, 2, 3, 4, 5));
        blocking::clear().unwrap();
        assert_eq!(
            all(),
            (6, 7, 8, 9, 10),
            "it can be invalidated all the same"
        );
    });
}

#[cache(ttl = |value| Duration::from_secs(*value))]
fn by_value(seconds: u64) -> u64 {
    run();
    seconds
}

#[cache(ttl = |value| value.len() as u64)]
async fn by_content(text: &str) -> Result<Option<String>, String> {
    run();
    Ok(Some(text.to_owned()))
}

#[test]
fn a_value_decides_how_long_it_is_kept() {
    let test = start();
    test.enter(|| {
        for seconds in [1, 100] {
            by_value(seconds);
        }
        block_on(by_content("ab")).unwrap();
        test.advance(Duration::from_secs(1));
        by_value(100);
        block_on(by_content("ab")).unwrap();
        assert_eq!(runs(), 3);
        by_value(1);
        assert_eq!(runs(), 4);
        test.advance(Duration::from_secs(1));
        block_on(by_content("ab")).unwrap();
        assert_eq!(runs(), 5, "seen through `Result` and `Option`");
        test.advance(Duration::from_secs(97));
        by_value(100);
        assert_eq!(runs(), 5);
        test.advance(Duration::from_secs(1));
        by_value(100);
        assert_eq!(runs(), 6);
    });
}

#[test]
fn a_value_that_gives_itself_no_time_is_not_stored() {
    let test = start();
    test.enter(|| {
        by_value(0);
        by_value(0);
        assert_eq!(runs(), 2);
    });
    let stats = test.cache().stats();
    assert_eq!(stats.total.refusals.of(RefusalReason::Expired), 2);
}

#[cache(ttl = 10, skip(test))]
fn slow(test: &cache_core::TestCache, takes: u64) -> u64 {
    test.advance(Duration::from_secs(takes));
    run()
}

#[test]
fn the_time_counts_from_the_beginning_of_the_computation() {
    let test = start();
    test.enter(|| {
        assert_eq!(slow(&test, 9), 1);
        assert_eq!(slow(&test, 9), 1);
        test.advance(Duration::from_secs(1));
        assert_eq!(
            slow(&test, 9),
            2,
            "what was read ten seconds ago is ten seconds old"
        );
        assert_eq!(
            (slow(&test, 10), slow(&test, 10)),
            (3, 4),
            "too old when it came"
        );
    });
    let stats = test.cache().stats();
    assert_eq!(stats.total.refusals.of(RefusalReason::Expired), 2);
}

#[cache(ttl = 100, jitter = "50%")]
fn spread(n: u64) -> u64 {
    run();
    n
}

#[test]
fn jitter_shortens_and_never_lengthens() {
    let test = start();
    test.enter(|| {
        let kept = || {
            (0..400)
                .filter(|n| blocking::peek(|| spread(*n)).unwrap().is_some())
                .count()
        };
        for n in 0..400 {
            spread(n);
        }
        test.advance(Duration::from_secs(50) - MILLI);
        assert_eq!(kept(), 400, "by half at most");
        test.advance(Duration::from_secs(25));
        let half = kept();
        assert!(
            (100..300).contains(&half),
            "{half} of 400 outlived the middle"
        );
        test.advance(Duration::from_secs(25) + MILLI);
        assert_eq!(kept(), 0, "never longer than the `ttl`");
    });
}

#[cache(none_ttl = "2s", ttl = 5)]
fn absent(there: bool) -> Option<u64> {
    let n = run();
    there.then_some(n)
}

#[cache_resource(none_ttl = 0)]
fn never_absent() -> Option<u64> {
    run();
    None
}

#[cache_result(err_ttl = MINUTE, ttl = 5)]
fn failing(well: bool) -> Result<u64, u64> {
    let n = run();
    if well { Ok(n) } else { Err(n) }
}

#[test]
fn none_and_err_have_times_of_their_own() {
    let test = start();
    test.enter(|| {
        assert_eq!((absent(false), absent(true)), (None, Some(2)));
        test.advance(Duration::from_secs(2) - MILLI);
        assert_eq!((absent(false), absent(true), runs()), (None, Some(2), 2));
        test.advance(MILLI);
        assert_eq!((absent(false), absent(true), runs()), (None, Some(2), 3));
        never_absent();
        never_absent();
        assert_eq!(runs(), 5);
    });
    let test = start();
    test.enter(|| {
        assert_eq!((failing(false), failing(true)), (Err(1), Ok(2)));
        test.advance(Duration::from_secs(5));
        assert_eq!((failing(false), failing(true)), (Err(1), Ok(3)));
        test.advance(Duration::from_secs(55));
        assert_eq!(failing(false), Err(4));
    });
}

#[cache]
fn plain() -> Option<u64> {
    Some(run())
}
#[cache_query]
fn query() -> Option<u64> {
    Some(run())
}
#[cache_result]
fn result() -> Result<u64, u64> {
    Ok(run())
}
#[cache_resource]
fn resource(there: bool) -> Option<u64> {
    let n = run();
    there.then_some(n)
}
#[cache_analysis]
fn analysis() -> Option<u64> {
    Some(run())
}

#[test]
fn the_presets_have_times_of_their_own() {
    let test = start();
    test.enter(|| {
        let calls: [(&str, &dyn Fn()); 6] = [
            ("cache", &|| {
                plain();
            }),
            ("query", &|| {
                query();
            }),
            ("result", &|| {
                result().unwrap();
            }),
            ("resource", &|| {
                resource(true);
            }),
            ("none", &|| {
                resource(false);
            }),
            ("analysis", &|| {
                analysis();
            }),
        ];
        let ask = || {
            let mut again = Vec::new();
            for (name, call) in calls {
                let before = runs();
                call();
                if runs() > before {
                    again.push(name);
                }
            }
            again
        };
        assert_eq!(ask().len(), 6);
        test.advance(Duration::from_secs(10) - MILLI);
        assert_eq!(ask(), [""; 0]);
        test.advance(MILLI);
        assert_eq!(ask(), ["none"]);
        test.advance(Duration::from_secs(290) - MILLI);
        ask();
        test.advance(MILLI);
        assert_eq!(ask(), ["cache", "query", "result"]);
        test.advance(Duration::from_secs(300));
        assert_eq!(ask(), ["cache", "query", "result", "resource", "none"]);
        test.advance(Duration::from_secs(1200) - MILLI);
        assert!(!ask().contains(&"analysis"));
        test.advance(MILLI);
        assert!(ask().contains(&"analysis"));
    });
}

#[cache_query("reports:{id}")]
fn open(id: &str) -> u64 {
    let _ = id;
    run()
}

#[cache_query("reports:{id}:own", ttl = 20)]
fn own(id: &str) -> u64 {
    let _ = id;
    run()
}

#[cache_query("reports:{id}:value", ttl = |_| 20_u64)]
fn own_by_value(id: &str) -> u64 {
    let _ = id;
    run()
}

#[cache_query("reports:{id}:none", none_ttl = 20)]
fn own_none(id: &str) -> Option<u64> {
    let _ = id;
    run();
    None
}

#[test]
fn the_configuration_stands_between_the_attribute_and_the_preset() {
    let builder = Cache::builder()
        .ttl("query:reports:daily", Duration::from_secs(5))
        .ttl("query:reports:*", Duration::from_secs(10))
        .ttl("query:reports:weekly", Duration::from_secs(15))
        .ttl("never:*", Duration::from_secs(1));
    let test = start_with(builder);
    test.enter(|| {
        open("daily");
        open("weekly");
        own("x");
        own_by_value("x");
        own_none("x");
        query();
        test.advance(Duration::from_secs(5));
        open("daily");
        assert_eq!(runs(), 7, "the first pattern that matches");
        test.advance(Duration::from_secs(5) - MILLI);
        open("weekly");
        assert_eq!(runs(), 7);
        test.advance(MILLI);
        open("weekly");
        assert_eq!(runs(), 8, "the first pattern, not the closest");
        own("x");
        own_by_value("x");
        own_none("x");
        assert_eq!(runs(), 8, "an attribute's own `ttl` goes before");
        test.advance(Duration::from_secs(10));
        own("x");
        own_by_value("x");
        own_none("x");
        assert_eq!(runs(), 11);
        query();
        assert_eq!(runs(), 11, "no pattern: the preset");
    });
}

#[test]
fn the_longest_configured_time_is_for_ever() {
    let test = start_with(Cache::builder().ttl("*", Duration::MAX));
    test.enter(|| {
        plain();
        test.advance(Duration::MAX);
        plain();
        assert_eq!(runs(), 1);
    });
}
