//! Annotated functions that share a Redis: each cache is a process of the application, as far as the others can see.

mod adapting;
mod batches;
mod behind;
mod clusters;
mod connections;
mod deploys;
mod encryption;
mod garbage;
mod greeting;
mod guarantees;
mod hearing;
mod leases;
mod observing;
mod outages;
mod owed;
mod predicting;
mod putting;
mod refusals;
mod sentinels;
mod sharing;
mod stale;
mod tiers;
mod trips;
mod values;
mod warming;
mod writing;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cache_core::{Cache, cache_resource, invalidate_cache};
use tests::redis::Server;

/// Long enough for whatever must happen, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(20);

/// Who waits for so long is answered, where there is a server.
const PATIENT: Duration = Duration::from_millis(500);

/// The names of the values of [`process`].
const VALUES: &str = "fc:{test}/v/*";

/// Starts a server, or leaves the test.
macro_rules! start {
    ($($line:expr),*) => {
        match crate::Server::start(&[$($line),*]).unwrap() {
            Some(server) => server,
            None => return,
        }
    };
}
pub(crate) use start;

/// One process of the application.
async fn process(server: &Server) -> Cache {
    process_at(&server.url()).await
}

async fn process_at(url: &str) -> Cache {
    // A machine with other things to do takes longer to answer than the default allows, which is what a call may cost.
    let builder = Cache::builder().namespace("test").op_timeout(PATIENT);
    let builder = builder.redis(url);
    let Ok(cache) = builder.build().await else {
        unreachable!("nothing about it can fail");
    };
    until("contact", || cache.health().is_well());
    cache
}

/// Whether calls of a process give what they should, and its writes are seen by itself, whatever the server is like.
async fn works(cache: &Cache) -> Result<(), &'static str> {
    // Of each call its own: tests run beside each other.
    static ROWS: [AtomicU64; 4_096] = [const { AtomicU64::new(0) }; 4_096];
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    #[cache_resource("worked:{id}")]
    async fn worked(id: usize) -> u64 {
        ROWS[id].load(SeqCst)
    }
    #[invalidate_cache("resource:worked:{id}")]
    async fn write(id: usize) -> u64 {
        ROWS[id].fetch_add(1, SeqCst) + 1
    }
    let id = NEXT.fetch_add(1, SeqCst);
    let calls = async {
        for value in 0..3 {
            if worked(id).await != value || worked(id).await != value {
                return Err("a wrong value");
            }
            if write(id).await != value + 1 || worked(id).await != value + 1 {
                return Err("an old value");
            }
        }
        Ok(())
    };
    cache.scope(calls).await
}

/// Whether two processes share what they compute, and what they invalidate.
async fn share(a: &Cache, b: &Cache) -> Result<(), &'static str> {
    static ROWS: [Row; 4_096] = [const { Row::new() }; 4_096];
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    #[cache_resource("shared:{id}")]
    async fn shared(id: usize) -> u64 {
        ROWS[id].read()
    }
    let (began, fetched) = (Instant::now(), b.stats().total.fetched);
    let mut id;
    loop {
        id = NEXT.fetch_add(1, SeqCst);
        a.scope(shared(id)).await;
        // It is stored behind the call.
        tokio::time::sleep(Duration::from_millis(10)).await;
        b.scope(shared(id)).await;
        if b.stats().total.fetched > fetched {
            break;
        }
        if began.elapsed() > SOON {
            return Err("nothing is found");
        }
    }
    let value = ROWS[id].write();
    let told = a.invalidate_pattern("resource:shared:*").await;
    if told.is_err() {
        return Err("not logged");
    }
    if a.scope(shared(id)).await != value {
        return Err("an old value of its own");
    }
    while b.scope(shared(id)).await != value {
        if began.elapsed() > 2 * SOON {
            return Err("an old value of another's");
        }
    }
    Ok(())
}

/// Waits until a cache says why it has no Redis.
#[track_caller]
fn says(cache: &Cache, why: &str) {
    let began = Instant::now();
    loop {
        let last = cache.health().redis.and_then(|redis| redis.last_error);
        if last.as_ref().is_some_and(|last| last.contains(why)) {
            break;
        }
        assert!(began.elapsed() < SOON, "it says {last:?}, and not {why:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < SOON, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// How many values the server has.
fn stored(server: &Server) -> usize {
    match server.command(["KEYS", VALUES]) {
        Ok(tests::redis::Reply::Array(keys)) => keys.len(),
        _ => 0,
    }
}

/// Where a server listens, at 127.0.0.1.
fn port(server: &Server) -> String {
    server
        .url()
        .replace("redis://127.0.0.1:", "")
        .replace('/', "")
}

/// A table row, and how often it was read.
#[derive(Default)]
struct Row {
    value: AtomicU64,
    reads: AtomicU64,
}

impl Row {
    const fn new() -> Self {
        Self {
            value: AtomicU64::new(1),
            reads: AtomicU64::new(0),
        }
    }

    fn read(&self) -> u64 {
        self.reads.fetch_add(1, SeqCst);
        self.value.load(SeqCst)
    }

    fn write(&self) -> u64 {
        self.value.fetch_add(1, SeqCst) + 1
    }

    fn reads(&self) -> u64 {
        self.reads.load(SeqCst)
    }
}
