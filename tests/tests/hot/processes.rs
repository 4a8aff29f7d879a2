//! One process after the other.

use std::env;

use cache_core::cache;
use serde::{Deserialize, Serialize};
use tests::parts::{is, is_any, play};

use super::*;

static ARTICLES: Made = Made::new();

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Edition {
    Web,
    Print { year: u16 },
}

#[warmup_cache(hot = 3)]
#[cache(ttl = "1h")]
async fn article(id: u64, edition: Edition, lang: &str) -> String {
    ARTICLES.make(format!("{id} {lang}"));
    format!("{id} {edition:?} {lang}")
}

async fn read_articles(cache: &Cache) {
    let print = Edition::Print { year: 1999 };
    for (id, edition, lang, times) in [
        (1, Edition::Web, "de", 4),
        (2, print, "fr", 4),
        (3, Edition::Web, "en", 3),
        (4, Edition::Web, "en", 2),
        (5, Edition::Web, "en", 1),
    ] {
        for _ in 0..times {
            let given = cache.scope(article(id, edition.clone(), lang)).await;
            assert_eq!(given, format!("{id} {edition:?} {lang}"));
        }
    }
}

#[test]
fn the_next_process_makes_the_hottest_calls_again() {
    if is_any() {
        return;
    }
    let server = start!();
    let url = server.url();
    let at = [("AT", url.as_str())];
    play("processes::before", &at);
    assert_eq!(names(&server, "fc:{test}/v/*").len(), 5);
    expire(&server);
    play("processes::after", &at);
    // Those that nobody has asked for since are no hotter for it.
    expire(&server);
    play("processes::after", &at);
}

#[tokio::test]
async fn before() {
    if !is("processes::before") {
        return;
    }
    let cache = started_with(&env::var("AT").unwrap(), |builder| builder).await;
    read_articles(&cache).await;
    end(cache).await;
}

#[tokio::test]
async fn after() {
    if !is("processes::after") {
        return;
    }
    let cache = started_with(&env::var("AT").unwrap(), |builder| builder).await;
    let told = Mutex::new((0, 0));
    let progress = |through, of| *told.lock().unwrap() = (through, of);
    let report = cache.warmup().progress(progress).run().await;
    assert_eq!(
        warmed(&report, "hot::processes::article(hot 3)["),
        3,
        "{report}"
    );
    assert!(report.failed.is_empty(), "{report}");
    assert_eq!(*told.lock().unwrap(), (3, 3));
    assert_eq!(ARTICLES.take(), ["1 de", "2 fr", "3 en"]);
    let stats = cache.stats();
    assert_eq!(stats.function("article").unwrap().computed, 3);
    assert!(
        stats.redis.unwrap().shelf.is_none(),
        "nothing is fetched ahead"
    );
    let print = Edition::Print { year: 1999 };
    assert_eq!(
        cache.scope(article(2, print, "fr")).await,
        "2 Print { year: 1999 } fr"
    );
    assert_eq!(ARTICLES.take(), [""; 0], "it was there");
    end(cache).await;
}
