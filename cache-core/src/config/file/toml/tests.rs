use std::time::Duration;

use proptest::prelude::*;

use super::read;
use crate::config::Config;

/// What a file makes of the defaults, and what is wrong with it, as `line: problem`.
fn reads(text: &str) -> (Config, Vec<String>) {
    let (mut config, mut problems) = (Config::default(), Vec::new());
    read(&mut config, text, &mut |line, problem| {
        problems.push(format!("{line}: {problem}"));
    });
    (config, problems)
}

#[track_caller]
fn problems(text: &str, expected: &[&str]) {
    assert_eq!(reads(text).1, expected, "{text}");
}

#[test]
fn everything_can_be_set() {
    let (config, problems) = reads(
        r#"
        namespace = "shop"
        wait_max = "1s 500ms"
        max_staleness = 30
        max_deps = 64
        index_max_records = 50_000

        [ttl]
        default = "2m"

        [ttl.patterns]
        "z:*" = 1
        "a:*" = "never"
        "a:b:*" = "1h"

        [memory]
        max_bytes = "256MiB"
        max_entry_bytes = 0x10_0000
        eviction = "sieve"

        [warmup]
        on_startup = true
        "#,
    );
    assert_eq!(problems, [""; 0]);
    assert!(config.warmup_on_startup);
    assert_eq!(&*config.namespace, "shop");
    assert_eq!(config.wait_max, Duration::from_millis(1_500));
    assert_eq!(config.max_staleness, Duration::from_secs(30));
    assert_eq!((config.max_deps, config.index_max_records), (64, 50_000));
    assert_eq!(config.ttl_default, Some(Duration::from_secs(120)));
    assert_eq!(config.memory.max_bytes, 256 << 20);
    assert_eq!(config.memory.max_entry_bytes, Some(1 << 20));
    assert_eq!(config.memory.eviction, crate::Eviction::Sieve);
    let seconds: Vec<u64> = config
        .ttl_patterns
        .iter()
        .map(|(_, ttl)| ttl.as_secs())
        .collect();
    assert_eq!(seconds, [1, u64::MAX, 3600], "in the order of the file");
}

#[cfg(feature = "redis")]
#[test]
fn everything_about_redis_can_be_set() {
    let (config, problems) = reads(
        r#"
        [redis]
        url = "redis://host/"
        lease = 0
        op_timeout = "20ms"
        connect_timeout = 2
        breaker_failures = 3
        breaker_probe = "1s"
        compress_from = "4KiB"
        hot_keys = 10_000
        predict = true
        "#,
    );
    assert_eq!(problems, [""; 0]);
    assert_eq!(
        config.redis.map(|url| url.0).as_deref(),
        Some("redis://host/")
    );
    assert_eq!(config.lease, Duration::ZERO);
    assert_eq!(config.link.op_timeout, Duration::from_millis(20));
    assert_eq!(config.link.connect_timeout, Duration::from_secs(2));
    assert_eq!(config.link.failures, 3);
    assert_eq!(config.link.probe_interval, Duration::from_secs(1));
    assert_eq!(config.compress_from, 4096);
    assert_eq!(config.hot_keys, Some(10_000));
    assert!(config.predict);
}

#[test]
fn all_mistakes_are_told_with_their_lines() {
    problems(
        "wait_max = \"5 parsecs\"\n\
         namespce = \"shop\"\n\
         max_bytes = 5\n\
         capacity = 5\n\
         [memory]\n\
         max_bytes = -1\n\
         max_entry_bytes = 1.5\n\
         [memroy]\n\
         [ttl]\n\
         default = 0\n\
         patterns.\"a[\" = 5\n\
         patterns.\"{x}:*\" = []\n\
         [ttl.patterns.deeper]\n\
         x = 1\n",
        &[
            "1: `wait_max` is `5 parsecs`, which is not a duration: write seconds (`300`), or `\"5m\"`",
            "2: `namespce` is unknown; did you mean `namespace`?",
            "3: `max_bytes` is unknown; did you mean `memory.max_bytes`?",
            "4: `capacity` is unknown; guide::configuration has a table of what there is",
            "6: `memory.max_bytes` is `-1`, which is not a size: write bytes (`1048576`), or `\"256MiB\"`",
            "7: `memory.max_entry_bytes` is neither a text nor a whole number",
            "8: `memroy` is unknown; did you mean `memory`?",
            "10: `ttl.default` is `0`, which is nothing: with a `ttl` of zero nothing would be stored",
            "11: the pattern `a[`: the class at byte 1 is not closed; help: add `]`, or write `\\[` for a bracket",
            "12: the pattern `{x}:*`: nothing is filled in for the `{` at byte 0; help: use `format!` and `escape`, or write `\\{` for a brace",
            "12: the ttl of `{x}:*` is neither a text nor a whole number",
            "13: the ttl of `deeper` is neither a text nor a whole number",
        ],
    );
    problems(
        "max_deps = 0",
        &["1: `max_deps` is `0`, which is zero: write at least 1"],
    );
    problems(
        "memory = 5",
        &["1: `memory` is a table: write `[memory]`, and below it what it has"],
    );
    problems(
        "[ttl]\npatterns = 5",
        &["2: `ttl.patterns` is a table: write `[ttl.patterns]`, and below it what it has"],
    );
    problems(
        "wait_max = 99999999999999999999",
        &["1: `wait_max` is `99999999999999999999`, which is too long"],
    );
    problems(
        "namespace.x = 5",
        &["1: `namespace` is neither a text nor a whole number"],
    );
}

#[test]
fn a_file_that_is_no_toml_shows_nothing_of_itself() {
    let (config, problems) = reads("\n\n[redis]\nurl = \"redis://:secret@host/\nlease = 5\n");
    assert!(!problems.is_empty());
    for problem in &problems {
        assert!(problem.starts_with("4: not TOML: "), "{problem}");
        assert!(!problem.contains("secret"), "{problem}");
    }
    assert_eq!(&*config.namespace, "default", "nothing of it is taken");
}

#[cfg(feature = "redis")]
#[test]
fn a_password_is_in_no_message() {
    let text = "namespace = [\"redis://:hunter2@host\"]\nwait_max = \"redis://:hunter2@host\"\n[redis]\nurl = [\"redis://:hunter2@host/\"]\n";
    let (config, problems) = reads(text);
    assert_eq!(problems.len(), 3);
    assert!(!format!("{problems:?} {config:?}").contains("hunter2"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_there_nothing_panics(
        lines in prop::collection::vec(
            prop_oneof![
                "[ -~\n]{0,40}",
                ".{0,20}",
                "(namespace|wait_max|max_deps|ttl\\.default|memory\\.max_bytes|redis\\.url|ttl\\.patterns\\.\"[a-z*\\[\\]]{0,4}\") = (\"[ -~]{0,12}\"|-?[0-9]{1,25}|\\[[0-9, ]{0,5}\\]|0x[0-9a-f]{0,20}|true|1979-05-27|nan|[0-9]\\.[0-9])",
                "\\[(ttl|ttl\\.patterns|memory|redis|[a-z.]{0,9})\\]",
            ],
            0..8,
        )
    ) {
        let text = lines.join("\n");
        let (_, problems) = reads(&text);
        let last = text.split('\n').count();
        for problem in problems {
            let line: usize = problem.split_once(':').and_then(|(line, _)| line.parse().ok()).unwrap();
            prop_assert!((1..=last).contains(&line), "{line} of {last}");
        }
    }
}
