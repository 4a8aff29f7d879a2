//! What stands at the server says nothing to who has no key, and who has none can write nothing.

use cache_core::{Builder, ErrorKind, FetchMiss, cache_resource};

use super::*;
use tests::redis::Reply;

const MINUTE: Duration = Duration::from_secs(60);
const OLD: (u32, [u8; 32]) = (1, [1; 32]);
const NEW: (u32, [u8; 32]) = (2, [2; 32]);

async fn with(server: &Server, keys: &[(u32, [u8; 32])]) -> Cache {
    let builder = Cache::builder().namespace("test").redis(&server.url());
    let builder = match keys {
        [] => builder,
        keys => builder.encryption(keys.iter().copied()),
    };
    opened(builder).await
}

async fn opened(builder: Builder) -> Cache {
    let Ok(cache) = builder.build().await else {
        unreachable!("nothing about it can fail");
    };
    until("contact", || cache.health().is_well());
    cache
}

async fn has(cache: &Cache, address: &str) -> bool {
    let began = Instant::now();
    // A trip that takes too long on a busy machine says nothing.
    while began.elapsed() < Duration::from_secs(1) {
        if cache
            .get::<String>(address)
            .await
            .is_ok_and(|got| got.is_some())
        {
            return true;
        }
        if cache
            .stats()
            .redis
            .is_some_and(|redis| redis.misses.of(FetchMiss::Encryption) > 0)
        {
            return false;
        }
    }
    false
}

/// All that the server has, names included.
fn everything(server: &Server) -> Vec<u8> {
    fn add(reply: &Reply, into: &mut Vec<u8>) {
        match reply {
            Reply::Bytes(bytes) => into.extend(bytes),
            Reply::Array(all) => all.iter().for_each(|one| add(one, into)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    let Ok(keys) = server.command(["KEYS", "*"]) else {
        return all;
    };
    add(&keys, &mut all);
    let Reply::Array(keys) = keys else { return all };
    for key in keys {
        let Reply::Bytes(key) = key else { continue };
        let commands: [&[&[u8]]; 2] = [&[b"GET", &key], &[b"XRANGE", &key, b"-", b"+"]];
        for command in commands {
            if let Ok(reply) = server.command(command) {
                add(&reply, &mut all);
            }
        }
    }
    all
}

#[tokio::test]
async fn processes_with_the_keys_share_and_the_server_knows_nothing() {
    static ROW: Row = Row::new();
    #[cache_resource("hidden-users:{name}", tags("hidden-tag"))]
    async fn user(name: &str) -> String {
        format!("hidden-value {name} {}", ROW.read())
    }
    let server = start!();
    let (a, b) = (
        with(&server, &[OLD]).await,
        with(&server, &[NEW, OLD]).await,
    );
    let value = a.scope(user("hidden-name")).await;
    until("it is stored", || {
        a.stats().redis.unwrap().writes.count() > 0
    });
    assert_eq!(b.scope(user("hidden-name")).await, value);
    assert_eq!(b.stats().total.fetched, 1);
    a.set("hidden-address", "hidden-value".to_owned(), MINUTE)
        .await
        .unwrap();
    assert!(has(&b, "hidden-address").await);
    ROW.write();
    b.invalidate_pattern("resource:hidden-users:*")
        .await
        .unwrap();
    b.invalidate_tag("hidden-tag").await.unwrap();
    let began = Instant::now();
    while a.scope(user("hidden-name")).await == value {
        assert!(began.elapsed() < SOON, "the record is not understood");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let all = everything(&server);
    assert!(all.len() > 500);
    assert!(!all.windows(6).any(|part| part == b"hidden"));
}

#[tokio::test]
async fn a_wrong_key_is_a_counted_miss() {
    let server = start!();
    let a = with(&server, &[NEW, OLD]).await;
    a.set("n", "text".to_owned(), MINUTE).await.unwrap();
    for keys in [&[][..], &[OLD], &[(2, [9; 32])]] {
        let other = with(&server, keys).await;
        assert!(!has(&other, "n").await);
        let misses = other.stats().redis.unwrap().misses;
        assert!(misses.of(FetchMiss::Encryption) >= 1, "{misses}");
    }
    assert!(has(&with(&server, &[OLD, NEW]).await, "n").await);
    // What is not encrypted anybody could have written.
    let open = with(&server, &[]).await;
    open.set("n", "forged".to_owned(), MINUTE).await.unwrap();
    let fresh = with(&server, &[NEW]).await;
    assert!(!has(&fresh, "n").await);
    assert_eq!(
        fresh
            .stats()
            .redis
            .unwrap()
            .misses
            .of(FetchMiss::Encryption),
        1
    );
}

/// Who cannot read what is invalidated takes it for everything.
#[tokio::test]
async fn an_invalidation_that_cannot_be_read_is_one_of_everything() {
    static ROW: Row = Row::new();
    #[cache_resource("row")]
    async fn row() -> u64 {
        ROW.read()
    }
    let server = start!();
    let (a, b) = (with(&server, &[OLD]).await, with(&server, &[NEW]).await);
    assert_eq!((a.scope(row()).await, b.scope(row()).await), (1, 1));
    ROW.write();
    a.invalidate_pattern("resource:row").await.unwrap();
    let began = Instant::now();
    while b.scope(row()).await != 2 {
        assert!(began.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn names_depend_on_the_secret() {
    let server = start!();
    let secret = |secret: u8| {
        let builder = Cache::builder().namespace("test").redis(&server.url());
        opened(builder.key_secret([secret; 32]))
    };
    let (a, same, other) = (secret(1).await, secret(1).await, secret(2).await);
    a.set("n", "text".to_owned(), MINUTE).await.unwrap();
    assert!(has(&same, "n").await);
    assert_eq!(other.get::<String>("n").await.unwrap(), None);
    other.set("n", "another".to_owned(), MINUTE).await.unwrap();
    assert_eq!(
        same.get::<String>("n").await.unwrap().as_deref(),
        Some("text")
    );
}

#[tokio::test]
async fn keys_that_cannot_work_are_an_error_and_no_key_is_shown() {
    for keys in [&[][..], &[OLD, (1, [3; 32])]] {
        let error = Cache::builder()
            .encryption(keys.iter().copied())
            .build()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    }
    let builder = Cache::builder()
        .encryption([(7, [0xAB; 32])])
        .key_secret([0xCD; 32]);
    let text = format!("{builder:?}");
    assert!(!text.contains("171") && !text.contains("205"), "{text}");
}
