//! What URLs say.

use super::*;

fn read(url: &str) -> Target {
    Target::parse(url, &RedisTls::default()).unwrap()
}

fn doors(url: &str) -> Vec<String> {
    let doors = read(url).doors;
    doors.iter().map(|info| info.addr().to_string()).collect()
}

#[test]
fn one_server_or_the_nodes_of_a_cluster() {
    assert_eq!(doors("redis://one/"), ["one:6379"]);
    assert_eq!(
        doors("redis://:p@one:1,two,[::1]:3/7"),
        ["one:1", "two:6379", "::1:3"]
    );
    let target = read("redis://ann:w%2Cord@one,two:2/7");
    for info in target.doors.iter().chain([&target.server("three", 3)]) {
        let settings = info.redis_settings();
        assert_eq!(
            (settings.username(), settings.password(), settings.db()),
            (Some("ann"), Some("w,ord"), 7)
        );
    }
    assert_eq!(target.server("three", 3).addr().to_string(), "three:3");
    assert!(target.service.is_none());
    assert_eq!(doors("redis+unix:///tmp/a,b"), ["/tmp/a,b"]);
    assert_eq!(doors("unix:///tmp/a?db=2"), ["/tmp/a"]);
}

#[test]
fn sentinels_have_rights_of_their_own() {
    let target = read(
        "redis+sentinel://ann:word@one,[::1],[::2]:7/main/3?sentinel_user=bob&sentinel_pass=x%40y",
    );
    let doors = &target.doors;
    let all: Vec<_> = doors.iter().map(|info| info.addr().to_string()).collect();
    assert_eq!(all, ["one:26379", "::1:26379", "::2:7"]);
    assert_eq!(target.service.as_deref(), Some("main"));
    for door in doors {
        let settings = door.redis_settings();
        assert_eq!(
            (settings.username(), settings.password(), settings.db()),
            (Some("bob"), Some("x@y"), 0)
        );
    }
    let named = target.server("there", 9);
    assert_eq!(named.addr().to_string(), "there:9");
    let settings = named.redis_settings();
    assert_eq!(
        (settings.username(), settings.password(), settings.db()),
        (Some("ann"), Some("word"), 3)
    );
    let target = read("redis+sentinel://one/main");
    assert_eq!(target.doors[0].redis_settings().password(), None);
    assert_eq!(target.server("x", 1).redis_settings().db(), 0);
}

#[test]
fn what_says_nothing_is_an_error() {
    for url in [
        "redis://one,/",
        "redis://,one/",
        "redis://one,two/x",
        "redis://one:x,two/",
        "redis+sentinel://one",
        "redis+sentinel://one/",
        "redis+sentinel://one//1",
        "redis+sentinel://one/main/x",
        "redis+sentinel:///main",
        "redis+sentinel:one/main",
        "sentinel://one/main",
        "redis+unix+sentinel:///x/main",
        "redis://one/#insecure",
        "rediss://one/#insecure",
        "+sentinel://one/main",
    ] {
        let error = Target::parse(url, &RedisTls::default()).err();
        let error = error.unwrap_or_else(|| panic!("accepted: {url}"));
        assert!(error.to_string().contains("Redis server"), "{url}: {error}");
    }
}

#[test]
fn the_path_of_a_socket_is_absolute() {
    for url in ["redis+unix://run/redis.sock", "unix:redis.sock", "unix://"] {
        let error = Target::parse(url, &RedisTls::default()).err().unwrap();
        assert!(
            error.to_string().contains("begin with `/`"),
            "{url}: {error}"
        );
    }
}

#[test]
fn certificates_are_for_tls() {
    let tls = RedisTls::new().ca_certificate("no certificate, but hunter2");
    for url in ["redis://one/", "rediss://one/"] {
        let error = Target::parse(url, &tls).err().unwrap();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    assert!(!format!("{tls:?}").contains("hunter2"));
    #[cfg(feature = "redis-tls")]
    {
        let target = read("rediss+sentinel://one/main");
        for info in [&target.doors[0], &target.server("two", 2)] {
            assert!(matches!(
                info.addr(),
                ConnectionAddr::TcpTls {
                    insecure: false,
                    ..
                }
            ));
        }
    }
}
