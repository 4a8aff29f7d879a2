//! The first minute: an ordinary function, one line above it, no set-up and no runtime.
//!
//! `cargo run --release --example hello`

use std::time::Instant;

use cache_core::{blocking, cache};

/// How many primes there are below `limit`, counted the slow way.
#[cache(ttl = 300)] // seconds
fn primes_below(limit: u32) -> usize {
    (2..limit)
        .filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0))
        .count()
}

fn main() {
    for limit in [400_000, 400_000, 300_000, 400_000] {
        let started = Instant::now();
        let count = primes_below(limit);
        println!(
            "primes_below({limit}) = {count:6}   {:>8.1?}",
            started.elapsed()
        );
    }

    let (_, trace) = blocking::explain(|| primes_below(400_000));
    println!("\nThe last call once more, explained:\n{trace}");
    println!("\nWhat the cache did:\n{}", cache_core::current().stats());
}
