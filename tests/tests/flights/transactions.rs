//! Writes that may still be rolled back.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use cache_core::{Cache, TestCache, cache};
use futures_util::FutureExt;

use crate::support::{Now, Source, fresh, now, pause, poll, ready};

#[cache("item:{id}", key(id), tags("shelf"))]
async fn item(source: &Source, id: u64) -> u64 {
    source.read().await
}

#[cache("outer:{id}", key(id))]
async fn outer(source: &Source, id: u64) -> u64 {
    item(source, id).await
}

#[cache("plain:{id}", key(id))]
fn plain(source: &Source, id: u64) -> u64 {
    source.read_now()
}

type Work = Result<(), &'static str>;

fn stored(test: &TestCache) -> Option<u64> {
    now(test.run(cache_core::peek(item(&Source::new(), 1))))
}

fn appended(test: &TestCache) -> u64 {
    test.cache().stats().invalidations
}

#[test]
fn invalidations_wait_for_the_commit() {
    let (test, source) = (fresh(), Source::new());
    now(test.run(item(&source, 1)));
    let mut transaction = Box::pin(test.cache().transaction(async {
        cache_core::invalidate_tag("shelf").await.unwrap();
        cache_core::invalidate_pattern("item:*").await.unwrap();
        cache_core::remove("elsewhere").await.unwrap();
        cache_core::invalidate(item(&source, 1)).await.unwrap();
        cache_core::blocking::invalidate(|| plain(&source, 1)).unwrap();
        pause().await;
        Work::Ok(())
    }));
    assert!(poll(&mut transaction).is_pending());
    assert_eq!((stored(&test), appended(&test)), (Some(0), 0));
    ready(&mut transaction).unwrap();
    assert_eq!(
        (stored(&test), appended(&test)),
        (None, 1),
        "all of them are one record"
    );
}

#[test]
fn a_rollback_drops_them() {
    let (test, source) = (fresh(), Source::new());
    now(test.run(item(&source, 1)));
    let work = async {
        cache_core::invalidate_tag("shelf").await.unwrap();
        Work::Err("on purpose")
    };
    assert!(now(test.cache().transaction(work)).is_err());
    assert_eq!((stored(&test), appended(&test)), (Some(0), 0));
}

/// One that nobody saw the end of may have been committed.
#[test]
fn a_panic_or_a_cancelled_future_is_no_rollback() {
    let (test, source) = (fresh(), Source::new());
    now(test.run(item(&source, 1)));
    let panicking = AssertUnwindSafe(test.cache().transaction(async {
        cache_core::invalidate_tag("shelf").await.unwrap();
        resume_unwind(Box::new("on purpose"));
        #[expect(unreachable_code, reason = "its type")]
        Work::Ok(())
    }));
    assert!(now(panicking.catch_unwind()).is_err());
    assert_eq!((stored(&test), appended(&test)), (None, 1));
    now(test.run(item(&source, 1)));
    let mut cancelled = Box::pin(test.cache().transaction(async {
        cache_core::invalidate_tag("shelf").await.unwrap();
        pause().await;
        Work::Ok(())
    }));
    assert!(poll(&mut cancelled).is_pending());
    drop(cancelled);
    assert_eq!((stored(&test), appended(&test)), (None, 2));
}

#[test]
fn an_inner_transaction_waits_for_the_outer_one() {
    for commits in [true, false] {
        let (test, source) = (fresh(), Source::new());
        now(test.run(item(&source, 1)));
        let work = async {
            let inner = async {
                cache_core::invalidate_tag("shelf").await.unwrap();
                Work::Ok(())
            };
            test.cache().transaction(inner).await?;
            assert_eq!(appended(&test), 0);
            let rolled_back = async {
                cache_core::invalidate_tag("elsewhere").await.unwrap();
                Work::Err("on purpose")
            };
            assert!(test.cache().transaction(rolled_back).await.is_err());
            cache_core::invalidate_tag("here").await.unwrap();
            if commits { Ok(()) } else { Err("on purpose") }
        };
        assert_eq!(now(test.cache().transaction(work)).is_ok(), commits);
        assert_eq!(
            (stored(&test).is_none(), appended(&test)),
            (commits, u64::from(commits))
        );
        let listed = |what| {
            test.events()
                .iter()
                .filter(|event| &*event.address == what)
                .count()
        };
        assert_eq!(
            (listed("tag:shelf"), listed("tag:elsewhere")),
            (usize::from(commits), 0)
        );
    }
}

#[test]
fn nothing_is_read_or_stored_inside() {
    let (test, source) = (fresh(), Source::new());
    now(test.run(item(&source, 1)));
    now(test
        .cache()
        .set("value", 1_u64, std::time::Duration::from_secs(60)))
    .unwrap();
    let uncommitted = Source::new();
    uncommitted.write(7);
    let work = async {
        assert_eq!(item(&uncommitted, 1).await, 7);
        assert_eq!(outer(&uncommitted, 1).await, 7);
        assert_eq!(cache_core::refresh(item(&uncommitted, 1)).await, 7);
        assert_eq!(cache_core::refresh(outer(&uncommitted, 2)).await, 7);
        assert_eq!(cache_core::bypass(item(&uncommitted, 1)).await, 7);
        assert_eq!(cache_core::explain(item(&uncommitted, 1)).await.0, 7);
        assert_eq!(cache_core::peek(item(&uncommitted, 1)).await, None);
        assert_eq!(plain(&uncommitted, 1), 7);
        assert_eq!(cache_core::blocking::refresh(|| plain(&uncommitted, 1)), 7);
        assert_eq!(cache_core::get::<u64>("value").await.unwrap(), None);
        cache_core::set("other", 7_u64, std::time::Duration::from_secs(60))
            .await
            .unwrap();
        Work::Err("rolled back")
    };
    assert!(now(test.cache().transaction(work)).is_err());
    assert_eq!(now(test.run(item(&source, 1))), 0);
    assert_eq!(now(test.run(outer(&source, 1))), 0);
    assert_eq!(now(test.run(outer(&source, 2))), 0);
    assert_eq!(test.enter(|| plain(&source, 1)), 0);
    assert_eq!(now(test.cache().get::<u64>("value")).unwrap(), Some(1));
    assert_eq!(now(test.cache().get::<u64>("other")).unwrap(), None);
}

/// A transaction sees what it has written, also where somebody else is computing the same.
#[test]
fn a_transaction_joins_nobody() {
    let (test, source) = (fresh(), Source::shut());
    let mut load = Box::pin(test.run(item(&source, 1)));
    assert!(poll(&mut load).is_pending());
    let uncommitted = Source::new();
    uncommitted.write(7);
    let work = async { Ok::<_, ()>(item(&uncommitted, 1).await) };
    assert_eq!(now(test.cache().transaction(work)), Ok(7));
    // And what began before its commit and is matched by it is not kept.
    let work = async {
        cache_core::invalidate_tag("shelf").await.unwrap();
        Work::Ok(())
    };
    now(test.cache().transaction(work)).unwrap();
    source.open();
    assert_eq!(ready(&mut load), 0);
    assert_eq!(stored(&test), None);
}

#[test]
fn the_same_without_a_future() {
    let (test, source) = (fresh(), Source::new());
    now(test.run(item(&source, 1)));
    let failed = test.cache().transaction_blocking(|| {
        cache_core::blocking::invalidate_tag("shelf").unwrap();
        assert_eq!(plain(&source, 1), 0);
        Work::Err("on purpose")
    });
    assert!(failed.is_err());
    assert_eq!((stored(&test), appended(&test)), (Some(0), 0));
    let done = test.cache().transaction_blocking(|| {
        cache_core::blocking::invalidate_tag("shelf").unwrap();
        assert_eq!(
            (stored(&test), appended(&test)),
            (None, 0),
            "nothing is read inside"
        );
        Work::Ok(())
    });
    assert!(done.is_ok());
    assert_eq!((stored(&test), appended(&test)), (None, 1));
}

/// A task that outlives the transaction whose scope it was handed: what it invalidates is not lost.
#[test]
fn an_invalidation_after_the_end_takes_effect() {
    for commits in [true, false] {
        let (test, source) = (fresh(), Source::new());
        now(test.run(item(&source, 1)));
        let mut handle = None;
        let work = async {
            handle = Some(cache_core::scope_handle());
            if commits { Ok(()) } else { Err("on purpose") }
        };
        assert_eq!(now(test.cache().transaction(work)).is_ok(), commits);
        let handle = handle.expect("it ran");
        handle.enter(|| cache_core::blocking::invalidate_tag("shelf").unwrap());
        assert_eq!((stored(&test), appended(&test)), (None, 1));
    }
}

#[test]
fn two_caches_have_a_record_each() {
    let (one, other): (TestCache, Cache) = (fresh(), fresh().cache().clone());
    let source = Arc::new(Source::new());
    now(one.run(item(&source, 1)));
    now(other.scope(item(&source, 1)));
    let work = async {
        cache_core::invalidate_tag("shelf").await.unwrap();
        other.invalidate_tag_now("shelf");
        Work::Ok(())
    };
    now(one.cache().transaction(work)).unwrap();
    assert_eq!((appended(&one), other.stats().invalidations), (1, 1));
    assert_eq!(
        (
            stored(&one),
            now(other.scope(cache_core::peek(item(&source, 1))))
        ),
        (None, None)
    );
}
