//! The counters of one function, which hits of all threads add to.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::{FunctionStats, Histogram, MissCounts, MissReason, RefusalCounts, RefusalReason};

/// Counters that many threads write and few read.
///
/// A thread that owns a shard adds with a plain load and store, a fifth of what an atomic addition costs on a hit. Threads
/// beyond the number of shards share one.
#[derive(Debug, Default)]
struct Sharded {
    owned: [Shard; OWNED],
    shared: Shard,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard([AtomicU64; COUNTERS]);

/// What each call adds to one of, by its place in a shard: hits, those answered from Redis, and misses by reason.
const HITS: usize = 0;
const FETCHED: usize = 1;
const MISSES: usize = 2;
const COUNTERS: usize = MISSES + MissReason::COUNT;

/// How many threads can own a shard at a time.
const OWNED: usize = 16;

/// The shard of a thread that has not asked for one.
const UNKNOWN: usize = usize::MAX;

/// One bit for each shard that is owned.
static TAKEN: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(UNKNOWN) };
    static OWNER: Owner = const { Owner };
}

/// Gives a thread's shard back when the thread ends.
struct Owner;

impl Drop for Owner {
    fn drop(&mut self) {
        let shard = SHARD.replace(OWNED);
        if shard < OWNED {
            // Release, with the acquire in `own`: the next owner goes on from what this one wrote.
            TAKEN.fetch_and(!(1 << shard), Ordering::Release);
        }
    }
}

/// Finds a shard for this thread, its own if one is free.
#[cold]
fn own() -> usize {
    let free = |taken: u32| {
        let shard = taken.trailing_ones();
        (shard < OWNED as u32).then_some(taken | 1 << shard)
    };
    // A thread that is being torn down could not give a shard back.
    let shard =
        match OWNER.try_with(|_| TAKEN.fetch_update(Ordering::Acquire, Ordering::Relaxed, free)) {
            Ok(Ok(taken)) => taken.trailing_ones() as usize,
            _ => OWNED,
        };
    SHARD.set(shard);
    shard
}

impl Sharded {
    #[inline(always)]
    fn add(&self, at: usize) {
        // One comparison for all who own no shard.
        match self.owned.get(SHARD.get()) {
            Some(Shard(counters)) => {
                let counter = &counters[at];
                counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
            None => self.add_without_shard(at),
        }
    }

    #[cold]
    fn add_without_shard(&self, at: usize) {
        let shard = match SHARD.get() {
            UNKNOWN => own(),
            shared => shared,
        };
        match self.owned.get(shard) {
            Some(_) => self.add(at),
            None => bump(&self.shared.0[at]),
        }
    }

    fn get(&self, at: usize) -> u64 {
        let shards = self.owned.iter().chain([&self.shared]);
        shards
            .map(|shard| shard.0[at].load(Ordering::Relaxed))
            .sum()
    }
}

/// The counters of one function in one cache.
#[derive(Debug, Default)]
pub(crate) struct SiteCounters {
    often: Sharded,
    refusals: [AtomicU64; RefusalReason::COUNT],
    stale: AtomicU64,
    refreshes: AtomicU64,
    refresh_failures: AtomicU64,
    coalesced: AtomicU64,
    computed: AtomicU64,
    failed: AtomicU64,
    stores: AtomicU64,
    evictions: AtomicU64,
    /// Of these, those that had to go for others of any function, and not of their own.
    crowded_out: AtomicU64,
    foreign: AtomicU64,
    cost_ns: AtomicU64,
    latencies: Histogram,
    entries: AtomicI64,
    bytes: AtomicI64,
}

fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl SiteCounters {
    #[inline(always)]
    pub(crate) fn hit(&self) {
        self.often.add(HITS);
    }
    pub(crate) fn miss(&self, reason: MissReason) {
        self.often.add(MISSES + reason as usize);
    }
    pub(crate) fn refusal(&self, reason: RefusalReason) {
        bump(&self.refusals[reason as usize]);
    }
    pub(crate) fn stale(&self) {
        bump(&self.stale);
    }
    pub(crate) fn refreshes(&self) {
        bump(&self.refreshes);
    }
    pub(crate) fn refresh_failed(&self) {
        bump(&self.refresh_failures);
    }
    #[cfg(feature = "redis")]
    pub(crate) fn fetched(&self) {
        self.often.add(FETCHED);
    }
    pub(crate) fn foreign(&self, count: u64) {
        self.foreign.fetch_add(count, Ordering::Relaxed);
    }
    pub(crate) fn coalesced(&self) {
        bump(&self.coalesced);
    }
    pub(crate) fn computed(&self, cost_ns: u64, failed: bool) {
        bump(&self.computed);
        if failed {
            bump(&self.failed);
        }
        self.cost_ns.fetch_add(cost_ns, Ordering::Relaxed);
        self.latencies.add(cost_ns);
    }
    pub(crate) fn stored(&self, bytes: u64) {
        bump(&self.stores);
        self.entries.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes.cast_signed(), Ordering::Relaxed);
    }
    pub(crate) fn left(&self, bytes: u64, evicted: bool) {
        if evicted {
            bump(&self.evictions);
        }
        self.entries.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes.cast_signed(), Ordering::Relaxed);
    }
    /// Takes [`stored`](Self::stored) back.
    pub(crate) fn not_stored(&self, bytes: u64) {
        self.stores.fetch_sub(1, Ordering::Relaxed);
        self.left(bytes, false);
    }
    /// Whether a body has come to its end.
    pub(crate) fn has_computed(&self) -> bool {
        self.computed.load(Ordering::Relaxed) > 0
    }

    /// What one computation costs on average, in nanoseconds; 0 before the first.
    pub(crate) fn mean_cost_ns(&self) -> u64 {
        let computed = self.computed.load(Ordering::Relaxed);
        self.cost_ns
            .load(Ordering::Relaxed)
            .checked_div(computed)
            .unwrap_or(0)
    }

    fn misses(&self) -> [u64; MissReason::COUNT] {
        std::array::from_fn(|reason| self.often.get(MISSES + reason))
    }

    pub(crate) fn hits(&self) -> u64 {
        self.often.get(HITS)
    }

    /// How many have left because there was no room.
    pub(crate) fn crowded_out(&self) -> u64 {
        self.crowded_out.load(Ordering::Relaxed)
    }

    /// One has left because there was no room.
    pub(crate) fn left_for_room(&self) {
        bump(&self.crowded_out);
    }

    /// Hits, and misses of calls that looked.
    pub(crate) fn looks(&self) -> u64 {
        let misses = self.misses();
        let bypass = misses[MissReason::Bypass as usize];
        self.often.get(HITS) + misses.iter().sum::<u64>().saturating_sub(bypass)
    }

    pub(crate) fn read(&self, name: String) -> FunctionStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let gauge = |counter: &AtomicI64| counter.load(Ordering::Relaxed).max(0).cast_unsigned();
        let hits = self.often.get(HITS);
        let mean = Duration::from_nanos(self.mean_cost_ns());
        let coalesced = load(&self.coalesced);
        FunctionStats {
            name,
            hits,
            misses: MissCounts(self.misses()),
            stale: load(&self.stale),
            refreshes: load(&self.refreshes),
            refresh_failures: load(&self.refresh_failures),
            fetched: self.often.get(FETCHED),
            coalesced,
            computed: load(&self.computed),
            failed: load(&self.failed),
            stores: load(&self.stores),
            refusals: RefusalCounts(self.refusals.each_ref().map(load)),
            evictions: load(&self.evictions),
            foreign: load(&self.foreign),
            compute_time: Duration::from_nanos(load(&self.cost_ns)),
            latencies: self.latencies.read(),
            time_saved: mean.saturating_mul(u32::try_from(hits + coalesced).unwrap_or(u32::MAX)),
            entries: gauge(&self.entries),
            bytes: gauge(&self.bytes),
            adaptive_ttl: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HITS, OWNED, Sharded};

    #[test]
    fn no_count_is_lost_by_threads_that_come_and_go() {
        let counter = Sharded::default();
        for _ in 0..20 {
            std::thread::scope(|scope| {
                // More than there are shards, so that some share one.
                for _ in 0..OWNED + 4 {
                    scope.spawn(|| (0..500).for_each(|_| counter.add(HITS)));
                }
            });
        }
        assert_eq!(counter.get(HITS), 20 * (OWNED as u64 + 4) * 500);
    }
}
