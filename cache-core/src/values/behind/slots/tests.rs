//! The order of things, step by step, and at random.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn slots(behind: Behind) -> (Slots<u32>, Arc<BehindCounters>) {
    let counters = Arc::default();
    let mut slots = Slots::new(behind, Arc::clone(&counters));
    slots.join();
    (slots, counters)
}

fn address(name: &str) -> Arc<str> {
    name.into()
}

fn set(slots: &mut Slots<u32>, name: &str, value: u32, now: u64) -> bool {
    assert_eq!(slots.claim(&address(name)), Some(true), "{name}");
    slots.settle(&address(name), Some(value), now)
}

fn write(values: &[(&str, u32)]) -> Next<u32> {
    Next::Write(
        values
            .iter()
            .map(|(name, value)| (address(name), *value))
            .collect(),
    )
}

fn finish(slots: &mut Slots<u32>, names: &[&str], written: bool, now: u64) {
    let batch: Vec<_> = names.iter().map(|name| address(name)).collect();
    slots.finish(&batch, written, now);
}

const SECOND: Behind = Behind::new();

#[test]
fn the_last_value_is_written_once_and_when_the_first_was_due() {
    let (mut slots, counters) = slots(SECOND);
    assert_eq!(slots.take(0), Next::Wait(u64::MAX));
    set(&mut slots, "a", 1, 0);
    set(&mut slots, "b", 2, 400);
    set(&mut slots, "a", 3, 900);
    assert_eq!(slots.take(999), Next::Wait(1_000));
    assert_eq!(slots.find("a"), Some(&3));
    assert_eq!(slots.take(1_000), write(&[("a", 3)]));
    assert_eq!(slots.find("a"), Some(&3), "until it is written");
    set(&mut slots, "a", 4, 1_100);
    assert_eq!(slots.find("a"), Some(&4));
    finish(&mut slots, &["a"], true, 1_200);
    assert_eq!(slots.take(2_000), write(&[("b", 2)]));
    finish(&mut slots, &["b"], true, 2_000);
    assert_eq!(slots.take(2_000), Next::Wait(2_100));
    slots.leave();
    assert_eq!(
        slots.take(2_000),
        write(&[("a", 4)]),
        "nobody will set another"
    );
    finish(&mut slots, &["a"], true, 2_000);
    assert_eq!(slots.take(2_000), Next::End);
    assert_eq!(slots.find("a"), None);
    let stats = counters.read();
    assert_eq!((stats.queued, stats.written, stats.coalesced), (0, 3, 1));
}

#[test]
fn what_has_failed_waits_apart_and_is_parted_until_one_stands_alone() {
    let (mut slots, counters) = slots(SECOND.delay(Duration::ZERO).batch(4));
    for (value, name) in (0..).zip(["a", "b", "c", "d"]) {
        set(&mut slots, name, value, 0);
    }
    let Next::Write(all) = slots.take(0) else {
        panic!("nothing is due")
    };
    assert_eq!(all.len(), 4);
    finish(&mut slots, &["a", "b", "c", "d"], false, 0);
    assert_eq!(slots.take(99), Next::Wait(100));
    // What has not failed goes on.
    set(&mut slots, "e", 9, 50);
    assert_eq!(slots.take(50), write(&[("e", 9)]));
    finish(&mut slots, &["e"], true, 50);
    assert_eq!(
        slots.take(99),
        Next::Wait(100),
        "and is no reason to try again"
    );
    assert_eq!(slots.take(100), write(&[("a", 0), ("b", 1)]));
    finish(&mut slots, &["a", "b"], false, 100);
    assert_eq!(slots.take(299), Next::Wait(300), "twice as long");
    assert_eq!(
        slots.take(300),
        write(&[("c", 2)]),
        "one of two that have failed before"
    );
    finish(&mut slots, &["c"], true, 300);
    assert_eq!(slots.take(300), write(&[("d", 3), ("a", 0)]), "two again");
    finish(&mut slots, &["d", "a"], true, 300);
    assert_eq!(slots.take(300), write(&[("b", 1)]));
    let mut now = 300;
    for pause in [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000] {
        finish(&mut slots, &["b"], false, now);
        assert_eq!(slots.take(now), Next::Wait(now + pause));
        now += pause;
        assert_eq!(slots.take(now), write(&[("b", 1)]));
    }
    set(&mut slots, "b", 7, now);
    finish(&mut slots, &["b"], false, now);
    assert_eq!(
        slots.take(now + 10_000),
        write(&[("b", 7)]),
        "the newer one"
    );
    finish(&mut slots, &["b"], true, now);
    assert!(slots.unwritten.is_empty());
    let stats = counters.read();
    assert_eq!((stats.queued, stats.written, stats.failed), (0, 5, 12));
}

#[test]
fn a_full_queue_waits_for_nothing_and_whoever_comes_waits_for_it() {
    let (mut slots, _) = slots(SECOND.delay(Duration::MAX).capacity(2).batch(1));
    set(&mut slots, "a", 1, 0);
    assert_eq!(slots.take(0), Next::Wait(u64::MAX));
    set(&mut slots, "b", 2, 0);
    assert_eq!(slots.claim(&address("c")), None);
    set(&mut slots, "b", 3, 0);
    assert_eq!(slots.take(0), write(&[("a", 1)]));
    assert_eq!(slots.claim(&address("c")), None);
    finish(&mut slots, &["a"], true, 0);
    assert_eq!(slots.take(0), Next::Wait(u64::MAX), "there is room again");
    assert_eq!(slots.claim(&address("c")), Some(true));
    assert_eq!(slots.claim(&address("c")), None, "it is another's");
    assert!(!slots.settle(&address("c"), None, 0));
    assert_eq!(slots.claim(&address("c")), Some(true));
}

#[test]
fn a_flush_waits_for_what_was_there_and_for_what_takes_its_place() {
    let (mut slots, _) = slots(SECOND.delay(Duration::MAX));
    let first = |slots: &Slots<u32>| slots.unwritten.first().copied().unwrap_or(u64::MAX);
    set(&mut slots, "a", 1, 0);
    let below = slots.hurry();
    set(&mut slots, "b", 2, 0);
    assert_eq!(slots.take(0), write(&[("a", 1)]), "not what has come since");
    set(&mut slots, "a", 3, 0);
    finish(&mut slots, &["a"], false, 0);
    assert!(first(&slots) < below, "the source is still older");
    assert_eq!(slots.take(100), write(&[("a", 3)]));
    finish(&mut slots, &["a"], true, 100);
    assert!(first(&slots) >= below);
    assert_eq!(slots.take(100), Next::Wait(u64::MAX), "and `b` can wait");
}

#[test]
fn what_is_taken_back_is_not_written_nor_tried_again() {
    let (mut slots, counters) = slots(SECOND.delay(Duration::ZERO));
    assert_eq!(slots.take_back(&address("a")), Some(false));
    set(&mut slots, "a", 1, 0);
    assert_eq!(slots.take_back(&address("a")), Some(true));
    assert_eq!(slots.claim(&address("a")), None, "for as long as it takes");
    assert_eq!(slots.find("a"), None);
    assert!(!slots.settle(&address("a"), None, 0));
    assert_eq!(slots.take(0), Next::Wait(u64::MAX));
    set(&mut slots, "a", 2, 0);
    assert_eq!(slots.take(0), write(&[("a", 2)]));
    assert_eq!(slots.take_back(&address("a")), Some(true));
    assert!(slots.is_writing("a"));
    assert_eq!(slots.find("a"), None);
    slots.settle(&address("a"), None, 0);
    finish(&mut slots, &["a"], false, 0);
    assert!(!slots.is_writing("a"));
    assert_eq!(slots.take(u64::MAX), Next::Wait(u64::MAX));
    assert_eq!((counters.read().queued, counters.read().written), (0, 0));
}

#[test]
fn without_a_writer_nothing_is_taken_and_what_is_left_is_lost() {
    let (mut slots, counters) = slots(SECOND);
    set(&mut slots, "a", 1, 0);
    assert_eq!(slots.claim(&address("b")), Some(true));
    slots.close();
    assert!(!slots.settle(&address("b"), Some(2), 0));
    assert_eq!(slots.claim(&address("c")), Some(false));
    assert_eq!(slots.find("a"), Some(&1));
    assert_eq!(counters.read().queued, 1);
    drop(slots);
    assert_eq!((counters.read().queued, counters.read().lost), (0, 1));
}

/// What may happen next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Set(u8),
    Remove(u8),
    Take,
    Finish(bool),
    Pass(u16),
    Flush,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..5_u8).prop_map(Step::Set),
        1 => (0..5_u8).prop_map(Step::Remove),
        4 => Just(Step::Take),
        4 => prop_oneof![2 => Just(true), 1 => Just(false)].prop_map(Step::Finish),
        3 => (0..2_000_u16).prop_map(Step::Pass),
        1 => Just(Step::Flush),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    /// Whatever happens in whatever order: no address is written twice at a time, none gets an older value after a newer one, and in
    /// the end the source has the last of each.
    #[test]
    fn the_source_ends_with_the_last_values(
        steps in steps(),
        batch in 1..4_usize,
        capacity in 1..6_usize,
        delay in prop_oneof![Just(Duration::ZERO), Just(Duration::from_secs(1)), Just(Duration::MAX)],
    ) {
        let (mut slots, counters) = slots(Behind::new().batch(batch).capacity(capacity).delay(delay));
        let mut now = 0;
        let mut value = 0;
        let mut last: HashMap<Arc<str>, u32> = HashMap::new();
        let mut source: HashMap<Arc<str>, u32> = HashMap::new();
        let mut writing: Vec<(Arc<str>, u32)> = Vec::new();
        let mut flushed: Option<(u64, HashMap<Arc<str>, u32>)> = None;
        let end = [Step::Finish(true), Step::Flush, Step::Take];
        let rest = end.into_iter().cycle().take(100);
        for step in steps.into_iter().chain(rest) {
            match step {
                Step::Set(n) => {
                    let name = address(&n.to_string());
                    value += 1;
                    match slots.claim(&name) {
                        Some(true) => {
                            prop_assert!(slots.settle(&name, Some(value), now));
                            last.insert(name, value);
                        }
                        other => prop_assert_eq!(other, None, "it is full"),
                    }
                }
                Step::Remove(n) => {
                    let name = address(&n.to_string());
                    if slots.take_back(&name) == Some(true) {
                        slots.settle(&name, None, now);
                        prop_assert_eq!(slots.find(&name), None);
                    }
                    last.remove(&name);
                    if let Some((_, wanted)) = &mut flushed {
                        wanted.remove(&name);
                    }
                }
                Step::Take if writing.is_empty() => match slots.take(now) {
                    Next::Write(taken) => {
                        prop_assert!(taken.len() <= batch);
                        let mut names: Vec<_> = taken.iter().map(|(name, _)| name).collect();
                        names.sort();
                        names.dedup();
                        prop_assert_eq!(names.len(), taken.len());
                        writing = taken;
                    }
                    Next::Wait(until) => prop_assert!(until > now),
                    Next::End => prop_assert!(false, "there is a handle"),
                },
                Step::Finish(written) if !writing.is_empty() => {
                    let names: Vec<_> = writing.iter().map(|(name, _)| Arc::clone(name)).collect();
                    for (name, value) in writing.drain(..) {
                        if written {
                            let older = source.insert(name, value);
                            prop_assert!(older.is_none_or(|older| older < value));
                        }
                    }
                    slots.finish(&names, written, now);
                }
                Step::Pass(millis) => now += u64::from(millis),
                Step::Flush => flushed = Some((slots.hurry(), last.clone())),
                Step::Take | Step::Finish(_) => {}
            }
            for (name, value) in &last {
                let queued = slots.find(name).copied();
                let found = queued.or_else(|| source.get(name).copied());
                prop_assert_eq!(found, Some(*value), "of {}", name);
            }
            if let Some((below, wanted)) = &flushed
                && slots.unwritten.first().is_none_or(|first| first >= below)
            {
                for (name, value) in wanted {
                    let newer = source.get(name).is_some_and(|found| found >= value);
                    prop_assert!(newer, "{} was flushed", name);
                }
                flushed = None;
            }
            let queued = counters.read().queued;
            prop_assert_eq!(queued, slots.unwritten.len() as u64);
            prop_assert!(slots.slots.len() <= capacity);
        }
        prop_assert!(slots.slots.is_empty(), "all is written");
        for (name, value) in &last {
            prop_assert_eq!(source.get(name), Some(value));
        }
    }
}
