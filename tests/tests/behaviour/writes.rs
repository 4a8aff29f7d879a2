//! When an `#[invalidate_cache]` takes effect: success, `on = always`, `before`, and `{return.…}`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use cache_core::__private::block_on;
use cache_core::{TestCache, cache, cache_resource, invalidate_cache};

use crate::runs::{Gate, Hand, run, start};

#[cache_resource("rows:{id}", tags("row:{id}"))]
fn row(id: u64) -> u64 {
    let _ = id;
    run()
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Well,
    Badly,
    Panic,
}

fn end(how: End) -> Result<u64, String> {
    match how {
        End::Well => Ok(1),
        End::Badly => Err("badly".to_owned()),
        End::Panic => panic!("on purpose"),
    }
}

#[invalidate_cache("resource:rows:1")]
async fn on_success(how: End) -> Result<u64, String> {
    end(how)
}

#[invalidate_cache("resource:rows:1")]
fn on_success_sync(how: End) -> Result<u64, String> {
    end(how)
}

#[invalidate_cache("resource:rows:1", on = success)]
fn on_success_said(how: End) -> Result<u64, String> {
    end(how)
}

#[invalidate_cache("resource:rows:1", on = always)]
async fn always(how: End) -> Result<u64, String> {
    end(how)
}

#[invalidate_cache(tag = "row:1", on = always)]
fn always_sync(how: End) -> Result<u64, String> {
    end(how)
}

#[invalidate_cache(row(1), on = always)]
fn always_typed(how: End) -> Result<u64, String> {
    end(how)
}

/// Whether the row had to be read again after the write.
fn reaches(write: impl FnOnce() -> Result<u64, String>) -> bool {
    let before = row(1);
    assert_eq!(row(1), before);
    let _ = catch_unwind(AssertUnwindSafe(write));
    row(1) != before
}

#[test]
fn a_failure_invalidates_nothing_unless_said_otherwise() {
    start().enter(|| {
        for how in [End::Well, End::Badly, End::Panic] {
            // A panic may have come after the write.
            let written = how != End::Badly;
            assert_eq!(reaches(|| block_on(on_success(how))), written);
            assert_eq!(reaches(|| on_success_sync(how)), written);
            assert_eq!(reaches(|| on_success_said(how)), written);
            assert!(reaches(|| block_on(always(how))));
            assert!(reaches(|| always_sync(how)));
            assert!(reaches(|| always_typed(how)));
        }
    });
}

#[test]
fn one_write_is_one_record() {
    for how in [End::Well, End::Badly, End::Panic] {
        let test = start();
        test.enter(|| {
            let _ = catch_unwind(|| always_sync(how));
        });
        assert_eq!(test.cache().stats().invalidations, 1);
    }
}

#[invalidate_cache("resource:rows:1")]
async fn cancelled(gate: &Gate) -> Result<u64, String> {
    gate.pass().await;
    Ok(1)
}

#[test]
fn a_cancelled_write_may_have_taken_place() {
    start().enter(|| {
        let gate = Gate::default();
        let cancel = |polls: u32, mut write: Hand<'_, Result<u64, String>>| {
            let before = row(1);
            for _ in 0..polls {
                assert!(write.poll().is_pending());
            }
            drop(write);
            row(1) != before
        };
        assert!(cancel(1, Hand::new(cancelled(&gate))));
        assert!(cancel(3, Hand::new(cancelled(&gate))));
        assert!(!cancel(0, Hand::new(cancelled(&gate))), "it has not begun");
    });
}

#[test]
fn a_write_under_way_has_not_invalidated_yet() {
    start().enter(|| {
        let gate = Gate::default();
        let mut write = Hand::new(cancelled(&gate));
        assert_eq!(row(1), 1);
        assert!(write.poll().is_pending());
        assert_eq!(row(1), 1);
        gate.open();
        assert_eq!(write.poll(), Poll::Ready(Ok(1)));
        assert_eq!(row(1), 2);
    });
}

#[test]
fn a_write_invalidates_in_the_cache_that_it_began_in() {
    let (here, elsewhere) = (start(), TestCache::new());
    let gate = Gate::default();
    let mut write = Hand::new(here.run(cancelled(&gate)));
    assert!(write.poll().is_pending());
    elsewhere.enter(|| drop(write));
    here.assert_invalidated("resource:rows:1", 1);
    elsewhere.assert_invalidated("resource:rows:1", 0);
}

#[invalidate_cache("resource:rows:1", before)]
async fn before(gate: &Gate, how: End) -> Result<u64, String> {
    gate.pass().await;
    end(how)
}

#[invalidate_cache("resource:rows:1", before, on = always)]
fn before_and_always(seen: &mut u64, how: End) -> Result<u64, String> {
    *seen = row(1);
    end(how)
}

#[test]
fn before_invalidates_before_the_body_as_well() {
    start().enter(|| {
        let gate = Gate::default();
        assert_eq!(row(1), 1);
        let mut write = Hand::new(before(&gate, End::Well));
        assert!(write.poll().is_pending());
        assert_eq!((row(1), row(1)), (2, 2), "before");
        gate.open();
        assert_eq!(write.poll(), Poll::Ready(Ok(1)));
        assert_eq!(row(1), 3, "and after");
        assert!(block_on(before(&gate, End::Badly)).is_err());
        assert_eq!((row(1), row(1)), (4, 4), "before, whatever comes of it");
        let mut seen = 0;
        let _ = catch_unwind(AssertUnwindSafe(|| {
            before_and_always(&mut seen, End::Panic)
        }));
        assert_eq!((seen, row(1)), (5, 6));
    });
}

#[derive(Clone)]
struct Created {
    id: u64,
    place: (u8, u64),
}

#[invalidate_cache(
    "resource:rows:{return.id}",
    "resource:rows:2",
    tag = "row:{return.place.1}"
)]
async fn create(id: u64, there: bool) -> Result<Option<Created>, String> {
    if id == 0 {
        return Err("none".to_owned());
    }
    Ok(there.then_some(Created {
        id,
        place: (0, id + 10),
    }))
}

#[invalidate_cache("resource:rows:{return}")]
fn create_sync(id: u64) -> u64 {
    id
}

#[invalidate_cache("resource:rows:{return}", on = always)]
fn create_always(id: u64) -> Result<Option<u64>, String> {
    match id {
        0 => Err("none".to_owned()),
        1 => Ok(None),
        id => Ok(Some(id)),
    }
}

#[test]
fn what_a_write_returns_names_what_it_invalidates() {
    start().enter(|| {
        let ask = || {
            let before = crate::runs::runs();
            [1, 2, 3, 11, 13]
                .into_iter()
                .filter(|id| row(*id) > before)
                .collect::<Vec<_>>()
        };
        assert_eq!(ask().len(), 5);
        block_on(create(3, true)).unwrap();
        assert_eq!(ask(), [2, 3, 13]);
        block_on(create(3, false)).unwrap();
        assert_eq!(ask(), [2], "`None` skips only the templates that need it");
        assert!(block_on(create(0, true)).is_err());
        assert_eq!(ask(), [0; 0]);
        create_sync(11);
        assert_eq!(ask(), [11]);
        let _ = (create_always(0), create_always(1));
        assert_eq!(ask(), [0; 0]);
        create_always(2).unwrap();
        assert_eq!(ask(), [2]);
    });
}

#[cache("nothing")]
fn nothing() -> u64 {
    run()
}

#[invalidate_cache("nothing")]
fn returns_nothing() {}

#[invalidate_cache("nothing")]
async fn may_be_absent(there: bool) -> Option<()> {
    there.then_some(())
}

#[test]
fn what_is_not_a_result_is_a_success() {
    start().enter(|| {
        assert_eq!(nothing(), 1);
        returns_nothing();
        assert_eq!(nothing(), 2);
        block_on(may_be_absent(true));
        assert_eq!(nothing(), 3);
        block_on(may_be_absent(false));
        assert_eq!(nothing(), 4);
    });
}
