//! What is said of the server when it is met, and of one that cannot be used.
#![expect(
    clippy::unwrap_used,
    reason = "all of it is tests, the functions beside them too"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use cache_core::{Builder, ErrorKind, EventKind, RedisHealth, cache};

use super::*;

/// A cache, and what it tells of the server.
type Told = Arc<Mutex<Vec<(EventKind, String)>>>;

fn listening(builder: Builder) -> (Builder, Told) {
    let told = Told::default();
    let hears = Arc::clone(&told);
    let builder = builder.namespace("test").on_event(move |event| {
        if matches!(event.kind, EventKind::Greeted | EventKind::Warned) {
            hears
                .lock()
                .unwrap()
                .push((event.kind, event.address.to_string()));
        }
    });
    (builder, told)
}

fn health(cache: &Cache) -> RedisHealth {
    cache.health().redis.unwrap()
}

/// Waits until this has been told.
#[track_caller]
fn told(told: &Told, kind: EventKind, sign: &str) -> String {
    let mut found = None;
    until(sign, || {
        found = told
            .lock()
            .unwrap()
            .iter()
            .find(|(each, text)| *each == kind && text.contains(sign))
            .map(|(_, text)| text.clone());
        found.is_some()
    });
    found.unwrap()
}

#[cache("greeted:{id}")]
async fn greeted(id: u64) -> u64 {
    id
}

/// What a server is, and of which version.
fn product(server: &Server) -> String {
    let info = server.info("server").unwrap();
    match info.get("valkey_version") {
        Some(version) => format!("Valkey {version}"),
        None => format!("Redis {}", info["redis_version"]),
    }
}

#[tokio::test]
async fn a_server_is_greeted_once() {
    let mut server = start!(
        "requirepass s3cret!pass",
        "maxmemory 100mb",
        "maxmemory-policy volatile-lru"
    );
    let url = server.url().replace("//", "//:s3cret!pass@");
    let (builder, heard) = listening(Cache::builder().redis(&url));
    let cache = builder.require_redis(SOON).build().await.unwrap();
    let line = format!(
        "{}, primary, maxmemory of 100 MiB, volatile-lru",
        product(&server)
    );
    told(&heard, EventKind::Greeted, &line);
    let is = health(&cache);
    assert_eq!(is.server, Some(line));
    assert_eq!((is.warnings, is.unusable), (Vec::new(), None));
    let connections = is.connections;
    server.restart().unwrap();
    until("it is back", || {
        cache.health().is_well() && health(&cache).connections > connections
    });
    // The last question of those who want to know what it is.
    until("it has been asked again", || {
        server
            .info("commandstats")
            .unwrap()
            .contains_key("cmdstat_time")
    });
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(!format!("{heard:?}").contains("s3cret"));
}

#[tokio::test]
async fn what_looks_wrong_about_a_server_is_told() {
    let server = start!("maxmemory 100mb", "maxmemory-policy allkeys-lru");
    let _replica = server.replica().unwrap();
    let (builder, heard) = listening(Cache::builder().redis(&server.url()));
    let cache = builder.require_redis(SOON).build().await.unwrap();
    told(&heard, EventKind::Warned, "evict the log");
    told(&heard, EventKind::Warned, "min-replicas-to-write");
    assert_eq!(health(&cache).warnings.len(), 2);
    assert!(cache.health().is_well(), "it works all the same");
}

#[tokio::test]
async fn a_server_that_tells_nothing_of_itself_is_used() {
    // Of INFO the script needs one section, to know whether it is the server that wrote the log. By TIME is known for how long what is
    // read counts.
    let server = start!("user shy on >word ~* &* +@all -config -info +info|replication");
    let url = server.url().replace("//", "//shy:word@");
    let (builder, heard) = listening(Cache::builder().redis(&url));
    let cache = builder.require_redis(SOON).build().await.unwrap();
    told(&heard, EventKind::Greeted, "a Redis");
    assert_eq!(cache.scope(greeted(1)).await, 1);
    let is = health(&cache);
    assert_eq!(
        (is.server, is.warnings, is.unusable),
        (None, Vec::new(), None)
    );
    assert_eq!(is.last_error, None, "what it keeps to itself is no error");
}

#[tokio::test]
async fn a_user_who_may_not_is_told_and_nothing_more_is_asked() {
    let server = start!("user default on nopass ~* &* +@all -@scripting");
    let (builder, heard) = listening(Cache::builder().redis(&server.url()));
    let cache = builder.build().await.unwrap();
    let why = told(&heard, EventKind::Warned, "NOPERM");
    assert!(why.contains("guide::redis"), "{why}");
    assert_eq!(health(&cache).unusable.as_deref(), Some(&*why));
    assert!(!cache.health().is_well());
    let asked = || {
        server
            .info("commandstats")
            .unwrap()
            .get("cmdstat_mget")
            .cloned()
    };
    let before = asked();
    for id in 0..100 {
        assert_eq!(cache.scope(greeted(id)).await, id);
    }
    assert_eq!(asked(), before, "values were asked for");
    let warned = heard.lock().unwrap().len();
    assert_eq!(warned, 1, "told once");
    // It comes back by itself.
    server
        .command(["ACL", "SETUSER", "default", "+@all"])
        .unwrap();
    told(&heard, EventKind::Greeted, &product(&server));
    until("it is well", || cache.health().is_well());
    assert_eq!(health(&cache).unusable, None);
}

#[tokio::test]
async fn a_replica_is_told() {
    let server = start!();
    let replica = server.replica().unwrap();
    let (builder, heard) = listening(Cache::builder().redis(&replica.url()));
    let cache = builder.build().await.unwrap();
    let why = told(&heard, EventKind::Warned, "READONLY");
    assert!(why.contains("that of the primary"), "{why}");
    replica.promote().unwrap();
    told(&heard, EventKind::Greeted, "primary");
    until("it is well", || cache.health().is_well());
}

#[tokio::test]
async fn a_server_that_is_too_old_is_told() {
    let port = old_server();
    let url = format!("redis://127.0.0.1:{port}/");
    let (builder, heard) = listening(Cache::builder().redis(&url));
    let cache = builder.build().await.unwrap();
    let why = told(&heard, EventKind::Warned, "too old");
    assert!(
        why.contains("Redis 6.2.14") && why.contains("Redis 7"),
        "{why}"
    );
    assert_eq!(health(&cache).unusable, Some(why));
    assert_eq!(cache.scope(greeted(1)).await, 1);
    let builder = Cache::builder().redis(&url);
    let error = builder
        .require_redis(Duration::from_millis(500))
        .build()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("too old"), "{error}");
}

#[tokio::test]
async fn who_requires_redis_waits_for_it_and_no_longer_than_told() {
    let mut server = start!("requirepass s3cret!pass");
    let url = server.url().replace("//", "//:s3cret!pass@");
    server.kill().unwrap();
    let began = Instant::now();
    let requires = |within| Cache::builder().redis(&url).require_redis(within);
    let error = requires(Duration::from_millis(300))
        .build()
        .await
        .unwrap_err();
    let took = began.elapsed();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let text = error.to_string();
    assert!(
        text.contains("300.0ms") && text.contains("no connection") && !text.contains("s3cret"),
        "{text}"
    );
    assert!(
        took >= Duration::from_millis(300) && took < SOON / 2,
        "{took:?}"
    );
    let waits = requires(SOON);
    let waiting = thread::spawn(move || waits.build_blocking());
    server.start_again().unwrap();
    let cache = waiting.join().unwrap().unwrap();
    assert!(health(&cache).trusted, "the log has been heard of");
    let wrong = server.url().replace("//", "//:wrong@");
    let error = Cache::builder()
        .redis(&wrong)
        .require_redis(Duration::from_millis(300))
        .build()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("password"), "{error}");
    let error = Cache::builder()
        .require_redis(SOON)
        .build()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}

#[tokio::test]
async fn who_does_not_wait_any_longer_leaves_nothing_behind() {
    let server = start!();
    server.pause().unwrap();
    let waiting = Cache::builder()
        .redis(&server.url())
        .require_redis(SOON)
        .build();
    let given_up = tokio::time::timeout(Duration::from_millis(50), waiting).await;
    assert!(given_up.is_err());
    server.resume().unwrap();
    until("its connections are closed", || {
        server.info("clients").unwrap()["connected_clients"] == "1"
    });
}

/// What answers as Redis 6.2 does to what a cache asks.
fn old_server() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = BufReader::new(stream?);
                while let Some(command) = command(&mut stream) {
                    let reply = match &*command.to_uppercase() {
                        "EVALSHA" => "-NOSCRIPT No matching script. Please use EVAL.\r\n",
                        "EVAL" => {
                            "-ERR Error running script (call to f_0): @user_script: 56: ERR Invalid stream ID specified as \
                             stream command argument\r\n"
                        }
                        "INFO" => "$35\r\nredis_version:6.2.14\r\nrole:master\r\n\r\n",
                        "XREAD" => "*-1\r\n",
                        "PING" => "+PONG\r\n",
                        _ => "-ERR unknown command\r\n",
                    };
                    stream.get_mut().write_all(reply.as_bytes())?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    port
}

/// The name of the next command.
fn command(stream: &mut impl BufRead) -> Option<String> {
    let line = |stream: &mut dyn BufRead| {
        let mut line = String::new();
        let read = stream.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    };
    let parts: usize = line(stream)?.strip_prefix('*')?.parse().ok()?;
    let mut name = None;
    for _ in 0..parts {
        let length: usize = line(stream)?.strip_prefix('$')?.parse().ok()?;
        let mut bytes = vec![0; length + 2];
        std::io::Read::read_exact(stream, &mut bytes).ok()?;
        bytes.truncate(length);
        name.get_or_insert(String::from_utf8_lossy(&bytes).into_owned());
    }
    name
}
