//! How a link is.

use super::error::LinkError;

/// How a link is, and what it has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct Health {
    /// Whether there is a connection.
    pub(crate) connected: bool,
    /// How many connections there have been.
    pub(crate) connections: u64,
    /// Whether the breaker is open.
    pub(crate) breaker_open: bool,
    /// How often it opened.
    pub(crate) breaker_opened: u64,
    /// Trips that were answered, refusals included.
    pub(crate) answered: u64,
    /// Trips that the server answered with an error.
    pub(crate) refused: u64,
    /// Trips without an answer.
    pub(crate) failed: u64,
    /// Of these, those that timed out.
    pub(crate) timed_out: u64,
    /// Requests that nobody waits for, and that are not through yet.
    pub(crate) queued: usize,
    /// Such requests that came to nothing.
    pub(crate) dropped: u64,
    /// Of those that were answered, stores that found a later value.
    pub(crate) late: u64,
    /// What went wrong last.
    pub(crate) last_error: Option<LinkError>,
}
