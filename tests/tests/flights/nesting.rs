//! A value dies with what it was computed from, whatever became of the inner call.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, ScopeHandle, TestCache, Token, cache};
use futures_util::FutureExt;
use futures_util::future::{Either, join_all, select};

use crate::support::{Now, Source, fresh, now, pause, poll, ready, soon};

/// How an outer body makes its inner call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Plain,
    Hit,
    Joined,
    JoinedInside,
    Bypassed,
    Refreshed,
    Explained,
    Peeked,
    PeekedInVain,
    Failed,
    Absent,
    Unstored,
    Panicked,
    PanickedInside,
    Cancelled,
    CancelledInside,
    CancelledWaiting,
    Left,
    Spawned,
    Threaded,
    Sync,
    Got,
    GotNothing,
    Twice,
}

const ALL: [How; 24] = [
    How::Plain,
    How::Hit,
    How::Joined,
    How::JoinedInside,
    How::Bypassed,
    How::Refreshed,
    How::Explained,
    How::Peeked,
    How::PeekedInVain,
    How::Failed,
    How::Absent,
    How::Unstored,
    How::Panicked,
    How::PanickedInside,
    How::Cancelled,
    How::CancelledInside,
    How::CancelledWaiting,
    How::Left,
    How::Spawned,
    How::Threaded,
    How::Sync,
    How::Got,
    How::GotNothing,
    How::Twice,
];

/// Everything that the functions of these tests need.
struct World {
    cache: Cache,
    outer: Arc<Source>,
    inner: Arc<Source>,
    stuck: Arc<Source>,
}

#[cache("outer:{id}", key(id))]
async fn outer(world: &World, how: How, id: u64) -> u64 {
    world.outer.read().await;
    // Something in between, so that dependencies are collected over several polls.
    pause().await;
    let inner = &world.inner;
    match how {
        How::Plain | How::Hit => value(inner, id).await,
        How::Joined => {
            let mut leader = outside(world, value(&world.stuck, id));
            let mut joined = Box::pin(value(inner, id));
            assert!(poll(&mut joined).is_pending());
            world.stuck.open();
            leader.as_mut().await;
            joined.await
        }
        How::JoinedInside => {
            let mut leader = outside(world, stuck_inside(inner, &world.stuck, id));
            let mut joined = Box::pin(stuck_inside(inner, &world.stuck, id));
            assert!(poll(&mut joined).is_pending());
            world.stuck.open();
            leader.as_mut().await;
            joined.await
        }
        How::Bypassed => cache_core::bypass(value(inner, id)).await,
        How::Refreshed => cache_core::refresh(value(inner, id)).await,
        How::Explained => cache_core::explain(value(inner, id)).await.0,
        How::Peeked | How::PeekedInVain => cache_core::peek(value(inner, id)).await.unwrap_or(99),
        How::Failed => failing(inner, id).await.unwrap_or(99),
        How::Absent => absent(inner, id).await.unwrap_or(99),
        How::Unstored => unstored(inner, id).await,
        How::Panicked => AssertUnwindSafe(panicking(inner, id))
            .catch_unwind()
            .await
            .unwrap_or(99),
        How::PanickedInside => AssertUnwindSafe(panicking_inside(inner, id))
            .catch_unwind()
            .await
            .unwrap_or(99),
        How::Cancelled => at_once(value(&world.stuck, id)).await.unwrap_or(99),
        How::CancelledInside => at_once(stuck_inside(inner, &world.stuck, id))
            .await
            .unwrap_or(99),
        How::CancelledWaiting => {
            let _leader = outside(world, value(&world.stuck, id));
            at_once(value(inner, id)).await.unwrap_or(99)
        }
        How::Left => {
            let mut left = Box::pin(value(&world.stuck, id));
            assert!(poll(&mut left).is_pending());
            // Lives longer than this body: nobody drops it before the value of this one is stored.
            std::mem::forget(left);
            99
        }
        How::Spawned => {
            let inner = Arc::clone(inner);
            let task = async move { value(&inner, id).await };
            tokio::spawn(cache_core::scope_handle().wrap(task))
                .await
                .expect("no panic")
        }
        How::Threaded => {
            let (scope, inner) = (cache_core::scope_handle(), Arc::clone(inner));
            let thread = tokio::task::spawn_blocking(move || scope.enter(|| plain(&inner, id)));
            thread.await.expect("no panic")
        }
        How::Sync => plain(inner, id),
        How::Got | How::GotNothing => {
            inner.read_now();
            cache_core::get::<u64>(&format!("value:{id}"))
                .await
                .expect("a number")
                .unwrap_or(99)
        }
        How::Twice => value(inner, id).await + value(inner, id).await,
    }
}

#[cache("value:{id}", key(id), tags("tag:{id}"))]
async fn value(source: &Source, id: u64) -> u64 {
    source.read().await
}

#[cache("value:{id}", key(id), tags("tag:{id}"))]
fn plain(source: &Source, id: u64) -> u64 {
    source.read_now()
}

#[cache("value:{id}", key(id), tags("tag:{id}"))]
async fn failing(source: &Source, id: u64) -> Result<u64, std::num::ParseIntError> {
    source.read().await;
    "no number".parse()
}

#[cache("value:{id}", key(id), tags("tag:{id}"))]
async fn absent(source: &Source, id: u64) -> Option<u64> {
    source.read().await;
    None
}

#[cache("value:{id}", key(id), tags("tag:{id}"), when = |_| false)]
async fn unstored(source: &Source, id: u64) -> u64 {
    source.read().await
}

#[cache("value:{id}", key(id), tags("tag:{id}"))]
async fn panicking(source: &Source, id: u64) -> u64 {
    source.read().await;
    resume_unwind(Box::new("on purpose"))
}

/// What it has used by then is what it panics about.
#[cache("between:{id}", key(id))]
async fn panicking_inside(source: &Source, id: u64) -> u64 {
    value(source, id).await;
    resume_unwind(Box::new("on purpose"))
}

#[cache("between:{id}", key(id))]
async fn stuck_inside(source: &Source, stuck: &Source, id: u64) -> u64 {
    value(source, id).await + stuck.read().await
}

#[cache("sum:{id}", key(id))]
async fn sum(source: &Source, id: u64, parts: u64) -> u64 {
    join_all((0..parts).map(|part| value(source, part)))
        .await
        .into_iter()
        .sum()
}

#[cache("grand:{id}", key(id))]
async fn grand(world: &World, id: u64) -> u64 {
    outer(world, How::Plain, id).await
}

#[cache("pair:{id}", key(id))]
async fn pair(first: &Source, gate: &Source, second: &Source, id: u64) -> (u64, u64) {
    let first = value(first, id).await;
    gate.pass().await;
    (first, value(second, id + 1).await)
}

/// A call that is no part of the computation that makes it, and under way.
fn outside<'a, F: Future + 'a>(
    world: &'a World,
    call: F,
) -> Pin<Box<dyn Future<Output = F::Output> + 'a>> {
    let scope = ScopeHandle::default();
    let mut call: Pin<Box<dyn Future<Output = F::Output> + 'a>> =
        Box::pin(scope.wrap(world.cache.scope(call)));
    assert!(poll(&mut call).is_pending());
    call
}

/// The future's value if it is ready at once; else it is dropped.
async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    match select(&mut future, std::future::ready(())).await {
        Either::Left((out, _)) => Some(out),
        Either::Right(_) => None,
    }
}

fn world(test: &TestCache) -> World {
    World {
        cache: test.cache().clone(),
        outer: Source::new(),
        inner: Source::new(),
        stuck: Source::shut(),
    }
}

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
