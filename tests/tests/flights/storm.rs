//! Many at once, and a checker: no call is given a value older than the last invalidation that had returned when the
//! call began.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cache_core::{Cache, blocking, cache};

use crate::support::{LONG, Now, SOON, pause};

const KEYS: usize = 3;

/// A source whose values are versions of themselves.
#[derive(Default)]
struct Versions {
    written: [AtomicU64; KEYS],
    /// The last version whose invalidation has returned.
    acknowledged: [AtomicU64; KEYS],
}

impl Versions {
    /// Reads; whoever writes has the time to do so before the value gets any further.
    fn load(&self, key: usize) -> u64 {
        let version = self.written[key].load(SeqCst);
        std::thread::yield_now();
        version
    }

    fn write(&self, key: usize, invalidate: impl FnOnce()) {
        let version = self.written[key].fetch_add(1, SeqCst) + 1;
        invalidate();
        self.acknowledged[key].fetch_max(version, SeqCst);
    }

    /// Makes a call, and checks it.
    fn check(&self, key: usize, call: impl FnOnce() -> u64) -> Result<(), Stale> {
        let due = self.acknowledged[key].load(SeqCst);
        let given = call();
        if given < due {
            Err(Stale { due, given })
        } else {
            Ok(())
        }
    }

    async fn check_async(&self, key: usize, call: impl Future<Output = u64>) -> Result<(), Stale> {
        let due = self.acknowledged[key].load(SeqCst);
        let given = call.await;
        if given < due {
            Err(Stale { due, given })
        } else {
            Ok(())
        }
    }
}

/// What the checker finds.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "printed")]
struct Stale {
    due: u64,
    given: u64,
}

/// A cache under the checker.
trait Subject: Sync {
    fn read(&self, versions: &Versions, key: usize, turn: usize) -> u64;
    fn invalidate(&self, key: usize, turn: usize);
}

/// Readers and writers, until so much was written or something stale was read. The number of reads.
fn storm(subject: &impl Subject, writes: usize, limit: Duration) -> Result<usize, Stale> {
    let (versions, over, reads) = (
        Versions::default(),
        AtomicBool::new(false),
        AtomicUsize::new(0),
    );
    let found = Mutex::new(None);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for reader in 0..3 {
            let (versions, over, reads, found) = (&versions, &over, &reads, &found);
            scope.spawn(move || {
                let mut turn = reader;
                while !over.load(SeqCst) {
                    turn += 1;
                    let key = turn % KEYS;
                    if let Err(stale) = versions.check(key, || subject.read(versions, key, turn)) {
                        *found.lock().unwrap() = Some(stale);
                        over.store(true, SeqCst);
                    }
                    reads.fetch_add(1, SeqCst);
                }
            });
        }
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let (versions, over, reads) = (&versions, &over, &reads);
                scope.spawn(move || {
                    for turn in 0..writes {
                        let key = (turn + writer) % KEYS;
                        versions.write(key, || subject.invalidate(key, turn));
                        // None to many reads later, the next one.
                        let due = reads.load(SeqCst) + turn % 20;
                        while reads.load(SeqCst) < due && !over.load(SeqCst) {
                            std::thread::yield_now();
                        }
                        if over.load(SeqCst) || began.elapsed() > limit {
                            break;
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        over.store(true, SeqCst);
    });
    match found.into_inner().unwrap() {
        Some(stale) => Err(stale),
        None => Ok(reads.into_inner()),
    }
}

/// What can be wrong with a cache.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    /// A value is as new as its storing, not as its reading.
    StampedAtStore,
    /// An invalidation removes what is there.
    DeletesOnly,
    /// What is stored is checked then, and not when it is served.
    ChecksAtStoreOnly,
    /// Waiters are given what began before they did.
    JoinsAnything,
}

/// A cache of a few lines, right or wrong.
struct Simulated {
    flaw: Flaw,
    position: AtomicU64,
    newest: [AtomicU64; KEYS],
    entries: Mutex<HashMap<usize, (u64, u64)>>,
    /// One computation per key at a time, with its stamp and what came of it.
    flights: [Mutex<Option<(u64, u64)>>; KEYS],
}

impl Simulated {
    fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            position: AtomicU64::new(1),
            newest: Default::default(),
            entries: Mutex::default(),
            flights: Default::default(),
        }
    }

    fn valid(&self, key: usize, stamp: u64) -> bool {
        self.newest[key].load(SeqCst) <= stamp
    }
}

impl Subject for Simulated {
    fn read(&self, versions: &Versions, key: usize, _: usize) -> u64 {
        let found = self.entries.lock().unwrap().get(&key).copied();
        let looked = matches!(self.flaw, Flaw::DeletesOnly | Flaw::ChecksAtStoreOnly);
        if let Some((value, stamp)) = found
            && (looked || self.valid(key, stamp))
        {
            return value;
        }
        let arrived = self.position.load(SeqCst);
        let mut flight = self.flights[key].lock().unwrap();
        // Whoever led while we waited for the lock has its value for us, if it began after we did.
        if let Some((value, stamp)) = *flight
            && self.flaw == Flaw::JoinsAnything
            && stamp + 10 > arrived
        {
            *flight = None;
            return value;
        }
        let began = self.position.load(SeqCst);
        let value = versions.load(key);
        let stamp = if self.flaw == Flaw::StampedAtStore {
            self.position.load(SeqCst)
        } else {
            began
        };
        *flight = Some((value, stamp));
        if self.flaw == Flaw::DeletesOnly || self.valid(key, stamp) {
            std::thread::yield_now();
            self.entries.lock().unwrap().insert(key, (value, stamp));
        }
        value
    }

    fn invalidate(&self, key: usize, _: usize) {
        let position = self.position.fetch_add(1, SeqCst) + 1;
        self.newest[key].fetch_max(position, SeqCst);
        if matches!(self.flaw, Flaw::DeletesOnly | Flaw::ChecksAtStoreOnly) {
            self.entries.lock().unwrap().remove(&key);
        }
    }
}

/// The checker itself: it finds what is wrong, and nothing else.
#[test]
fn the_checker_finds_every_flaw() {
    for flaw in [
        Flaw::StampedAtStore,
        Flaw::DeletesOnly,
        Flaw::ChecksAtStoreOnly,
        Flaw::JoinsAnything,
    ] {
        let found = storm(&Simulated::new(flaw), usize::MAX, SOON);
        println!("{flaw:?}: {found:?}");
        assert!(found.is_err(), "{flaw:?} was not found");
    }
}

#[test]
fn the_checker_finds_nothing_where_nothing_is_wrong() {
    let reads = storm(&Simulated::new(Flaw::None), 1_000, LONG).unwrap();
    assert!(reads >= 9_500, "{reads}");
}

#[cache("version:{key}", key(key), tags("key:{key}"))]
fn version(versions: &Versions, key: usize) -> u64 {
    versions.load(key)
}

#[cache("outer:{key}", key(key))]
fn outer(versions: &Versions, key: usize) -> u64 {
    let version = version(versions, key);
    std::thread::yield_now();
    version
}

#[cache("version:{key}", key(key), tags("key:{key}"))]
async fn version_async(versions: &Versions, key: usize) -> u64 {
    let version = versions.written[key].load(SeqCst);
    pause().await;
    pause().await;
    version
}

#[cache("outer:{key}", key(key))]
async fn outer_async(versions: &Versions, key: usize) -> u64 {
    pause().await;
    let version = version_async(versions, key).await;
    pause().await;
    version
}

/// Every way of invalidating, in turn.
fn invalidate(cache: &Cache, key: usize, turn: usize) {
    match turn % 6 {
        0 => drop(cache.invalidate_tag_now(&format!("key:{key}"))),
        1 => drop(cache.invalidate_pattern_now("version:*")),
        2 => drop(cache.remove_now(&format!("version:{key}"))),
        3 => drop(cache.clear_now()),
        4 => drop(cache.invalidate_pattern_now("tag:key:*")),
        _ => {
            let done: Result<(), ()> = cache.transaction_blocking(|| {
                blocking::remove(&format!("version:{key}")).unwrap();
                Ok(())
            });
            done.unwrap();
        }
    }
}

struct Real(Cache);

impl Subject for Real {
    fn read(&self, versions: &Versions, key: usize, turn: usize) -> u64 {
        self.0.enter(|| match turn % 7 {
            0 => blocking::refresh(|| version(versions, key)),
            1 => blocking::bypass(|| outer(versions, key)),
            2..4 => version(versions, key),
            _ => outer(versions, key),
        })
    }

    fn invalidate(&self, key: usize, turn: usize) {
        match turn % 7 {
            6 => drop(
                self.0
                    .enter(|| blocking::invalidate(|| version(&Versions::default(), key)).unwrap()),
            ),
            _ => invalidate(&self.0, key, turn),
        }
    }
}

fn built(index_max_records: usize) -> Cache {
    Cache::builder()
        .index_max_records(index_max_records)
        .wait_max(LONG)
        .build_blocking()
        .unwrap()
}

/// With a full index, too.
#[test]
fn threads_are_never_given_anything_stale() {
    for index_max_records in [100_000, 3] {
        let subject = Real(built(index_max_records));
        let reads = storm(&subject, 1_000, LONG).unwrap();
        let stats = subject.0.stats();
        println!("{reads} reads\n{stats}");
        assert!(
            stats.total.hits > 100 && stats.total.computed > 100,
            "a storm of both"
        );
    }
}

#[test]
fn tasks_are_never_given_anything_stale() {
    const WRITES: usize = 4_000;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let cache = built(100_000);
    let (versions, over) = (
        Arc::new(Versions::default()),
        Arc::new(AtomicBool::new(false)),
    );
    let reads = runtime.block_on(async {
        let readers: Vec<_> = (0..8)
            .map(|reader| {
                let (cache, versions, over) =
                    (cache.clone(), Arc::clone(&versions), Arc::clone(&over));
                tokio::spawn(async move {
                    let mut reads = 0;
                    while !over.load(SeqCst) {
                        reads += 1;
                        let (key, turn) = ((reads + reader) % KEYS, reads % 7);
                        let call = cache.scope(async {
                            match turn {
                                0 => cache_core::refresh(outer_async(&versions, key)).await,
                                1 => cache_core::explain(version_async(&versions, key)).await.0,
                                2 | 3 => version_async(&versions, key).await,
                                _ => outer_async(&versions, key).await,
                            }
                        });
                        if reads % 11 == 0 {
                            // One that is dropped wherever it has got to.
                            let mut call = Box::pin(call);
                            let mut polls = reads % 5;
                            let dropped = std::future::poll_fn(|cx| {
                                if polls == 0 || call.as_mut().poll(cx).is_ready() {
                                    return std::task::Poll::Ready(());
                                }
                                polls -= 1;
                                cx.waker().wake_by_ref();
                                std::task::Poll::Pending
                            });
                            dropped.await;
                        } else {
                            versions.check_async(key, call).await.unwrap();
                        }
                        tokio::task::yield_now().await;
                    }
                    reads
                })
            })
            .collect();
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let (cache, versions) = (cache.clone(), Arc::clone(&versions));
                tokio::spawn(async move {
                    for turn in 0..WRITES {
                        let key = (turn + writer) % KEYS;
                        versions.write(key, || invalidate(&cache, key, turn));
                        for _ in 0..turn % 20 {
                            tokio::task::yield_now().await;
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        over.store(true, SeqCst);
        let mut reads = 0;
        for reader in readers {
            reads += reader.await.unwrap();
        }
        reads
    });
    let stats = cache.stats();
    println!("{reads} reads\n{stats}");
    assert!(
        stats.total.hits > 100 && stats.total.computed > 100 && stats.total.coalesced > 100,
        "a storm of all"
    );
}
