//! Calls to make at start-up, before the first visitor comes.
//!
//! `cargo run --release --example warmup`

use std::time::Duration;

use cache_core::{cache, cache_result, explain, warmup_cache};

#[warmup_cache(language = "en")]
#[warmup_cache(language = "de")]
#[cache(ttl = "1h")]
async fn front_page(language: &str) -> String {
    tokio::time::sleep(Duration::from_millis(200)).await; // A slow template engine.
    format!(
        "<h1>{}</h1>",
        if language == "de" {
            "Willkommen"
        } else {
            "Welcome"
        }
    )
}

#[warmup_cache(currency = "EUR")]
#[warmup_cache(currency = "XYZ")] // One that fails stops nothing.
#[cache_result(ttl = 60)]
async fn rate(currency: &str) -> Result<f64, String> {
    match currency {
        "EUR" => Ok(1.08),
        other => Err(format!("no such currency: {other}")),
    }
}

#[warmup_cache]
async fn nothing_cached() {} // A mistake, and the report says so.

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let cache = cache_core::current();
    let report = cache.warmup().concurrency(8).run().await;
    println!("{report}\n");

    let (page, trace) = explain(front_page("de")).await;
    println!("first visitor: {page}\n  {trace}");
    let (page, trace) = explain(front_page("fr")).await;
    println!("not warmed:    {page}\n  {trace}");
}
