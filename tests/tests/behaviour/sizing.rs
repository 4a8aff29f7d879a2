//! How much memory there should be: the curve, and a bound that follows it.

use std::ops::RangeInclusive;

use cache_core::{Cache, ErrorKind, Memory, blocking, cache};

#[cache(ttl = "1h")]
fn page(n: u64) -> Vec<u8> {
    vec![n as u8; 1_000]
}

/// Numbers of which the small ones come more often.
struct Skewed(u64);

impl Skewed {
    fn next(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let share = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        (most as f64).powf(share) as u64
    }
}

fn cache(memory: Memory) -> Cache {
    Cache::builder().memory(memory).build_blocking().unwrap()
}

/// Calls with so many numbers at most, and the share of them that were hits.
fn calls(cache: &Cache, count: u64, most: u64) -> f64 {
    let mut numbers = Skewed(count);
    let before = cache.stats().total.hits;
    cache.enter(|| {
        for _ in 0..count {
            page(numbers.next(most));
        }
    });
    (cache.stats().total.hits - before) as f64 / count as f64
}

#[test]
fn the_curve_says_what_another_bound_would_give() {
    let curve = cache(Memory::new().max_bytes(4 << 20).curve());
    assert_eq!(curve.stats().memory_curve, None);
    calls(&curve, 100_000, 50_000);
    let told = curve.stats();
    let rates = told.memory_curve.clone().unwrap();
    for megabytes in [1, 4, 16] {
        let other = cache(Memory::new().max_bytes(megabytes << 20));
        let truth = calls(&other, 100_000, 50_000);
        // The least to expect, of a sample of some hundred keys.
        let guess = rates.hit_rate_with(megabytes << 20);
        let range = truth - 0.3..truth + 0.12;
        assert!(
            range.contains(&guess),
            "{megabytes} MiB: {truth:.3} {guess:.3}"
        );
    }
    let more = rates.hit_rate_with(16 << 20) - rates.hit_rate_with(1 << 20);
    assert!(more > 0.1, "{more}");
    assert!(
        told.to_string().contains("; hits with half of it "),
        "{told}"
    );
    assert!(
        !cache(Memory::new())
            .stats()
            .to_string()
            .contains("half of it")
    );
}

/// Of three calls that look for something, one is of a page that was there before.
#[test]
fn what_is_never_there_is_no_hit_with_any_bound() {
    let curve = cache(Memory::new().curve());
    curve.enter(|| {
        for n in 0..20_000 {
            page(n);
            page(n / 2);
            blocking::bypass(|| page(n));
            // Asked for a second time it is no more there.
            let absent = blocking::get::<u64>(&format!("absent:{}", n / 2));
            assert!(absent.is_ok_and(|found| found.is_none()));
        }
    });
    let rates = curve.stats().memory_curve.unwrap();
    let rate = rates.hit_rate_with(u64::MAX);
    assert!((0.25..0.4).contains(&rate), "{rate}");
}

#[test]
fn the_bound_goes_where_the_hit_rate_is_enough() {
    let enough = 0.6;
    let adaptive = cache(Memory::new().between(1 << 20..=64 << 20, enough));
    assert_eq!(adaptive.stats().max_bytes, 64 << 20);
    calls(&adaptive, 500_000, 200_000);
    let bound = adaptive.stats().max_bytes;
    let rate = calls(&adaptive, 100_000, 200_000);
    assert!(bound < 50 << 20, "{bound}");
    assert!(rate > enough - 0.05, "{rate} with {bound}");
}

#[test]
fn the_bound_is_near_the_one_that_gives_the_hit_rate() {
    let (right, count, most) = (4 << 20, 400_000, 50_000);
    let fixed = cache(Memory::new().max_bytes(right));
    calls(&fixed, count, most);
    let enough = calls(&fixed, 50_000, most);
    let adaptive = cache(Memory::new().between(1 << 20..=16 << 20, enough));
    let bound = || adaptive.stats().max_bytes as f64 / right as f64;
    calls(&adaptive, 2 * count, most);
    // By the keys that are looked at: 1.11 with a deviation of 0.09 over 50 runs; 1.7 to 2.1 if the curve alone counted.
    assert!((0.6..1.6).contains(&bound()), "{}", bound());
    // And nearer, some time.
    let is_near = |n| {
        calls(&adaptive, count / 2 + n, most);
        bound() < 1.25
    };
    assert!((0..24).any(is_near), "{}", bound());
    let rate = calls(&adaptive, 50_000, most);
    assert!((rate - enough).abs() < 0.05, "{rate} for {enough}");
}

/// By night few keys are asked for, which are hits with any bound.
#[test]
fn a_night_does_not_take_what_the_day_needs() {
    let adaptive = cache(Memory::new().between(1 << 20..=64 << 20, 0.8));
    let (day, night) = (20_000, 10);
    calls(&adaptive, 300_000, day);
    let before = (
        calls(&adaptive, 100_000, day),
        adaptive.stats().max_bytes as f64,
    );
    calls(&adaptive, 600_000, night);
    let after = (
        calls(&adaptive, 100_000, day),
        adaptive.stats().max_bytes as f64,
    );
    assert!(after.0 > before.0 - 0.05, "{after:?} after {before:?}");
    assert!(after.1 > before.1 / 2.0, "{after:?} after {before:?}");
}

#[test]
fn what_nobody_asks_for_again_is_worth_no_memory() {
    let adaptive = cache(Memory::new().between(1 << 20..=64 << 20, 0.8));
    calls(&adaptive, 300_000, 20_000);
    adaptive.enter(|| {
        for n in 1_000_000..1_400_000 {
            page(n);
        }
    });
    let bound = adaptive.stats().max_bytes;
    assert!(bound < 40 << 20, "{bound}");
}

/// Of which a bound that has become small takes none.
#[test]
fn the_bound_goes_up_for_what_is_too_large_for_it() {
    #[cache(ttl = "1h")]
    fn large(n: u64) -> Vec<u8> {
        vec![n as u8; 40_000]
    }
    let adaptive = cache(Memory::new().between(128 << 10..=64 << 20, 0.8));
    let hits = || {
        let mut numbers = Skewed(7);
        let before = adaptive.stats().total.hits;
        adaptive.enter(|| {
            for _ in 0..10_000 {
                large(numbers.next(400));
            }
        });
        adaptive.stats().total.hits - before
    };
    hits();
    adaptive.resize(128 << 10);
    assert!((0..40).any(|_| hits() > 5_000), "{}", adaptive.stats());
}

/// What is small, or soon over, has no millions of calls to learn from.
#[test]
fn the_bound_moves_within_few_calls() {
    let adaptive = cache(Memory::new().between(1 << 20..=32 << 20, 0.6));
    calls(&adaptive, 40_000, 5_000);
    let bound = adaptive.stats().max_bytes;
    let rate = calls(&adaptive, 10_000, 5_000);
    assert!(bound < 8 << 20 && rate > 0.5, "{rate} with {bound}");
}

/// Whoever says it first, and whatever a file or the environment says of the other.
#[test]
fn a_fixed_bound_has_no_effect_beside_one_that_moves() {
    let moving = Memory::new().between(1 << 20..=4 << 20, 0.9);
    for bytes in [1, 1 << 30] {
        let cache = cache(moving.max_bytes(bytes));
        assert_eq!(cache.stats().max_bytes, 4 << 20);
        calls(&cache, 20_000, 50_000);
        assert!((1 << 20..=4 << 20).contains(&cache.stats().max_bytes));
        assert!(cache.stats().total.hits > 0);
    }
}

/// Nothing is known yet of how often what has just come will be asked for.
#[test]
fn what_is_not_full_and_has_too_few_hits_does_not_shrink() {
    let cache = cache(Memory::new().between(1 << 20..=64 << 20, 0.9));
    cache.enter(|| {
        for n in 0..40_000 {
            page(n);
            page(n.saturating_sub(100));
        }
    });
    let stats = cache.stats();
    assert!(stats.total.evictions == 0, "{stats}");
    assert!(stats.max_bytes >= 40_000 * 1_000, "{stats}");
}

/// Those that its own function throws out, as it may not have more, are none that there is no room for.
#[test]
fn a_capacity_does_not_shrink_the_memory_of_others() {
    #[cache(ttl = "1h", capacity = 10)]
    fn few(n: u64) -> u64 {
        n
    }
    let cache = cache(Memory::new().between(1 << 20..=256 << 20, 0.9));
    cache.enter(|| {
        for n in 0..60_000 {
            page(n);
            page(n.saturating_sub(100));
            few(n);
        }
    });
    let stats = cache.stats();
    assert!(stats.total.evictions > 10_000, "{stats}");
    assert_eq!(stats.max_bytes, 256 << 20, "{stats}");
}

#[test]
fn a_bound_may_be_as_large_as_a_number() {
    let cache = cache(Memory::new().between(1 << 20..=u64::MAX, 0.2));
    calls(&cache, 60_000, 10_000);
    cache.resize(u64::MAX);
    assert!(calls(&cache, 200_000, 10_000) > 0.2);
    assert!(cache.stats().max_bytes < u64::MAX);
}

#[test]
fn bounds_that_are_none_are_told() {
    for (bytes, rate) in [
        (0..=1 << 20, 0.9),
        (RangeInclusive::new(2 << 20, 1 << 20), 0.9),
    ] {
        let memory = Memory::new().between(bytes, rate);
        let error = Cache::builder()
            .memory(memory)
            .build_blocking()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let error = error.to_string();
        assert!(
            error.contains("`between`") && !error.contains("max_bytes"),
            "{error}"
        );
    }
    for rate in [-0.1, 1.1, f64::NAN] {
        let memory = Memory::new().between(1 << 20..=2 << 20, rate);
        let error = Cache::builder()
            .memory(memory)
            .build_blocking()
            .unwrap_err();
        assert!(error.to_string().contains("hit rate"), "{error}");
    }
}
