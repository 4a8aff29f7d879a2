//! A value dies with what it was computed from, whatever became of the inner call.

use std::pin::Pin;
use std::time::Duration;

use cache_core::{Cache, TestCache, Token, cache};
use futures_util::FutureExt;

mod world;

use world::*;

use crate::support::{Now, Source, fresh, now, poll, ready, soon};

type Invalidation = (&'static str, fn(&Cache) -> Token);

const INVALIDATIONS: [Invalidation; 4] = [
    ("address", |cache| cache.remove_now("value:1")),
    ("pattern", |cache| cache.invalidate_pattern_now("value:*")),
    ("tag", |cache| cache.invalidate_tag_now("tag:1")),
    ("everything", |cache| cache.clear_now()),
];

#[tokio::test]
async fn an_outer_value_dies_with_its_inner_one() {
    for how in ALL {
        for (what, invalidate) in INVALIDATIONS {
            if matches!(how, How::Got | How::GotNothing) && what == "tag" {
                continue; // values without a function have none
            }
            let test = fresh();
            let world = world(&test);
            if matches!(how, How::Hit | How::Peeked) {
                test.run(value(&world.inner, 1)).await;
            }
            if how == How::Got {
                test.cache()
                    .set("value:1", 5_u64, Duration::from_secs(60))
                    .await
                    .unwrap();
            }
            let first = soon(test.run(outer(&world, how, 1))).await;
            assert_eq!(
                test.run(cache_core::peek(outer(&world, how, 1))).await,
                Some(first),
                "{how:?}: stored"
            );
            test.cache().invalidate_tag_now("tag:2");
            test.cache().remove_now("value:2");
            assert_eq!(
                test.run(cache_core::peek(outer(&world, how, 1))).await,
                Some(first),
                "{how:?}: unrelated"
            );
            invalidate(test.cache());
            assert_eq!(
                test.run(cache_core::peek(outer(&world, how, 1))).await,
                None,
                "{how:?}, by {what}"
            );
        }
    }
}

/// The invalidation comes after the inner call and before the end of the outer one.
#[tokio::test]
async fn an_outer_value_dies_before_it_is_stored() {
    for how in ALL {
        let test = fresh();
        let world = world(&test);
        if matches!(how, How::Hit | How::Peeked) {
            test.run(value(&world.inner, 1)).await;
        }
        if how == How::Got {
            test.cache()
                .set("value:1", 5_u64, Duration::from_secs(60))
                .await
                .unwrap();
        }
        let held = Source::shut();
        let mut call = Box::pin(test.run(around(&world, &held, how, 1)));
        while held.runs() == 0 {
            assert!(poll(&mut call).is_pending());
            tokio::task::yield_now().await;
        }
        test.cache().remove_now("value:1");
        held.open();
        ready(&mut call);
        assert_eq!(
            test.run(cache_core::peek(around(&world, &held, how, 1)))
                .await,
            None,
            "{how:?}"
        );
    }
}

#[cache("around:{id}", key(id))]
async fn around(world: &World, held: &Source, how: How, id: u64) -> u64 {
    let inner = outer(world, how, id).await;
    held.read().await;
    inner
}

#[test]
fn three_levels() {
    let test = fresh();
    let world = world(&test);
    let read = || {
        let mut call = Box::pin(test.run(grand(&world, 1)));
        while poll(&mut call).is_pending() {}
        (world.outer.runs(), world.inner.runs())
    };
    assert_eq!((read(), read()), ((1, 1), (1, 1)));
    test.cache().remove_now("value:1");
    assert_eq!((read(), read()), ((2, 2), (2, 2)));
    test.cache().remove_now("outer:1");
    assert_eq!((read(), read()), ((3, 2), (3, 2)));
}

/// A waiter that came after the invalidation of an inner value is not given an outer one that used it, though nothing
/// of the outer call's own was invalidated.
#[test]
fn a_joined_flight_may_have_used_what_is_gone() {
    let test = fresh();
    let (first, gate, second) = (Source::new(), Source::shut(), Source::new());
    let call = || Box::pin(test.run(pair(&first, &gate, &second, 1)));
    let mut early = call();
    assert!(poll(&mut early).is_pending());
    first.write(7);
    test.cache().remove_now("value:1");
    let mut late = call();
    assert!(poll(&mut late).is_pending());
    gate.open();
    assert_eq!(ready(&mut early), (0, 0), "its caller came before");
    assert_eq!(ready(&mut late), (7, 0));
    assert_eq!(ready(&mut call()), (7, 0));
}

/// An inner value from before an invalidation, used by a computation that began after it... cannot be: it is not served.
#[test]
fn an_old_inner_value_makes_an_old_outer_one() {
    let test = fresh();
    let (first, gate, second) = (Source::new(), Source::shut(), Source::new());
    // The outer value's stamp is that of the older of its parts.
    now(test.run(value(&first, 1)));
    let mut call = Box::pin(test.run(pair(&first, &gate, &second, 1)));
    assert!(poll(&mut call).is_pending());
    test.cache().invalidate_tag_now("unrelated");
    test.cache().remove_now("value:1");
    gate.open();
    ready(&mut call);
    assert_eq!(
        now(test.run(cache_core::peek(pair(&first, &gate, &second, 1)))),
        None
    );
}

#[test]
fn a_value_of_many_parts_dies_with_each() {
    const PARTS: u64 = 300;
    let test = TestCache::with(Cache::builder().max_deps(8)).unwrap();
    let source = Source::new();
    let stored = || now(test.run(cache_core::peek(sum(&source, 1, PARTS)))).is_some();
    for part in [0, 7, 150, PARTS - 1] {
        now(test.run(sum(&source, 1, PARTS)));
        assert!(stored());
        test.cache().remove_now("valuable:1");
        test.cache().invalidate_tag_now("elsewhere");
        assert!(stored(), "coarse, but not that coarse");
        test.cache().remove_now(&format!("value:{part}"));
        assert!(!stored(), "{part}");
        now(test.run(sum(&source, 1, PARTS)));
        assert!(stored());
        test.cache().invalidate_tag_now(&format!("tag:{part}"));
        assert!(!stored(), "tag of {part}");
        now(test.run(sum(&source, 1, PARTS)));
        now(test.run(cache_core::invalidate(value(&source, part)))).unwrap();
        assert!(!stored(), "key of {part}");
    }
}

type Shared<'a> = futures_util::future::Shared<Pin<Box<dyn Future<Output = u64> + 'a>>>;

#[cache("leafs:{id}", key(id), tags("source"))]
async fn leafs(source: &Source, id: u64) -> u64 {
    source.read().await
}

#[cache("of_shared:{id}", key(id))]
async fn of_shared(call: &Shared<'_>, id: u64) -> u64 {
    call.clone().await + id
}

/// One call, awaited by several: one begins it, another one takes it to its end, a third one is woken then.
#[test]
fn a_shared_call_is_a_dependency_of_all_who_wait_for_it() {
    let (test, source) = (fresh(), Source::shut());
    for joins in [false, true] {
        source.write(1);
        let mut leader = Box::pin(test.run(leafs(&source, 1)));
        if joins {
            assert!(poll(&mut leader).is_pending());
        }
        let call: Shared<'_> = leafs(&source, 1).boxed_local().shared();
        let mut first = Box::pin(test.run(call.clone()));
        let mut both = [1, 2].map(|id| Box::pin(test.run(of_shared(&call, id))));
        assert!(poll(&mut first).is_pending());
        assert!(both.iter_mut().all(|outer| poll(outer).is_pending()));
        source.admit(1);
        if joins {
            assert_eq!(ready(&mut leader), 1);
        }
        let [taker, other] = &mut both;
        assert_eq!((ready(taker), ready(other)), (2, 3));
        source.write(10);
        test.cache().invalidate_tag_now("source");
        source.admit(1);
        let call: Shared<'_> = leafs(&source, 1).boxed_local().shared();
        let again = [1, 2].map(|id| now(test.run(of_shared(&call, id))));
        assert_eq!(again, [11, 12], "{joins}");
        test.cache().clear_now();
    }
}
