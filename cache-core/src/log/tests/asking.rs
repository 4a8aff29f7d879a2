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

#[test]
fn who_comes_while_others_ask_waits_no_longer_than_they() {
    let server = start!();
    let a = Instance::of(&server);
    a.contact();
    server.pause().unwrap();
    let first = a.log.confirm();
    // That trip is under way by now.
    assert_eq!(within(Duration::from_millis(600), first), None);
    let began = std::time::Instant::now();
    let second = within(SOON, a.log.confirm());
    let took = began.elapsed();
    server.resume().unwrap();
    assert_eq!(second, Some(Err(LinkError::TimedOut)));
    // An answer may take two seconds here.
    assert!(took < Duration::from_millis(2_800), "{took:?}");
}
