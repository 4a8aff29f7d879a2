//! What the wall clocks of other machines say.

use std::time::{Duration, Instant};

use crate::link::scripts;
use crate::link::tests::server::{Reply, Server};
use crate::sync::block_on;
use crate::{Cache, cache};

#[cache(ttl = adaptive("30s", "60s"))]
async fn row() -> u64 {
    7
}

fn process(server: &Server) -> Cache {
    let builder = Cache::builder().namespace("clocks").redis(&server.url());
    let cache = builder.build_blocking().unwrap();
    let began = Instant::now();
    while !cache.health().is_well() {
        assert!(began.elapsed() < Duration::from_secs(20), "no contact");
        std::thread::sleep(Duration::from_millis(2));
    }
    cache
}

#[test]
fn no_value_is_thought_to_be_older_than_its_lifetime() {
    let Some(server) = Server::start(&[]).unwrap() else {
        return;
    };
    let writer = process(&server);
    writer.enter(|| block_on(row()));
    assert!(writer.shutdown_blocking(Duration::from_secs(5)).is_clean());
    let Ok(Reply::Array(names)) = server.command(["KEYS", "fc:{clocks}/v/*"]) else {
        panic!("no names");
    };
    let [Reply::Bytes(name)] = &names[..] else {
        panic!("no value");
    };
    let Ok(Reply::Bytes(mut value)) = server.command([&b"GET"[..], name]) else {
        panic!("no value");
    };
    // As of a machine whose clock stands in 1970.
    let length = scripts::expiry(&value).unwrap().0.len();
    value[60..68].copy_from_slice(&1_000_u64.to_be_bytes());
    let checksum = crc32fast::hash(&value[..length - 4]);
    value[length - 4..length].copy_from_slice(&checksum.to_be_bytes());
    server
        .command([&b"SET"[..], name, &value, b"KEEPTTL"])
        .unwrap();

    let reader = process(&server);
    assert_eq!(reader.enter(|| block_on(row())), 7);
    let stats = reader.stats();
    assert_eq!(stats.total.fetched, 1);
    let ttl = stats.functions[0].adaptive_ttl.unwrap();
    assert_eq!(ttl.keys, 1);
    assert!(ttl.mean <= ttl.most, "{ttl:?}");
}
