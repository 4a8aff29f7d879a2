//! Start-up calls from lists that are long, endless, or made of cached calls.

#![expect(clippy::unwrap_used, reason = "of what tests have in common")]

use std::sync::Mutex;
use std::time::Duration;

use cache_core::{TestCache, cache, warmup_cache};
use futures_util::future::{join, poll_fn};

static CALLED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Several at a time: each gives the others a turn.
async fn called(call: String) {
    CALLED.lock().unwrap().push(call);
    let mut turns = 2;
    poll_fn(|cx| {
        turns -= 1;
        cx.waker().wake_by_ref();
        if turns == 0 {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

#[warmup_cache(from = 0..4_u64, priority = 9)]
#[cache]
async fn important(n: u64) -> u64 {
    called(format!("important {n}")).await;
    n
}

#[warmup_cache(from = 0..4_u64, priority = 8)]
#[cache]
async fn unimportant(n: u64) -> u64 {
    called(format!("unimportant {n}")).await;
    n
}

#[warmup_cache(from = (0..3_u64).map(listed), priority = 5)]
#[cache]
async fn by_list(n: u64) -> u64 {
    n
}

#[cache]
fn listed(n: u64) -> u64 {
    n * 10
}

#[warmup_cache(from = 0_u64.., priority = 1)]
#[cache]
fn endless(n: u64) -> u64 {
    n
}

#[warmup_cache]
#[cache]
fn never_reached() -> u64 {
    1
}

#[tokio::test]
async fn lists_are_worked_off_by_priority_in_their_cache_and_end_at_the_deadline() {
    let test = TestCache::new();
    let told = Mutex::new((0, 0));
    let progress = |through, of| *told.lock().unwrap() = (through, of);
    let warmup = test.cache().warmup().concurrency(2).progress(progress);
    // The endless one is of hits and misses that are there at once: others have a turn all the same.
    let beside = tokio::time::sleep(Duration::from_millis(100));
    let warming = warmup.deadline(Duration::from_millis(400)).run();
    let (report, slept) = join(warming, async {
        let began = std::time::Instant::now();
        beside.await;
        began.elapsed()
    })
    .await;
    assert!(slept < Duration::from_millis(390), "{slept:?}");

    let called = CALLED.lock().unwrap();
    let unimportant = called.iter().position(|call| call.starts_with("un"));
    let important = called.iter().rposition(|call| call.starts_with("im"));
    // At the end of the first list the second one begins.
    assert!(important.unwrap() <= unimportant.unwrap() + 1, "{called:?}");
    assert_eq!(called.len(), 8);

    let stats = test.cache().stats();
    assert_eq!(stats.function("listed").unwrap().stores, 3, "elsewhere");
    let cancelled: Vec<_> = report
        .cancelled
        .named()
        .iter()
        .map(String::as_str)
        .collect();
    let (list, rest) = cancelled.split_last().unwrap();
    assert_eq!(*list, "warmup_lists::never_reached()");
    assert_eq!(rest.last(), Some(&"warmup_lists::endless(from 0_u64..)"));
    let (through, of) = *told.lock().unwrap();
    assert!(through > 100 && of == usize::MAX, "{through} of {of}");
}
