use super::globs::Globs;
use super::{Dep, DepSet, Index, Matcher};
use crate::key::KeyDigest;
use crate::pattern::Pattern;
use crate::position::Position;

#[cfg(not(loom))]
mod audience;
#[cfg(not(loom))]
mod changes;
#[cfg(not(loom))]
mod forgetting;
#[cfg(not(loom))]
mod globs;
#[cfg(not(loom))]
mod kinds;
#[cfg(loom)]
mod models;
#[cfg(not(loom))]
mod random;
#[cfg(all(feature = "redis", not(loom)))]
mod replica;

const GENERATION: u64 = 7;

fn at(sequence: u64) -> Position {
    Position {
        generation: GENERATION,
        sequence,
    }
}

fn index(max_records: usize) -> Index {
    Index::new(at(0), max_records)
}

/// An index that tries at most `max_globs` patterns.
fn index_of_few(max_records: usize, max_globs: usize) -> Index {
    let index = index(max_records);
    super::write(&index.state).logged.globs = Globs::new(max_globs);
    index
}

fn digest(of: &str) -> KeyDigest {
    let mut bytes = [0; 16];
    for (at, byte) in of.bytes().enumerate() {
        bytes[at % 16] ^= byte.rotate_left(at as u32 / 16);
    }
    KeyDigest::from_bytes(bytes)
}

/// An entry whose key and address are spelt alike.
fn entry(address: &str) -> Dep {
    Dep::entry(digest(address), address.into())
}

/// As an entry of a function without a template has it: what patterns see, and the digest of its key.
fn undescribed(head: &str, of: &str) -> Dep {
    Dep::entry(digest(of), format!("{head}{}", digest(of)).into())
}

fn key(address: &str) -> Matcher {
    Matcher::Key(digest(address), address.into())
}

fn address(address: &str) -> Matcher {
    Matcher::Address(address.into())
}

fn tag(tag: &str) -> Matcher {
    Matcher::Tag(tag.into())
}

fn prefix(prefix: &str) -> Matcher {
    Matcher::Prefix(prefix.into())
}

fn glob(pattern: &str) -> Matcher {
    Matcher::Glob(Pattern::parse(pattern).unwrap().into())
}

/// The `n`th tag whose invalidation is known not to concern who depends on `of`, without a check.
fn stranger(of: &str, n: usize) -> String {
    let concerns = super::checked(0, &[Dep::tag(of)]);
    let strange = |name: &String| super::marks_of(&[tag(name)]) & concerns == 0;
    let mut names = (0..).map(|n| format!("stranger{n}")).filter(strange);
    names.nth(n).unwrap()
}

/// What `invalidate_pattern` appends.
fn pattern(pattern: &str) -> Matcher {
    Pattern::parse(pattern).unwrap().into()
}

fn valid(index: &Index, stamp: Position, dep: &Dep) -> bool {
    index.check(stamp, 0, std::slice::from_ref(dep)).valid
}

/// A dependency on all of these, as a computation collects it.
fn collected(deps: &[Dep], max: usize) -> Box<[Dep]> {
    let mut set = DepSet::default();
    for dep in deps {
        set.extend(std::slice::from_ref(dep), max);
    }
    set.behind(&[])
}
