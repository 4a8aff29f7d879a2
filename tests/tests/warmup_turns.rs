//! Start-up calls that are made again: what takes too long, comes too often or never, and fails.

#![expect(clippy::unwrap_used, reason = "of what tests have in common")]

use std::cell::Cell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use cache_core::{Cache, TestCache, cache, warmup_cache};
use tests::redis::Server;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(20);

thread_local! {
    static ILL: Cell<bool> = const { Cell::new(false) };
    static SLOW: Cell<bool> = const { Cell::new(false) };
}

#[warmup_cache(every = "1ms")]
#[cache]
fn slow() -> u64 {
    if SLOW.get() {
        thread::sleep(Duration::from_millis(2));
    }
    1
}

const AT_ONCE: Duration = Duration::ZERO;

#[warmup_cache(every = AT_ONCE)]
#[cache]
fn at_once() -> u64 {
    1
}

#[warmup_cache(every = Duration::MAX)]
#[cache]
fn never() -> u64 {
    1
}

static MADE: AtomicU64 = AtomicU64::new(0);
static FAILED: AtomicU64 = AtomicU64::new(0);

#[warmup_cache(every = "200ms")]
#[cache(ttl = "1h")]
fn rates() -> Result<u64, String> {
    if ILL.get() {
        FAILED.fetch_add(1, SeqCst);
        return Err("no way to the database from here".into());
    }
    Ok(MADE.fetch_add(1, SeqCst))
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

#[test]
fn what_is_always_due_can_be_dropped() {
    let (told, ended) = channel();
    thread::spawn(move || {
        SLOW.set(true);
        let test = TestCache::new();
        let mut made = 0;
        runtime().block_on(async {
            let repeating = test.cache().warmup().repeat(|_| made += 1);
            let _ = timeout(Duration::from_millis(100), repeating).await;
        });
        told.send(made).unwrap();
    });
    let made = ended.recv_timeout(SOON).unwrap();
    assert!(made > 10, "{made}");
}

#[test]
fn what_fails_here_is_made_by_others() {
    let Some(server) = Server::start(&[]).unwrap() else {
        return;
    };
    let process = |ill: bool| {
        let url = server.url();
        thread::spawn(move || {
            ILL.set(ill);
            let builder = Cache::builder().namespace("test").op_timeout(SOON);
            let cache = builder.redis(&url).build_blocking().unwrap();
            let began = Instant::now();
            while !cache.health().is_well() {
                assert!(began.elapsed() < SOON, "no contact");
                thread::sleep(Duration::from_millis(2));
            }
            // The ill one begins, and the turns of the other are in the middle of its own: were they kept, it would have none.
            while !ill && FAILED.load(SeqCst) == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            if !ill {
                thread::sleep(Duration::from_millis(100));
            }
            runtime().block_on(async {
                let done = async {
                    while MADE.load(SeqCst) < 5 && began.elapsed() < SOON {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                };
                let repeating = std::pin::pin!(cache.warmup().repeat(|_| ()));
                futures_util::future::select(repeating, std::pin::pin!(done)).await;
            });
        })
    };
    for process in [process(true), process(false)] {
        process.join().unwrap();
    }
    assert!(MADE.load(SeqCst) >= 5, "{} failed", FAILED.load(SeqCst));
}
