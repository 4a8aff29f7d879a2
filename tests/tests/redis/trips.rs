//! How many trips to the server a call makes, counted on the way there.

#![expect(clippy::unwrap_used, reason = "what the tests share is a test, too")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread;

use cache_core::{Memory, cache_resource, invalidate, invalidate_pattern, invalidate_tag};

use super::*;

/// A way to the server that sees what is asked, trip by trip: the names of the commands that came together.
pub(super) struct Relay {
    port: u16,
    trips: Arc<Mutex<Vec<String>>>,
    /// What removes values waits as long as this is locked.
    pub(super) removals: Arc<tokio::sync::Mutex<()>>,
    /// If set, the next who asks for values is told something else first.
    pub(super) stray: Arc<AtomicBool>,
}

impl Relay {
    pub(super) fn to(server: &Server) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let trips: Arc<Mutex<Vec<String>>> = Arc::default();
        let there = server.url();
        let there = there
            .trim_start_matches("redis://")
            .trim_end_matches('/')
            .to_owned();
        let seen = Arc::clone(&trips);
        let removals: Arc<tokio::sync::Mutex<()>> = Arc::default();
        let held = Arc::clone(&removals);
        let stray: Arc<AtomicBool> = Arc::default();
        let strays = Arc::clone(&stray);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&there)) else {
                    return;
                };
                for stream in [&client, &server] {
                    stream.set_nodelay(true).unwrap();
                }
                let (back, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || relay(back, to, |_| {}));
                let (seen, held) = (Arc::clone(&seen), Arc::clone(&held));
                let (strays, mut told) = (Arc::clone(&strays), client.try_clone().unwrap());
                thread::spawn(move || {
                    relay(client, server, |asked| {
                        let named = named(asked);
                        if named.as_ref().is_some_and(|trip| trip.contains("drop")) {
                            drop(held.blocking_lock());
                        }
                        let asks = named.as_ref().is_some_and(|trip| trip.contains("MGET"));
                        if asks && strays.swap(false, SeqCst) {
                            told.write_all(b"+OK\r\n").unwrap();
                        }
                        seen.lock().unwrap().extend(named);
                    })
                });
            }
        });
        Self {
            port,
            trips,
            removals,
            stray,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The trips since it was last asked for them; of those of the log only what appends a record.
    fn trips(&self) -> Vec<String> {
        std::mem::take(&mut *self.trips.lock().unwrap())
    }

    pub(super) async fn process(&self, lease: Duration, memory: Memory) -> Cache {
        let builder = Cache::builder()
            .namespace("test")
            .lease(lease)
            .memory(memory);
        let cache = builder.redis(&self.url()).build().await.unwrap();
        until("contact", || cache.health().is_well());
        self.trips();
        cache
    }

    /// The trips of `call` and of what it leaves to the background.
    pub(super) async fn during<T>(
        &self,
        trips: usize,
        call: impl Future<Output = T>,
    ) -> Vec<String> {
        self.trips();
        call.await;
        until("it is through", || {
            self.trips.lock().unwrap().len() >= trips
        });
        self.trips()
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream, mut see: impl FnMut(&[u8])) {
    let mut bytes = [0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        see(&bytes[..length]);
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// What a trip is for; nothing if it is for news of the log, or to get to know the server.
fn named(asked: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(asked);
    let mut words = text.split("\r\n");
    let mut commands = Vec::new();
    while let Some(count) = words.next().and_then(|word| word.strip_prefix('*')) {
        let arguments: Vec<&str> = words
            .by_ref()
            .skip(1)
            .step_by(2)
            .take(count.parse().unwrap())
            .collect();
        commands.push(match arguments[..] {
            ["EVALSHA" | "EVAL", _, _, value, next, ..]
                if value.contains("/v/") && !next.contains("/l/") =>
            {
                "drop"
            }
            ["EVALSHA" | "EVAL", _, _, key, ..] if !key.ends_with(":log") => "store",
            ["EVALSHA" | "EVAL", _, _, _, _, _, _, _, _, _, ..] => "append",
            ["EVALSHA" | "EVAL", ..] | ["INFO" | "CONFIG", ..] => continue,
            ["XREAD", "COUNT", _, "BLOCK", ..] => continue,
            ["HELLO" | "CLIENT" | "AUTH" | "SELECT" | "PTTL", ..] => continue,
            ["TIME"] if commands.is_empty() => continue,
            [command, ..] => command,
            [] => "",
        });
    }
    (!commands.is_empty()).then(|| commands.join(" "))
}

#[tokio::test]
async fn many_values_are_one_trip() {
    let server = start!();
    let relay = Relay::to(&server);
    let cache = relay.process(Duration::ZERO, Memory::new()).await;
    let other = relay.process(Duration::ZERO, Memory::new()).await;
    let addresses: Vec<String> = (0..100).map(|n| format!("value:{n}")).collect();
    let values = addresses.iter().zip(0_u64..);
    cache.set_many(values, SOON).await.unwrap();
    let mut asked: Vec<&str> = addresses.iter().map(String::as_str).collect();
    asked.push("absent");
    for trips in [1, 1] {
        let trips = relay
            .during(trips, async {
                let found = other.get_many::<u64>(&asked).await.unwrap();
                assert_eq!(found[..3], [Some(0), Some(1), Some(2)]);
                assert_eq!((found.len(), found[99], found[100]), (101, Some(99), None));
            })
            .await;
        // The second time for what is absent alone.
        assert_eq!(trips, ["MGET TIME XREAD"]);
    }
}

#[tokio::test]
async fn what_is_promised() {
    #[cache_resource("n:{n}", tags("numbers"))]
    async fn number(n: u64) -> u64 {
        n
    }
    let server = start!();
    let relay = Relay::to(&server);
    let cache = relay.process(Duration::from_secs(5), Memory::new()).await;
    // The first store, and the first of each script, may have to send it.
    relay.during(3, cache.scope(number(0))).await;
    until("it is stored", || stored(&server) == 1);

    let miss = relay.during(3, cache.scope(number(1))).await;
    assert_eq!(miss, ["MGET TIME XREAD", "SET MGET TIME XREAD", "store"]);
    let in_memory = relay.during(0, cache.scope(number(1))).await;
    assert_eq!(in_memory, [""; 0]);

    let no_memory = Memory::new().max_entry_bytes(1);
    let other = relay.process(Duration::ZERO, no_memory).await;
    let in_redis = relay.during(1, other.scope(number(1))).await;
    assert_eq!(in_redis, ["MGET TIME XREAD"]);
    let miss = relay.during(2, other.scope(number(2))).await;
    assert_eq!(miss, ["MGET TIME XREAD", "store"]);

    for n in 0..100 {
        cache.scope(number(n)).await;
    }
    until("all are stored", || stored(&server) == 100);
    for pattern in ["resource:n:*", "resource:n:[0-9]*", "*"] {
        let trips = relay
            .during(
                1,
                cache.scope(async { invalidate_pattern(pattern).await.unwrap() }),
            )
            .await;
        assert_eq!(trips, ["append"], "{pattern}");
    }
    let trips = relay
        .during(
            1,
            cache.scope(async { invalidate_tag("numbers").await.unwrap() }),
        )
        .await;
    assert_eq!(trips, ["append"]);
    // What is named by its key leaves Redis, too, in the background. The first time the script may have to be sent.
    cache
        .scope(async { invalidate(number(2)).await.unwrap() })
        .await;
    until("it is gone", || stored(&server) == 99);
    let trips = relay
        .during(
            2,
            cache.scope(async { invalidate(number(1)).await.unwrap() }),
        )
        .await;
    assert_eq!(trips, ["append", "drop"]);
    until("it is gone", || stored(&server) == 98);
}

#[tokio::test]
async fn what_removes_a_value_late_leaves_a_newer_one() {
    static ROW: Row = Row::new();
    #[cache_resource("late:{n}")]
    async fn late(n: u64) -> u64 {
        let _ = n;
        ROW.read()
    }
    let server = start!();
    let relay = Relay::to(&server);
    let mut far = Vec::new();
    for _ in 0..2 {
        let builder = Cache::builder().namespace("test").op_timeout(SOON);
        far.push(builder.redis(&relay.url()).build().await.unwrap());
        until("contact", || {
            far.iter().all(|cache| cache.health().is_well())
        });
    }
    let (a, near) = (&far[0], process(&server).await);
    // The server is to know the script, which would take two trips else.
    a.scope(late(0)).await;
    until("it is stored", || stored(&server) == 1);
    a.scope(async { invalidate(late(0)).await.unwrap() }).await;
    until("it is gone", || stored(&server) == 0);
    a.scope(late(1)).await;
    far[1].set("put", 1_u64, SOON).await.unwrap();
    until("it is stored", || stored(&server) == 2);

    let on_its_way = relay.removals.lock().await;
    let value = ROW.write();
    let told = a.scope(async { invalidate(late(1)).await.unwrap() }).await;
    far[1].remove("put").await.unwrap();
    // Another process stores anew before what is to free memory arrives.
    assert_eq!(near.at_least(told, late(1)).await, value);
    near.set("put", value, SOON).await.unwrap();
    assert!(near.shutdown(SOON).await.is_clean());
    drop(on_its_way);
    for cache in &far {
        // Behind it on the same connection.
        cache.invalidate_tag("nobody").await.unwrap();
    }
    let late_comer = process(&server).await;
    assert_eq!(late_comer.get("put").await.unwrap(), Some(value));
    assert_eq!(late_comer.scope(late(1)).await, value);
    assert_eq!((late_comer.stats().total.fetched, ROW.reads()), (2, 3));
}
