//! Who leaves, by default.

use super::*;

const BOUND: u64 = 1 << 20;

/// A tier of one shard, and how many entries of this weight fit into it, the overhead included.
fn rig(weight: u64) -> (Rig, u64) {
    let rig = Rig::with(MemoryOptions {
        max_bytes: BOUND,
        max_entry_bytes: Some(BOUND),
        ..MemoryOptions::default()
    });
    (rig, BOUND / weight)
}

impl Rig {
    /// Whether it was there; now it is.
    fn call(&self, key: u64, weight: u64) -> bool {
        let hit = self.get(key).is_some();
        if !hit {
            let mut item = self.item(key);
            item.weight = weight - OVERHEAD;
            self.insert(key, item).unwrap();
        }
        hit
    }
}

#[test]
fn of_a_loop_over_twice_what_fits_nearly_half_stays() {
    for weight in [OVERHEAD, 500, 5_000] {
        let (rig, fit) = rig(weight);
        for round in 0..5 {
            let calls = (0..2 * fit).map(|key| rig.call(key, weight));
            let hits = calls.filter(|hit| *hit).count() as u64;
            let least = if round == 0 { 0 } else { fit * 8 / 10 };
            assert!(hits >= least, "{hits} of {fit} in round {round}");
        }
        rig.settle();
    }
}

/// Whoever comes back while no more have left than there are entries, however heavy they are.
#[test]
fn who_comes_back_soon_is_known_and_who_comes_back_late_is_not() {
    const TRIALS: usize = 20;
    for weight in [5_000, 50_000] {
        let (rig, fit) = rig(weight);
        let mut keys = 0..;
        let mut pass = |count: u64| {
            let others = keys.by_ref().take(count as usize);
            others.for_each(|key| assert!(!rig.call(key, weight)));
        };
        pass(2 * fit);
        // Two that leave may take one place.
        for (away, known) in [(fit / 4, TRIALS / 2..=TRIALS), (3 * fit, 0..=1)] {
            let stays = |trial: usize| {
                let key = 1 << 40 | trial as u64;
                assert!(!rig.call(key, weight));
                pass(fit.div_ceil(5) + away);
                assert!(!rig.call(key, weight), "gone unused");
                pass(fit.div_ceil(2));
                let stays = rig.remove(key).is_some();
                pass(20 * fit);
                stays
            };
            let found = (0..TRIALS).map(stays).filter(|stays| *stays).count();
            assert!(known.contains(&found), "{found}, {away} of {fit} later");
        }
        rig.settle();
    }
}
