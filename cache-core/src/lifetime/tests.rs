//! The rule in virtual time, beside the best fixed lifetime of each trace.

use super::*;
use crate::position::Position;

const SECOND: f64 = 1e3;
const HOUR: f64 = 3_600.0 * SECOND;
const DAY: f64 = 24.0 * HOUR;

fn bounds() -> Bounds {
    Bounds::new(Duration::from_secs(30), Duration::from_secs(3_600))
}

/// Reproducible numbers from 0 to 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Points in time at random, so many milliseconds apart on average.
    fn points(&mut self, apart: f64, from: f64, to: f64) -> Vec<f64> {
        let mut points = Vec::new();
        let mut at = from;
        loop {
            at -= apart * (1.0 - self.next()).ln();
            if at >= to {
                return points;
            }
            points.push(at);
        }
    }
}

/// When a value changed, and when it was asked for.
struct Value {
    changes: Vec<f64>,
    calls: Vec<f64>,
}

/// What a replay came to.
#[derive(Default, Debug)]
struct Cost {
    computed: u64,
    stale: u64,
    /// All lifetimes, by when they began.
    lifetimes: Vec<(f64, f64)>,
}

impl Cost {
    fn total(&self) -> u64 {
        self.computed + self.stale
    }

    /// The mean lifetime of those that began in this time.
    fn mean(&self, from: f64, to: f64) -> f64 {
        let some = self
            .lifetimes
            .iter()
            .filter(|(at, _)| (from..to).contains(at));
        let (count, sum) = some.fold((0.0, 0.0), |(count, sum), (_, life)| {
            (count + 1.0, sum + life)
        });
        sum / count
    }
}

/// All calls in their order, with the values that they are of.
fn calls(values: &[Value]) -> Vec<(f64, usize)> {
    let calls = values.iter().enumerate();
    let mut calls: Vec<(f64, usize)> = calls
        .flat_map(|(key, value)| value.calls.iter().map(move |at| (*at, key)))
        .collect();
    calls.sort_by(|a, b| a.0.total_cmp(&b.0));
    calls
}

/// Replays them, with one lifetime for all, or with those of the rule.
fn replay(values: &[Value], calls: &[(f64, usize)], fixed: Option<f64>) -> Cost {
    let lifetimes = Lifetimes::new(bounds());
    let mut versions = vec![0; values.len()];
    let mut kept = vec![(0.0, 0); values.len()];
    let mut cost = Cost::default();
    for &(at, key) in calls {
        let (until, version) = kept[key];
        let changes = &values[key].changes;
        while changes
            .get(versions[key])
            .is_some_and(|change| *change <= at)
        {
            versions[key] += 1;
        }
        if at < until {
            cost.stale += u64::from(version != versions[key]);
            continue;
        }
        cost.computed += 1;
        let lifetime = fixed.unwrap_or_else(|| {
            let seen = Sighting {
                content: versions[key] as u64,
                at: at as u64,
                stamp: Position::ZERO,
                ordinal: 0,
            };
            let pause = |last: &Last| Since::Over(Some(at - last.until as f64));
            let until = |lifetime| time::deadline(at as u64, lifetime);
            let lifetime = lifetimes.learn(key as u64, seen, pause, until);
            lifetime.as_millis() as f64
        });
        cost.lifetimes.push((at, lifetime));
        kept[key] = (at + lifetime, versions[key]);
    }
    cost
}

/// What the rule costs, and the best of 13 lifetimes for all, from the least to the most.
fn compared(values: &[Value]) -> (Cost, f64) {
    let calls = calls(values);
    let fixed = (0..13).map(|step| 30.0 * SECOND * 120_f64.powf(f64::from(step) / 12.0));
    let costs = fixed.map(|fixed| replay(values, &calls, Some(fixed)).total());
    (replay(values, &calls, None), costs.min().unwrap() as f64)
}

/// Values that change, and are asked for, at the same rates all the time.
fn constant(count: usize, change: f64, call: f64, until: f64) -> Vec<Value> {
    let mut random = Random(count as u64);
    let value = |_| Value {
        changes: random.points(change, 0.0, until),
        calls: random.points(call, 0.0, until),
    };
    (0..count).map(value).collect()
}

#[test]
fn it_converges_where_the_rate_is_constant() {
    // √(2 ∕ (r λ)), of the calls and changes by the second.
    for (change, call, ideal, time) in [
        (1_200.0, 5.0, 107.1, DAY),
        (14_400.0, 20.0, 739.3, 5.0 * DAY),
        (60.0, 2.0, 30.0, DAY / 4.0),
    ] {
        let values = constant(20, change * SECOND, call * SECOND, time);
        let (cost, best) = compared(&values);
        let late = cost.mean(time / 2.0, time) / SECOND;
        assert!((late / ideal - 1.0).abs() < 0.2, "{late} for {ideal}");
        assert!(
            cost.total() as f64 <= 1.05 * best,
            "{} for {best}",
            cost.total()
        );
    }
}

#[test]
fn it_reacts_to_a_change_of_rate() {
    let mut random = Random(5);
    let value = |_| {
        let mut changes = random.points(4.0 * HOUR, 0.0, DAY / 2.0);
        changes.extend(random.points(60.0 * SECOND, DAY / 2.0, DAY));
        let calls = random.points(5.0 * SECOND, 0.0, DAY);
        Value { changes, calls }
    };
    let values: Vec<Value> = (0..20).map(value).collect();
    let (cost, best) = compared(&values);
    let before = cost.mean(DAY / 4.0, DAY / 2.0);
    // After some ten looks, of which the first come as seldom as before.
    let after = cost.mean(DAY / 2.0 + HOUR, DAY / 2.0 + 2.0 * HOUR);
    assert!(before > 8.0 * after, "{before} {after}");
    assert!(after < 60.0 * SECOND, "{after}");
    assert!((cost.total() as f64) < best, "{} for {best}", cost.total());
}

#[test]
fn values_that_change_at_different_rates_have_different_lifetimes() {
    let mut random = Random(6);
    let value = |at: i32| Value {
        changes: random.points(60.0 * SECOND * f64::from(1 + at * 7 % 100), 0.0, DAY),
        calls: random.points(SECOND * f64::from(1 + at), 0.0, DAY),
    };
    let values: Vec<Value> = (0..60).map(value).collect();
    let (cost, best) = compared(&values);
    let cost = cost.total() as f64;
    assert!(cost < 0.75 * best, "{cost} for {best}");
}

#[test]
fn what_changes_now_and_then_in_bursts_costs_no_more() {
    let mut random = Random(7);
    let value = |at: i32| {
        let (mut changes, mut from) = (Vec::new(), 0.0);
        while from < DAY {
            let begins = from - 3.0 * HOUR * (1.0 - random.next()).ln();
            from = begins - HOUR / 3.0 * (1.0 - random.next()).ln();
            changes.extend(random.points(40.0 * SECOND, begins, from));
        }
        let calls = random.points(SECOND * f64::from(1 + at).powf(0.7), 0.0, DAY);
        Value { changes, calls }
    };
    let values: Vec<Value> = (0..50).map(value).collect();
    let (cost, best) = compared(&values);
    let cost = cost.total() as f64;
    assert!(cost <= best, "{cost} for {best}");
}

#[test]
fn a_night_without_calls_is_one_pause() {
    let mut random = Random(8);
    let value = |at: i32| {
        let (mut changes, mut calls) = (Vec::new(), Vec::new());
        for day in 0..3 {
            let morning = f64::from(day) * DAY + 8.0 * HOUR;
            changes.extend(random.points(300.0 * SECOND, morning, morning + 10.0 * HOUR));
            let apart = 2.0 * SECOND * f64::from(1 + at).powf(0.7);
            calls.extend(random.points(apart, morning - HOUR, morning + 14.0 * HOUR));
        }
        Value { changes, calls }
    };
    let values: Vec<Value> = (0..50).map(value).collect();
    let (cost, best) = compared(&values);
    let cost = cost.total() as f64;
    assert!(cost <= 1.05 * best, "{cost} for {best}");
}

#[test]
fn what_never_changes_is_soon_kept_for_the_longest_time() {
    let values = constant(50, f64::INFINITY, 5.0 * SECOND, DAY);
    let (cost, best) = compared(&values);
    assert_eq!(cost.stale, 0);
    // The first lifetime is in the middle, and those that follow are not the longest yet.
    let more = (cost.computed as f64 - best) / values.len() as f64;
    assert!(more <= 3.0, "{more}");
}

#[test]
fn one_that_begins_to_change_after_a_long_calm_is_followed() {
    let (calm, end) = (30.0 * DAY, 31.0 * DAY);
    let mut random = Random(10);
    let value = Value {
        changes: random.points(60.0 * SECOND, calm, end),
        calls: random.points(5.0 * SECOND, 0.0, end),
    };
    let values = [value];
    let cost = replay(&values, &calls(&values), None);
    assert!(cost.mean(DAY, calm) > 0.9 * HOUR);
    // At first it is looked at once in an hour.
    let late = cost.mean(calm + 12.0 * HOUR, end) / SECOND;
    assert!(late < 45.0, "{late}");
}

#[test]
fn one_that_changes_among_many_that_do_not_is_told_from_them() {
    let alone = constant(1, 60.0 * SECOND, SECOND, DAY);
    let calm = constant(1_000, f64::INFINITY, 600.0 * SECOND, DAY);
    let total = |values: &[Value]| replay(values, &calls(values), None).total();
    let apart = total(&alone) + total(&calm);
    let together = total(&alone.into_iter().chain(calm).collect::<Vec<_>>());
    assert!(together as f64 <= 1.1 * apart as f64, "{together} {apart}");
}

#[test]
fn whatever_is_seen_it_stays_within_its_bounds() {
    let mut random = Random(9);
    for (least, most) in [
        (1, 2),
        (30_000, 3_600_000),
        (1, u64::MAX),
        (u64::MAX, u64::MAX),
    ] {
        let (least, most) = (Duration::from_millis(least), Duration::from_millis(most));
        let lifetimes = Lifetimes::new(Bounds::new(least, most));
        let mut at = 0_u64;
        for _ in 0..20_000 {
            let scale = 10_f64.powf(20.0 * random.next());
            at = at.saturating_add((scale * random.next()) as u64);
            if random.next() < 0.001 {
                at = 0;
            }
            let seen = Sighting {
                content: (random.next() * 2.0) as u64,
                at,
                stamp: Position::ZERO,
                ordinal: 0,
            };
            let pause = random.next();
            let since = |_: &Last| match (pause * 5.0) as u8 {
                0 => Since::Invalidated,
                1 => Since::Over(None),
                2 => Since::Over(Some(0.0)),
                _ => Since::Over(Some(scale * pause)),
            };
            let until = |lifetime| time::deadline(at, lifetime);
            let key = (random.next() * 3.0) as u64;
            let lifetime = lifetimes.learn(key, seen, since, until);
            assert!((least..=most).contains(&lifetime), "{lifetime:?}");
            assert!((least..=most).contains(&lifetimes.usual(key)));
        }
    }
}

#[test]
fn the_first_lifetime_is_in_the_middle() {
    let usual = Lifetimes::new(bounds()).usual(1).as_secs_f64();
    let middle = (30_f64 * 3_600.0).sqrt();
    assert!((usual / middle - 1.0).abs() < 0.1, "{usual} {middle}");
}

#[test]
fn an_invalidated_value_teaches_nothing() {
    let lifetimes = Lifetimes::new(bounds());
    let usual = lifetimes.usual(1);
    for at in 0..1_000 {
        let seen = Sighting {
            content: at,
            at: 1_000 * at,
            stamp: Position::ZERO,
            ordinal: 0,
        };
        lifetimes.learn(1, seen, |_| Since::Invalidated, |_| 0);
    }
    assert_eq!(lifetimes.usual(1), usual);
}

#[test]
fn the_number_of_keys_that_are_remembered_is_bounded() {
    let lifetimes = Lifetimes::new(bounds());
    for key in 0..100_000 {
        let seen = Sighting {
            content: 1,
            at: key,
            stamp: Position::ZERO,
            ordinal: 0,
        };
        let until = |lifetime| time::deadline(key, lifetime);
        lifetimes.learn(key, seen, |_| Since::Over(None), until);
        // One that is seen again and again is not forgotten.
        let seen = Sighting {
            at: key + 1,
            ..seen
        };
        lifetimes.learn(u64::MAX, seen, |_| Since::Over(None), until);
    }
    let summary = lifetimes.summary();
    assert!((7_000..=14_000).contains(&summary.keys), "{summary:?}");
    assert!(summary.mean >= 30_000, "{summary:?}");
    let known = |key| lifetimes.has(key);
    assert!(known(u64::MAX) && known(99_999) && !known(1));
}
