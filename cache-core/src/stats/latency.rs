//! How long something took: a histogram of few bytes.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Each power of two is so many buckets, as a power of two itself: a percentile is at most an eighth too high.
const PARTS: u32 = 3;

/// The lowest bucket ends here, in nanoseconds, as a power of two: half a microsecond.
const LOWEST: u32 = 9;

/// The highest begins here: two minutes.
const HIGHEST: u32 = 37;

const BUCKETS: usize = (((HIGHEST - LOWEST) << PARTS) + 2) as usize;

/// A histogram that all threads add to, log-linear, in 1.8 KiB whatever is added.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    longest: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            sum: AtomicU64::new(0),
            longest: AtomicU64::new(0),
        }
    }
}

/// Where a time belongs.
fn bucket(nanos: u64) -> usize {
    if nanos < 1 << LOWEST {
        return 0;
    }
    let power = nanos.ilog2();
    if power >= HIGHEST {
        return BUCKETS - 1;
    }
    let part = (nanos >> (power - PARTS)) & ((1 << PARTS) - 1);
    1 + (((power - LOWEST) << PARTS) as usize) + part as usize
}

/// The first time that is too long for a bucket. None is for the highest.
fn end(bucket: usize) -> u64 {
    if bucket + 1 >= BUCKETS {
        return u64::MAX;
    }
    let Some(above) = (bucket as u64).checked_sub(1) else {
        return 1 << LOWEST;
    };
    let (power, part) = (LOWEST + (above >> PARTS) as u32, above & ((1 << PARTS) - 1));
    (1 << power) + ((part + 1) << (power - PARTS))
}

impl Histogram {
    pub(crate) fn add(&self, nanos: u64) {
        if let Some(bucket) = self.buckets.get(bucket(nanos)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(nanos, Ordering::Relaxed);
        self.longest.fetch_max(nanos, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Latencies {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Latencies {
            buckets: self.buckets.iter().map(load).collect(),
            sum: load(&self.sum),
            longest: load(&self.longest),
        }
    }
}

/// How long something took, each time that it was done.
///
/// Serializes as `count`, `mean`, `p50`, `p90`, `p99`, `p999` and `max`, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    buckets: Vec<u64>,
    sum: u64,
    longest: u64,
}

impl Latencies {
    /// How often.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The mean; zero of nothing.
    #[must_use]
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.sum.checked_div(self.count()).unwrap_or(0))
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.longest)
    }

    /// A time that this share of them, 0 to 1, took at most: `quantile(0.99)` is the 99th percentile. At most an eighth too
    /// high; zero of nothing.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.count() as f64 * share.clamp(0.0, 1.0)).ceil() as u64;
        let mut passed = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            passed += count;
            if passed >= wanted && passed > 0 {
                return Duration::from_nanos(end(at).min(self.longest));
            }
        }
        Duration::ZERO
    }

    pub(super) fn add(&mut self, other: &Self) {
        let longer = self.buckets.len().max(other.buckets.len());
        self.buckets.resize(longer, 0);
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.sum = self.sum.saturating_add(other.sum);
        self.longest = self.longest.max(other.longest);
    }

    fn quantiles(&self) -> [(&'static str, Duration); 6] {
        [
            ("mean", self.mean()),
            ("p50", self.quantile(0.5)),
            ("p90", self.quantile(0.9)),
            ("p99", self.quantile(0.99)),
            ("p999", self.quantile(0.999)),
            ("max", self.max()),
        ]
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, time) in self.quantiles() {
            write!(f, "{name} {time:.1?}, ")?;
        }
        write!(f, "of {}", self.count())
    }
}

impl serde::Serialize for Latencies {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut all = serializer.serialize_struct("Latencies", 7)?;
        all.serialize_field("count", &self.count())?;
        for (name, time) in self.quantiles() {
            all.serialize_field(name, &time.as_secs_f64())?;
        }
        all.end()
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_a_bucket_that_ends_an_eighth_later_at_most() {
        let mut nanos = 1_u64;
        while nanos < 1 << HIGHEST {
            for nanos in [nanos - 1, nanos, nanos + nanos / 3] {
                let at = bucket(nanos);
                let end = end(at);
                assert!(nanos < end, "{nanos} in {at}, which ends at {end}");
                assert!(
                    !(512..1 << HIGHEST).contains(&nanos) || end - nanos <= nanos / 8 + 1,
                    "{nanos}: {end}"
                );
            }
            nanos += nanos / 5 + 1;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert!(size_of::<Histogram>() < 2_000);
    }

    #[test]
    fn quantiles_are_those_of_what_was_added() {
        let histogram = Histogram::default();
        assert_eq!(histogram.read().quantile(0.5), Duration::ZERO);
        (1..=1_000).for_each(|micros| histogram.add(micros * 1_000));
        let mut read = histogram.read();
        assert_eq!(
            (read.count(), read.mean()),
            (1_000, Duration::from_nanos(500_500))
        );
        for (share, micros) in [(0.0, 1), (0.5, 500), (0.99, 990), (1.0, 1_000)] {
            let (found, exact) = (read.quantile(share), Duration::from_micros(micros));
            assert!(
                exact <= found && found <= exact * 9 / 8,
                "{share}: {found:?}"
            );
        }
        histogram.add(u64::MAX / 2);
        read.add(&histogram.read());
        assert_eq!(
            (read.count(), read.max()),
            (2_001, Duration::from_nanos(u64::MAX / 2))
        );
        assert_eq!(read.quantile(1.0), read.max());
    }
}
