//! What is made of values that are no longer fresh.

use cache_core::__private::block_on;
use cache_core::{blocking, cache, cache_result};

use super::{FAILS, SECOND, fail, rate, source};
use crate::runs::{run, runs, start};

#[cache(ttl = 10)]
fn outer() -> Result<u64, String> {
    rate("inner")
}

#[test]
fn what_is_made_of_it_depends_on_it() {
    let test = start();
    test.enter(|| {
        rate("inner").unwrap();
        fail(true);
        test.advance(10 * SECOND);
        assert_eq!((outer(), runs()), (Ok(1), 2));
        blocking::invalidate(|| rate("inner")).unwrap();
        assert!(outer().is_err());
        fail(false);
    });
}

/// What was made of a late value would else be fresh for as long as if that had been.
#[test]
fn what_was_made_of_a_late_value_is_not_fresh_for_long() {
    #[cache_result(ttl = 10, stale_if_error = "1h")]
    fn inner() -> Result<u64, String> {
        if FAILS.get() {
            Err("away".to_owned())
        } else {
            Ok(run())
        }
    }
    #[cache_result(ttl = 600)]
    fn outer() -> Result<u64, String> {
        inner()
    }
    #[cache_result(ttl = 600)]
    fn outermost() -> Result<u64, String> {
        outer()
    }
    let test = start();
    test.enter(|| {
        assert_eq!(inner(), Ok(1));
        test.advance(60 * SECOND);
        FAILS.set(true);
        assert_eq!(outermost(), Ok(1));
        FAILS.set(false);
        test.advance(2 * SECOND);
        assert_eq!(outermost(), Ok(2));
        assert_eq!(outer(), Ok(2));
        test.advance(300 * SECOND);
        assert_eq!(outermost(), Ok(2), "of what is fresh as long as ever");

        // What was made of it a moment ago is a hit, and no fresher for that.
        test.advance(600 * SECOND);
        FAILS.set(true);
        assert_eq!(outer(), Ok(2));
        assert_eq!(outermost(), Ok(2));
        assert_eq!(runs(), 2);
        FAILS.set(false);
        test.advance(2 * SECOND);
        assert_eq!((outermost(), outer()), (Ok(3), Ok(3)));
    });
}

/// Each of them, and not the first alone.
#[test]
fn what_a_batch_makes_of_a_late_value_is_not_fresh_for_long() {
    #[cache_result(ttl = 10, stale_if_error = "1h")]
    fn inner() -> Result<u64, String> {
        source()
    }
    #[cache(ttl = 600, each = ids)]
    async fn many(ids: Vec<u64>) -> Vec<u64> {
        let value = inner().unwrap_or_default();
        ids.into_iter().map(|id| 10 * id + value).collect()
    }
    let test = start();
    let many = |ids| block_on(test.run(many(ids)));
    assert_eq!(many(vec![1, 2, 3]), [11, 21, 31]);
    test.advance(600 * SECOND);
    fail(true);
    assert_eq!(many(vec![1, 2, 3]), [11, 21, 31]);
    fail(false);
    test.advance(2 * SECOND);
    assert_eq!(many(vec![3]), [33]);
}
