//! What `#[warmup_cache]` registers.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// What one start-up call came to: nothing, or what its error says.
pub type Outcome = Result<(), String>;

/// One start-up call under way.
pub type JobFuture = Pin<Box<dyn Future<Output = Step> + Send>>;

/// Calls that have not begun.
pub type Calls = Box<dyn Iterator<Item = JobFuture> + Send>;

/// What a registered call came to.
#[expect(missing_debug_implementations, reason = "for generated code only")]
pub enum Step {
    /// It was one call.
    Made(Outcome),
    /// It is many, one for each of its sets of arguments.
    Calls(Calls),
}

/// A call for each of these sets of arguments, none of which is made yet.
pub fn calls<I>(sets: I, call: impl FnMut(I::Item) -> JobFuture + Send + 'static) -> Step
where
    I: IntoIterator<IntoIter: Send + 'static>,
{
    Step::Calls(Box::new(sets.into_iter().map(call)))
}

/// One start-up call, known to the linker.
#[derive(Debug)]
pub struct WarmupJob {
    /// The function with its arguments, as written.
    pub call: &'static str,
    /// Its module.
    pub module: &'static str,
    /// The higher, the sooner.
    pub priority: u32,
    /// How often it is made again.
    pub every: Option<Duration>,
    /// Makes the call.
    pub run: fn() -> JobFuture,
}
inventory::collect!(WarmupJob);

impl WarmupJob {
    /// What it is called in reports.
    pub(super) fn name(&self) -> String {
        format!("{}::{}", self.module, self.call)
    }
}
