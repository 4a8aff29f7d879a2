//! Visitors: what they ask for, how long they wait, and whether what they are shown is current.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use cache_core::{blocking, bypass};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};

use crate::data::{Airport, Db};
use crate::ledger::Ledger;
use crate::queries::{HUBS, airport, distance, highest, nearest, regions, rename, update};

/// How the visitors' calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As they are written.
    Cached,
    /// Past the cache.
    Bypassed,
    /// As they are written, but writes do not tell the cache.
    Untold,
}

/// What visitors ask for, and how many of a hundred.
pub const READS: [(&str, u32); 5] = [
    ("airport", 70),
    ("distance", 15),
    ("nearest", 5),
    ("highest", 5),
    ("regions", 5),
];
/// One call in this many is a write.
const WRITES: u32 = 1_000;
/// Only so many airports, the most popular, are renamed: each as often as any other.
const RENAMED: usize = 300;
/// So many visitors at a time.
pub const TASKS: u64 = 8;

/// What came of a run.
#[derive(Debug, Default)]
pub struct Tally {
    /// What each call of each kind took, in nanoseconds.
    pub waits: [Vec<u64>; READS.len()],
    pub writes: u64,
    /// Names shown of airports that are renamed, and those of them that had been replaced.
    pub checked: u64,
    pub stale: u64,
    pub statements: u64,
    pub took: Duration,
}

impl Tally {
    /// Reads of all kinds.
    pub fn reads(&self) -> u64 {
        self.waits.iter().map(|waits| waits.len() as u64).sum()
    }

    fn add(&mut self, other: Self) {
        self.waits
            .iter_mut()
            .zip(other.waits)
            .for_each(|(mine, theirs)| mine.extend(theirs));
        self.writes += other.writes;
        self.checked += other.checked;
        self.stale += other.stale;
    }
}

/// Everybody who visits.
#[derive(Clone, Debug)]
pub struct Visitors(Arc<Town>);

#[derive(Debug)]
struct Town {
    db: Db,
    /// The most popular first: the hubs, then those with an airline's code.
    places: Vec<Airport>,
    popularity: Zipf<f64>,
    ledger: Ledger,
}

impl Visitors {
    pub fn new(db: &Db, mut places: Vec<Airport>) -> Result<Self> {
        places.sort_by_cached_key(|place| {
            (!HUBS.contains(&place.code.as_str()), place.iata.is_empty())
        });
        let popularity = Zipf::new(places.len() as f64, 1.1)?;
        let ledger = Ledger::new(places.iter().take(RENAMED));
        Ok(Self(Arc::new(Town {
            db: db.clone(),
            places,
            popularity,
            ledger,
        })))
    }

    /// Lets them in for a while. Whoever runs it in a [`Cache::scope`](cache_core::Cache::scope) has them use that.
    pub async fn run(&self, mode: Mode, time: Duration) -> Result<Tally> {
        let (started, before) = (Instant::now(), self.0.db.statements());
        let tasks: Vec<_> = (0..TASKS)
            .map(|seed| {
                let (town, scope) = (Arc::clone(&self.0), cache_core::scope_handle());
                tokio::spawn(
                    scope.wrap(async move { town.visit(mode, seed, started + time).await }),
                )
            })
            .collect();
        let mut all = Tally::default();
        for task in tasks {
            all.add(task.await??);
        }
        (all.took, all.statements) = (started.elapsed(), self.0.db.statements() - before);
        Ok(all)
    }
}

impl Town {
    async fn visit(&self, mode: Mode, seed: u64, until: Instant) -> Result<Tally> {
        let (mut tally, mut rng) = (Tally::default(), SmallRng::seed_from_u64(seed));
        while Instant::now() < until {
            tokio::task::consume_budget().await; // Hits never wait: without this a visitor would keep the thread.
            if rng.random_range(0..WRITES) == 0 {
                let place = rng.random_range(0..RENAMED.min(self.places.len()));
                self.write(mode, &self.places[place]).await?;
                tally.writes += 1;
            } else {
                self.read(mode, &mut rng, &mut tally).await?;
            }
        }
        Ok(tally)
    }

    async fn write(&self, mode: Mode, place: &Airport) -> Result<()> {
        let (db, code) = (&self.db, place.code.as_str());
        match mode {
            Mode::Untold => {
                self.ledger
                    .write(code, async |name| update(db, code, name).await)
                    .await
            }
            _ => {
                self.ledger
                    .write(code, async |name| rename(db, code, name).await)
                    .await
            }
        }
    }

    async fn read(&self, mode: Mode, rng: &mut SmallRng, tally: &mut Tally) -> Result<()> {
        let db = &self.db;
        let place = self.place(rng, self.places.len());
        let kind = kind(rng.random_range(0..100));
        let asked = Instant::now();
        let mut waited = || {
            tally.waits[kind].push(u64::try_from(asked.elapsed().as_nanos()).unwrap_or(u64::MAX))
        };
        let mut shown = Shown {
            ledger: &self.ledger,
            asked,
            checked: 0,
            stale: 0,
        };
        match kind {
            0 => {
                let found = ask(mode, airport(db, &place.code)).await?;
                waited();
                found.iter().for_each(|airport| shown.check(airport));
            }
            1 => {
                let (from, to) = (self.place(rng, RENAMED), self.place(rng, RENAMED));
                ask(mode, distance(db, &from.code, &to.code)).await?;
                waited();
            }
            2 => {
                // Who looks for an airport nearby is in a town that has one.
                let (lat, lon) = self.place(rng, RENAMED).position();
                let found = ask(mode, nearest(db, lat, lon, 5)).await?;
                waited();
                found.iter().for_each(|near| shown.check(&near.airport));
            }
            3 => {
                let found = ask(mode, highest(db, &place.country, 10)).await?;
                waited();
                found.iter().for_each(|airport| shown.check(airport));
            }
            _ => {
                let call = || regions(db, &place.country);
                if mode == Mode::Bypassed {
                    blocking::bypass(call)
                } else {
                    call()
                }?;
                waited();
            }
        }
        tally.checked += shown.checked;
        tally.stale += shown.stale;
        Ok(())
    }

    /// One of the `most` popular, the first far more often than the last.
    fn place(&self, rng: &mut SmallRng, most: usize) -> &Airport {
        let rank = self.popularity.sample(rng) as usize - 1;
        &self.places[rank % most]
    }
}

/// The kind of read that stands at this percentage.
fn kind(percentage: u32) -> usize {
    let mut end = 0;
    let stands = |(_, share): &(&str, u32)| {
        end += share;
        percentage < end
    };
    READS.iter().position(stands).unwrap_or(0)
}

async fn ask<F: Future>(mode: Mode, call: F) -> F::Output {
    if mode == Mode::Bypassed {
        bypass(call).await
    } else {
        call.await
    }
}

/// What one answer shows.
struct Shown<'a> {
    ledger: &'a Ledger,
    asked: Instant,
    checked: u64,
    stale: u64,
}

impl Shown<'_> {
    fn check(&mut self, airport: &Airport) {
        if let Some(stale) = self.ledger.is_stale(airport, self.asked) {
            self.checked += 1;
            self.stale += u64::from(stale);
        }
    }
}
