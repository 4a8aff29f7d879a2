//! Four ways to say what a write makes obsolete: by template, by pattern, by tag, by call.
//!
//! `cargo run --release --example invalidation`

use cache_core::{Error, cache_query, cache_resource, invalidate_cache, invalidate_tag, peek};
use tokio::sync::Mutex;

/// Stands for a table of a database: shop and price of each article.
static ARTICLES: Mutex<[(u8, u32); 3]> = Mutex::const_new([(1, 10), (1, 20), (2, 30)]);

/// The tag is of the shop that the value names.
#[cache_resource("articles:{id}", tags("shop:{return.0}"))]
async fn article(id: usize) -> Option<(u8, u32)> {
    ARTICLES.lock().await.get(id).copied()
}

#[cache_query(ttl = "5m", tags("shop:{shop}"))]
async fn total(shop: u8) -> u32 {
    let articles = ARTICLES.lock().await;
    articles
        .iter()
        .filter(|article| article.0 == shop)
        .map(|article| article.1)
        .sum()
}

/// A template (an argument's text is never a pattern), and a call, which the compiler checks.
#[invalidate_cache("resource:articles:{id}", total(shop))]
async fn set_price(shop: u8, id: usize, price: u32) {
    ARTICLES.lock().await[id] = (shop, price);
}

/// Patterns: one record in the log each, however many entries they match.
#[invalidate_cache("resource:articles:*", "query:total:*")]
async fn double_all() {
    ARTICLES
        .lock()
        .await
        .iter_mut()
        .for_each(|article| article.1 *= 2);
}

/// What is cached at the moment; `peek` computes nothing. Then it is loaded.
async fn show(after: &str) {
    let text = |cached: Option<u32>| cached.map_or("-".into(), |value| value.to_string());
    print!("{after:22}");
    for id in [0, 2] {
        let cached = peek(article(id)).await.flatten();
        print!("{:>12}", text(cached.map(|article| article.1)));
        article(id).await;
    }
    for shop in [1, 2] {
        print!("{:>12}", text(peek(total(shop)).await));
        total(shop).await;
    }
    println!();
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    println!("- is not cached           article(0)  article(2)    total(1)    total(2)");
    show("empty").await;
    show("loaded").await;
    set_price(1, 0, 15).await;
    show("set_price(1, 0, 15)").await;
    double_all().await;
    show("double_all()").await;
    invalidate_tag("shop:1").await?;
    show("a tag: shop:1").await;
    cache_core::invalidate(total(2)).await?;
    show("a call: total(2)").await;
    Ok(())
}
