//! Settings in the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::settings::{self, Setting, TABLE};
use super::{Config, file};

/// Names the file.
const FILE: &str = "CACHE_CONFIG";

/// Lifetimes by address, which a file has in a table.
const PATTERNS: &str = "CACHE_TTL_PATTERNS";

/// The name that hosting services give to where their Redis is. That of the table, if it is there, is meant for this cache alone.
#[cfg(feature = "redis")]
const URL: (&str, &str) = ("REDIS_URL", "redis.url");

/// The variables that are meant for a cache, and not empty.
pub(super) fn variables(all: impl Iterator<Item = (OsString, OsString)>) -> Variables {
    all.filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, value)| {
            let ours = name.starts_with("CACHE_") || cfg!(feature = "redis") && name == "REDIS_URL";
            ours && !value.is_empty()
        })
        .collect()
}

pub(super) type Variables = BTreeMap<String, OsString>;

/// Puts the file that the environment names, and then what else it says, over a configuration. What is wrong is told to `complain`.
pub(super) fn read(config: &mut Config, variables: &Variables, complain: &mut dyn FnMut(String)) {
    if let Some(path) = variables.get(FILE) {
        file::read(config, path.as_ref(), &mut |problem| {
            complain(format!("{problem} (`{FILE}` names this file)"));
        });
    }
    #[cfg(feature = "redis")]
    if let Some(value) = variables.get(URL.0)
        && let Some(setting) = TABLE.iter().find(|setting| setting.key == URL.1)
    {
        set(config, setting, URL.0, value, complain);
    }
    if let Some(value) = variables.get(PATTERNS) {
        patterns(config, value, complain);
    }
    for (name, value) in variables {
        match TABLE.iter().find(|setting| setting.variable() == *name) {
            Some(setting) => set(config, setting, name, value, complain),
            None => unknown(name, complain),
        }
    }
}

fn set(
    config: &mut Config,
    setting: &Setting,
    name: &str,
    value: &OsString,
    complain: &mut dyn FnMut(String),
) {
    let done = match value.to_str() {
        Some(text) => setting.set(config, Some(text)),
        None => Err("is not UTF-8".to_owned()),
    };
    if let Err(why) = done {
        complain(format!("`{name}` {why}"));
    }
}

/// `query:reports:*=1h,query:*=60`. They stand before those of the file, and the first that matches counts.
fn patterns(config: &mut Config, value: &OsString, complain: &mut dyn FnMut(String)) {
    let Some(text) = value.to_str() else {
        return complain(format!("`{PATTERNS}` is not UTF-8"));
    };
    let mut read = Vec::new();
    for part in parts(text) {
        match settings::lifetime_of(part) {
            Ok(pair) => read.push(pair),
            Err(why) => complain(format!("`{PATTERNS}`: {why}")),
        }
    }
    config.ttl_patterns.splice(..0, read);
}

/// What stands between commas. One behind a backslash is of the pattern.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |c| {
        let ends = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })
}

/// Others may have variables that begin so; one that is nearly ours is a mistake.
fn unknown(name: &str, complain: &mut dyn FnMut(String)) {
    if [FILE, PATTERNS, "REDIS_URL"].contains(&name) {
        return;
    }
    if cfg!(not(feature = "redis")) && name.starts_with("CACHE_REDIS_") {
        return complain(format!("`{name}` {}", settings::NO_REDIS));
    }
    let known: Vec<String> = TABLE.iter().map(Setting::variable).collect();
    let known = known.iter().map(String::as_str).chain([FILE, PATTERNS]);
    if let Some(meant) = settings::nearest(name, known) {
        complain(format!("`{name}` is unknown; did you mean `{meant}`?"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What an environment makes of the defaults, and what is wrong with it.
    fn reads(all: &[(&str, &str)]) -> (Config, Vec<String>) {
        let all = all.iter().map(|(name, value)| (name.into(), value.into()));
        let (mut config, mut problems) = (Config::default(), Vec::new());
        read(&mut config, &variables(all), &mut |problem| {
            problems.push(problem);
        });
        (config, problems)
    }

    #[test]
    fn a_variable_sets_what_its_key_does() {
        let (config, problems) = reads(&[
            ("CACHE_NAMESPACE", "shop"),
            ("CACHE_TTL_DEFAULT", "2m"),
            ("CACHE_MEMORY_MAX_BYTES", "256MiB"),
            ("CACHE_MEMORY_EVICTION", "lru"),
            ("CACHE_WAIT_MAX", ""),
            ("PATH", "/bin"),
        ]);
        assert_eq!(problems, [""; 0]);
        assert_eq!(&*config.namespace, "shop");
        assert_eq!(config.ttl_default, Some(Duration::from_secs(120)));
        assert_eq!(config.memory.max_bytes, 256 << 20);
        assert_eq!(config.memory.eviction, crate::Eviction::Lru);
        assert_eq!(config.wait_max, Duration::from_secs(2), "empty is not set");
    }

    #[test]
    fn lifetimes_by_address_stand_in_their_order() {
        let (config, problems) = reads(&[(
            "CACHE_TTL_PATTERNS",
            r"query:reports:*=1h, query:* = 60,a\,b=c=never",
        )]);
        assert_eq!(problems, [""; 0]);
        let read = config.ttl_patterns.iter();
        let read: Vec<_> = read
            .map(|(pattern, ttl)| (pattern.as_str(), *ttl))
            .collect();
        let seconds = Duration::from_secs;
        assert_eq!(
            read,
            [
                ("query:reports:*", seconds(3_600)),
                ("query:*", seconds(60)),
                (r"a\,b=c", Duration::MAX),
            ]
        );
        let (config, problems) =
            reads(&[("CACHE_TTL_PATTERNS", "a:*,b:*=soon,c:[=5,d:*=0,e:*=5,")]);
        assert_eq!(config.ttl_patterns.len(), 1);
        assert_eq!(problems.len(), 5, "{problems:?}");
        for (problem, why) in problems
            .iter()
            .zip(["`a:*`", "`soon`", "`c:[`", "zero", "``"])
        {
            assert!(problem.starts_with("`CACHE_TTL_PATTERNS`: "), "{problem}");
            assert!(problem.contains(why), "{problem}");
        }
    }

    #[cfg(feature = "redis")]
    #[test]
    fn a_key_is_not_repeated() {
        let (_, problems) = reads(&[
            ("CACHE_REDIS_KEY_SECRET", "hunter2"),
            ("CACHE_REDIS_ENCRYPTION", "1:hunter2"),
        ]);
        assert_eq!(problems.len(), 2);
        for (problem, name) in problems.iter().zip(["ENCRYPTION", "KEY_SECRET"]) {
            assert!(
                problem.starts_with(&format!("`CACHE_REDIS_{name}` ")),
                "{problem}"
            );
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn all_mistakes_are_told_with_their_names() {
        let (_, problems) = reads(&[
            ("CACHE_WAIT_MAX", "soon"),
            ("CACHE_MAX_DEPS", "-1"),
            ("CACHE_MEMORY_EVICTION", "lfu"),
            ("CACHE_NAMESPCE", "shop"),
            ("CACHE_TEST_SKIP_SERVICES", "1"),
            ("CACHE_DIR", "/tmp"),
        ]);
        assert_eq!(
            problems,
            [
                "`CACHE_MAX_DEPS` is `-1`, which is not a whole number: write digits (`1000`)",
                "`CACHE_MEMORY_EVICTION` is `lfu`, which is none of the ways to make room: write `s3-fifo`, `w-tinylfu`, `lru`, `fifo` or `sieve`",
                "`CACHE_NAMESPCE` is unknown; did you mean `CACHE_NAMESPACE`?",
                "`CACHE_WAIT_MAX` is `soon`, which is not a duration: write seconds (`300`), or `\"5m\"`",
            ]
        );
        let (_, problems) = reads(&[("CACHE_CONFIG", "/nowhere/cache.toml")]);
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].starts_with("/nowhere/cache.toml cannot be read: ")
                && problems[0].ends_with("(`CACHE_CONFIG` names this file)"),
            "{problems:?}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_is_a_mistake() {
        use std::os::unix::ffi::OsStringExt as _;
        let odd = OsString::from_vec(vec![0xff]);
        let all = [("CACHE_NAMESPACE".into(), odd.clone()), (odd.clone(), odd)];
        let mut problems = Vec::new();
        let variables = variables(all.into_iter());
        read(&mut Config::default(), &variables, &mut |problem| {
            problems.push(problem);
        });
        assert_eq!(problems, ["`CACHE_NAMESPACE` is not UTF-8"]);
    }

    #[cfg(feature = "redis")]
    #[test]
    fn what_is_for_this_cache_alone_is_stronger_than_what_is_for_all() {
        let url = |all: &[_]| reads(all).0.redis.map(|url| url.0.to_string());
        let (common, own) = (
            ("REDIS_URL", "redis://common/"),
            ("CACHE_REDIS_URL", "redis://own/"),
        );
        assert_eq!(url(&[common]).as_deref(), Some("redis://common/"));
        assert_eq!(url(&[own, common]).as_deref(), Some("redis://own/"));
    }

    #[cfg(not(feature = "redis"))]
    #[test]
    fn without_redis_only_what_is_for_this_cache_alone_is_a_mistake() {
        let (_, problems) = reads(&[("REDIS_URL", "redis://common/")]);
        assert_eq!(problems, [""; 0]);
        let (_, problems) = reads(&[("CACHE_REDIS_LEASE", "5s")]);
        assert!(problems[0].contains("feature `redis`"), "{problems:?}");
    }
}
