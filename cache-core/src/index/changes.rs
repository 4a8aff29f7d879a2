//! The last few changes of an index, each with a hint at whom it may concern. Most concern few, and who is not concerned is spared
//! the check, with its lock and what it reads of an entry.
//!
//! A hash leaves one of sixteen marks. A change has those of all that it names, and a value those of all that it depends on: where
//! no mark is common, it depends on nothing that was named (Bloom, "Space/time trade-offs in hash coding with allowable errors",
//! CACM 1970, with one hash and sixteen bits).

use super::records::exact_hash;
use super::{Dep, Matcher};
use crate::sync::atomic::{AtomicU64, Ordering};

/// So many are remembered. After as many, few would pass that have but two marks: one in eight.
const REMEMBERED: usize = 16;

/// A version and marks share a number: these are its bits for the marks, below.
const MARKS: u64 = u16::MAX as u64;

/// Marks of whoever there is.
pub(super) const EVERYBODY: u64 = MARKS;

/// From one version to the next.
const STEP: u64 = MARKS + 1;

/// Of the hash of a key, an address or a tag.
fn mark(hash: u64) -> u64 {
    1 << (hash >> 60)
}

/// Of whom these may concern.
pub(super) fn marks_of(matchers: &[Matcher]) -> u64 {
    let marks = |matcher| exact_hash(matcher).map_or(EVERYBODY, mark);
    matchers.iter().fold(0, |all, matcher| all | marks(matcher))
}

/// What a value is to remember that was found valid at this version: the version, and what concerns it since.
pub(crate) fn checked(version: u64, deps: &[Dep]) -> u64 {
    let marks = |dep: &Dep| match dep.hashes() {
        Some([one, other]) => mark(one) | mark(other),
        None => EVERYBODY,
    };
    let all = deps.iter().fold(0, |all, dep| all | marks(dep));
    // What depends on nothing is invalid with everything else.
    version | if all == 0 { EVERYBODY } else { all }
}

/// Whether that version is this one.
#[inline(always)]
pub(crate) fn is_at(checked: u64, version: u64) -> bool {
    checked & !MARKS == version
}

/// See the module.
#[derive(Debug)]
pub(super) struct Changes {
    /// The version of the last one.
    version: AtomicU64,
    /// Each with its version and its marks, at the place of its version.
    last: [AtomicU64; REMEMBERED],
}

impl Changes {
    /// Not 0, which is the version of what was never found valid.
    pub(super) fn new() -> Self {
        Self {
            version: AtomicU64::new(STEP),
            last: Default::default(),
        }
    }

    /// The version of the last change.
    #[inline(always)]
    pub(super) fn version(&self) -> u64 {
        // Acquire, with the release in `add`: whoever sees the version sees what changed.
        self.version.load(Ordering::Acquire)
    }

    /// One more, which concerns whom these marks name. One caller at a time, after all else that it changed.
    pub(super) fn add(&self, marks: u64) {
        let version = self.version.load(Ordering::Relaxed) + STEP;
        // Before the version: whoever sees that finds this, or what came later.
        self.place(version)
            .store(version | marks, Ordering::Relaxed);
        self.version.store(version, Ordering::Release);
    }

    /// What a value is to remember instead that was [`checked`], if none of the changes since concerns it, and all are remembered.
    pub(super) fn pass(&self, checked: u64) -> Option<u64> {
        let (since, marks) = (checked & !MARKS, checked & MARKS);
        let now = self.version();
        // Of a later one another thread has just heard; and some are no versions at all.
        let steps = now.checked_sub(since)? / STEP;
        if since == 0 || steps > REMEMBERED as u64 {
            return None;
        }
        let spares = |version: u64| {
            let change = self.place(version).load(Ordering::Relaxed);
            is_at(change, version) && change & marks == 0
        };
        let mut versions = (1..=steps).map(|step| since + step * STEP);
        versions.all(spares).then_some(now | marks)
    }

    fn place(&self, version: u64) -> &AtomicU64 {
        &self.last[(version / STEP) as usize % REMEMBERED]
    }
}
