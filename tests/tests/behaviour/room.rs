//! How many bodies go on behind their calls at a time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use cache_core::{Cache, TestCache, cache};

use crate::refreshing::{MILLI, SECOND, Source, stored, until};

/// As many as the documentation says.
const MOST: u64 = 1_024;

/// More than that.
const KEYS: u64 = MOST + 100;

static SOURCE: Source = Source::shut();

#[cache(ttl = 10, stale_while_revalidate = "1h")]
async fn row(id: u64) -> u64 {
    SOURCE.read().await.unwrap() + id
}

static DROPPED: AtomicBool = AtomicBool::new(false);

struct Noted;

impl Drop for Noted {
    fn drop(&mut self) {
        DROPPED.store(true, SeqCst);
    }
}

/// Overdue after so long, and given up after 32 times as long.
const PATIENCE: Duration = Duration::from_millis(300);

#[tokio::test]
async fn bodies_that_hang_behind_their_calls_are_bounded_and_delay_nobody() {
    let test = TestCache::with(Cache::builder().wait_max(PATIENCE)).unwrap();
    SOURCE.admit(KEYS as usize);
    for id in 0..KEYS {
        assert_eq!(test.run(row(id)).await, 1 + id);
    }
    let computed = SOURCE.runs();
    test.advance(10 * SECOND);
    // The second time they are overdue, and would be followed by another each.
    for _ in 0..2 {
        for id in 0..KEYS {
            assert_eq!(test.run(row(id)).await, 1 + id, "served at once");
        }
        tokio::time::sleep(PATIENCE).await;
        test.advance(SECOND);
    }
    until("they run", || SOURCE.runs() - computed >= MOST).await;
    tokio::task::yield_now().await;
    assert_eq!(SOURCE.runs() - computed, MOST);
    let failures = || test.cache().stats().total.refresh_failures;
    assert!(failures() >= KEYS - MOST, "{}", failures());

    // They are through, and there is room again.
    SOURCE.write(2);
    let before = stored(&test);
    SOURCE.admit(1_000_000);
    until("they are stored", || {
        stored(&test) >= before + MOST as usize
    })
    .await;
    test.advance(20 * SECOND);
    assert_eq!(test.run(row(KEYS - 1)).await, KEYS);
    until("it is stored", || stored(&test) > before + MOST as usize).await;
    assert_eq!(test.run(row(KEYS - 1)).await, KEYS + 1);
}

#[tokio::test]
async fn a_body_that_its_caller_cannot_leave_behind_ends() {
    static SOURCE: Source = Source::shut();
    #[cache(ttl = 10, stale_if_error = "1h", timeout = "1ms")]
    async fn slow(id: u64) -> Result<u64, String> {
        let _noted = Noted;
        Ok(SOURCE.read().await? + id)
    }
    let test = TestCache::with(Cache::builder().wait_max(600 * SECOND)).unwrap();
    SOURCE.admit(MOST as usize + 1);
    for id in 0..=MOST {
        assert_eq!(test.run(slow(id)).await, Ok(1 + id));
    }
    test.advance(10 * SECOND);
    for id in 0..MOST {
        assert_eq!(test.run(slow(id)).await, Ok(1 + id));
    }
    DROPPED.store(false, SeqCst);
    assert_eq!(test.run(slow(MOST)).await, Ok(1 + MOST));
    assert!(DROPPED.load(SeqCst));
    assert_eq!(test.cache().stats().total.refresh_failures, 1);
}

#[tokio::test]
async fn bodies_that_hang_keep_neither_others_nor_their_own_function_from_refreshing() {
    static SOURCE: Source = Source::shut();
    static WELL: Source = Source::new();
    #[cache(ttl = 10, stale_while_revalidate = "10000h")]
    async fn hanging(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    #[cache(ttl = 10, stale_while_revalidate = "1h")]
    async fn well() -> u64 {
        WELL.read().await.unwrap()
    }
    let test = TestCache::with(Cache::builder().wait_max(20 * MILLI)).unwrap();
    SOURCE.admit(KEYS as usize);
    for id in 0..KEYS {
        test.run(hanging(id)).await;
    }
    assert_eq!(test.run(well()).await, 1);
    let computed = SOURCE.runs();
    test.advance(10 * SECOND);
    for id in 0..KEYS {
        test.run(hanging(id)).await;
    }
    until("they hang", || SOURCE.runs() - computed >= MOST).await;
    WELL.write(2);
    let before = stored(&test);
    assert_eq!(test.run(well()).await, 1);
    until("it is refreshed", || stored(&test) > before).await;
    assert_eq!(test.run(well()).await, 2);

    // Nothing ever comes of those that hang; the source is well for whoever asks it now.
    let last = KEYS - 1;
    let again = SOURCE.runs();
    test.advance(SECOND);
    let began = Instant::now();
    while SOURCE.runs() == again {
        assert!(began.elapsed() < 20 * SECOND, "there is no place for ever");
        assert_eq!(test.run(hanging(last)).await, 1 + last);
        tokio::time::sleep(MILLI).await;
        test.advance(SECOND);
    }
}

#[tokio::test]
async fn what_is_one_too_many_is_tried_again_as_what_has_failed() {
    static SOURCE: Source = Source::shut();
    #[cache(ttl = 10, stale_while_revalidate = "1h")]
    async fn row(id: u64) -> u64 {
        SOURCE.read().await.unwrap() + id
    }
    // As long as a refresh may take that runs.
    let test = TestCache::with(Cache::builder().wait_max(600 * SECOND)).unwrap();
    SOURCE.admit(MOST as usize + 1);
    for id in 0..=MOST {
        assert_eq!(test.run(row(id)).await, 1 + id);
    }
    test.advance(10 * SECOND);
    for id in 0..=MOST {
        assert_eq!(test.run(row(id)).await, 1 + id);
    }
    assert_eq!(test.cache().stats().total.refresh_failures, 1);
    SOURCE.write(2);
    SOURCE.admit(1_000_000);
    let all = 2 * MOST as usize + 1;
    until("they are stored", || stored(&test) == all).await;
    assert_eq!(test.run(row(MOST)).await, 1 + MOST, "not at once");
    test.advance(SECOND);
    assert_eq!(test.run(row(MOST)).await, 1 + MOST);
    until("it is stored", || stored(&test) > all).await;
    assert_eq!(test.run(row(MOST)).await, 2 + MOST);
}

#[test]
fn sync_bodies_that_hang_delay_neither_their_callers_nor_other_functions() {
    static OPEN: (Mutex<bool>, Condvar) = (Mutex::new(true), Condvar::new());
    static VERSION: AtomicU64 = AtomicU64::new(1_000);
    static WAITING: AtomicU64 = AtomicU64::new(0);
    #[cache(ttl = 10, stale_while_revalidate = "1h")]
    fn stuck(id: u64) -> u64 {
        WAITING.fetch_add(1, SeqCst);
        let open = OPEN.0.lock().unwrap();
        drop(OPEN.1.wait_while(open, |open| !*open).unwrap());
        id
    }
    #[cache(ttl = 10, stale_while_revalidate = "1h")]
    fn well(id: u64) -> u64 {
        VERSION.load(SeqCst) + id
    }
    let test = TestCache::new();
    let all = 0..100;
    for id in all.clone() {
        assert_eq!(test.enter(|| (stuck(id), well(id))), (id, 1_000 + id));
    }
    test.advance(10 * SECOND);
    *OPEN.0.lock().unwrap() = false;
    VERSION.store(2_000, SeqCst);
    WAITING.store(0, SeqCst);
    // With a call that computes it would not end.
    for id in all.clone() {
        assert_eq!(test.enter(|| stuck(id)), id);
    }
    let began = Instant::now();
    let soon = || assert!(began.elapsed() < Duration::from_secs(20));
    while WAITING.load(SeqCst) < 8 {
        soon();
    }
    // Those that come when all of its threads are taken are refreshed by a later call.
    for id in all {
        while test.enter(|| well(id)) != 2_000 + id {
            test.advance(SECOND);
            soon();
        }
    }
    assert_eq!(WAITING.load(SeqCst), 8);
    *OPEN.0.lock().unwrap() = true;
    OPEN.1.notify_all();
}

/// Of a function whose source hung, and is well again.
#[test]
fn sync_bodies_that_never_end_leave_room_for_those_that_come_later() {
    static HANGS: AtomicBool = AtomicBool::new(false);
    static HANGING: AtomicU64 = AtomicU64::new(0);
    #[cache(ttl = 10, stale_while_revalidate = "1000h")]
    fn row(id: u64) -> u64 {
        if HANGS.load(SeqCst) {
            HANGING.fetch_add(1, SeqCst);
            loop {
                std::thread::park();
            }
        }
        HANGING.load(SeqCst) + id
    }
    let builder = Cache::builder().wait_max(Duration::from_millis(1));
    let test = TestCache::with(builder).unwrap();
    for id in 0..10 {
        assert_eq!(test.enter(|| row(id)), id);
    }
    test.advance(10 * SECOND);
    HANGS.store(true, SeqCst);
    let began = Instant::now();
    let soon = || assert!(began.elapsed() < Duration::from_secs(20));
    for id in 0..8 {
        assert_eq!(test.enter(|| row(id)), id);
    }
    while HANGING.load(SeqCst) < 8 {
        soon();
    }
    HANGS.store(false, SeqCst);
    assert_eq!(test.enter(|| row(9)), 9, "they are young");
    while test.enter(|| row(9)) != 8 + 9 {
        test.advance(SECOND);
        std::thread::sleep(Duration::from_millis(10));
        soon();
    }
    assert!(
        began.elapsed() >= Duration::from_secs(2),
        "sooner than said"
    );
}
