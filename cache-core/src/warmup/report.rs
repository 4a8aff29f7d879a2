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

impl fmt::Display for WarmupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} warmed, {} failed in {:.1?}",
            self.warmed.len(),
            self.failed.len(),
            self.took
        )?;
        for (name, why) in &self.failed {
            write!(f, "\n  failed: {name}: {why}")?;
        }
        for name in &self.refused {
            write!(f, "\n  kept nothing: {name}")?;
        }
        for name in &self.cancelled {
            write!(f, "\n  cancelled: {name}")?;
        }
        for name in &self.untouched {
            write!(f, "\n  touched no cache: {name}")?;
        }
        Ok(())
    }
}
