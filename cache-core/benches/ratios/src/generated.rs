//! Traces that are made anew with the same seed each time.

use crate::Trace;

/// The same draws in every run (xorshift64).
pub(crate) struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x2545_F491_4F6C_DD1D)
    }
}

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`.
    #[cfg(test)]
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of so many keys, by Zipf's law: the inverse of the integral of its distribution.
    fn zipf(&mut self, keys: f64, skew: f64) -> u64 {
        let share = self.share();
        let key = match (skew - 1.0).abs() < 1e-9 {
            true => keys.powf(share),
            false => ((keys.powf(1.0 - skew) - 1.0) * share + 1.0).powf(1.0 / (1.0 - skew)),
        };
        key as u64
    }
}

/// Beyond the keys of the others.
const SCAN: u64 = 1 << 40;

/// Of so many calls each.
pub(crate) fn traces(calls: u64) -> Vec<Trace> {
    let make = |name, key: &dyn Fn(&mut Random, u64) -> u64| {
        let mut random = Random::default();
        Trace::new(name, (0..calls).map(|at| key(&mut random, at)))
    };
    vec![
        make("Zipf 0.7", &|random, _| random.zipf(100_000.0, 0.7)),
        make("Zipf 0.9", &|random, _| random.zipf(100_000.0, 0.9)),
        make("Zipf 1.0", &|random, _| random.zipf(100_000.0, 1.0)),
        make("loop", &|_, at| at % 20_000),
        // Of three calls one is of a scan, of keys that nobody asks for again.
        make("Zipf and a scan", &|random, at| match at % 3 {
            0 => SCAN + at,
            _ => random.zipf(50_000.0, 0.9),
        }),
        // What is popular moves on by a key in a hundred calls.
        make("Zipf, drifting", &|random, at| {
            random.zipf(30_000.0, 0.8) + at / 100
        }),
        // All that is popular changes at once, ten times.
        make("Zipf, changing", &|random, at| {
            random.zipf(30_000.0, 0.9) + at / (calls / 10).max(1) * 30_000
        }),
    ]
}
