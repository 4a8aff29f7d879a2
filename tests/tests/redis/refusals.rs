//! Servers that refuse, each in its way: a cache in memory is left, and why is said.
#![expect(clippy::unwrap_used, reason = "what tests share is a test, too")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use cache_core::{ErrorKind, cache};

use super::*;

async fn opened(url: &str) -> Cache {
    let builder = Cache::builder().namespace("test").redis(url);
    builder.build().await.unwrap()
}

/// Whether calls go on, an invalidation has effect here, and `why` is said of the rest.
async fn refused(cache: &Cache, why: &str) {
    works(cache).await.unwrap();
    says(cache, why);
    let error = cache.invalidate_tag("a tag").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotLogged);
    let health = cache.health();
    assert!(!health.is_well(), "{health:?}");
    assert!(health.redis.unwrap().pending > 0);
    works(cache).await.unwrap();
}

/// Whether a server that refuses is not asked all the time.
fn left_alone(server: &Server) {
    let window = Duration::from_secs(1);
    let sum = || -> u64 {
        let stats = server.info("stats").unwrap();
        stats["total_commands_processed"].parse().unwrap()
    };
    let before = sum();
    std::thread::sleep(window);
    let asked = sum() - before;
    assert!(asked <= 60, "{asked} commands a second");
}

#[tokio::test]
async fn a_server_without_scripts() {
    for (lines, user, why) in [
        (
            &["rename-command EVALSHA \"\"", "rename-command EVAL \"\""][..],
            "",
            "unknown command",
        ),
        (
            &["user some on >word ~* &* +@all -@scripting"],
            "some:word@",
            "NOPERM",
        ),
        (
            &["user some on >word ~* &* +@all -info"],
            "some:word@",
            "INFO",
        ),
        (
            &["user some on >word ~other:* &* +@all"],
            "some:word@",
            "NOPERM",
        ),
    ] {
        let Some(server) = Server::start(lines).unwrap() else {
            return;
        };
        // Records that nobody here may take.
        for number in 0..600 {
            let id = format!("1-{number}");
            server
                .command(["XADD", "fc:{test}:log", &id, "x", "y"])
                .unwrap();
        }
        let cache = opened(&server.url().replace("//", &format!("//{user}"))).await;
        refused(&cache, why).await;
        left_alone(&server);
    }
}

#[tokio::test]
async fn a_server_that_demands_a_password() {
    let server = start!("requirepass right");
    for (user, why) in [
        ("", "NOAUTH"),
        (":hunter2@", "authentication failed"),
        ("some:hunter2@", "authentication failed"),
    ] {
        let cache = opened(&server.url().replace("//", &format!("//{user}"))).await;
        refused(&cache, why).await;
        assert!(!format!("{:?}", cache.health()).contains("hunter2"));
        left_alone(&server);
    }
    let cache = opened(&server.url().replace("//", "//:right@")).await;
    until("contact", || cache.health().is_well());
}

#[tokio::test]
async fn a_replica() {
    let primary = start!();
    let writer = process(&primary).await;
    for number in 0..600 {
        writer.invalidate_tag(&format!("{number}")).await.unwrap();
    }
    let replica = primary.replica().unwrap();
    replica.catch_up(&primary).unwrap();
    let cache = opened(&replica.url()).await;
    refused(&cache, "READONLY").await;
    left_alone(&replica);
}

#[tokio::test]
async fn a_server_that_is_out_of_memory() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn value(n: u64) -> u64 {
        ROW.read() + n
    }
    let server = start!("maxmemory-policy noeviction");
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!(a.scope(value(1)).await, 2);
    assert_eq!(b.scope(value(5)).await, 6);
    until("they are stored", || {
        let keys = server.command(["KEYS", VALUES]).unwrap();
        matches!(keys, tests::redis::Reply::Array(keys) if keys.len() == 2)
    });
    server.command(["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    // What is there is read still.
    assert_eq!(b.scope(value(1)).await, 2);
    assert_eq!(ROW.reads(), 2);
    refused(&a, "OOM").await;
    left_alone(&server);
    assert_eq!(a.scope(value(5)).await, 6);
    assert_eq!(ROW.reads(), 2, "it is read still, and nothing of it was");
    let late = opened(&server.url()).await;
    assert_eq!(late.scope(value(2)).await, 3);
    server.command(["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    for cache in [&a, &b, &late] {
        until("it is well again", || cache.health().is_well());
        works(cache).await.unwrap();
    }
}

/// A server as a script: what it answers to a command, by its first word. Nothing it says ends in a line break of its own.
fn fake(answer: impl Fn(&[String]) -> Option<String> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("redis://{}/", listener.local_addr().unwrap());
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = std::sync::Arc::clone(&answer);
            let mut stream = BufReader::new(stream.unwrap());
            std::thread::spawn(move || -> std::io::Result<()> {
                loop {
                    let number = |stream: &mut BufReader<_>| -> std::io::Result<usize> {
                        let mut line = String::new();
                        stream.read_line(&mut line)?;
                        let digits = line.trim_end().get(1..).unwrap_or_default();
                        digits.parse().map_err(std::io::Error::other)
                    };
                    let mut words = Vec::new();
                    for _ in 0..number(&mut stream)? {
                        let mut word = vec![0; number(&mut stream)? + 2];
                        stream.read_exact(&mut word)?;
                        word.truncate(word.len() - 2);
                        words.push(String::from_utf8_lossy(&word).into_owned());
                    }
                    if let Some(text) = answer(&words) {
                        stream.get_mut().write_all(text.as_bytes())?;
                    }
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn a_server_that_is_too_old() {
    // As one of version 5 says it.
    let url = fake(|words| {
        let text = match (words[0].as_str(), words.get(1).map(String::as_str)) {
            ("CLIENT" | "HELLO", _) => "-ERR unknown command\r\n",
            ("PING", _) => "+PONG\r\n",
            ("EVALSHA", _) => "-NOSCRIPT No matching script. Please use EVAL.\r\n",
            ("EVAL", Some(source)) if source.contains("XADD") => {
                "-ERR Error running script: @user_script: 60: Invalid stream ID specified as stream command argument\r\n"
            }
            ("EVAL", _) => ":1\r\n",
            ("GET", _) => "$-1\r\n",
            ("PTTL", _) => ":-2\r\n",
            ("XRANGE", _) => "-ERR Invalid stream ID specified as stream command argument\r\n",
            ("XREAD", _) => "*-1\r\n",
            ("SET", _) => "-ERR syntax error\r\n",
            _ => "-ERR unknown command\r\n",
        };
        Some(text.to_owned())
    });
    let cache = opened(&url).await;
    refused(&cache, "Invalid stream ID").await;
}

#[tokio::test]
async fn a_server_whose_answers_are_of_other_questions() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn value(n: u64) -> u64 {
        ROW.read() + n
    }
    // Each answer is a kind of its own, and belongs to another command.
    for shift in 0..6 {
        let said = AtomicUsize::new(shift);
        let url = fake(move |words| {
            let kinds = [
                "$-1\r\n",
                ":7\r\n",
                "*0\r\n",
                "+OK\r\n",
                "$3\r\nabc\r\n",
                "*3\r\n*2\r\n$3\r\n1-0\r\n*0\r\n$3\r\n1-0\r\n*0\r\n",
            ];
            match words[0].as_str() {
                "CLIENT" | "HELLO" => Some("+OK\r\n".to_owned()),
                _ => Some(kinds[said.fetch_add(1, SeqCst) % kinds.len()].to_owned()),
            }
        });
        let cache = opened(&url).await;
        works(&cache).await.unwrap();
        for n in 0..20 {
            assert_eq!(cache.scope(value(n)).await, 1 + n);
        }
        until("the connection is left", || {
            cache.health().redis.unwrap().connections > 1
        });
        works(&cache).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_answers_late() {
    let url = fake(|words| match words[0].as_str() {
        "CLIENT" | "HELLO" => Some("+OK\r\n".to_owned()),
        _ => {
            std::thread::sleep(Duration::from_millis(200));
            Some("$-1\r\n".to_owned())
        }
    });
    let cache = opened(&url).await;
    let began = Instant::now();
    for _ in 0..20 {
        works(&cache).await.unwrap();
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(!cache.health().is_well());
}
