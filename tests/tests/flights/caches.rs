//! Calls of one cache inside a computation of another.

use std::collections::HashSet;

use cache_core::{Cache, TestCache, cache};

use crate::support::{Now, Source, fresh, now, poll, ready};

#[cache("inner:{id}", key(id), tags("all"))]
async fn inner(source: &Source, id: u64) -> u64 {
    source.read().await
}

/// Asks another cache.
#[cache("outer:{id}", key(id))]
async fn outer(source: &Source, other: &Cache, id: u64) -> u64 {
    other.scope(inner(source, id)).await
}

/// The same in a sync function.
#[cache("outer_now:{id}", key(id))]
fn outer_now(source: &Source, other: &Cache, id: u64) -> u64 {
    other.enter(|| now(inner(source, id)))
}

/// Reads another cache's value.
#[cache("reads:{id}", key(id))]
async fn reads(other: &Cache, id: u64) -> u64 {
    let value = other.get("inner:1").await.expect("of this type");
    value.unwrap_or(id)
}

/// Calls `outer`, of the same cache.
#[cache("outermost:{id}", key(id))]
async fn outermost(source: &Source, other: &Cache, id: u64) -> u64 {
    outer(source, other, id).await
}

/// Two caches, made one after the other, either way round.
fn pairs() -> [(TestCache, TestCache); 2] {
    let (older, newer) = (fresh(), fresh());
    [(older.clone(), newer.clone()), (newer, older)]
}

#[test]
fn a_value_made_of_another_caches_is_never_stale() {
    for (mine, other) in pairs() {
        let (source, theirs) = (Source::new(), other.cache());
        for value in 1..4 {
            source.write(value);
            theirs.invalidate_tag_now("all");
            let call = || {
                [
                    now(mine.run(outer(&source, theirs, 1))),
                    now(mine.run(outermost(&source, theirs, 1))),
                    mine.enter(|| outer_now(&source, theirs, 1)),
                ]
            };
            assert_eq!(call(), [value; 3]);
            assert_eq!(call(), [value; 3]);
        }
        assert_eq!(source.runs(), 3, "the other cache has stored its values");
    }
}

#[test]
fn a_value_read_from_another_cache_is_never_stale() {
    for (mine, other) in pairs() {
        let theirs = other.cache();
        for value in 1..4_u64 {
            now(theirs.set("inner:1", value, crate::support::LONG)).expect("small");
            assert_eq!(now(mine.run(reads(theirs, 7))), value);
            theirs.remove_now("inner:1");
            assert_eq!(now(mine.run(reads(theirs, 7))), 7);
        }
    }
}

/// Who joins a computation after another cache was told of an invalidation is not given what it had read before.
#[test]
fn a_value_made_of_another_caches_is_nobody_elses() {
    let (mine, other) = (fresh(), fresh());
    let (shut, source) = (Source::shut(), Source::new());
    shut.write(1);
    source.write(2);
    let theirs = other.cache();
    let mut early = Box::pin(mine.run(outer(&shut, theirs, 1)));
    assert!(poll(&mut early).is_pending());
    theirs.invalidate_tag_now("all");
    let mut late = Box::pin(mine.run(outer(&source, theirs, 1)));
    assert!(poll(&mut late).is_pending(), "waits for the other one");
    shut.open();
    assert_eq!(ready(&mut early), 1);
    assert_eq!(ready(&mut late), 2);
}

/// The first computations of two caches have nothing to do with each other.
#[test]
fn two_caches_make_no_circle() {
    let (mine, other, source) = (fresh(), fresh(), Source::shut());
    let mut leader = Box::pin(other.run(inner(&source, 1)));
    assert!(poll(&mut leader).is_pending());
    let mut waiter = Box::pin(mine.run(outer(&source, other.cache(), 1)));
    assert!(poll(&mut waiter).is_pending());
    assert_eq!(source.runs(), 1, "waits for the leader");
    source.open();
    assert_eq!((ready(&mut leader), ready(&mut waiter)), (0, 0));
}

#[test]
fn no_two_caches_have_a_log_in_common() {
    let generations: HashSet<u64> = (0..20)
        .map(|_| fresh().cache().clear_now().position().unwrap().generation)
        .collect();
    assert_eq!(generations.len(), 20);
}
