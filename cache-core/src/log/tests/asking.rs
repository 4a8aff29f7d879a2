//! Asking what the log has by now.

use super::*;

/// What a future gives, if it does so in time.
fn within<F: Future>(most: Duration, future: F) -> Option<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::time::timeout(most, future).await.ok() })
}

#[test]
fn who_asks_a_log_that_is_closed_is_told_so() {
    let server = start!();
    let a = Instance::of(&server);
    a.contact();
    assert_eq!(within(SOON, a.log.confirm()), Some(Ok(())));
    wait(a.link.finish(SOON, a.log.settled()));
    for _ in 0..2 {
        let told = within(Duration::from_secs(3), a.log.confirm());
        assert!(matches!(told, Some(Err(LinkError::Disconnected(_)))));
    }
}
