//! Values that blow up wherever a user's code can, huge ones, and clocks that leap.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{Cache, Memory, MissReason, RefusalReason, blocking, cache};

use crate::runs::{Hand, pause, run, runs, start, start_with};

/// Panics without a message on the terminal.
fn burst() -> ! {
    resume_unwind(Box::new("on purpose"))
}

/// What panics when it is dropped, once the fuse is lit.
#[derive(Clone)]
struct Bomb(Arc<AtomicBool>);

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0.load(SeqCst) {
            burst();
        }
    }
}

#[cache("bombs:{id}", key(id))]
fn bomb(id: u64, fuse: &Arc<AtomicBool>) -> Arc<Bomb> {
    let _ = id;
    Arc::new(Bomb(Arc::clone(fuse)))
}

#[cache("sound:{id}")]
fn sound(id: u64) -> u64 {
    run() + id
}

/// Others' values are no business of who makes room for his own.
#[test]
fn a_drop_that_panics_is_not_felt_by_who_drops() {
    let fuse = Arc::new(AtomicBool::new(false));
    let test = start_with(Cache::builder().memory(Memory::new().max_bytes(100_000)));
    test.enter(|| {
        let fill = || {
            fuse.store(false, SeqCst);
            for id in 0..200 {
                drop(bomb(id, &fuse));
            }
            fuse.store(true, SeqCst);
            assert!(test.cache().stats().total.entries > 50);
        };
        fill();
        for id in 0..1_000 {
            assert_eq!(sound(id), id + runs(), "evicts");
        }
        fill();
        test.cache().resize(1);
        test.cache().resize(100_000);
        assert_eq!(test.cache().stats().total.entries, 0);
        fill();
        block_on(test.cache().clear()).unwrap();
        fill();
        test.advance(Duration::from_secs(3_600));
        for id in 1_000..2_000 {
            assert_eq!(sound(id), id + runs(), "reclaims");
        }
        assert_eq!(sound(1_999), 1_999 + runs(), "a hit");
    });
    let stats = test.cache().stats();
    assert!(stats.total.bytes <= 100_000, "{stats}");
}

/// Nor of who has the cache last.
#[test]
fn a_drop_that_panics_is_not_felt_by_who_drops_the_cache() {
    let fuse = Arc::new(AtomicBool::new(false));
    let test = start();
    test.enter(|| (0..20).for_each(|id| drop(bomb(id, &fuse))));
    assert_eq!(test.cache().stats().total.entries, 20);
    fuse.store(true, SeqCst);
    drop(test);
}

/// What panics when it is copied, once the fuse is lit.
struct Brittle(Arc<AtomicBool>);

impl Clone for Brittle {
    fn clone(&self) -> Self {
        if self.0.load(SeqCst) {
            burst();
        }
        Self(Arc::clone(&self.0))
    }
}

#[cache("brittle:{id}", key(id))]
async fn brittle(id: u64, fuse: &Arc<AtomicBool>) -> Brittle {
    pause().await;
    let _ = (run(), id);
    Brittle(Arc::clone(fuse))
}

#[test]
fn a_clone_that_panics_is_its_callers_and_nobody_elses() {
    let fuse = Arc::new(AtomicBool::new(false));
    start().enter(|| {
        let hit = || catch_unwind(AssertUnwindSafe(|| block_on(brittle(1, &fuse)))).is_ok();
        assert!(hit());
        fuse.store(true, SeqCst);
        assert!(!hit() && !hit());
        fuse.store(false, SeqCst);
        assert!(hit());
        assert_eq!(runs(), 1);

        // Nor is that of one who waits.
        let mut leader = Hand::new(brittle(2, &fuse));
        assert!(leader.poll().is_pending());
        let mut waiters: Vec<_> = (0..5).map(|_| Hand::new(brittle(2, &fuse))).collect();
        for waiter in &mut waiters {
            assert!(waiter.poll().is_pending());
        }
        assert!(leader.poll().is_ready());
        for (nth, waiter) in waiters.iter_mut().enumerate() {
            fuse.store(nth == 1 || nth == 3, SeqCst);
            let polled = catch_unwind(AssertUnwindSafe(|| waiter.poll().is_ready()));
            assert_eq!(polled.ok(), (nth != 1 && nth != 3).then_some(true));
        }
        fuse.store(false, SeqCst);
        drop(block_on(brittle(2, &fuse)));
        assert_eq!(runs(), 2);
    });
}

/// What panics when it is serialized, as a key.
struct Volatile(bool);

impl serde::Serialize for Volatile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 {
            burst();
        }
        serializer.serialize_unit()
    }
}

#[cache]
fn keyed(n: u64, volatile: Volatile) -> u64 {
    let _ = (n, volatile);
    run()
}

#[test]
fn a_serialize_that_panics_leaves_nothing_behind() {
    start().enter(|| {
        for _ in 0..3 {
            let call = || blocking::refresh(|| keyed(1, Volatile(true)));
            assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
        }
        assert_eq!(runs(), 0);
        assert_eq!(keyed(1, Volatile(false)), 1);
        assert_eq!(blocking::refresh(|| keyed(1, Volatile(false))), 2);
        assert_eq!(keyed(1, Volatile(false)), 2);
    });
}

const HUGE: usize = 50_000_000;

#[cache("huge:{id}")]
fn huge(id: u64) -> String {
    let _ = (run(), id);
    "x".repeat(HUGE)
}

#[cache("shared:{id}")]
fn huge_and_shared(id: u64) -> Arc<String> {
    let _ = (run(), id);
    Arc::new("x".repeat(HUGE))
}

#[cache("by:{text}")]
fn by_huge_text(text: &str) -> usize {
    run();
    text.len()
}

#[test]
fn fifty_megabytes_are_a_value() {
    let test = start();
    test.enter(|| {
        assert_eq!(huge(1).len(), HUGE);
        let (again, trace) = blocking::explain(|| huge(1));
        assert_eq!(again.len(), HUGE);
        let bytes = test.cache().stats().total.bytes;
        match trace.tier {
            Some(_) => assert!(bytes > HUGE as u64, "{bytes}"),
            None => assert_eq!((trace.refused, bytes), (Some(RefusalReason::TooLarge), 0)),
        }
    });
    let roomy = Cache::builder().memory(Memory::new().max_bytes(8 << 30).max_entry_bytes(1 << 30));
    let test = start_with(roomy);
    test.enter(|| {
        assert!(Arc::ptr_eq(&huge_and_shared(1), &huge_and_shared(1)));
        let bytes = test.cache().stats().total.bytes;
        assert!(bytes > HUGE as u64, "{bytes}");
        // As a key and an address, too.
        let text = "y".repeat(HUGE);
        assert_eq!((by_huge_text(&text), by_huge_text(&text)), (HUGE, HUGE));
        assert_eq!(runs(), 2);
        blocking::invalidate_pattern("by:*").unwrap();
        assert_eq!((by_huge_text(&text), runs()), (HUGE, 3));
    });
}

#[cache("leap:{id}", key(id))]
fn leap(test: &cache_core::TestCache, id: u64, by: Duration) -> u64 {
    let _ = id;
    test.advance(by);
    run()
}

#[cache("lasting:{id}", ttl = "never")]
fn lasting(id: u64) -> u64 {
    let _ = id;
    run()
}

/// To the end of all clocks.
#[test]
fn a_clock_that_leaps_makes_misses_and_nothing_else() {
    let test = start();
    test.enter(|| {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);
        assert_eq!((sound(1), lasting(1)), (2, 2));
        assert_eq!(leap(&test, 1, CENTURY), 3, "computes for a century");
        assert_eq!(leap(&test, 1, CENTURY), 4, "expired when it was there");
        let (_, trace) = blocking::explain(|| sound(1));
        assert_eq!(trace.miss, Some(MissReason::Expired));
        assert_eq!((sound(1), lasting(1)), (6, 2));
        for _ in 0..3 {
            leap(&test, 2, Duration::MAX);
        }
        assert_eq!(lasting(1), 2);
        let now = (sound(3), sound(3));
        assert_eq!(now.0, now.1);
        let text = test.cache().stats().to_string();
        assert!(text.contains("leap"), "{text}");
        blocking::invalidate_pattern("lasting:*").unwrap();
        assert_eq!(lasting(1), runs());
    });
}
