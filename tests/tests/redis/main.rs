//! Annotated functions that share a Redis: each cache is a process of the application, as far as the others can see.

mod guarantees;
mod leases;
mod outages;
mod sharing;

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cache_core::Cache;
use tests::redis::Server;

/// Long enough for whatever must happen, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(20);

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
    let builder = Cache::builder().namespace("test").redis(&server.url());
    let Ok(cache) = builder.build().await else {
        unreachable!("nothing about it can fail");
    };
    until("contact", || cache.health().is_well());
    cache
}

#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < SOON, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
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
