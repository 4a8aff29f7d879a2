//! THE TABLE: everything that can be set by text, in a file or in the environment.

use std::time::Duration;

use crate::pattern::Pattern;

use super::{Config, Eviction, units};
#[cfg(feature = "redis")]
use super::{Url, keys};

/// One thing that can be set.
pub(super) struct Setting {
    /// In a file: `max_bytes` under `[memory]`. In the environment: `CACHE_MEMORY_MAX_BYTES`.
    pub(super) key: &'static str,
    form: Form,
}

/// How it is written, and where it goes.
enum Form {
    /// Whatever it is. It may hold a password.
    Text(fn(&mut Config, &str)),
    Length(fn(&mut Config, Duration)),
    /// A length, or `never`.
    Lifetime(fn(&mut Config, Duration)),
    Size(fn(&mut Config, u64)),
    Count(fn(&mut Config, usize)),
    /// Yes or no.
    Flag(fn(&mut Config, bool)),
    /// The name of one.
    Leaving(fn(&mut Config, Eviction)),
    /// Keys. No message repeats anything of them.
    #[cfg(feature = "redis")]
    Keys(fn(&mut Config, &str) -> Result<(), &'static str>),
}

#[cfg(feature = "redis")]
use Form::Keys;
use Form::{Count, Flag, Leaving, Length, Lifetime, Size, Text};

const fn setting(key: &'static str, form: Form) -> Setting {
    Setting { key, form }
}

#[rustfmt::skip]
pub(super) const TABLE: &[Setting] = &[
    setting("namespace", Text(|c, text| c.namespace = text.into())),
    setting("wait_max", Length(|c, longest| c.wait_max = longest)),
    setting("max_staleness", Length(|c, longest| c.max_staleness = longest)),
    setting("max_deps", Count(|c, count| c.max_deps = count)),
    setting("index_max_records", Count(|c, count| c.index_max_records = count)),
    setting("ttl.default", Lifetime(|c, ttl| c.ttl_default = Some(ttl))),
    setting("memory.max_bytes", Size(|c, bytes| c.memory.max_bytes = bytes)),
    setting("memory.max_entry_bytes", Size(|c, bytes| c.memory.max_entry_bytes = Some(bytes))),
    setting("memory.eviction", Leaving(|c, eviction| c.memory.eviction = eviction)),
    setting("warmup.on_startup", Flag(|c, yes| c.warmup_on_startup = yes)),
    #[cfg(feature = "redis")]
    setting("redis.url", Text(|c, url| c.redis = Some(Url(url.into())))),
    #[cfg(feature = "redis")]
    setting("redis.require", Length(|c, within| c.require_redis = Some(within))),
    #[cfg(feature = "redis")]
    setting("redis.lease", Length(|c, longest| c.lease = longest)),
    #[cfg(feature = "redis")]
    setting("redis.op_timeout", Length(|c, longest| c.link.op_timeout = longest)),
    #[cfg(feature = "redis")]
    setting("redis.connect_timeout", Length(|c, longest| c.link.connect_timeout = longest)),
    #[cfg(feature = "redis")]
    setting("redis.breaker_failures", Count(|c, count| c.link.failures = u32::try_from(count).unwrap_or(u32::MAX))),
    #[cfg(feature = "redis")]
    setting("redis.breaker_probe", Length(|c, pause| c.link.probe_interval = pause)),
    #[cfg(feature = "redis")]
    setting("redis.compress_from", Size(|c, bytes| c.compress_from = usize::try_from(bytes).unwrap_or(usize::MAX))),
    #[cfg(feature = "redis")]
    setting("redis.hot_keys", Count(|c, most| c.hot_keys = Some(most))),
    #[cfg(feature = "redis")]
    setting("redis.predict", Flag(|c, yes| c.predict = yes)),
    #[cfg(feature = "redis")]
    setting("redis.key_secret", Keys(keys::secret)),
    #[cfg(feature = "redis")]
    setting("redis.encryption", Keys(keys::encryption)),
];

impl Setting {
    /// The name that it has in the environment.
    pub(super) fn variable(&self) -> String {
        format!("CACHE_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// Whether it is yes or no.
    #[cfg(feature = "config")]
    pub(super) fn is_flag(&self) -> bool {
        matches!(self.form, Flag(_))
    }

    /// Sets it to what is written; `None` is no text and no number.
    ///
    /// # Errors
    /// What is wrong with the value, to be put after the name.
    pub(super) fn set(&self, config: &mut Config, written: Option<&str>) -> Result<(), String> {
        let text = written.ok_or_else(|| "is neither a text nor a whole number".to_owned())?;
        let done = match self.form {
            Text(set) => {
                set(config, text);
                Ok(())
            }
            Length(set) => units::length(text).map(|length| set(config, length)),
            Lifetime(set) => lifetime(text).map(|ttl| set(config, ttl)),
            Size(set) => units::size(text).map(|size| set(config, size)),
            Flag(set) => flag(text).map(|yes| set(config, yes)),
            Count(set) => count(text).map(|count| set(config, count)),
            Leaving(set) => {
                let eviction = text.trim().parse().map(|eviction| set(config, eviction));
                return eviction.map_err(|unknown| complaint(text, &unknown.to_string()));
            }
            #[cfg(feature = "redis")]
            Keys(set) => return set(config, text).map_err(str::to_owned),
        };
        done.map_err(|why| complaint(text, why))
    }
}

/// What is said of settings that only the feature has.
#[cfg(not(feature = "redis"))]
pub(super) const NO_REDIS: &str =
    "has no effect: this build is without the feature `redis` of cache-core";
#[cfg(feature = "redis")]
pub(super) const NO_REDIS: &str = "";

/// How long values are fresh.
///
/// # Errors
/// What is wrong with the value, to be put after the name.
#[cfg(feature = "config")]
pub(super) fn ttl(written: Option<&str>) -> Result<Duration, String> {
    let text = written.ok_or_else(|| "is neither a text nor a whole number".to_owned())?;
    lifetime(text).map_err(|why| complaint(text, why))
}

/// `query:*=60`: a pattern, and how long what it matches is fresh.
///
/// # Errors
/// What is wrong with it.
pub(super) fn lifetime_of(text: &str) -> Result<(Pattern, Duration), String> {
    let Some((pattern, ttl)) = text.rsplit_once('=') else {
        return Err(format!("`{}` has no `=`: write `query:*=60`", text.trim()));
    };
    let pattern = pattern.trim();
    let parsed = Pattern::by_hand(pattern);
    let parsed = parsed.map_err(|error| format!("the pattern `{pattern}`: {error}"))?;
    let ttl = lifetime(ttl).map_err(|why| complaint(ttl.trim(), why));
    ttl.map(|ttl| (parsed, ttl))
        .map_err(|why| format!("the ttl of `{pattern}` {why}"))
}

fn lifetime(text: &str) -> Result<Duration, &'static str> {
    match text.trim() {
        "never" => Ok(Duration::MAX),
        text => match units::length(text)? {
            Duration::ZERO => Err("nothing: with a `ttl` of zero nothing would be stored"),
            ttl => Ok(ttl),
        },
    }
}

fn count(text: &str) -> Result<usize, &'static str> {
    match text.trim().parse() {
        Ok(0) => Err("zero: write at least 1"),
        Ok(count) => Ok(count),
        Err(_) => Err("not a whole number: write digits (`1000`)"),
    }
}

fn flag(text: &str) -> Result<bool, &'static str> {
    match text.trim() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("neither yes nor no: write `1` or `true`, `0` or `false`"),
    }
}

/// Repeats the value if it can hold no password.
fn complaint(text: &str, why: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || " .-_".contains(c);
    if text.len() <= 24 && text.chars().all(harmless) {
        format!("is `{text}`, which is {why}")
    } else {
        format!("is {why}")
    }
}

/// What a name that is none was meant to be, if one of these is near it.
pub(super) fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let allowed = (name.len() / 4).clamp(1, 3);
    names
        .into_iter()
        .map(|each| (distance(name, each), each))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, each)| each)
}

/// How many bytes must be inserted, removed, replaced, or swapped with the next.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y)).min(last[j + 1].min(row[j]) + 1);
            if i > 0 && j > 0 && x == &b[j - 1] && y == &a[i - 1] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_named_as_its_key() {
        let variables: Vec<String> = TABLE.iter().map(Setting::variable).collect();
        for name in [
            "CACHE_NAMESPACE",
            "CACHE_TTL_DEFAULT",
            "CACHE_MEMORY_MAX_BYTES",
        ] {
            assert!(variables.iter().any(|variable| variable == name), "{name}");
        }
    }

    #[test]
    fn what_may_hold_a_password_is_not_repeated() {
        for text in [
            "redis://:secret@host/",
            "secret@host",
            "a long one that nobody would write there",
        ] {
            let text = complaint(text, "wrong");
            assert_eq!(text, "is wrong");
        }
        assert_eq!(
            complaint("5 parsecs", "wrong"),
            "is `5 parsecs`, which is wrong"
        );
    }

    #[test]
    fn the_nearest_name_is_found_if_there_is_one() {
        let names = || TABLE.iter().map(|setting| setting.key);
        for (typed, meant) in [
            ("namespce", Some("namespace")),
            ("max_stalenes", Some("max_staleness")),
            ("memory.max_byte", Some("memory.max_bytes")),
            ("memroy.max_bytes", Some("memory.max_bytes")),
            ("ttl.defualt", Some("ttl.default")),
            ("", None),
            ("capacity", None),
        ] {
            assert_eq!(nearest(typed, names()), meant, "{typed}");
        }
        for (a, b, edits) in [
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
            ("same", "same", 0),
        ] {
            assert_eq!((distance(a, b), distance(b, a)), (edits, edits), "{a} {b}");
        }
    }
}
