//! Calls that were hot before this process began.

use super::job::{JobFuture, Step, calls};
use crate::global;
use crate::scope;
use crate::site::HotCalls;

/// The calls that are kept of a function, each to be made again.
pub async fn hot(kept: &'static HotCalls) -> Step {
    let cache = scope::current().and_then(|scope| scope.cache.clone());
    let cache = cache.unwrap_or_else(|| global::get().clone());
    cache.wait_for_contact().await;
    match cache.hottest(kept).await {
        Ok(all) => calls(all, |call| again(kept, call)),
        Err(why) => Step::Made(Err(why)),
    }
}

/// What reads its arguments is the user's, and is a part of the call.
fn again(kept: &'static HotCalls, call: Box<[u8]>) -> JobFuture {
    Box::pin(async move {
        Step::Made(match kept.again(&call) {
            Ok(made) => made.await,
            Err(why) => Err(why),
        })
    })
}
