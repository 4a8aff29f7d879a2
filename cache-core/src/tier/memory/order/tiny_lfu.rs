//! W-TinyLFU (Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy", ACM Transactions on Storage 13(4), 2017),
//! by weight, with a window that finds its size (Einziger, Eytan, Friedman and Manes, "Adaptive software cache management",
//! Middleware 2018).
//!
//! What is new is in a window, by its last use. Who has to go from there takes the place of the one in the main part whose turn it is, if
//! it was asked for more often; or else leaves. The main part is in two: who is used on probation is protected, and of those, when they
//! are too many, who was not used for the longest time is on probation again.

use super::sketch::Sketch;
use super::{Arrival, Look, Order, Patience, Residents, Room, climb::Climb, ranks::Ranks};
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::tier::memory::{
    engine::{Standing, Token},
    life::{Life, QueueNumber},
};

/// The numbers of the queues.
const WINDOW: QueueNumber = 0;
const PROBATION: QueueNumber = 1;
const PROTECTED: QueueNumber = 2;

/// How much of the main part is protected.
const PROTECTED_SHARE: f64 = 0.8;

/// Counts are halved, and the window is measured, after so many uses for each entry; of fewer entries than this as of so many.
const SAMPLE: u32 = 10;
const FEW: usize = 128;

pub(super) struct TinyLfu {
    now: u32,
    window: Ranks,
    probation: Ranks,
    protected: Ranks,
    sketch: Sketch,
    climb: Climb,
    hits: AtomicU32,
    misses: u32,
}

impl Default for TinyLfu {
    fn default() -> Self {
        Self {
            now: 0,
            window: Ranks::numbered(WINDOW),
            probation: Ranks::numbered(PROBATION),
            protected: Ranks::numbered(PROTECTED),
            sketch: Sketch::default(),
            climb: Climb::default(),
            hits: AtomicU32::new(0),
            misses: 0,
        }
    }
}

impl TinyLfu {
    fn ranks(&mut self, queue: QueueNumber) -> &mut Ranks {
        match queue {
            WINDOW => &mut self.window,
            PROBATION => &mut self.probation,
            _ => &mut self.protected,
        }
    }

    /// Puts an entry that is in none into this queue.
    fn put(&mut self, queue: QueueNumber, token: Token, look: &Look<'_>) {
        look.life.go(queue);
        look.life.forget();
        let standing = look.standing;
        self.ranks(queue)
            .push(token, standing.used(), standing.charge());
    }

    /// Takes out whose turn it is in a queue.
    fn take<'r>(
        &mut self,
        queue: QueueNumber,
        residents: &'r dyn Residents,
        patience: &mut Patience,
    ) -> Option<(Token, Look<'r>)> {
        let ranks = self.ranks(queue);
        let (token, look) = ranks.pop(residents, patience)?;
        ranks.gone(look.standing.charge());
        Some((token, look))
    }

    /// Takes out whose turn it is in the main part, where there are so many bytes for it.
    fn victim<'r>(
        &mut self,
        main: u64,
        residents: &'r dyn Residents,
        patience: &mut Patience,
    ) -> Option<(Token, Look<'r>)> {
        let protected = (main as f64 * PROTECTED_SHARE) as u64;
        while let Some((token, look)) = self.take(PROBATION, residents, patience) {
            if !look.life.is_used() || !patience.lasts() {
                return Some((token, look));
            }
            self.put(PROTECTED, token, &look);
            while self.protected.weight > protected && patience.lasts() {
                let (token, look) = self.take(PROTECTED, residents, patience)?;
                self.put(PROBATION, token, &look);
            }
        }
        self.take(PROTECTED, residents, patience)
    }

    fn entries(&self) -> usize {
        self.window.live + self.probation.live + self.protected.live
    }

    fn measure(&mut self) {
        let entries = u32::try_from(self.entries().max(FEW)).unwrap_or(u32::MAX);
        let sample = SAMPLE.saturating_mul(entries);
        self.sketch.age(sample);
        let hits = self.hits.load(Ordering::Relaxed);
        let uses = hits.saturating_add(self.misses);
        if uses >= sample {
            self.climb.step(f64::from(hits) / f64::from(uses));
            self.hits.store(0, Ordering::Relaxed);
            self.misses = 0;
        }
    }
}

impl Order for TinyLfu {
    fn enter(&mut self, arrival: &Arrival<'_>) -> Life {
        let now = self.now.wrapping_add(1);
        self.now = now;
        arrival.standing.use_at(now);
        self.sketch.hold(self.entries() + 1);
        self.sketch.add(arrival.token.hash);
        self.misses = self.misses.saturating_add(1);
        let queue = arrival.before.unwrap_or(WINDOW);
        self.ranks(queue)
            .push(arrival.token, now, arrival.standing.charge());
        Life::ordered(arrival.due, queue)
    }

    fn used(&self, hash: u64, standing: &Standing) {
        standing.use_at(self.now);
        self.sketch.add(hash);
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    fn leave(&mut self, queue: QueueNumber, charge: u32, residents: &dyn Residents) {
        self.ranks(queue).left(charge, residents);
    }

    fn next(&mut self, room: Room, residents: &dyn Residents) -> Option<Token> {
        self.measure();
        let mut patience = Patience::default();
        let window = self.climb.share(room.limit);
        let main = room.limit - window;
        // One alone in the window stays for as long as there is anything else.
        while self.window.weight > window && self.window.live > 1 {
            if room.is_enough() && !patience.lasts() {
                // Those who come later go on with it.
                return None;
            }
            let (candidate, look) = self.take(WINDOW, residents, &mut patience)?;
            if room.is_enough() {
                self.put(PROBATION, candidate, &look);
                continue;
            }
            let Some((victim, its)) = self.victim(main, residents, &mut patience) else {
                return Some(candidate);
            };
            let (asked, often) = (candidate.hash, victim.hash);
            if self.sketch.frequency(asked) > self.sketch.frequency(often) {
                self.put(PROBATION, candidate, &look);
                return Some(victim);
            }
            self.put(PROBATION, victim, &its);
            return Some(candidate);
        }
        if room.is_enough() {
            return None;
        }
        let found = self.victim(main, residents, &mut patience);
        let (token, _) = found.or_else(|| self.take(WINDOW, residents, &mut patience))?;
        Some(token)
    }

    fn tokens(&self) -> Vec<Token> {
        let all = self.window.tokens().chain(self.probation.tokens());
        all.chain(self.protected.tokens()).collect()
    }

    fn fit(&mut self, bytes: u64) -> u64 {
        self.sketch.fit(bytes)
    }

    #[cfg(test)]
    fn memory_used(&self) -> usize {
        let both = self.probation.memory_used() + self.protected.memory_used();
        self.window.memory_used() + both
    }
}
