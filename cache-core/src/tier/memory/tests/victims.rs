//! Random operations against the rules of each eviction, written down as naively as they can be: the same entries leave, in the same order.

use super::*;
use std::{num::NonZeroUsize, time::Duration};

/// Who is there, the oldest first.
struct Model {
    eviction: Eviction,
    entries: Vec<Entry>,
    limit: u64,
    /// How many came.
    now: u64,
    /// Of SIEVE: who is next; the oldest, if nobody.
    hand: Option<u64>,
    /// Of S3-FIFO: hashes that left probation, by place, and when: as the how manieth.
    left: HashMap<u64, (u64, u64)>,
    departures: u64,
    places: u64,
}

struct Entry {
    key: u64,
    charge: u64,
    used_at: u64,
    uses: u64,
    main: bool,
}

impl Model {
    fn new(eviction: Eviction, bytes: u64) -> Self {
        let places = match eviction {
            Eviction::S3Fifo => bytes / 512,
            _ => 0,
        };
        Self {
            eviction,
            entries: Vec::new(),
            limit: bytes - 4 * places,
            now: 0,
            hand: None,
            left: HashMap::new(),
            departures: 0,
            places,
        }
    }

    fn at(&self, key: u64) -> Option<usize> {
        self.entries.iter().position(|entry| entry.key == key)
    }

    fn weight(&self) -> u64 {
        self.entries.iter().map(|entry| entry.charge).sum()
    }

    fn get(&mut self, key: u64) {
        let now = self.now;
        if let Some(at) = self.at(key) {
            self.entries[at].used_at = now;
            self.entries[at].uses = 3.min(self.entries[at].uses + 1);
        }
    }

    fn remove(&mut self, key: u64) -> Option<Entry> {
        let at = self.at(key)?;
        if self.hand == Some(key) {
            self.hand = self.entries.get(at + 1).map(|next| next.key);
        }
        Some(self.entries.remove(at))
    }

    /// Where a hash is remembered, and as what.
    fn place(&self, key: u64) -> (u64, u64) {
        let hash = lookup(&bytes(key)).hash();
        let half = hash & 0xffff_ffff;
        (half * self.places / (1 << 32), hash >> 48 | 1)
    }

    fn insert(&mut self, key: u64, charge: u64, gone: &[u64]) {
        let before = self.remove(key);
        self.now += 1;
        let (place, print) = self.place(key);
        let left = self.left.get(&place).filter(|left| left.0 == print);
        let left = left.filter(|_| before.is_none()).map(|left| left.1);
        if left.is_some() {
            self.left.remove(&place);
        }
        let entries = self.entries.len() as u64;
        let comes_back = left.is_some_and(|at| self.departures - at <= entries);
        let entry = Entry {
            key,
            charge,
            used_at: self.now,
            uses: 0,
            main: comes_back || before.is_some_and(|entry| entry.main),
        };
        let mut gone = gone.iter();
        if self.eviction == Eviction::Sieve {
            self.shrink(self.limit - charge, &mut gone);
            self.entries.push(entry);
        } else {
            self.entries.push(entry);
            self.shrink(self.limit, &mut gone);
            while self.eviction == Eviction::S3Fifo && self.too_many_are_new() {
                let at = self.first(false).expect("nobody is new");
                self.make_main(at);
            }
        }
        assert_eq!(gone.next(), None, "left without need");
    }

    fn shrink<'a>(&mut self, limit: u64, gone: &mut impl Iterator<Item = &'a u64>) {
        while self.weight() > limit {
            let told = gone.next().expect("more should have left");
            let at = match self.eviction {
                Eviction::Fifo => 0,
                Eviction::Lru => self.least_recent(*told),
                Eviction::Sieve => self.unvisited(),
                _ => self.s3_fifo(),
            };
            assert_eq!(self.entries[at].key, *told, "another leaves");
            self.entries.remove(at);
        }
    }

    /// What was used between two arrivals was used at one time.
    fn least_recent(&self, told: u64) -> usize {
        let at = self.at(told).expect("is not there");
        let least = self.entries.iter().map(|entry| entry.used_at).min();
        assert_eq!(
            Some(self.entries[at].used_at),
            least,
            "not the least recent"
        );
        at
    }

    fn unvisited(&mut self) -> usize {
        let mut at = self.hand.and_then(|key| self.at(key)).unwrap_or(0);
        while self.entries[at].uses > 0 {
            self.entries[at].uses = 0;
            at = (at + 1) % self.entries.len();
        }
        self.hand = self.entries.get(at + 1).map(|next| next.key);
        at
    }

    /// Both queues are in one list: the order in each is that in the list.
    fn first(&self, main: bool) -> Option<usize> {
        self.entries.iter().position(|entry| entry.main == main)
    }

    fn too_many_are_new(&self) -> bool {
        let new = self.entries.iter().filter(|entry| !entry.main);
        let (count, weight) = new.fold((0, 0), |(n, sum), entry| (n + 1, sum + entry.charge));
        count > 1 && weight > self.limit / 10
    }

    fn make_main(&mut self, at: usize) {
        let mut entry = self.entries.remove(at);
        (entry.main, entry.uses) = (true, 0);
        self.entries.push(entry);
    }

    fn s3_fifo(&mut self) -> usize {
        loop {
            match (self.first(false), self.first(true)) {
                (Some(new), main) if main.is_none() || self.too_many_are_new() => {
                    if self.entries[new].uses == 0 {
                        let (place, print) = self.place(self.entries[new].key);
                        self.departures += 1;
                        self.left.insert(place, (print, self.departures));
                        return new;
                    }
                    self.make_main(new);
                }
                (_, Some(main)) => {
                    if self.entries[main].uses == 0 {
                        return main;
                    }
                    let mut entry = self.entries.remove(main);
                    entry.uses -= 1;
                    self.entries.push(entry);
                }
                _ => panic!("nobody is there"),
            }
        }
    }
}

#[test]
fn the_right_ones_leave() {
    for eviction in [
        Eviction::S3Fifo,
        Eviction::Lru,
        Eviction::Fifo,
        Eviction::Sieve,
    ] {
        for seed in 0..6 {
            println!("{eviction}, seed {seed}");
            run(eviction, seed, [3_000, 20_000, 90_000][seed as usize % 3]);
        }
    }
}

fn run(eviction: Eviction, seed: u64, max_bytes: u64) {
    let told: Arc<Mutex<Vec<(u64, Departure)>>> = Arc::default();
    let log = Arc::clone(&told);
    let on_leave: OnLeave<Item> = Box::new(move |item, departure| {
        lock(&log).push((item.value, departure));
    });
    let options = MemoryOptions {
        max_bytes,
        eviction,
        ..MemoryOptions::default()
    };
    // For items; its own tier is not used.
    let rig = Rig::new(0);
    let tier = MemoryTier::<Item>::new(options, Clock::Manual(rig.hand.clone()), on_leave);
    let ring = Arc::new(CapacityRing::new(NonZeroUsize::new(20).unwrap()));
    let mut model = Model::new(eviction, max_bytes);
    let dice = &mut Dice(seed);
    let keys = 3 * max_bytes / OVERHEAD;
    let mut evicted = 0;
    for step in 0..8_000 {
        let most = 1 + dice.roll(keys);
        let key = dice.roll(most);
        let mut resized = None;
        match dice.roll(24) {
            0..=8 => {
                let mut item = rig.item(key);
                item.weight = dice.roll(300);
                if dice.roll(6) == 0 {
                    item.expires = tier.clock.now() + dice.roll(100);
                }
                item.ring = key.is_multiple_of(5).then(|| Arc::clone(&ring));
                let name = item
                    .key
                    .get_or_init(|| lookup(&bytes(key)).to_key())
                    .clone();
                let charge = OVERHEAD + item.weight;
                if tier.insert(&name, Arc::new(item)).is_err() {
                    model.remove(key);
                    lock(&told).clear();
                    continue;
                }
                let told = mem::take(&mut *lock(&told));
                let of = |departure| told.iter().filter(move |left| left.1 == departure);
                // Its function's had to make room before.
                for (key, _) in of(Departure::Capacity) {
                    model.remove(*key);
                }
                let gone: Vec<u64> = of(Departure::Evicted).map(|left| left.0).collect();
                evicted += gone.len();
                model.insert(key, charge, &gone);
                for (key, _) in of(Departure::Expired) {
                    model.remove(*key);
                }
            }
            9..=18 => {
                assert_eq!(
                    tier.get(&lookup(&bytes(key))).is_some(),
                    model.at(key).is_some()
                );
                model.get(key);
            }
            19 => {
                let removed = tier.remove(&lookup(&bytes(key)));
                assert_eq!(removed.is_some(), model.remove(key).is_some());
            }
            20 => rig.hand.advance(Duration::from_millis(dice.roll(20))),
            // What is remembered of those that left, and for how long, depends on it with S3-FIFO.
            21 if eviction != Eviction::S3Fifo && dice.roll(30) == 0 => {
                resized = Some(max_bytes * 2 / (2 + dice.roll(3)));
            }
            _ => {}
        }
        if let Some(bytes) = resized {
            tier.resize(bytes);
            let told = mem::take(&mut *lock(&told));
            evicted += told.len();
            let mut gone = told.iter().map(|left| &left.0);
            model.limit = bytes;
            model.shrink(bytes, &mut gone);
            assert_eq!(gone.next(), None, "left without need");
        }
        lock(&told).clear();
        assert_eq!(
            (tier.len(), tier.weight()),
            (model.entries.len(), model.weight())
        );
        assert!(tier.weight() <= model.limit);
        if step % 500 == 0 {
            let mut there = Vec::new();
            tier.for_each(|item| there.push(item.value));
            there.sort_unstable();
            let mut expected: Vec<u64> = model.entries.iter().map(|entry| entry.key).collect();
            expected.sort_unstable();
            assert_eq!(there, expected);
        }
    }
    assert!(evicted > 300, "{evicted}: this tested nothing");
}

/// Nothing of it is exact, but this is what it is for: what was asked for often stays, whatever else passes by.
#[test]
fn what_is_asked_for_often_outlives_a_scan() {
    let scan = |eviction| {
        evictions::with(eviction, || {
            let rig = Rig::new(100_000);
            let full = 100_000 / OVERHEAD;
            let often = full / 4;
            for round in 0..20 {
                for key in 0..often {
                    if rig.get(key).is_none() {
                        rig.insert(key, rig.item(key)).unwrap();
                    }
                }
                for key in 0..full {
                    let key = 1_000 * (round + 1) + key;
                    rig.insert(key, rig.item(key)).unwrap();
                }
            }
            rig.settle();
            (0..often).filter(|key| rig.get(*key).is_some()).count() as f64 / often as f64
        })
    };
    let rates: Vec<(Eviction, f64)> = Eviction::ALL.iter().map(|e| (*e, scan(*e))).collect();
    println!("{rates:?}");
    for (eviction, kept) in rates {
        match eviction {
            Eviction::S3Fifo | Eviction::WTinyLfu => assert!(kept > 0.9, "{eviction}: {kept}"),
            Eviction::Lru | Eviction::Fifo => assert!(kept < 0.1, "{eviction}: {kept}"),
            Eviction::Sieve => {}
        }
    }
}

/// The time of LRU goes round after 2³² arrivals.
#[test]
fn the_order_of_uses_survives_the_end_of_time() {
    let rig = evictions::with(Eviction::Lru, || Rig::new(10 * OVERHEAD));
    rig.tier.engine.set_now(u32::MAX - 15);
    for key in 0..100 {
        rig.insert(key, rig.item(key)).unwrap();
        rig.get(0).unwrap();
    }
    let there: Vec<u64> = (0..100).filter(|key| rig.get(*key).is_some()).collect();
    assert_eq!(
        there,
        [0, 91, 92, 93, 94, 95, 96, 97, 98, 99],
        "weights: {}",
        rig.tier.weight()
    );
}
