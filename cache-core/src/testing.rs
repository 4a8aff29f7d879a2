//! A cache for one test: its own entries, its own clock, and every event.

use std::future::Future;
use std::time::Duration;

use crate::cache::Cache;
use crate::config::Builder;
use crate::error::Error;
use crate::events::{Event, EventKind};
use crate::pattern::Pattern;
use crate::sync::{Arc, Mutex, lock};
use crate::time::{Clock, ManualClock};

/// A cache for one test. Tests that run in parallel share nothing, and time passes only when told to.
///
/// ```
/// use cache_core::{TestCache, cache};
/// use std::time::Duration;
///
/// #[cache(ttl = 60)]
/// fn answer() -> u32 { 42 }
///
/// let test = TestCache::new();
/// test.enter(|| {
///     answer();
///     answer();
///     test.advance(Duration::from_secs(61));
///     answer();
/// });
/// test.assert_hits("answer:*", 1);
/// test.assert_computed("answer:*", 2);
/// ```
#[derive(Clone, Debug)]
pub struct TestCache {
    cache: Cache,
    clock: ManualClock,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Default for TestCache {
    fn default() -> Self {
        Self::new()
    }
}

impl TestCache {
    /// A cache as it is without any set-up.
    ///
    /// # Panics
    /// Never: the defaults are valid.
    #[expect(clippy::expect_used, reason = "the defaults are valid")]
    #[must_use]
    pub fn new() -> Self {
        Self::with(Cache::builder()).expect("the defaults are valid")
    }

    /// A cache as the builder has it, with this test's clock and listener in place of its own.
    ///
    /// # Errors
    /// Those of [`Builder::build`].
    pub fn with(builder: Builder) -> Result<Self, Error> {
        let clock = ManualClock::new();
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&events);
        let cache = builder
            .clock(Clock::Manual(clock.clone()))
            .on_event(move |event| lock(&heard).push(event.clone()))
            .build_blocking()?;
        Ok(Self {
            cache,
            clock,
            events,
        })
    }

    /// The cache itself.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Runs a future with this cache in place of the global one.
    pub async fn run<F: Future>(&self, future: F) -> F::Output {
        self.cache.scope(future).await
    }

    /// Runs a closure with this cache in place of the global one.
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        self.cache.enter(f)
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// What happened so far, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }

    /// Forgets what happened so far.
    pub fn forget_events(&self) {
        lock(&self.events).clear();
    }

    /// How many events of addresses that match `pattern` are like this.
    ///
    /// # Panics
    /// On a pattern that does not parse.
    #[expect(clippy::panic, reason = "made for tests")]
    #[must_use]
    pub fn count(&self, pattern: &str, like: impl Fn(EventKind) -> bool) -> usize {
        let pattern = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{error}"));
        lock(&self.events)
            .iter()
            .filter(|event| pattern.matches(&event.address) && like(event.kind))
            .count()
    }

    /// Checks how many calls of matching addresses were hits.
    ///
    /// # Panics
    /// If it were not that many, with all events.
    #[track_caller]
    pub fn assert_hits(&self, pattern: &str, times: usize) {
        self.assert("hits", pattern, times, |kind| kind == EventKind::Hit);
    }

    /// Checks how many bodies of matching addresses ran to their end.
    ///
    /// # Panics
    /// If it were not that many, with all events.
    #[track_caller]
    pub fn assert_computed(&self, pattern: &str, times: usize) {
        self.assert("computations", pattern, times, |kind| {
            matches!(kind, EventKind::Computed(_))
        });
    }

    /// Checks how many values were stored under matching addresses.
    ///
    /// # Panics
    /// If it were not that many, with all events.
    #[track_caller]
    pub fn assert_stored(&self, pattern: &str, times: usize) {
        self.assert("stores", pattern, times, |kind| kind == EventKind::Stored);
    }

    /// Checks how often exactly this was invalidated: an address, a pattern, or `tag:` and a tag.
    ///
    /// # Panics
    /// If it was not that often, with all events.
    #[expect(clippy::panic, reason = "made for tests")]
    #[track_caller]
    pub fn assert_invalidated(&self, what: &str, times: usize) {
        let events = self.events();
        let found = events
            .iter()
            .filter(|e| e.kind == EventKind::Invalidated && &*e.address == what)
            .count();
        if found != times {
            panic!(
                "expected {times} invalidations of `{what}`, found {found}{}",
                listing(&events)
            );
        }
    }

    #[expect(clippy::panic, reason = "made for tests")]
    #[track_caller]
    fn assert(&self, what: &str, pattern: &str, times: usize, like: impl Fn(EventKind) -> bool) {
        let found = self.count(pattern, like);
        if found != times {
            panic!(
                "expected {times} {what} of `{pattern}`, found {found}{}",
                listing(&self.events())
            );
        }
    }
}

fn listing(events: &[Event]) -> String {
    events
        .iter()
        .fold(String::from("; all events:"), |all, event| {
            format!("{all}\n  {event}")
        })
}
