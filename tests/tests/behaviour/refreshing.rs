//! What is refreshed behind the call that found it late.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use cache_core::__private::block_on;
use cache_core::{
    Cache, EventKind, RefusalReason, TestCache, blocking, cache, cache_resource, explain,
};
use tokio::sync::Semaphore;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MILLI: Duration = Duration::from_millis(1);

/// Longer than anything takes here.
const SOON: Duration = Duration::from_secs(20);

/// A source of values, behind a gate.
pub(crate) struct Source {
    value: AtomicU64,
    runs: AtomicU64,
    pub(crate) fails: AtomicBool,
    panics: AtomicBool,
    pub(crate) gate: Semaphore,
}

impl Source {
    /// Open.
    pub(crate) const fn new() -> Self {
        Self {
            value: AtomicU64::new(1),
            runs: AtomicU64::new(0),
            fails: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            gate: Semaphore::const_new(1_000_000),
        }
    }

    pub(crate) const fn shut() -> Self {
        Self {
            gate: Semaphore::const_new(0),
            ..Self::new()
        }
    }

    pub(crate) async fn read(&self) -> Result<u64, String> {
        self.runs.fetch_add(1, SeqCst);
        let value = self.value.load(SeqCst);
        self.gate.acquire().await.unwrap().forget();
        assert!(!self.panics.load(SeqCst), "as it should");
        if self.fails.load(SeqCst) {
            return Err("as it should".to_owned());
        }
        Ok(value)
    }

    pub(crate) fn write(&self, value: u64) {
        self.value.store(value, SeqCst);
    }

    pub(crate) fn runs(&self) -> u64 {
        self.runs.load(SeqCst)
    }

    pub(crate) fn admit(&self, count: usize) {
        self.gate.add_permits(count);
    }
}

/// Lets the tasks of this runtime run until it is so.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < SOON, "waited in vain until {what}");
        tokio::task::yield_now().await;
    }
}

pub(crate) fn stored(test: &TestCache) -> usize {
    test.count("*", |kind| kind == EventKind::Stored)
}

#[tokio::test]
async fn what_has_expired_is_served_at_once_and_refreshed_once() {
    static SOURCE: Source = Source::shut();
    #[cache(ttl = 10, stale_while_revalidate = 60)]
    async fn row(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    let test = TestCache::new();
    SOURCE.admit(1);
    assert_eq!(test.run(row(0)).await, 1);
    SOURCE.write(2);
    test.advance(10 * SECOND);
    for _ in 0..10 {
        assert_eq!(test.run(row(0)).await, 1);
        tokio::task::yield_now().await;
    }
    assert_eq!(SOURCE.runs(), 2, "one at a time");
    let (value, trace) = test.run(explain(row(0))).await;
    assert_eq!((value, trace.stale), (1, Some(Duration::ZERO)));
    assert_eq!((trace.tier, trace.miss), (Some("memory"), None));
    SOURCE.admit(1);
    until("it is stored", || stored(&test) == 2).await;
    assert_eq!(test.run(row(0)).await, 2);
    assert_eq!(SOURCE.runs(), 2);
    let total = test.cache().stats().total;
    assert_eq!((total.hits, total.stale, total.misses.total()), (12, 11, 1));
    assert_eq!((total.refreshes, total.refresh_failures), (1, 0));

    // At the end of the window everybody waits.
    test.advance(70 * SECOND - MILLI);
    SOURCE.write(3);
    assert_eq!(test.run(row(0)).await, 2);
    SOURCE.admit(1);
    until("it is stored", || stored(&test) == 3).await;
    test.advance(70 * SECOND);
    SOURCE.write(4);
    SOURCE.admit(1);
    assert_eq!(test.run(row(0)).await, 4);
}

#[test]
fn without_a_runtime_the_call_computes() {
    static SOURCE: Source = Source::new();
    #[cache(ttl = 10, stale_while_revalidate = 60)]
    async fn row(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    let test = TestCache::new();
    assert_eq!(block_on(test.run(row(0))), 1);
    SOURCE.write(2);
    test.advance(10 * SECOND);
    assert_eq!(block_on(test.run(row(0))), 2);
    let total = test.cache().stats().total;
    assert_eq!(
        (total.hits, total.misses.total(), total.refreshes),
        (0, 2, 0)
    );
}

/// A sync body waits for a word here.
static WORDS: Mutex<Option<Receiver<u64>>> = Mutex::new(None);

#[cache(ttl = 10, stale_while_revalidate = 60)]
fn threaded(_id: u64) -> u64 {
    let words = WORDS.lock().unwrap();
    words.as_ref().unwrap().recv().unwrap()
}

#[test]
fn sync_functions_are_refreshed_on_a_thread() {
    let (sender, receiver): (Sender<u64>, _) = channel();
    *WORDS.lock().unwrap() = Some(receiver);
    let test = TestCache::new();
    sender.send(1).unwrap();
    assert_eq!(test.enter(|| threaded(0)), 1);
    test.advance(10 * SECOND);
    for _ in 0..10 {
        assert_eq!(test.enter(|| threaded(0)), 1);
    }
    assert_eq!(test.cache().stats().total.refreshes, 1);
    sender.send(2).unwrap();
    let began = Instant::now();
    while stored(&test) < 2 {
        assert!(began.elapsed() < SOON);
        std::thread::yield_now();
    }
    assert_eq!(test.enter(|| threaded(0)), 2);
}

#[tokio::test]
async fn a_sync_body_behind_its_call_is_inside_the_callers_runtime() {
    static INSIDE: AtomicU64 = AtomicU64::new(0);
    #[cache(ttl = 10, stale_while_revalidate = 60)]
    fn inside() -> u64 {
        let there = tokio::runtime::Handle::try_current().is_ok();
        INSIDE.fetch_add(u64::from(there), SeqCst) + 1
    }
    let test = TestCache::new();
    assert_eq!(test.enter(inside), 1);
    test.advance(10 * SECOND);
    assert_eq!(test.enter(inside), 1);
    until("it is stored", || stored(&test) == 2).await;
    assert_eq!(test.enter(inside), 2);
}

#[tokio::test]
async fn a_refresh_that_fails_or_panics_is_counted_and_followed_by_another() {
    static SOURCE: Source = Source::new();
    #[cache(ttl = 10, stale_while_revalidate = 60)]
    async fn row(id: u64) -> Result<u64, String> {
        Ok(SOURCE.read().await? + id)
    }
    let test = TestCache::new();
    assert_eq!(test.run(row(0)).await, Ok(1));
    test.advance(10 * SECOND);
    SOURCE.write(2);
    for (nth, fault) in [&SOURCE.fails, &SOURCE.panics].into_iter().enumerate() {
        fault.store(true, SeqCst);
        let failures = || test.cache().stats().total.refresh_failures;
        assert_eq!(test.run(row(0)).await, Ok(1));
        until("it has failed", || failures() == nth as u64 + 1).await;
        let runs = SOURCE.runs();
        test.advance(SECOND - MILLI);
        assert_eq!(test.run(row(0)).await, Ok(1));
        tokio::task::yield_now().await;
        assert_eq!(SOURCE.runs(), runs, "not again so soon");
        test.advance(MILLI);
        fault.store(false, SeqCst);
    }
    assert_eq!(test.count("*", |kind| kind == EventKind::RefreshFailed), 2);
    assert_eq!(test.run(row(0)).await, Ok(1));
    until("it is stored", || stored(&test) == 2).await;
    assert_eq!(test.run(row(0)).await, Ok(2));
}

/// Nor does an `err_ttl` put the error in its place.
#[tokio::test]
async fn a_refresh_that_fails_leaves_the_value() {
    static SOURCE: Source = Source::new();
    #[cache(
        ttl = 10,
        stale_while_revalidate = 20,
        stale_if_error = 60,
        err_ttl = 5
    )]
    async fn row(id: u64) -> Result<u64, String> {
        Ok(SOURCE.read().await? + id)
    }
    let test = TestCache::new();
    assert_eq!(test.run(row(0)).await, Ok(1));
    test.advance(10 * SECOND);
    SOURCE.fails.store(true, SeqCst);
    let refused = || {
        let total = test.cache().stats().total;
        total.refusals.of(RefusalReason::Failed)
    };
    assert_eq!(test.run(row(0)).await, Ok(1));
    until("it has failed", || refused() == 1).await;
    test.advance(5 * SECOND - MILLI);
    assert_eq!(test.run(row(0)).await, Ok(1));
    assert_eq!(SOURCE.runs(), 2);
    // Beyond the first window each call asks, and is excused.
    test.advance(15 * SECOND + MILLI);
    assert_eq!(test.run(row(0)).await, Ok(1));
    assert_eq!((SOURCE.runs(), refused()), (3, 2));
    test.advance(40 * SECOND);
    assert!(test.run(row(0)).await.is_err());
}

#[tokio::test]
async fn a_refresh_that_hangs_is_overdue_and_followed_by_another() {
    static SOURCE: Source = Source::shut();
    #[cache(ttl = 10, stale_while_revalidate = "1h")]
    async fn row(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    let test = TestCache::with(Cache::builder().wait_max(MILLI)).unwrap();
    SOURCE.admit(1);
    assert_eq!(test.run(row(0)).await, 1);
    test.advance(10 * SECOND);
    assert_eq!(test.run(row(0)).await, 1);
    until("it has begun", || SOURCE.runs() == 2).await;
    let began = Instant::now();
    while SOURCE.runs() < 3 {
        test.advance(SECOND);
        assert_eq!(test.run(row(0)).await, 1);
        assert!(began.elapsed() < SOON, "nobody steps in");
        tokio::task::yield_now().await;
    }
    assert!(test.cache().stats().total.refresh_failures > 0);
    SOURCE.write(2);
    SOURCE.admit(100);
    until("it is stored", || stored(&test) > 1).await;
}

/// Many have one runtime for each test, or each thread, and one cache for all.
#[test]
fn a_refresh_that_ends_with_its_runtime_is_counted_and_followed_by_another() {
    static SOURCE: Source = Source::shut();
    #[cache(ttl = 10, stale_while_revalidate = "1h")]
    async fn row(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    let test = TestCache::new();
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap()
    };
    SOURCE.admit(1);
    let first = runtime();
    assert_eq!(first.block_on(test.run(row(0))), 1);
    test.advance(10 * SECOND);
    first.block_on(async {
        assert_eq!(test.run(row(0)).await, 1);
        until("it has begun", || SOURCE.runs() == 2).await;
    });
    let failures = || test.cache().stats().total.refresh_failures;
    assert_eq!(failures(), 0);
    drop(first);
    assert_eq!(failures(), 1);
    SOURCE.write(2);
    SOURCE.admit(1);
    test.advance(SECOND);
    runtime().block_on(async {
        assert_eq!(test.run(row(0)).await, 1);
        until("it is stored", || stored(&test) == 2).await;
        assert_eq!(test.run(row(0)).await, 2);
    });
    assert_eq!(failures(), 1);
}

#[tokio::test]
async fn an_invalidation_wins_over_a_refresh_that_began_before() {
    static SOURCE: Source = Source::shut();
    #[cache_resource("rows:{id}", ttl = 10, stale_while_revalidate = 60)]
    async fn row(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    let test = TestCache::new();
    SOURCE.admit(1);
    assert_eq!(test.run(row(0)).await, 1);
    test.advance(10 * SECOND);
    assert_eq!(test.run(row(0)).await, 1);
    until("it reads", || SOURCE.runs() == 2).await;
    SOURCE.write(2);
    test.run(cache_core::invalidate_pattern("resource:rows:*"))
        .await
        .unwrap();
    // Neither what is late nor what is being computed.
    SOURCE.admit(2);
    assert_eq!(test.run(row(0)).await, 2);
    until("both are through", || SOURCE.gate.available_permits() == 0).await;
    tokio::task::yield_now().await;
    assert_eq!(test.run(row(0)).await, 2);
    test.advance(10 * SECOND);
    blocking::invalidate_pattern("nothing").unwrap();
    test.enter(|| blocking::invalidate_pattern("resource:rows:0"))
        .unwrap();
    SOURCE.write(3);
    SOURCE.admit(1);
    assert_eq!(test.run(row(0)).await, 3, "nobody is given what is invalid");
}

#[tokio::test]
async fn a_refresh_is_in_the_callers_scope_and_in_no_computation() {
    static SOURCE: Source = Source::new();
    #[cache(ttl = 1_000)]
    async fn inner(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    #[cache(ttl = 10, stale_while_revalidate = 60)]
    async fn middle(id: u64) -> u64 {
        inner(id).await
    }
    #[cache(ttl = 5)]
    async fn outer(id: u64) -> u64 {
        middle(id).await
    }
    let test = TestCache::new();
    assert_eq!(test.run(outer(0)).await, 1);
    test.advance(10 * SECOND);
    assert_eq!(test.run(outer(0)).await, 1);
    until("it is stored", || stored(&test) == 5).await;
    assert_eq!(SOURCE.runs(), 1, "it was found in the same cache");
    let stats = test.cache().stats();
    let hits = |name| stats.function(name).map(|function| function.hits);
    assert_eq!((hits("inner"), hits("middle")), (Some(1), Some(1)));
    // What was made of the late value depends on all that it depends on.
    SOURCE.write(2);
    test.run(cache_core::invalidate(inner(0))).await.unwrap();
    assert_eq!(test.run(outer(0)).await, 2);
}

#[tokio::test]
async fn a_refresh_that_finds_nothing_leaves_nothing() {
    static SOURCE: Source = Source::new();
    #[cache(ttl = 10, stale_while_revalidate = 60)]
    async fn row(_id: u64) -> Option<u64> {
        SOURCE.read().await.ok()
    }
    let test = TestCache::new();
    assert_eq!(test.run(row(0)).await, Some(1));
    test.advance(10 * SECOND);
    SOURCE.fails.store(true, SeqCst);
    assert_eq!(test.run(row(0)).await, Some(1));
    let refused = |kind| kind == EventKind::Refused(RefusalReason::Absent);
    until("it is refused", || test.count("*", refused) == 1).await;
    assert_eq!(test.run(row(0)).await, None);
}

#[test]
fn a_refresh_that_its_runtime_takes_along_is_followed_by_another() {
    static SOURCE: Source = Source::shut();
    #[cache(ttl = 10, stale_while_revalidate = "1h")]
    async fn row(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    };
    let test = TestCache::new();
    SOURCE.admit(1);
    assert_eq!(runtime().block_on(test.run(row(0))), 1);
    test.advance(10 * SECOND);
    // Nobody polls it.
    assert_eq!(runtime().block_on(test.run(row(0))), 1);
    assert_eq!(SOURCE.runs(), 1);
    test.advance(10 * SECOND);
    let runtime = runtime();
    SOURCE.admit(1);
    SOURCE.write(2);
    runtime.block_on(async {
        assert_eq!(test.run(row(0)).await, 1);
        until("it is stored", || stored(&test) == 2).await;
        assert_eq!(test.run(row(0)).await, 2);
    });
}

#[derive(Clone)]
struct Repo(std::sync::Arc<Source>);

impl Repo {
    #[cache_resource(
        "owned:{id}",
        skip(self),
        tags("owner:{return}:{name}"),
        when = |value| *value != 7,
        ttl = |value| 10 * value,
        stale_while_revalidate = 60
    )]
    async fn row(self, id: u64, (name, _): (String, Vec<u8>)) -> Result<u64, String> {
        drop(name);
        Ok(self.0.read().await? + id)
    }
}

#[tokio::test]
async fn rules_and_patterns_go_along() {
    let test = TestCache::new();
    let repo = Repo(std::sync::Arc::new(Source::new()));
    let call = || {
        let call = repo.clone().row(0, ("a".to_owned(), vec![1]));
        test.run(call)
    };
    assert_eq!(call().await, Ok(1));
    test.advance(10 * SECOND);
    repo.0.write(2);
    assert_eq!(call().await, Ok(1));
    until("it is stored", || stored(&test) == 2).await;
    test.advance(20 * SECOND - MILLI);
    assert_eq!(call().await, Ok(2));
    assert_eq!(repo.0.runs(), 2, "it said so itself");
    test.run(cache_core::invalidate_tag("owner:2:a"))
        .await
        .unwrap();
    repo.0.write(3);
    assert_eq!(call().await, Ok(3));
}

#[cache(ttl = 10, stale_while_revalidate = 60)]
async fn asked(id: u64) -> u64 {
    id
}

#[cache(ttl = 10, stale_while_revalidate = 60)]
fn asked_now(id: u64) -> u64 {
    id
}

#[tokio::test]
async fn questions_about_a_call_leave_it_before_its_body() {
    let test = TestCache::new();
    let address = test
        .run(cache_core::key_of(asked(1)))
        .await
        .unwrap()
        .address;
    let now = test.enter(|| blocking::key_of(|| asked_now(1))).unwrap();
    assert!(address.starts_with("asked:") && now.address.starts_with("asked_now:"));
    assert_eq!(test.run(cache_core::peek(asked(1))).await, None);
    assert_eq!(
        test.enter(|| blocking::peek(|| asked_now(1))).unwrap(),
        None
    );
    test.run(asked(1)).await;
    test.enter(|| asked_now(1));
    assert_eq!(test.cache().stats().total.computed, 2);
    test.run(cache_core::invalidate(asked(1))).await.unwrap();
    test.enter(|| blocking::invalidate(|| asked_now(1)))
        .unwrap();
    test.advance(10 * SECOND);
    test.run(asked(1)).await;
    test.enter(|| asked_now(1));
    let total = test.cache().stats().total;
    assert_eq!((total.computed, total.stale), (4, 0));
}

#[test]
fn a_call_can_be_sent_to_another_thread() {
    fn sent<T: Send>(_: T) {}
    sent(asked(1));
}
