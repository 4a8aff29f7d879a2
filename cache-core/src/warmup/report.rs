//! What came of a warm-up.

use std::fmt;
use std::time::Duration;

/// What a warm-up came to.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WarmupReport {
    /// Calls that left their value in the cache, or found it there.
    pub warmed: Vec<String>,
    /// Calls that reached cached functions and left nothing in the cache: `when` said no, there was nothing to keep, or
    /// too much.
    pub refused: Vec<String>,
    /// Calls that failed, and why.
    pub failed: Vec<(String, String)>,
    /// Calls that reached no cached function: `#[warmup_cache]` stands on something that is not cached.
    pub untouched: Vec<String>,
    /// Calls that the deadline has cut off, under way or not begun.
    pub cancelled: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// Of each kind no more are written than one reads.
const LISTED: usize = 20;

fn list(
    f: &mut fmt::Formatter<'_>,
    kind: &str,
    calls: impl ExactSizeIterator<Item = impl fmt::Display>,
) -> fmt::Result {
    let more = calls.len().saturating_sub(LISTED);
    for call in calls.take(LISTED) {
        write!(f, "\n  {kind}: {call}")?;
    }
    if more > 0 {
        write!(f, "\n  {kind}: {more} more")?;
    }
    Ok(())
}

/// How many were warmed and failed, and in a line each what was not, of each kind twenty.
impl fmt::Display for WarmupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} warmed, {} failed in {:.1?}",
            self.warmed.len(),
            self.failed.len(),
            self.took
        )?;
        let failed = self
            .failed
            .iter()
            .map(|(name, why)| format!("{name}: {why}"));
        list(f, "failed", failed)?;
        list(f, "kept nothing", self.refused.iter())?;
        list(f, "cancelled", self.cancelled.iter())?;
        list(f, "touched no cache", self.untouched.iter())
    }
}
