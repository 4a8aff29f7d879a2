//! Calls that lead back to themselves.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;

use cache_core::cache;

use crate::support::{Now, SOON, Source, fresh, now, patient, pause, soon};

/// What nobody waits for here.
const MINUTE: Duration = Duration::from_secs(60);

type Calls = Pin<Box<dyn Future<Output = u64> + Send>>;

/// The first computation of each calls the next; all begin before any does.
#[cache("one:{id}", key(id))]
async fn one(world: Arc<World>, id: u64) -> u64 {
    1 + world.step(0, |world| boxed::two(world, id)).await
}

#[cache("two:{id}", key(id))]
async fn two(world: Arc<World>, id: u64) -> u64 {
    10 + world.step(1, |world| boxed::three(world, id)).await
}

#[cache("three:{id}", key(id))]
async fn three(world: Arc<World>, id: u64) -> u64 {
    100 + world.step(2, |world| boxed::one(world, id)).await
}

#[cache("four:{id}", key(id))]
async fn four(world: Arc<World>, id: u64) -> u64 {
    let both = world.step(0, |world| {
        Box::pin(async move {
            let (left, right) = futures_util::future::join(
                boxed::five(Arc::clone(&world), id),
                boxed::five(world, id + 1),
            )
            .await;
            left + right
        })
    });
    1 + both.await
}

#[cache("five:{id}", key(id))]
async fn five(world: Arc<World>, id: u64) -> u64 {
    if id % 2 == 0 {
        return 1_000;
    }
    10 + world.step(1, |world| boxed::four(world, id)).await
}

#[cache("recursive:{id}", key(id))]
async fn recursive(source: &Source, id: u64, depth: u64) -> u64 {
    pause().await;
    source.read().await;
    if depth == 0 {
        id
    } else {
        1 + recursive_boxed(source, id, depth - 1).await
    }
}

#[cache("plain:{id}", key(id))]
fn plain(source: &Source, id: u64, depth: u64) -> u64 {
    source.read_now();
    if depth == 0 {
        id
    } else {
        1 + plain(source, id, depth - 1)
    }
}

#[cache("fibonacci:{n}", key(n))]
fn fibonacci(source: &Source, n: u64) -> u64 {
    source.read_now();
    if n < 2 {
        n
    } else {
        fibonacci(source, n - 1) + fibonacci(source, n - 2)
    }
}

#[cache("left:{id}", key(id))]
fn left(world: &Threads, id: u64) -> u64 {
    1 + world.step(0, |world| right(world, id))
}

#[cache("right:{id}", key(id))]
fn right(world: &Threads, id: u64) -> u64 {
    10 + world.step(1, |world| left(world, id))
}

fn recursive_boxed<'a>(
    source: &'a Source,
    id: u64,
    depth: u64,
) -> Pin<Box<dyn Future<Output = u64> + 'a>> {
    Box::pin(recursive(source, id, depth))
}

/// Where the compiler need not look inside to see that a recursive future is `Send`.
mod boxed {
    use super::{Arc, Calls, World};

    pub(super) fn one(world: Arc<World>, id: u64) -> Calls {
        Box::pin(super::one(world, id))
    }
    pub(super) fn two(world: Arc<World>, id: u64) -> Calls {
        Box::pin(super::two(world, id))
    }
    pub(super) fn three(world: Arc<World>, id: u64) -> Calls {
        Box::pin(super::three(world, id))
    }
    pub(super) fn four(world: Arc<World>, id: u64) -> Calls {
        Box::pin(super::four(world, id))
    }
    pub(super) fn five(world: Arc<World>, id: u64) -> Calls {
        Box::pin(super::five(world, id))
    }
}

/// Where the first computation of each function waits for the first ones of the others.
struct World {
    sources: [Arc<Source>; 3],
    begun: Barrier,
}

impl World {
    fn of(functions: usize) -> Arc<Self> {
        Arc::new(Self {
            sources: std::array::from_fn(|_| Source::new()),
            begun: Barrier::new(functions),
        })
    }

    /// 0 for all but the first computation.
    async fn step(self: Arc<Self>, of: usize, calls: impl FnOnce(Arc<Self>) -> Calls) -> u64 {
        if self.sources[of].enter().nth > 0 {
            return 0;
        }
        self.begun.wait().await;
        calls(Arc::clone(&self)).await
    }
}

/// The same in threads.
struct Threads {
    sources: [Arc<Source>; 2],
    begun: std::sync::Barrier,
}

impl Threads {
    fn step(&self, of: usize, calls: impl FnOnce(&Self) -> u64) -> u64 {
        if self.sources[of].enter().nth > 0 {
            return 0;
        }
        self.begun.wait();
        calls(self)
    }
}

#[test]
fn tasks_that_wait_for_each_other_are_seen_at_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    for _ in 0..50 {
        runtime.block_on(async {
            let (test, world) = (patient(MINUTE), World::of(3));
            let began = Instant::now();
            let calls: [Calls; 3] = [
                Box::pin(one(Arc::clone(&world), 5)),
                Box::pin(two(Arc::clone(&world), 5)),
                Box::pin(three(Arc::clone(&world), 5)),
            ];
            let tasks = calls.map(|call| {
                let test = test.clone();
                tokio::spawn(async move { test.run(call).await })
            });
            let mut answers = [0; 3];
            for (answer, task) in answers.iter_mut().zip(tasks) {
                *answer = soon(task).await.unwrap();
            }
            assert!(began.elapsed() < SOON / 2, "{:?}", began.elapsed());
            // One of the three sees the circle, and computes for itself what it would have waited for.
            assert!(
                [[11, 121, 111], [111, 110, 211], [112, 111, 101]].contains(&answers),
                "{answers:?}"
            );
            assert_eq!(
                world
                    .sources
                    .iter()
                    .map(|source| source.runs())
                    .sum::<usize>(),
                4
            );
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_circle_through_one_of_several_joined_calls_is_seen() {
    let (test, world) = (patient(MINUTE), World::of(2));
    let tasks = [
        Box::pin(four(Arc::clone(&world), 3)) as Calls,
        Box::pin(five(Arc::clone(&world), 3)),
    ]
    .map(|call| {
        let test = test.clone();
        tokio::spawn(async move { test.run(call).await })
    });
    let began = Instant::now();
    let mut answers = [0; 2];
    for (answer, task) in answers.iter_mut().zip(tasks) {
        *answer = soon(task).await.unwrap();
    }
    assert!(began.elapsed() < SOON / 2);
    assert!(
        [[1_012, 11], [1_011, 1_021]].contains(&answers),
        "{answers:?}"
    );
}

#[test]
fn threads_that_wait_for_each_other_are_seen_at_once() {
    for _ in 0..50 {
        let test = patient(MINUTE);
        let world = Threads {
            sources: [Source::new(), Source::new()],
            begun: std::sync::Barrier::new(2),
        };
        let began = Instant::now();
        let answers = std::thread::scope(|scope| {
            let one = scope.spawn(|| test.enter(|| left(&world, 1)));
            let other = scope.spawn(|| test.enter(|| right(&world, 1)));
            (one.join().unwrap(), other.join().unwrap())
        });
        assert!(began.elapsed() < SOON / 2, "{:?}", began.elapsed());
        assert!([(11, 21), (12, 11)].contains(&answers), "{answers:?}");
    }
}

/// Bodies that do not wait for each other any more are not a circle.
#[test]
fn what_is_over_is_no_circle() {
    let (test, source) = (patient(MINUTE), Source::new());
    for _ in 0..3 {
        assert_eq!(test.enter(|| fibonacci(&source, 30)), 832_040);
    }
    assert_eq!(source.runs(), 31);
}

#[tokio::test]
async fn recursion_into_the_same_key_computes() {
    let (test, source) = (patient(MINUTE), Source::new());
    let began = Instant::now();
    assert_eq!(soon(test.run(recursive(&source, 7, 5))).await, 12);
    assert!(began.elapsed() < SOON / 2);
    assert_eq!(source.runs(), 6);
    assert_eq!(
        test.run(recursive(&source, 7, 0)).await,
        12,
        "the outermost is stored"
    );
    assert_eq!(source.runs(), 6);
}

#[test]
fn sync_recursion_into_the_same_key_computes() {
    let (test, source) = (patient(MINUTE), Source::new());
    assert_eq!(test.enter(|| plain(&source, 7, 5)), 12);
    assert_eq!(test.enter(|| plain(&source, 7, 0)), 12);
    assert_eq!(source.runs(), 6);
}

/// Recursion, invalidated from outside between two calls: the inner value is kept, having begun afterwards, and the
/// outer one is not.
#[test]
fn recursion_and_an_invalidation() {
    let (test, source) = (fresh(), Source::shut());
    let mut call = Box::pin(test.run(recursive(&source, 7, 1)));
    assert!(crate::support::poll(&mut call).is_pending());
    assert!(crate::support::poll(&mut call).is_pending());
    test.cache().invalidate_pattern_now("recursive:7");
    source.open();
    while crate::support::poll(&mut call).is_pending() {}
    assert_eq!(
        now(test.run(cache_core::peek(recursive(&source, 7, 0)))),
        Some(7)
    );
}
