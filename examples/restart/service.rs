//! The service, and who asks it.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Error, Result, bail};
use cache_core::{Cache, Memory, Stats, cache_resource};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand_distr::{Distribution, Zipf};
use tokio::time::{MissedTickBehavior, interval, sleep};

/// So many visitors at a time.
const TASKS: u64 = 8;

/// How often all of them ask in a second, where they do not ask as fast as they can.
const RATE: u64 = 2_000;

/// For so long the start of a service is watched.
const SECONDS: usize = 10;

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The service before its restart.
    Before,
    /// Restarted, with what its visitors ask for.
    Cold,
    /// Restarted, with what was hot before.
    Warm,
    /// Another service, whose memory has room for a tenth of what it is asked for.
    Filling,
    /// The same, with what its visitors ask for.
    Plain,
    /// The same, with what they usually ask for next.
    Predicting,
}

impl Part {
    pub const ALL: [Self; 6] = [
        Self::Before,
        Self::Cold,
        Self::Warm,
        Self::Filling,
        Self::Plain,
        Self::Predicting,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Cold => "cold",
            Self::Warm => "warm",
            Self::Filling => "filling",
            Self::Plain => "plain",
            Self::Predicting => "predicting",
        }
    }
}

impl FromStr for Part {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match Self::ALL.iter().find(|part| part.name() == name) {
            Some(part) => Ok(*part),
            None => bail!("no such part: {name}"),
        }
    }
}

/// One of 50,000, the first the most popular.
#[cache_resource("products:{id}")]
async fn product(id: u64) -> String {
    read(id).await
}

/// What every visitor of a page looks at next.
#[cache_resource("reviews:{id}")]
async fn reviews(id: u64) -> String {
    read(id).await
}

/// A slow database.
async fn read(id: u64) -> String {
    sleep(Duration::from_millis(2)).await;
    format!("{id} ").repeat(60)
}

#[tokio::main]
pub async fn run(part: Part, url: &str, namespace: &str) -> Result<()> {
    let small = matches!(part, Part::Filling | Part::Plain | Part::Predicting);
    let memory = if small { 1 << 20 } else { 128 << 20 };
    let builder = Cache::builder()
        .namespace(namespace)
        .memory(Memory::new().max_bytes(memory))
        .redis(url)
        .require_redis(Duration::from_secs(5))
        .predict(part == Part::Predicting);
    let builder = match part {
        Part::Before | Part::Warm => builder.hot_keys(10_000),
        _ => builder,
    };
    let cache = builder.install().await?;
    match part {
        Part::Before => {
            visit(1, 40_000, None, |id| async move {
                product(id).await;
            })
            .await?;
            println!("before     320,000 calls, and an end:");
        }
        Part::Cold | Part::Warm => watch(part, &cache).await?,
        Part::Filling => {
            let all = (0..TASKS).map(|task| {
                tokio::spawn(async move {
                    for id in (1..=5_000).filter(|id| id % TASKS == task) {
                        product(id).await;
                        reviews(id).await;
                    }
                })
            });
            for done in all.collect::<Vec<_>>() {
                done.await?;
            }
            println!("filling    5,000 products and their reviews:");
        }
        Part::Plain | Part::Predicting => sessions(part, &cache).await?,
    }
    let _ = cache.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

/// What visitors ask for: each so many times, at a rate, or as fast as they are answered.
async fn visit<F: Future<Output = ()> + Send>(
    seed: u64,
    times: usize,
    rate: Option<u64>,
    call: impl Fn(u64) -> F + Clone + Send + 'static,
) -> Result<()> {
    let popular = if rate.is_some() || times == 40_000 {
        Zipf::new(50_000.0, 1.0)?
    } else {
        Zipf::new(5_000.0, 0.8)?
    };
    let tasks = (0..TASKS).map(|task| {
        let call = call.clone();
        tokio::spawn(async move {
            let mut chance = SmallRng::seed_from_u64(100 * seed + task);
            let mut pace = rate.map(|rate| {
                let mut pace = interval(Duration::from_secs(TASKS) / rate as u32);
                pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
                pace
            });
            for _ in 0..times {
                if let Some(pace) = &mut pace {
                    pace.tick().await;
                }
                call(popular.sample(&mut chance) as u64).await;
            }
        })
    });
    for done in tasks.collect::<Vec<_>>() {
        done.await?;
    }
    Ok(())
}

/// The first seconds of a service, each in a column.
async fn watch(part: Part, cache: &Cache) -> Result<()> {
    let times = SECONDS * RATE as usize / TASKS as usize;
    let visitors = tokio::spawn(visit(2, times, Some(RATE), |id| async move {
        product(id).await;
    }));
    let began = Instant::now();
    let mut seen = vec![Seen::of(&cache.stats())];
    let mut second = interval(Duration::from_secs(1));
    second.tick().await;
    for _ in 0..SECONDS {
        second.tick().await;
        seen.push(Seen::of(&cache.stats()));
    }
    visitors.await??;
    let name = part.name();
    let row = |what: &str, cell: &dyn Fn(&Seen, &Seen) -> String| {
        let cells = seen.iter().zip(seen.iter().skip(1));
        let cells: Vec<String> = cells.map(|(from, to)| cell(from, to)).collect();
        println!("{name:10} {what:26} {}", cells.join(" "));
    };
    let share = |from: &Seen, to: &Seen| {
        let calls = (to.calls - from.calls).max(1);
        100.0 * (to.here - from.here) as f64 / calls as f64
    };
    row("% answered without a trip", &|from, to| {
        format!("{:5.1}", share(from, to))
    });
    row("values asked of Redis", &|from, to| {
        format!("{:5}", to.looks - from.looks)
    });
    if let (Some(first), Some(last)) = (seen.first(), seen.last()) {
        println!(
            "{name:10} {:.1} % of {} calls in {:.1} s without a trip",
            share(first, last),
            last.calls - first.calls,
            began.elapsed().as_secs_f64()
        );
    }
    if let Some(shelf) = cache.stats().redis.and_then(|redis| redis.shelf) {
        println!(
            "{name:10} {} values fetched before they were asked for, {} of them used",
            shelf.fetched, shelf.used
        );
    }
    Ok(())
}

/// What has happened by a moment.
struct Seen {
    calls: u64,
    /// Those that were answered in the process.
    here: u64,
    /// Values that were asked of Redis because a call wanted them.
    looks: u64,
}

impl Seen {
    fn of(stats: &Stats) -> Self {
        let redis = stats.redis.clone().unwrap_or_default();
        let used = redis.shelf.map_or(0, |shelf| shelf.used);
        Self {
            calls: stats.total.calls(),
            here: stats.total.hits + used,
            looks: redis.hits + redis.misses.total() - used,
        }
    }
}

/// Visitors who look at a product, and then at its reviews.
async fn sessions(part: Part, cache: &Cache) -> Result<()> {
    let times = 12_500;
    let took = Arc::new(std::sync::Mutex::new(Duration::ZERO));
    let sum = Arc::clone(&took);
    visit(3, times, None, move |id| {
        let sum = Arc::clone(&sum);
        async move {
            let began = Instant::now();
            product(id).await;
            reviews(id).await;
            if let Ok(mut sum) = sum.lock() {
                *sum += began.elapsed();
            }
        }
    })
    .await?;
    let count = times as f64 * TASKS as f64;
    let seen = Seen::of(&cache.stats());
    let took = took.lock().map_or(Duration::ZERO, |took| *took);
    println!(
        "{:10} {count} sessions: {:.2} values asked of Redis in each, {:.0} µs each",
        part.name(),
        seen.looks as f64 / count,
        took.as_secs_f64() * 1e6 / count
    );
    if let Some(shelf) = cache.stats().redis.and_then(|redis| redis.shelf) {
        println!(
            "{:10} {} came along with others, {} of them used; it {}",
            part.name(),
            shelf.predicted,
            shelf.predicted_used,
            if shelf.pays { "pays" } else { "does not pay" }
        );
    }
    Ok(())
}
