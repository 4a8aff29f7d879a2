//! Calls that were hot before: a process that starts makes them again.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "of what tests have in common"
)]

mod calls;
mod lists;
mod processes;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cache_core::{Builder, Cache, WarmupReport, warmup_cache};
use tests::redis::{Reply, Server};

/// Long enough for whatever must happen, on a machine with other things to do.
const SOON: Duration = Duration::from_secs(20);

macro_rules! start {
    () => {
        match Server::start(&[]).unwrap() {
            Some(server) => server,
            None => return,
        }
    };
}
use start;

async fn started_with(url: &str, set: impl FnOnce(Builder) -> Builder) -> Cache {
    let builder = Cache::builder().namespace("test").redis(url);
    let builder = builder.op_timeout(Duration::from_millis(500));
    let Ok(cache) = set(builder).build().await else {
        unreachable!("nothing about it can fail");
    };
    until("contact", || cache.health().is_well());
    cache
}

async fn started(server: &Server) -> Cache {
    started_with(&server.url(), |builder| builder).await
}

#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < SOON, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Ends a process, which writes down what it has used.
async fn end(cache: Cache) {
    let left = cache.shutdown(SOON).await;
    assert!(left.is_clean(), "{left:?}");
}

fn names(server: &Server, pattern: &str) -> Vec<Vec<u8>> {
    let Ok(Reply::Array(names)) = server.command(["KEYS", pattern]) else {
        return Vec::new();
    };
    let name = |name| match name {
        Reply::Bytes(name) => Some(name),
        _ => None,
    };
    names.into_iter().filter_map(name).collect()
}

/// All values expire.
fn expire(server: &Server) {
    for name in names(server, "fc:{test}/v/*") {
        server.command([&b"DEL"[..], &name]).unwrap();
    }
}

/// The only list.
fn list(server: &Server) -> Vec<u8> {
    let [list] = &names(server, "fc:{test}/h/*")[..] else {
        panic!("no list, or several");
    };
    list.clone()
}

/// Calls that were made, by what they were given.
struct Made(Mutex<BTreeMap<String, u64>>);

impl Made {
    const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    fn make(&self, call: impl ToString) {
        *self.0.lock().unwrap().entry(call.to_string()).or_default() += 1;
    }

    /// What was made since this was last asked, with how often where that is not once.
    fn take(&self) -> Vec<String> {
        let made = std::mem::take(&mut *self.0.lock().unwrap());
        let shown = made.into_iter().map(|(call, times)| match times {
            1 => call,
            times => format!("{call} ×{times}"),
        });
        shown.collect()
    }
}

fn warmed(report: &WarmupReport, of: &str) -> usize {
    let all = report.warmed.named().iter();
    all.filter(|name| name.contains(of)).count()
}
