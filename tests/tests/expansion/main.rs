//! What an annotated function must go on being: its types, names, attributes, lifetimes, and its future.

#![forbid(unsafe_code)]
#![deny(unused, clippy::all)]

mod arguments;
mod attributes;
mod bodies;
mod calls;
mod instances;
mod invalidations;

use cache_core::__private::block_on;
use cache_core::{cache, warmup_cache};

fn is_send<T: Send>(value: T) -> T {
    value
}

static WARMED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

#[warmup_cache(by = 2, name = "x")]
#[cache]
#[warmup_cache(name = "y", by = 30)]
async fn warmed(name: &str, by: u64) -> Result<u64, String> {
    WARMED.fetch_add(by, std::sync::atomic::Ordering::Relaxed);
    if name == "y" {
        Err("y".to_owned())
    } else {
        Ok(by)
    }
}

#[warmup_cache]
#[cfg(not(test))]
fn warmed_but_absent() -> u8 {
    NO_SUCH_THING
}

#[warmup_cache]
#[cache]
fn warmed_sync() -> u8 {
    WARMED.fetch_add(400, std::sync::atomic::Ordering::Relaxed);
    1
}

#[test]
fn start_up_calls_are_made() {
    let report = block_on(cache_core::current().warmup().run());
    assert_eq!(WARMED.load(std::sync::atomic::Ordering::Relaxed), 432);
    let mut warmed = report.warmed.named().to_vec();
    warmed.sort();
    assert_eq!(
        warmed,
        ["expansion::warmed(\"x\",2)", "expansion::warmed_sync()"]
    );
    assert_eq!(
        report.failed.named(),
        [("expansion::warmed(\"y\",30)".to_owned(), "y".to_owned())]
    );
    assert!(report.untouched.is_empty());
}
