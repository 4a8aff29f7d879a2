//! What came of a warm-up.

use std::fmt;
use std::time::Duration;

/// What a warm-up came to.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WarmupReport {
    /// Calls that left their value in the cache, or found it there.
    pub warmed: CallList,
    /// Calls that reached cached functions and left nothing in the cache: `when` said no, there was nothing to keep, or
    /// too much.
    pub refused: CallList,
    /// Calls that failed, and why.
    pub failed: CallList<(String, String)>,
    /// Calls that reached no cached function: `#[warmup_cache]` stands on something that is not cached.
    pub untouched: CallList,
    /// Calls that the deadline has cut off, or a shutdown, under way or not begun.
    pub cancelled: CallList,
    /// How long it took.
    pub took: Duration,
}

/// Calls of one kind: how many there were, and the names of the first [`NAMED`](Self::NAMED). A warm-up may make millions of calls.
///
/// ```
/// # async fn example(cache: &cache_core::Cache) {
/// let report = cache.warmup().run().await;
/// println!("{} warmed, the first {:?}", report.warmed.count(), report.warmed.named().first());
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallList<T = String> {
    named: Vec<T>,
    count: usize,
}

impl<T> CallList<T> {
    /// Of each kind so many calls are named.
    pub const NAMED: usize = 1_000;

    /// How many there were, named or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first ones.
    #[must_use]
    pub fn named(&self) -> &[T] {
        &self.named
    }

    pub(super) fn push(&mut self, call: T) {
        self.count += 1;
        if self.named.len() < Self::NAMED {
            self.named.push(call);
        }
    }
}

impl<T> Default for CallList<T> {
    fn default() -> Self {
        Self {
            named: Vec::new(),
            count: 0,
        }
    }
}

impl<T> Extend<T> for CallList<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, calls: I) {
        calls.into_iter().for_each(|call| self.push(call));
    }
}

/// Of each kind no more are written than one reads.
const LISTED: usize = 20;

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    kind: &str,
    calls: &CallList<T>,
    write: impl Fn(&T) -> String,
) -> fmt::Result {
    for call in calls.named.iter().take(LISTED) {
        write!(f, "\n  {kind}: {}", write(call))?;
    }
    match calls.count.saturating_sub(LISTED) {
        0 => Ok(()),
        more => write!(f, "\n  {kind}: {more} more"),
    }
}

/// How many were warmed and failed, and in a line each what was not, of each kind twenty.
impl fmt::Display for WarmupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} warmed, {} failed in {:.1?}",
            self.warmed.count(),
            self.failed.count(),
            self.took
        )?;
        list(f, "failed", &self.failed, |(name, why)| {
            format!("{name}: {why}")
        })?;
        list(f, "kept nothing", &self.refused, String::clone)?;
        list(f, "cancelled", &self.cancelled, String::clone)?;
        list(f, "touched no cache", &self.untouched, String::clone)
    }
}
