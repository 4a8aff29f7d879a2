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

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// Longer than anything takes here.
const SOON: Duration = Duration::from_secs(20);

/// A source of values, behind a gate.
struct Source {
    value: AtomicU64,
    runs: AtomicU64,
    fails: AtomicBool,
    panics: AtomicBool,
    gate: Semaphore,
}

impl Source {
    /// Open.
    const fn new() -> Self {
        Self {
            value: AtomicU64::new(1),
            runs: AtomicU64::new(0),
            fails: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            gate: Semaphore::const_new(1_000_000),
        }
    }

    const fn shut() -> Self {
        Self {
            gate: Semaphore::const_new(0),
            ..Self::new()
        }
    }

    async fn read(&self) -> Result<u64, String> {
        self.runs.fetch_add(1, SeqCst);
        let value = self.value.load(SeqCst);
        self.gate.acquire().await.unwrap().forget();
        assert!(!self.panics.load(SeqCst), "as it should");
        if self.fails.load(SeqCst) {
            return Err("as it should".to_owned());
        }
        Ok(value)
    }

    fn write(&self, value: u64) {
        self.value.store(value, SeqCst);
    }

    fn runs(&self) -> u64 {
        self.runs.load(SeqCst)
    }

    fn admit(&self, count: usize) {
        self.gate.add_permits(count);
    }
}

/// Lets the tasks of this runtime run until it is so.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < SOON, "waited in vain until {what}");
        tokio::task::yield_now().await;
    }
}

fn stored(test: &TestCache) -> usize {
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

/// How many refreshes hits of so many keys have begun.
async fn begun(test: &TestCache, keys: u64, call: impl AsyncFn(u64)) -> u64 {
    let before = test.cache().stats().total.refreshes;
    for key in 0..keys {
        test.run(call(key)).await;
    }
    test.cache().stats().total.refreshes - before
}

#[tokio::test]
async fn hits_near_the_end_of_a_lifetime_begin_a_refresh_by_chance() {
    static SOURCE: Source = Source::new();
    #[cache(ttl = 100, refresh_ahead = "20%")]
    async fn row(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    const KEYS: u64 = 2_000;
    let call = async |key| assert!(row(key).await > key);
    let test = TestCache::new();
    begun(&test, KEYS, call).await;
    test.advance(80 * SECOND - MILLI);
    assert_eq!(begun(&test, KEYS, call).await, 0, "not before that part");
    test.advance(MILLI);
    let early = begun(&test, KEYS, call).await;
    assert!(
        early < 20,
        "{early} at its beginning, of one in three thousand"
    );
    // Of 20 s an eighth is 2.5 s: left of them are 2.5 ln 2.
    test.advance(20 * SECOND - Duration::from_millis(1_733));
    let half = begun(&test, KEYS, call).await;
    assert!((850..1_150).contains(&half), "{half} where it is one half");
    until("they are stored", || {
        stored(&test) as u64 == KEYS + half + early
    })
    .await;
    let total = test.cache().stats().total;
    assert_eq!(total.misses.total(), KEYS, "nobody has waited");
    assert_eq!(total.hits, 3 * KEYS);
    assert_eq!(total.stale, 0);
    // Who was refreshed has a lifetime before him, the others at most two seconds.
    test.advance(2 * SECOND);
    begun(&test, KEYS, call).await;
    let expired = test.cache().stats().total.misses.total() - KEYS;
    assert_eq!(expired, KEYS - half - early);
}

#[tokio::test]
async fn a_costly_value_is_refreshed_earlier() {
    static HAND: Mutex<Option<TestCache>> = Mutex::new(None);
    #[cache(ttl = 1_000_000, refresh_ahead = "20%")]
    async fn row(id: u64) -> u64 {
        // A day.
        if let Some(test) = HAND.lock().unwrap().as_ref() {
            test.advance(86_400 * SECOND);
        }
        id
    }
    let test = TestCache::new();
    *HAND.lock().unwrap() = Some(test.clone());
    test.run(row(0)).await;
    HAND.lock().unwrap().take();
    test.run(row(1)).await;
    // 200,000 s before the end of the one: e^-8 without its cost, and with it one in six.
    test.advance((800_000 - 86_400) * SECOND);
    let mut calls = 0;
    while test.cache().stats().total.refreshes == 0 {
        test.run(row(0)).await;
        test.run(row(1)).await;
        calls += 1;
        assert!(calls < 200, "e^-36 of all runs");
    }
    until("it is stored", || stored(&test) == 3).await;
    assert_eq!(
        test.count("row:*", |kind| kind == EventKind::Hit),
        2 * calls
    );
}

#[tokio::test]
async fn one_hit_of_many_begins_a_refresh_and_all_are_served() {
    static SOURCE: Source = Source::shut();
    #[cache(ttl = 100, refresh_ahead = "20%", stale_while_revalidate = 10)]
    async fn row(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    let test = TestCache::new();
    SOURCE.admit(1);
    test.run(row(0)).await;
    SOURCE.write(2);
    test.advance(100 * SECOND - MILLI);
    for _ in 0..100 {
        assert_eq!(test.run(row(0)).await, 1);
        tokio::task::yield_now().await;
    }
    assert_eq!(SOURCE.runs(), 2);
    // It is going on when the lifetime is over.
    test.advance(MILLI);
    assert_eq!(test.run(row(0)).await, 1);
    assert_eq!(SOURCE.runs(), 2);
    assert_eq!(test.cache().stats().total.stale, 1);
    SOURCE.admit(1);
    until("it is stored", || stored(&test) == 2).await;
    assert_eq!(test.run(row(0)).await, 2);
}

#[test]
fn without_a_runtime_nothing_is_refreshed_ahead() {
    static SOURCE: Source = Source::new();
    #[cache(ttl = 100, refresh_ahead = "100%")]
    async fn row(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    let test = TestCache::new();
    block_on(test.run(row(0)));
    test.advance(100 * SECOND - MILLI);
    for _ in 0..100 {
        assert_eq!(block_on(test.run(row(0))), 1);
    }
    assert_eq!(SOURCE.runs(), 1);
    let total = test.cache().stats().total;
    assert_eq!((total.hits, total.misses.total()), (100, 1));
}

/// Long enough to be measured.
const LIMIT: Duration = Duration::from_millis(30);

#[tokio::test]
async fn who_has_waited_long_enough_is_given_what_has_expired() {
    static SOURCE: Source = Source::shut();
    #[cache(ttl = 10, stale_if_error = 60, timeout = LIMIT)]
    async fn row(id: u64) -> Result<u64, String> {
        Ok(SOURCE.read().await? + id)
    }
    let test = TestCache::new();
    SOURCE.admit(1);
    assert_eq!(test.run(row(0)).await, Ok(1));
    test.advance(10 * SECOND);
    SOURCE.write(2);
    let began = Instant::now();
    // The one who runs the body, and one who waits for him.
    let both = futures_util::future::join(test.run(row(0)), test.run(explain(row(0)))).await;
    assert!(began.elapsed() >= LIMIT);
    let (first, (second, trace)) = both;
    assert_eq!((first, second), (Ok(1), Ok(1)));
    assert_eq!(trace.stale, Some(Duration::ZERO));
    let total = test.cache().stats().total;
    assert_eq!((total.stale, total.hits, total.misses.total()), (2, 0, 3));
    assert_eq!((SOURCE.runs(), total.refreshes), (2, 1), "it goes on");
    // Nobody else waits for a while.
    assert_eq!(test.run(row(0)).await, Ok(1));
    assert_eq!(test.cache().stats().total.hits, 1);
    SOURCE.admit(1);
    until("it is stored", || stored(&test) == 2).await;
    assert_eq!(test.run(row(0)).await, Ok(2));
    assert_eq!(SOURCE.runs(), 2);
}

#[tokio::test]
async fn who_can_be_given_nothing_waits() {
    static SOURCE: Source = Source::shut();
    #[cache_resource("waited:{id}", ttl = 10, stale_if_error = 60, timeout = MILLI)]
    async fn row(id: u64) -> Result<u64, String> {
        if SOURCE.runs() == 1 {
            let own = cache_core::invalidate_pattern("resource:waited:*");
            own.await.map_err(|error| error.to_string())?;
        }
        Ok(SOURCE.read().await? + id)
    }
    let test = TestCache::new();
    let opened = async || {
        // More than the limit, and no more is known of it than that it has passed.
        let began = Instant::now();
        while began.elapsed() < LIMIT {
            tokio::task::yield_now().await;
        }
        SOURCE.admit(1);
    };
    let (first, ()) = futures_util::future::join(test.run(row(0)), opened()).await;
    assert_eq!(first, Ok(1), "there was nothing");
    test.advance(10 * SECOND);
    SOURCE.write(2);
    let (second, ()) = futures_util::future::join(test.run(row(0)), opened()).await;
    assert_eq!(second, Ok(2), "it was invalidated");
    assert_eq!(test.cache().stats().total.stale, 0);
}

#[tokio::test]
async fn a_body_that_is_left_and_fails_is_counted() {
    static SOURCE: Source = Source::shut();
    #[cache(ttl = 10, stale_if_error = 60, timeout = MILLI)]
    async fn row(id: u64) -> Result<u64, String> {
        Ok(SOURCE.read().await? + id)
    }
    let test = TestCache::new();
    SOURCE.admit(1);
    assert_eq!(test.run(row(0)).await, Ok(1));
    test.advance(10 * SECOND);
    SOURCE.fails.store(true, SeqCst);
    assert_eq!(test.run(row(0)).await, Ok(1));
    SOURCE.admit(1);
    let failures = || test.cache().stats().total.refresh_failures;
    until("it has failed", || failures() == 1).await;
    SOURCE.fails.store(false, SeqCst);
    SOURCE.write(2);
    test.advance(SECOND);
    SOURCE.admit(1);
    assert_eq!(test.run(row(0)).await, Ok(2));
}
