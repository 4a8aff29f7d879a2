//! What stands in the environment and in a file, and where the server is said to be.

use std::time::Duration;

use super::random::Random;
use crate::config::fuzzed::{self, Read};
use crate::link;

/// In whatever may hold a password, and in no message.
const SECRET: &str = "hunter2";

/// Something that is set: its name in the environment and in a file, its text, and whether that was read.
struct Said {
    variable: &'static str,
    #[cfg_attr(not(feature = "config"), expect(dead_code, reason = "of a file"))]
    table: &'static str,
    #[cfg_attr(not(feature = "config"), expect(dead_code, reason = "of a file"))]
    key: &'static str,
    text: String,
    is: Box<dyn Fn(&Read) -> bool>,
}

fn length(random: &mut Random) -> (String, Duration) {
    let number = 1 + random.below(1_000) as u64;
    let (unit, millis) = [
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("", 1_000),
        ("h", 3_600_000),
    ][random.below(5)];
    (
        format!("{number}{unit}"),
        Duration::from_millis(number * millis),
    )
}

fn said(random: &mut Random) -> Said {
    let number = 1 + random.below(1_000_000);
    let (text, time) = length(random);
    let of = |variable, table, key, text, is: Box<dyn Fn(&Read) -> bool>| Said {
        variable,
        table,
        key,
        text,
        is,
    };
    match random.below(8) {
        0 => {
            let name = format!("shop{number}");
            let wanted = name.clone();
            of(
                "CACHE_NAMESPACE",
                "",
                "namespace",
                name,
                Box::new(move |read| *read.config.namespace == *wanted),
            )
        }
        1 => of(
            "CACHE_WAIT_MAX",
            "",
            "wait_max",
            text,
            Box::new(move |read| read.config.wait_max == time),
        ),
        2 => of(
            "CACHE_TTL_DEFAULT",
            "ttl",
            "default",
            text,
            Box::new(move |read| read.config.ttl_default == Some(time)),
        ),
        3 => of(
            "CACHE_MAX_DEPS",
            "",
            "max_deps",
            number.to_string(),
            Box::new(move |read| read.config.max_deps == number),
        ),
        4 => {
            let is = move |read: &Read| read.config.memory.max_bytes == (number as u64) << 10;
            of(
                "CACHE_MEMORY_MAX_BYTES",
                "memory",
                "max_bytes",
                format!("{number}KiB"),
                Box::new(is),
            )
        }
        5 => {
            let url = format!("redis://:{SECRET}@host{number}/");
            let wanted = url.clone();
            let is = move |read: &Read| {
                read.config
                    .redis
                    .as_ref()
                    .is_some_and(|url| *url.0 == *wanted)
            };
            of("CACHE_REDIS_URL", "redis", "url", url, Box::new(is))
        }
        6 => {
            let key: [u8; 32] = random.bytes();
            let text = key.iter().map(|byte| format!("{byte:02x}")).collect();
            let is = move |read: &Read| {
                read.config
                    .key_secret
                    .as_ref()
                    .is_some_and(|secret| *secret.0 == key)
            };
            of(
                "CACHE_REDIS_KEY_SECRET",
                "redis",
                "key_secret",
                text,
                Box::new(is),
            )
        }
        _ => of(
            "CACHE_REDIS_OP_TIMEOUT",
            "redis",
            "op_timeout",
            text,
            Box::new(move |read| read.config.link.op_timeout == time),
        ),
    }
}

fn mutated(random: &mut Random, text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    random.mutate(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// No message has a password; what was changed beyond knowing is none.
fn keeps_quiet(read: &Read) {
    for problem in &read.problems {
        assert!(!problem.contains(SECRET), "{problem}");
    }
    assert!(!format!("{:?}", read.config).contains(SECRET));
}

pub(super) fn environment(random: &mut Random) -> bool {
    let all: Vec<Said> = (0..random.below(4)).map(|_| said(random)).collect();
    let mut written = Vec::new();
    for said in &all {
        // What of a name is no more ours may be anybody's.
        let name = match random.once_in(8) {
            true => mutated(random, said.variable),
            false => said.variable.to_owned(),
        };
        written.push((name, mutated(random, &said.text)));
    }
    if random.once_in(2) {
        let patterns = format!("{}=5,{}", random.text(12), random.text(12));
        written.push(("CACHE_TTL_PATTERNS".to_owned(), patterns));
    }
    let read = fuzzed::environment(&written);
    keeps_quiet(&read);
    for problem in &read.problems {
        assert!(
            written
                .iter()
                .any(|(name, _)| problem.contains(name.as_str())),
            "{problem}"
        );
    }
    for (n, (said, (name, text))) in all.iter().zip(&written).enumerate() {
        // The last of several of one name is there.
        let last = !written[n + 1..].iter().any(|(other, _)| other == name);
        if last && *name == *said.variable && *text == said.text {
            assert!((said.is)(&read), "{name} is {text}");
        }
    }
    read.problems.is_empty()
}

#[cfg(feature = "config")]
pub(super) fn file(random: &mut Random) -> bool {
    let mut all: Vec<Said> = (0..random.below(5)).map(|_| said(random)).collect();
    // A name is there once, and a table, too: what is in none stands before them.
    all.sort_by_key(|said| (said.table, said.key));
    all.dedup_by_key(|said| said.key);
    let (mut good, mut table) = (String::new(), "");
    for said in &all {
        if said.table != table {
            table = said.table;
            good += &format!("[{table}]\n");
        }
        good += &format!("{} = \"{}\"\n", said.key, said.text);
    }
    if random.once_in(3) {
        good += &format!(
            "[ttl.patterns]\n'{}' = {}\n",
            random.text(8).replace(['\0', '\''], ""),
            random.below(4)
        );
    }
    let bad = mutated(random, &good);
    let read = fuzzed::file(&bad);
    let lines = bad.split('\n').count();
    for problem in &read.problems {
        let line = problem
            .split_once(':')
            .and_then(|(line, _)| line.parse().ok());
        assert!(
            line.is_some_and(|line| (1..=lines).contains(&line)),
            "{problem}"
        );
    }
    // A password that was cut in two, in the place of a name, is not known for one.
    if bad == good {
        keeps_quiet(&read);
        assert!(all.iter().all(|said| (said.is)(&read)), "{good}");
    }
    read.problems.is_empty()
}

pub(super) fn url(random: &mut Random) -> bool {
    let hosts: Vec<String> = (0..=random.below(3))
        .map(|n| format!("h{n}:{}", 1 + random.below(65_535)))
        .collect();
    let scheme = ["redis", "redis+sentinel", "valkey"][random.below(3)];
    let path = if scheme == "redis+sentinel" {
        "/service/2"
    } else {
        "/2"
    };
    let good = format!("{scheme}://user:{SECRET}@{}{path}", hosts.join(","));
    let bad = mutated(random, &good);
    match link::tests::doors(&bad) {
        Ok(doors) => {
            if bad == good {
                assert_eq!(doors, hosts);
            }
            assert!(!doors.is_empty());
            true
        }
        Err(told) => {
            assert_ne!(bad, good);
            assert!(!told.contains(SECRET), "{told}");
            false
        }
    }
}
