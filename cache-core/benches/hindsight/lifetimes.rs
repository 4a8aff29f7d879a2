//! `ttl = adaptive(..)` beside the best `ttl` for all values that somebody could have chosen who knew what was to come.
//!
//! Each history is replayed in virtual time, by an annotated function and a cache of its own. What counts against a `ttl` is what
//! `adaptive` is after: each computation, and each answer that was not what the source had.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use cache_core::{Cache, Clock, ManualClock, cache};

use super::traces::{self, History};

thread_local! {
    /// How often each value has changed so far.
    static VERSIONS: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    static COMPUTED: Cell<u64> = const { Cell::new(0) };
    static TTL: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Reads the source.
fn read(key: usize) -> usize {
    COMPUTED.set(COMPUTED.get() + 1);
    VERSIONS.with_borrow(|versions| versions[key])
}

#[cache(ttl = |_| TTL.get())]
fn fixed(key: usize) -> usize {
    read(key)
}

#[cache(ttl = adaptive("30s", "1h"))]
fn adaptive(key: usize) -> usize {
    read(key)
}

const LEAST: Duration = Duration::from_secs(6 * 3_600);
const MOST: Duration = Duration::from_secs(365 * 86_400);

#[cache(ttl = adaptive(LEAST, MOST))]
fn adaptive_for_long(key: usize) -> usize {
    read(key)
}

/// What a replay came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) computed: u64,
    pub(crate) stale: u64,
}

impl Cost {
    pub(crate) fn total(self) -> u64 {
        self.computed + self.stale
    }
}

fn replay(history: &History, calls: &[(f64, usize)], function: fn(usize) -> usize) -> Cost {
    let clock = ManualClock::new();
    let builder = Cache::builder().clock(Clock::Manual(clock.clone()));
    let Ok(cache) = builder.build_blocking() else {
        unreachable!("the defaults are valid");
    };
    VERSIONS.set(vec![0; history.values.len()]);
    COMPUTED.set(0);
    let (mut now, mut stale) = (Duration::ZERO, 0);
    cache.enter(|| {
        for (at, key) in calls {
            let at = Duration::from_secs_f64(*at);
            clock.advance(at.saturating_sub(now));
            now = at;
            let changes = &history.values[*key].changes;
            let version = VERSIONS.with_borrow_mut(|versions| {
                let version = &mut versions[*key];
                let over = |change: &f64| Duration::from_secs_f64(*change) <= at;
                while changes.get(*version).is_some_and(over) {
                    *version += 1;
                }
                *version
            });
            stale += u64::from(function(*key) != version);
        }
    });
    Cost {
        computed: COMPUTED.get(),
        stale,
    }
}

/// A history, replayed.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) values: usize,
    pub(crate) calls: usize,
    pub(crate) adaptive: Cost,
    pub(crate) best: Cost,
    /// With which it cost least.
    pub(crate) ttl: Duration,
}

impl Row {
    /// How much more the adaptive one costs, as a share of the best.
    pub(crate) fn more(&self) -> f64 {
        self.adaptive.total() as f64 / self.best.total() as f64 - 1.0
    }
}

/// Replays a history with so many lifetimes from its least to its most, each as much longer than the one before, and with an adaptive one.
pub(crate) fn compare(history: &History, steps: u32) -> Row {
    let calls = traces::calls(&history.values);
    let (least, most) = history.bounds;
    let ratio = most as f64 / least as f64;
    let fixed = (0..=steps).map(|step| {
        let factor = ratio.powf(f64::from(step) / f64::from(steps));
        let ttl = Duration::from_secs(least).mul_f64(factor);
        TTL.set(ttl);
        (replay(history, &calls, fixed), ttl)
    });
    let best = fixed.min_by_key(|(cost, _)| cost.total());
    let (best, ttl) = best.unwrap_or_default();
    let function = if least == LEAST.as_secs() {
        adaptive_for_long
    } else {
        adaptive
    };
    Row {
        name: history.name,
        values: history.values.len(),
        calls: calls.len(),
        adaptive: replay(history, &calls, function),
        best,
        ttl,
    }
}
