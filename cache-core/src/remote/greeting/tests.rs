use super::*;

fn info(text: &str) -> Info {
    let mut info = Info::default();
    info.read(text);
    info
}

const REDIS: &str = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n";

#[test]
fn a_server_is_described_as_far_as_it_says() {
    for (text, server) in [
        (REDIS, "Redis 7.0.15, primary, no maxmemory"),
        (
            "redis_version:7.2.4\nserver_name:valkey\nvalkey_version:8.0.1\nrole:master\nconnected_slaves:2\nmaxmemory:104857600\nmaxmemory_policy:volatile-lru",
            "Valkey 8.0.1, primary, 2 replicas, maxmemory of 100 MiB, volatile-lru",
        ),
        ("redis_version:7.4.0\nrole:slave", "Redis 7.4.0, replica"),
        (
            "redis_version:7.4.0\nmaxmemory_policy:allkeys-lru",
            "Redis 7.4.0, allkeys-lru",
        ),
    ] {
        assert_eq!(info(text).server().as_deref(), Some(server));
    }
    assert_eq!(info("").greeting(None), Greeting::default());
    assert_eq!(
        info("nonsense\n:::\nrole").greeting(None),
        Greeting::default()
    );
}

#[test]
fn what_looks_wrong_is_told() {
    let warned = |text: &str, sign: &str| {
        let warnings = info(&format!("{REDIS}{text}")).warnings();
        assert!(
            matches!(&warnings[..], [one] if one.contains(sign)),
            "{text}: {warnings:?}"
        );
    };
    warned("maxmemory:5\nmaxmemory_policy:allkeys-lfu", "evict the log");
    warned(
        "maxmemory:5\nmaxmemory_policy:noeviction",
        "no invalidations",
    );
    warned("connected_slaves:1", "min-replicas-to-write");
    for fine in [
        "",
        "maxmemory_policy:allkeys-lru",
        "maxmemory:5\nmaxmemory_policy:volatile-ttl",
        "connected_slaves:1\nmin_slaves_good_slaves:1",
    ] {
        assert_eq!(
            info(&format!("{REDIS}{fine}")).warnings(),
            [""; 0],
            "{fine}"
        );
    }
}

#[test]
fn a_clock_that_is_wrong_is_told() {
    let apart = |ahead| {
        let mut info = info(REDIS);
        info.ahead = Some(ahead);
        info.warnings()
    };
    assert_eq!(apart(4_000), [""; 0]);
    assert!(apart(61_000)[0].contains("61 s ahead of"));
    assert!(apart(-3_600_500)[0].contains("3600 s behind"));
    let time = |parts: &[&str]| {
        let parts = parts.iter().map(|part| Value::BulkString((*part).into()));
        millis(Value::Array(parts.collect()))
    };
    assert_eq!(time(&["1700000000", "123456"]), Some(1_700_000_000_123));
    for odd in [&["1"][..], &[], &["x", "1"], &["18446744073709551615", "1"]] {
        assert_eq!(time(odd), None, "{odd:?}");
    }
    assert_eq!(millis(Value::Nil), None);
}

#[test]
fn a_refusal_says_what_to_do() {
    let refused = |text: &str, why: &str| {
        let error = LinkError::Refused(why.into());
        info(text).unusable(&error)
    };
    let old = refused("redis_version:6.2.14\nrole:master", "ERR Invalid stream ID");
    assert!(
        old.contains("Redis 6.2.14, primary is too old") && old.contains("Redis 7 or later"),
        "{old}"
    );
    for (why, advice) in [
        (
            "NOPERM this user has no permissions to run 'evalsha'",
            "guide::redis",
        ),
        ("ERR unknown command 'EVALSHA'", "guide::redis"),
        ("READONLY this server is a replica", "of the primary"),
        ("WRONGTYPE Operation against a key", "another namespace"),
        ("OOM command not allowed", "volatile-lru"),
        ("ERR something new", "nothing is shared"),
    ] {
        let text = refused("valkey_version:8.0.1\nredis_version:7.2.4", why);
        assert!(
            text.contains(why) && text.contains(advice) && text.contains("Valkey 8.0.1"),
            "{text}"
        );
        assert!(refused("", why).contains("(the server)"));
    }
}
