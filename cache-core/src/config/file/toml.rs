//! What stands in a file.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use ::toml::de::{DeTable, DeValue};

use crate::config::Config;
use crate::config::settings::{self, Setting, TABLE};
use crate::pattern::Pattern;

/// Where the patterns are.
const PATTERNS: &str = "ttl.patterns";

/// How many mistakes of form are told; after the first ones there are some that are none.
const FEW: usize = 5;

/// Puts what a text says over a configuration. What is wrong, and in which line, is told to `complain`: all of it, in order.
pub(in crate::config) fn read(
    config: &mut Config,
    text: &str,
    complain: &mut dyn FnMut(usize, String),
) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let line = |span: Range<usize>| {
        let before = text.as_bytes().get(..span.start).unwrap_or(text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    };
    if !errors.is_empty() {
        // What the parser shows of the line itself may be a password.
        for error in errors.iter().take(FEW) {
            let at = error.span().map_or(1, line);
            complain(at, format!("not TOML: {}", error.message()));
        }
        return;
    }
    let mut reading = Reading {
        config,
        problems: Vec::new(),
        patterns: Vec::new(),
    };
    reading.table("", table.get_ref());
    let Reading {
        mut problems,
        mut patterns,
        config,
    } = reading;
    // The first one that matches counts, and the parser has them in the order of the alphabet.
    patterns.sort_by_key(|(at, _, _)| *at);
    let patterns = patterns.into_iter().map(|(_, pattern, ttl)| (pattern, ttl));
    config.ttl_patterns.splice(..0, patterns);
    problems.sort_by_key(|(at, _)| at.start);
    for (at, problem) in problems {
        complain(line(at), problem);
    }
}

struct Reading<'c> {
    config: &'c mut Config,
    problems: Vec<(Range<usize>, String)>,
    patterns: Vec<(usize, Pattern, Duration)>,
}

impl Reading<'_> {
    fn table(&mut self, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = match path {
                "" => key.get_ref().to_string(),
                path => format!("{path}.{}", key.get_ref()),
            };
            let found = match value.get_ref() {
                DeValue::Table(inner) if name == PATTERNS => {
                    self.patterns(inner);
                    Ok(())
                }
                DeValue::Table(inner) if is_table(&name) => {
                    self.table(&name, inner);
                    Ok(())
                }
                other => self.set(&name, other),
            };
            if let Err(problem) = found {
                self.problems.push((key.span(), problem));
            }
        }
    }

    fn set(&mut self, name: &str, value: &DeValue<'_>) -> Result<(), String> {
        let written = |setting: &Setting| match value {
            DeValue::Boolean(yes) if setting.is_flag() => Some(Cow::Owned(yes.to_string())),
            other => written(other),
        };
        match TABLE.iter().find(|setting| setting.key == name) {
            Some(setting) => setting
                .set(self.config, written(setting).as_deref())
                .map_err(|why| format!("`{name}` {why}")),
            None if is_table(name) || name == PATTERNS => Err(format!(
                "`{name}` is a table: write `[{name}]`, and below it what it has"
            )),
            None => Err(unknown(name)),
        }
    }

    fn patterns(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            let pattern = Pattern::by_hand(key.get_ref())
                .map_err(|error| format!("the pattern `{}`: {error}", key.get_ref()));
            let ttl = settings::ttl(written(value.get_ref()).as_deref())
                .map_err(|why| format!("the ttl of `{}` {why}", key.get_ref()));
            match (pattern, ttl) {
                (Ok(pattern), Ok(ttl)) => self.patterns.push((key.span().start, pattern, ttl)),
                (pattern, ttl) => {
                    let problems = [pattern.err(), ttl.err()].into_iter().flatten();
                    self.problems
                        .extend(problems.map(|problem| (key.span(), problem)));
                }
            }
        }
    }
}

/// A text or a whole number, as text.
fn written<'v>(value: &'v DeValue<'_>) -> Option<Cow<'v, str>> {
    match value {
        DeValue::String(text) => Some(Cow::Borrowed(text)),
        DeValue::Integer(number) if number.radix() == 10 => Some(Cow::Borrowed(number.as_str())),
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(|number| Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// Whether there are settings below this name.
fn is_table(name: &str) -> bool {
    tables().any(|table| table == name)
}

fn tables() -> impl Iterator<Item = &'static str> {
    TABLE
        .iter()
        .filter_map(|setting| Some(setting.key.split_once('.')?.0))
}

fn unknown(name: &str) -> String {
    if cfg!(not(feature = "redis")) && (name == "redis" || name.starts_with("redis.")) {
        return format!("`{name}` {}", settings::NO_REDIS);
    }
    let keys = || TABLE.iter().map(|setting| setting.key).chain([PATTERNS]);
    let moved = keys().find(|key| {
        let last = key.rsplit('.').next();
        last == name.rsplit('.').next()
    });
    let meant = settings::nearest(name, keys().chain(tables())).or(moved);
    match meant {
        Some(meant) => format!("`{name}` is unknown; did you mean `{meant}`?"),
        None => format!("`{name}` is unknown; guide::configuration has a table of what there is"),
    }
}

#[cfg(test)]
mod tests;
