//! What processes hear of each other's invalidations, beside what they are served.

use cache_core::{Invalidation, Invalidations, cache_resource, emit};

use super::*;

/// Takes what is told until this is.
fn hear(told: &mut Invalidations, expected: &Invalidation) {
    let what = format!("{expected:?} is heard of");
    until(&what, || {
        while let Some(next) = told.try_next() {
            if next == *expected {
                return true;
            }
        }
        false
    });
}

#[tokio::test]
async fn what_one_invalidates_the_others_hear_of() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    let (mut by_a, mut by_b) = (a.invalidations(), b.invalidations());
    let all = [
        Invalidation::tag("t"),
        Invalidation::pattern("x:*"),
        Invalidation::pattern("x:[ab]:*"),
        Invalidation::address("x:1"),
        Invalidation::Everything,
    ];
    let each = all.clone();
    a.on("all", move |(): &()| each.clone()).unwrap();
    a.emit("all", &()).await.unwrap().unwrap();
    let told = std::iter::from_fn(|| by_a.try_next()).take(all.len());
    assert_eq!(told.collect::<Vec<_>>(), all, "at once");
    for expected in &all {
        assert_eq!(by_b.next().await.as_ref(), Some(expected));
    }
}

#[tokio::test]
async fn a_server_that_has_lost_its_log_may_have_lost_anything() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    a.invalidate_tag("before").await.unwrap();
    let mut told = b.invalidations();
    hear_nothing_of("before", &mut told);
    server.command(["FLUSHALL"]).unwrap();
    hear(&mut told, &Invalidation::Everything);
    a.invalidate_tag("after").await.unwrap();
    hear(&mut told, &Invalidation::tag("after"));
}

/// It was there before who listens.
fn hear_nothing_of(tag: &str, told: &mut Invalidations) {
    while let Some(next) = told.try_next() {
        // Or it had not been heard of yet.
        assert!(next == Invalidation::tag(tag) || next == Invalidation::Everything);
    }
}

/// An event is mapped in one process, and what it invalidates is invalid in all.
#[tokio::test]
async fn an_event_reaches_the_others() {
    static ROW: Row = Row::new();
    #[cache_resource("evented")]
    async fn evented() -> u64 {
        ROW.read()
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    a.on("written", |(): &()| ["resource:evented"]).unwrap();
    assert_eq!((a.scope(evented()).await, b.scope(evented()).await), (1, 1));
    ROW.write();
    let token = a.scope(emit("written", &())).await.unwrap().unwrap();
    assert_eq!(a.scope(evented()).await, 2);
    assert_eq!(b.at_least(token, evented()).await, 2);
}
