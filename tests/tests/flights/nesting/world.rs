//! An outer call, an inner one, and every way in which the first may make the second.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;

use cache_core::{Cache, ScopeHandle, TestCache, cache};
use futures_util::FutureExt;
use futures_util::future::{Either, join_all, select};

use crate::support::{Source, pause, poll};

/// How an outer body makes its inner call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum How {
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

pub(crate) const ALL: [How; 24] = [
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
pub(crate) struct World {
    pub(crate) cache: Cache,
    pub(crate) outer: Arc<Source>,
    pub(crate) inner: Arc<Source>,
    pub(crate) stuck: Arc<Source>,
}

#[cache("outer:{id}", key(id))]
pub(crate) async fn outer(world: &World, how: How, id: u64) -> u64 {
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
pub(crate) async fn value(source: &Source, id: u64) -> u64 {
    source.read().await
}

#[cache("value:{id}", key(id), tags("tag:{id}"))]
pub(crate) fn plain(source: &Source, id: u64) -> u64 {
    source.read_now()
}

#[cache("value:{id}", key(id), tags("tag:{id}"))]
pub(crate) async fn failing(source: &Source, id: u64) -> Result<u64, std::num::ParseIntError> {
    source.read().await;
    "no number".parse()
}

#[cache("value:{id}", key(id), tags("tag:{id}"))]
pub(crate) async fn absent(source: &Source, id: u64) -> Option<u64> {
    source.read().await;
    None
}

#[cache("value:{id}", key(id), tags("tag:{id}"), when = |_| false)]
pub(crate) async fn unstored(source: &Source, id: u64) -> u64 {
    source.read().await
}

#[cache("value:{id}", key(id), tags("tag:{id}"))]
pub(crate) async fn panicking(source: &Source, id: u64) -> u64 {
    source.read().await;
    resume_unwind(Box::new("on purpose"))
}

/// What it has used by then is what it panics about.
#[cache("between:{id}", key(id))]
pub(crate) async fn panicking_inside(source: &Source, id: u64) -> u64 {
    value(source, id).await;
    resume_unwind(Box::new("on purpose"))
}

#[cache("between:{id}", key(id))]
pub(crate) async fn stuck_inside(source: &Source, stuck: &Source, id: u64) -> u64 {
    value(source, id).await + stuck.read().await
}

#[cache("sum:{id}", key(id))]
pub(crate) async fn sum(source: &Source, id: u64, parts: u64) -> u64 {
    join_all((0..parts).map(|part| value(source, part)))
        .await
        .into_iter()
        .sum()
}

#[cache("grand:{id}", key(id))]
pub(crate) async fn grand(world: &World, id: u64) -> u64 {
    outer(world, How::Plain, id).await
}

#[cache("pair:{id}", key(id))]
pub(crate) async fn pair(first: &Source, gate: &Source, second: &Source, id: u64) -> (u64, u64) {
    let first = value(first, id).await;
    gate.pass().await;
    (first, value(second, id + 1).await)
}

/// A call that is no part of the computation that makes it, and under way.
pub(crate) fn outside<'a, F: Future + 'a>(
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
pub(crate) async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    match select(&mut future, std::future::ready(())).await {
        Either::Left((out, _)) => Some(out),
        Either::Right(_) => None,
    }
}

pub(crate) fn world(test: &TestCache) -> World {
    World {
        cache: test.cache().clone(),
        outer: Source::new(),
        inner: Source::new(),
        stuck: Source::shut(),
    }
}
