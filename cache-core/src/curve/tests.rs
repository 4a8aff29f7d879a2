//! The estimated curve beside the exact one.

use std::collections::BTreeMap;

use super::*;

/// Reproducible numbers from 0 to 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        (number(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const HIT: Use = Use::Hit {
    weight: 100,
    expires: u64::MAX,
};

/// Keys with their weights, in the order of their calls.
type Trace = Vec<(u64, u64)>;

fn weight(key: u64) -> u64 {
    200 + number(key) % 2_000
}

/// Few keys have most of the calls.
fn skewed(calls: usize, keys: f64, skew: f64) -> Trace {
    let mut random = Random(7);
    // The inverse of a Zipf distribution's integral.
    let key = |random: &mut Random| {
        let share = random.next();
        ((keys.powf(1.0 - skew) - 1.0) * share + 1.0).powf(1.0 / (1.0 - skew)) as u64
    };
    (0..calls)
        .map(|_| key(&mut random))
        .map(|key| (key, weight(key)))
        .collect()
}

/// All keys in turn, again and again.
fn circle(calls: usize, keys: u64) -> Trace {
    let keys = (0..calls as u64).map(|call| call % keys);
    keys.map(|key| (key, weight(key))).collect()
}

/// Skewed calls of keys that change, with scans between them.
fn mixed(calls: usize) -> Trace {
    let mut trace = Trace::new();
    let mut scanned = 1 << 40;
    for (at, (key, _)) in skewed(calls, 100_000.0, 0.8).into_iter().enumerate() {
        let key = key + (at / 200_000 * 20_000) as u64;
        trace.push((key, weight(key)));
        if at % 50_000 == 0 {
            trace.extend((scanned..scanned + 5_000).map(|key| (key, weight(key))));
            scanned += 2_500;
        }
    }
    trace
}

/// The hit rates of caches of these sizes that throw out what was not used for the longest time.
fn exact(trace: &Trace, sizes: &[u64]) -> Vec<f64> {
    let mut sums = Sums::new(trace.len());
    let mut last = BTreeMap::new();
    let mut hits = vec![0_usize; sizes.len()];
    for (at, (key, weight)) in trace.iter().enumerate() {
        if let Some(before) = last.insert(*key, at) {
            let distance = sums.after(before) + weight;
            for (hits, size) in hits.iter_mut().zip(sizes) {
                *hits += usize::from(distance <= *size);
            }
            sums.set(before, 0);
        }
        sums.set(at, *weight);
    }
    let rate = |hits| hits as f64 / trace.len() as f64;
    hits.into_iter().map(rate).collect()
}

fn estimated(curve: &Curve, trace: &Trace, sizes: &[u64]) -> Vec<f64> {
    for (at, (key, weight)) in trace.iter().enumerate() {
        let hash = number(*key ^ 0xABCD);
        curve.used(hash, Use::Missed(0), || at as u64 + 1);
        curve.stored(hash, *weight, u64::MAX);
    }
    let rates = curve.rates(trace.len() as u64).unwrap().curve();
    let sizes = sizes.iter();
    sizes.map(|size| rates.hit_rate_with(*size)).collect()
}

#[test]
fn the_estimate_is_close_to_the_truth() {
    let sizes: Vec<u64> = (0..10).map(|n| (1 << 20) << n).collect();
    for (name, trace) in [
        ("skewed", skewed(1_500_000, 300_000.0, 0.9)),
        ("flat", skewed(1_500_000, 200_000.0, 0.5)),
        ("mixed", mixed(1_500_000)),
    ] {
        let curve = Curve::new(u64::MAX);
        let (truth, guess) = (exact(&trace, &sizes), estimated(&curve, &trace, &sizes));
        let errors = truth.iter().zip(&guess).map(|(a, b)| (a - b).abs());
        let mean = errors.sum::<f64>() / sizes.len() as f64;
        println!("{name}: {mean:.4}\n  {truth:.3?}\n  {guess:.3?}");
        assert!(mean <= 0.02, "{name}: {mean}");
    }
}

#[test]
fn what_goes_round_needs_room_for_all() {
    let trace = circle(2_000_000, 100_000);
    let all: u64 = (0..100_000).map(weight).sum();
    let sizes = [all / 4, all * 3 / 4, all * 5 / 4];
    let guess = estimated(&Curve::new(u64::MAX), &trace, &sizes);
    assert!(
        guess[0] < 0.02 && guess[1] < 0.1 && guess[2] > 0.9,
        "{guess:?}"
    );
}

#[test]
fn the_number_of_keys_is_bounded() {
    let curve = Curve::of(1, 1_000, u64::MAX);
    let trace = skewed(200_000, 100_000.0, 0.6);
    let sizes = [10 << 20, 30 << 20, 60 << 20];
    let (truth, guess) = (exact(&trace, &sizes), estimated(&curve, &trace, &sizes));
    assert!(lock(&curve.seen).keys.len() <= 1_000);
    assert!(curve.one_of() >= 32.0);
    for (truth, guess) in truth.iter().zip(&guess) {
        assert!((truth - guess).abs() < 0.06, "{truth} {guess}");
    }
}

#[test]
fn what_no_cache_would_have_is_no_hit() {
    let curve = Curve::of(1, 100, u64::MAX);
    for call in 0..1_000 {
        curve.used(7, Use::Never, || call);
        curve.stored(7, 100, u64::MAX);
    }
    let rates = curve.rates(1_000).unwrap().curve();
    assert!(rates.hit_rate_with(u64::MAX) < 0.01, "{rates:?}");
    assert!(Curve::new(u64::MAX).rates(0).is_none());
}

#[test]
fn the_curve_follows_what_changes() {
    let curve = Curve::of(1, 100, u64::MAX);
    let mut calls = 0;
    let mut call = |hash, of| {
        calls += 1;
        curve.used(hash, of, || calls);
        curve.stored(hash, 100, u64::MAX);
        calls
    };
    for _ in 0..4 * HALF_LIFE {
        call(7, Use::Never);
    }
    let mut all = 0;
    for _ in 0..4 * HALF_LIFE {
        all = call(7, HIT);
    }
    let rate = curve.rates(all).unwrap().curve().hit_rate_with(u64::MAX);
    assert!(rate > 0.9, "{rate}");
}

#[test]
fn what_is_said_of_the_last_calls_is_said_of_them_alone() {
    let curve = Curve::of(1, 100, u64::MAX);
    let mut calls = 0;
    let mut call = |hash, of| {
        calls += 1;
        curve.used(hash, of, || calls);
        curve.stored(hash, 100, u64::MAX);
        curve.rates(calls).unwrap()
    };
    let rate = |rates: &Rates| rates.curve().hit_rate_with(u64::MAX);
    let mut before = call(1, Use::Never);
    for _ in 0..99 {
        before = call(1, Use::Never);
    }
    let mut after = before.clone();
    for _ in 0..25 {
        call(1, HIT);
        call(1, HIT);
        call(1, HIT);
        after = call(1, Use::Never);
    }
    assert!((rate(&after) - 0.375).abs() < 1e-9);
    assert!((rate(&after.since(&before).unwrap()) - 0.75).abs() < 1e-9);
    assert!(after.since(&after).is_none());
    // Whatever has come to count half meanwhile.
    for _ in 0..HALF_LIFE {
        after = call(1, Use::Never);
    }
    assert_eq!(after.halvings, 1);
    let since = after.since(&before).unwrap();
    assert!((since.calls - HALF_LIFE as f64 / 2.0).abs() < 200.0);
    assert!(rate(&since) < 1e-3);
}

#[test]
fn what_was_not_stored_or_has_expired_would_not_have_been_there() {
    let curve = Curve::of(1, 100, u64::MAX);
    let rate = |of: &dyn Fn(u64) -> Use, stores: bool| {
        let before = curve.rates(curve_calls(&curve));
        for now in 0..1_000 {
            curve.used(7, of(now), || 0);
            if stores {
                curve.stored(7, 100, now + 1);
            }
        }
        let now = curve.rates(curve_calls(&curve)).unwrap();
        let since = before.map_or(Some(now.clone()), |before| now.since(&before));
        since.unwrap().curve().hit_rate_with(u64::MAX)
    };
    fn curve_calls(curve: &Curve) -> u64 {
        lock(&curve.seen).uses
    }
    assert!(rate(&Use::Missed, false) < 0.01, "never stored");
    assert!(rate(&Use::Missed, true) < 0.01, "expired by then");
    assert!(rate(&|_| Use::Missed(0), true) > 0.99);
    assert!(rate(&|_| HIT, false) > 0.99);
    assert!(rate(&|_| Use::Missed(0), false) < 0.01, "once");
}

#[test]
fn fewer_keys_are_looked_at_once_enough_is_known() {
    let curve = Curve::new(u64::MAX);
    let looked_at = |calls: u64| {
        let keys = |call: u64| number(call % 1_000);
        (0..calls).for_each(|call| curve.used(keys(call), HIT, || call));
        let all = (0..1_000).map(number);
        let looked_at = all.clone().filter(|hash| curve.has(*hash)).count();
        let may_be = all.filter(|hash| curve.may_have(*hash)).count();
        assert_eq!(looked_at, may_be, "the others are not watched, either");
        looked_at
    };
    assert_eq!(looked_at(EVERY_KEY / 2), 1_000);
    let half = looked_at(EVERY_KEY);
    assert!((400..600).contains(&half), "{half}");
    let few = looked_at(100 * EVERY_KEY);
    assert!((40..90).contains(&few), "{few}");
}

/// What is asked for once, as by a scan, or is newer than all before, makes the sample no smaller for ever.
#[test]
fn what_nobody_asks_for_again_is_forgotten() {
    let steady = skewed(1_000_000, 2_000.0, 0.5);
    let horizon = 8 << 20;
    let curve = Curve::of(1, 1_000, horizon);
    let mut trace = Trace::new();
    for (at, call) in steady.into_iter().enumerate() {
        trace.push(call);
        trace.push(((1 << 40) + at as u64, 1_000));
    }
    let sizes = [1 << 20, 2 << 20, 4 << 20];
    let (truth, guess) = (exact(&trace, &sizes), estimated(&curve, &trace, &sizes));
    assert!(curve.one_of() <= 16.0, "{}", curve.one_of());
    for (truth, guess) in truth.iter().zip(&guess) {
        assert!((truth - guess).abs() < 0.05, "{truth} {guess}");
    }
    // And as many are looked at as before when those have gone who were too many.
    let curve = Curve::of(1, 1_000, horizon);
    estimated(&curve, &(0..500_000).map(|key| (key, 10)).collect(), &sizes);
    let less = curve.one_of();
    let large = skewed(4_000_000, 20_000.0, 0.5).into_iter();
    estimated(
        &curve,
        &large.map(|(key, _)| (key, 100_000)).collect(),
        &sizes,
    );
    assert!(
        less > 64.0 && curve.one_of() < 2.0,
        "{less} {}",
        curve.one_of()
    );
}

#[test]
fn what_is_never_stored_takes_no_place() {
    let curve = Curve::of(1, 1_000, 8 << 20);
    for call in 0..200_000 {
        curve.used(number(call), Use::Missed(0), || call);
    }
    assert!(curve.one_of() < 2.0, "{}", curve.one_of());
}

#[test]
fn between_two_sizes_the_rate_is_between_theirs() {
    let points = vec![(100, 0.25), (200, 0.75)];
    let curve = MemoryCurve { points };
    for (bytes, rate) in [
        (0, 0.0),
        (99, 0.0),
        (100, 0.25),
        (150, 0.5),
        (200, 0.75),
        (u64::MAX, 0.75),
    ] {
        assert!((curve.hit_rate_with(bytes) - rate).abs() < 1e-9, "{bytes}");
    }
}

#[test]
fn sums_are_those_of_what_is_behind() {
    let mut sums = Sums::new(37);
    let mut items = [0_u64; 37];
    let mut random = Random(1);
    for _ in 0..2_000 {
        let at = (random.next() * 37.0) as usize;
        let item = (random.next() * 1e6) as u64;
        items[at] = item;
        sums.set(at, item);
        let at = (random.next() * 37.0) as usize;
        assert_eq!(sums.after(at), items[at + 1..].iter().sum::<u64>());
    }
    sums.set(37, 1);
    sums.fill(&items[..5]);
    assert_eq!(sums.after(0), items[1..5].iter().sum::<u64>());
}
