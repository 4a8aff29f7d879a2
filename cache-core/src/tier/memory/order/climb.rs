//! How large the window is: a climb to where the hit rate is best (Einziger, Eytan, Friedman and Manes, "Adaptive software cache
//! management", Middleware 2018, §4).

/// Of the whole, at the beginning.
const FIRST: f64 = 0.01;

/// The first step, and each after the hit rate has changed by much.
const STEP: f64 = 0.0625;

/// What is much.
const MUCH: f64 = 0.05;

/// What is left of a step in the next.
const DECAY: f64 = 0.98;

/// It stays between these.
const LEAST: f64 = 0.005;
const MOST: f64 = 0.8;

pub(super) struct Climb {
    share: f64,
    step: f64,
    /// Of the last sample.
    hit_rate: Option<f64>,
}

impl Default for Climb {
    fn default() -> Self {
        Self {
            share: FIRST,
            step: STEP,
            hit_rate: None,
        }
    }
}

impl Climb {
    /// How many of so many bytes are the window's.
    pub(super) fn share(&self, bytes: u64) -> u64 {
        (bytes as f64 * self.share) as u64
    }

    /// Goes on as long as it gets better, or else back; further if it changed by much.
    pub(super) fn step(&mut self, hit_rate: f64) {
        let Some(before) = self.hit_rate.replace(hit_rate) else {
            return;
        };
        let change = hit_rate - before;
        let step = if change < 0.0 { -self.step } else { self.step };
        self.share = (self.share + step).clamp(LEAST, MOST);
        self.step = if change.abs() >= MUCH {
            STEP.copysign(step)
        } else {
            DECAY * step
        };
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    /// From anywhere to near the best, for a hit rate that falls to both sides of it.
    #[test]
    fn it_finds_the_best_share_and_follows_it() {
        let mut climb = Climb::default();
        for best in [0.4, 0.1, 0.7] {
            // What was the best is not any more: the hit rate falls by much.
            climb.step(0.0);
            for _ in 0..300 {
                let rate = 0.8 - 0.5 * (climb.share - best).abs();
                climb.step(rate);
            }
            let off = (climb.share - best).abs();
            assert!(off < 0.05, "{} for {best}", climb.share);
            assert_eq!(climb.share(1_000), (climb.share * 1_000.0) as u64);
        }
    }
}
