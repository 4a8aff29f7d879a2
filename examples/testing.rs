//! How your own tests look: a cache of their own, a clock that you move, assertions on what happened.
//!
//! `cargo run --release --example testing`, and as tests: `cargo test --example testing`

use std::time::Duration;

use cache_core::{TestCache, cache_result, invalidate_cache};

#[cache_result("greetings:{name}", ttl = "5m")]
async fn greeting(name: &str) -> Result<String, String> {
    let greeting = format!("Hello, {name}!");
    (!name.is_empty())
        .then_some(greeting)
        .ok_or("nobody to greet".into())
}

#[invalidate_cache("result:greetings:*")]
async fn change_language() {}

/// Five minutes pass in no time.
async fn expires(test: &TestCache) {
    let _ = greeting("Ada").await;
    test.advance(Duration::from_secs(299));
    let _ = greeting("Ada").await;
    test.assert_hits("result:greetings:*", 1);
    test.advance(Duration::from_secs(1));
    let _ = greeting("Ada").await;
    test.assert_computed("result:greetings:Ada", 2);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let test = TestCache::new();
    test.run(expires(&test)).await;
    test.run(change_language()).await;
    println!("What happened:");
    test.events().iter().for_each(|event| println!("  {event}"));
}

#[cfg(test)]
#[tokio::test]
async fn a_greeting_expires() {
    let test = TestCache::new();
    test.run(expires(&test)).await;
}

#[cfg(test)]
#[tokio::test]
async fn a_change_of_language_reaches_every_greeting_and_errors_are_not_kept() {
    let test = TestCache::new();
    test.run(async {
        let _ = (greeting("Ada").await, greeting("").await);
        test.assert_stored("result:greetings:*", 1);
        change_language().await;
        let _ = greeting("Ada").await;
    })
    .await;
    test.assert_invalidated("result:greetings:*", 1);
    test.assert_computed("result:greetings:Ada", 2);
}
