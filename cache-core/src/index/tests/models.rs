//! Every interleaving of a hit, a store and an append.

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use loom::thread;

use super::*;
use crate::entry::{Class, Face, Head, Kept};
use crate::sync::Arc;
use crate::tier::memory::Resident;

/// An entry as a computation makes it that began at `stamp` and read `value`.
fn entry_of(index: &Arc<Index>, stamp: Position, checked: u64, value: u64, tag: &str) -> Arc<Kept> {
    let head = Head {
        key: crate::tier::memory::Lookup::whole(&std::any::TypeId::of::<()>(), b"").to_key(),
        instance: Arc::new(crate::entry::Instance {
            grace: crate::policy::Grace::default(),
            identity: std::any::TypeId::of::<()>(),
            stats: Arc::default(),
            ring: None,
            index: Arc::clone(index),
        }),
        class: Class::Value,
        stamp,
        checked,
        expires: u64::MAX,
        deps: Box::new([Dep::tag(tag)]),
        began: 0,
        ordinal: 0,
        cost_ns: 0,
        of_late: false,
    };
    head.with(Arc::new(value), 8)
}

/// The check of a hit.
fn serves(index: &Index, entry: &Kept) -> bool {
    entry.is_checked(index.version()) || entry.is_valid()
}

/// The same as the memory tier does it, with what it keeps beside the entry.
fn hits(index: &Index, entry: &Kept, face: &Face) -> bool {
    let passes = face.is_checked(index.version()) || face.passes();
    passes
        || entry.is_valid() && {
            face.remember(entry);
            true
        }
}

fn value(entry: &Kept) -> u64 {
    *entry.payload().downcast_ref().unwrap()
}

/// A check that begins after `append` has returned never finds the old value valid, whoever else checks meanwhile.
#[test]
fn loom_what_was_invalidated_is_not_served() {
    loom::model(|| {
        let index = Arc::new(index(10));
        let entry = entry_of(&index, index.applied(), index.version(), 1, "t");
        let told = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (index, entry, told) =
                    (Arc::clone(&index), Arc::clone(&entry), Arc::clone(&told));
                thread::spawn(move || {
                    let before = told.load(Ordering::Acquire);
                    assert!(
                        !(serves(&index, &entry) && before),
                        "served after the append had returned"
                    );
                })
            })
            .collect();
        index.append(vec![tag("t")]);
        told.store(true, Ordering::Release);
        assert!(!serves(&index, &entry));
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

/// Entries raise their stamps as they are found valid. No raise goes beyond a record that matches.
#[test]
fn loom_a_raise_never_passes_a_record() {
    loom::model(|| {
        let index = Arc::new(index(10));
        let entry = entry_of(&index, index.applied(), index.version(), 1, "t");
        let reader = {
            let (index, entry) = (Arc::clone(&index), Arc::clone(&entry));
            thread::spawn(move || {
                // What a nested call reports: the value and its stamp.
                serves(&index, &entry).then(|| entry.stamp())
            })
        };
        let bystander = {
            let index = Arc::clone(&index);
            thread::spawn(move || index.append(vec![tag("other")]))
        };
        let record = index.append(vec![tag("t")]);
        let _ = serves(&index, &entry);
        if let Some(stamp) = reader.join().unwrap() {
            assert!(stamp < record, "who used the value would outlive it");
        }
        bystander.join().unwrap();
        assert!(entry.stamp() < record && !serves(&index, &entry));
    });
}

/// A computation begins, the source changes, the invalidation is appended, the value is stored: in any order of these
/// that can be, nobody who comes after the append is served what was read before.
#[test]
fn loom_what_was_read_before_is_not_served_after() {
    loom::model(|| {
        let index = Arc::new(index(10));
        let source = Arc::new(AtomicU64::new(1));
        let place: Arc<Mutex<Option<Arc<Kept>>>> = Arc::default();
        let filler = {
            let (index, source, place) =
                (Arc::clone(&index), Arc::clone(&source), Arc::clone(&place));
            thread::spawn(move || {
                let stamp = index.applied();
                let read = source.load(Ordering::Acquire);
                let verdict = index.check(stamp, 0, &[Dep::tag("t")]);
                if verdict.valid {
                    let entry = entry_of(&index, stamp, verdict.version, read, "t");
                    *place.lock().unwrap() = Some(entry);
                }
            })
        };
        source.store(2, Ordering::Release);
        index.append(vec![tag("t")]);
        let look = || {
            let found = place.lock().unwrap().clone();
            if let Some(entry) = found.filter(|entry| serves(&index, entry)) {
                assert_eq!(value(&entry), 2);
            }
        };
        look();
        filler.join().unwrap();
        look();
    });
}

/// The same with another record in between: the version that a value was checked at is not the newest any more.
#[test]
fn loom_a_store_between_two_records() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(|| {
        let index = Arc::new(index(1));
        let source = Arc::new(AtomicU64::new(1));
        let place: Arc<Mutex<Option<Arc<Kept>>>> = Arc::default();
        let filler = {
            let (index, source, place) =
                (Arc::clone(&index), Arc::clone(&source), Arc::clone(&place));
            thread::spawn(move || {
                let stamp = index.applied();
                let read = source.load(Ordering::Acquire);
                let verdict = index.check(stamp, 0, &[Dep::tag("t")]);
                if verdict.valid {
                    *place.lock().unwrap() =
                        Some(entry_of(&index, stamp, verdict.version, read, "t"));
                }
            })
        };
        let sweeper = {
            let (index, place) = (Arc::clone(&index), Arc::clone(&place));
            thread::spawn(move || {
                let found = place.lock().unwrap().clone();
                // The tier looks, too, and raises what it finds valid.
                let _ = found.map(|entry| entry.dead());
                index.append(vec![tag("other")]);
            })
        };
        source.store(2, Ordering::Release);
        index.append(vec![tag("t")]);
        let found = place.lock().unwrap().clone();
        if let Some(entry) = found.filter(|entry| serves(&index, entry)) {
            assert_eq!(value(&entry), 2);
        }
        filler.join().unwrap();
        sweeper.join().unwrap();
    });
}

/// The pattern that kills an entry becomes a prefix, as a later one needs its place, while the entry is looked at.
#[test]
fn loom_a_pattern_that_becomes_a_prefix_kills_all_the_time() {
    loom::model(|| {
        let index = Arc::new(index_of_few(10, 1));
        let entry = entry_of(&index, index.applied(), index.version(), 1, "t");
        let reader = {
            let (index, entry) = (Arc::clone(&index), Arc::clone(&entry));
            thread::spawn(move || serves(&index, &entry).then(|| entry.stamp()))
        };
        let other = {
            let index = Arc::clone(&index);
            thread::spawn(move || index.append(vec![pattern("t*z")]))
        };
        let record = index.append(vec![pattern("tag:*t")]);
        assert!(!serves(&index, &entry));
        if let Some(stamp) = reader.join().unwrap() {
            assert!(stamp < record, "who used the value would outlive it");
        }
        other.join().unwrap();
        assert!(!serves(&index, &entry));
    });
}

/// Records that do not concern an entry are passed without a check, as long as none that does is among them, and as they push one
/// another out of what is remembered.
#[test]
fn loom_who_is_not_concerned_passes_and_who_is_does_not() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(|| {
        let index = Arc::new(index(1_000));
        let entry = entry_of(&index, index.applied(), index.version(), 1, "t");
        let face = Arc::new(entry.face());
        let told = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (index, entry, face, told) = (
                    Arc::clone(&index),
                    Arc::clone(&entry),
                    Arc::clone(&face),
                    Arc::clone(&told),
                );
                thread::spawn(move || {
                    let before = told.load(Ordering::Acquire);
                    let served = hits(&index, &entry, &face);
                    assert!(!(served && before), "served after the append had returned");
                })
            })
            .collect();
        index.append(vec![tag(&stranger("t", 0))]);
        assert!(face.passes(), "nobody was concerned");
        index.append(vec![tag("t")]);
        told.store(true, Ordering::Release);
        index.append(vec![tag(&stranger("t", 1))]);
        assert!(!hits(&index, &entry, &face));
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
