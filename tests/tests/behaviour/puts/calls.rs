//! Write-through into the values of cached functions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{
    EventKind, RefusalReason, blocking, cache, cache_put, cache_resource, invalidate, peek,
};

use super::{End, User, open, user as made};
use crate::runs::{Gate, Hand, pause, run, runs, start};

#[derive(Clone)]
struct Pool(u64);

#[cache_resource("users:{id}", key(pool.0, id), tags("pool:{pool.0}", "named:{return.name}"))]
async fn user(pool: &Pool, id: u64) -> Result<Option<User>, String> {
    pause().await;
    Ok(Some(made(id, &format!("{} of {}", run(), pool.0))))
}

#[cache(ttl = 60)]
fn by_name(name: &str) -> User {
    made(run(), name)
}

#[cache_put(user(pool, row.id), by_name(&return.name), "users:{row.id}")]
async fn save(pool: &Pool, row: User, gate: &Gate, how: End) -> Result<User, String> {
    gate.pass().await;
    match how {
        End::Well => Ok(row),
        End::Badly => Err("badly".to_owned()),
        End::Panic => panic!("on purpose"),
    }
}

#[cache_put(user(&pool, return.id))]
fn create(pool: Pool, name: String) -> Option<User> {
    let id = pool.0;
    (!name.is_empty()).then(|| made(id, &name))
}

const POOL: Pool = Pool(3);

fn read(id: u64) -> User {
    block_on(user(&POOL, id)).unwrap().unwrap()
}

#[test]
fn the_next_call_is_a_hit() {
    let test = start();
    test.enter(|| {
        assert_eq!(read(7).name, "1 of 3");
        block_on(save(&POOL, made(7, "Ada"), &open(), End::Well)).unwrap();
        assert_eq!(read(7), made(7, "Ada"));
        assert_eq!(by_name("Ada"), made(7, "Ada"));
        assert_eq!(blocking::get("users:7").unwrap(), Some(made(7, "Ada")));
        create(Pool(3), "Grace".to_owned());
        assert_eq!(read(3), made(3, "Grace"));
        assert_eq!(runs(), 1);
        assert_eq!(read(9).name, "2 of 3");
        // What the arguments of another call say is not put there.
        assert_eq!(by_name("Grace").id, 3);
    });
    let stats = test.cache().stats();
    let function = stats.function("calls::user").unwrap();
    assert_eq!((function.computed, function.stores), (2, 4), "{function:?}");
}

/// It is an entry of the function as any other.
#[test]
fn what_is_put_is_invalidated_and_expires_as_what_is_computed() {
    let test = start();
    test.enter(|| {
        let mut runs = 0;
        let invalidations: [(&str, &dyn Fn()); 5] = [
            ("call", &|| {
                block_on(invalidate(user(&POOL, 7))).unwrap();
            }),
            ("address", &|| {
                blocking::invalidate_pattern("resource:users:7").unwrap();
            }),
            ("tag", &|| {
                blocking::invalidate_tag("pool:3").unwrap();
            }),
            ("tag by value", &|| {
                blocking::invalidate_tag("named:Ada").unwrap();
            }),
            ("ttl", &|| test.advance(Duration::from_secs(600))),
        ];
        for (name, invalidate) in invalidations {
            block_on(save(&POOL, made(7, "Ada"), &open(), End::Well)).unwrap();
            assert_eq!(read(7), made(7, "Ada"), "{name}");
            invalidate();
            runs += 1;
            assert_eq!(read(7).name, format!("{runs} of 3"), "{name}");
        }
    });
}

#[test]
fn a_failure_changes_nothing_and_what_may_have_been_written_is_invalid() {
    start().enter(|| {
        let mut before = read(7);
        for (how, changed) in [(End::Badly, false), (End::Panic, true)] {
            let write = || block_on(save(&POOL, made(7, "new"), &open(), how));
            let _ = catch_unwind(AssertUnwindSafe(write));
            assert_eq!(read(7) != before, changed);
            before = read(7);
        }
        let shut = Gate::default();
        let mut cancelled = Hand::new(save(&POOL, made(7, "new"), &shut, End::Well));
        assert!(cancelled.poll().is_pending());
        assert_eq!(read(7), before);
        drop(cancelled);
        assert_ne!(read(7), before);
        assert_eq!(create(Pool(3), String::new()), None);
    });
}

#[test]
fn a_read_that_began_before_puts_nothing_over_it() {
    start().enter(|| {
        let mut reading = Hand::new(user(&POOL, 7));
        assert!(reading.poll().is_pending());
        block_on(save(&POOL, made(7, "new"), &open(), End::Well)).unwrap();
        assert!(reading.poll().is_ready());
        assert_eq!(read(7), made(7, "new"));
        // Nor does one that waits for it, or is a refresh.
        let mut refreshing = Hand::new(cache_core::refresh(user(&POOL, 7)));
        assert!(refreshing.poll().is_pending());
        block_on(save(&POOL, made(7, "newer"), &open(), End::Well)).unwrap();
        assert!(refreshing.poll().is_ready());
        assert_eq!(read(7), made(7, "newer"));
    });
}

#[test]
fn of_writes_that_overlap_none_stays() {
    for (first, second) in [(0, 1), (1, 0)] {
        start().enter(|| {
            let gates = [Gate::default(), Gate::default()];
            let write =
                |at: usize| Hand::new(save(&POOL, made(7, &at.to_string()), &gates[at], End::Well));
            let mut writes = [write(0), write(1)];
            for write in &mut writes {
                assert!(write.poll().is_pending());
            }
            for at in [first, second] {
                gates[at].open();
                assert!(writes[at].poll().is_ready());
            }
            assert_eq!(block_on(peek(user(&POOL, 7))), None);
            block_on(save(&POOL, made(7, "last"), &open(), End::Well)).unwrap();
            assert_eq!(read(7), made(7, "last"));
        });
    }
}

#[test]
fn nothing_is_put_over_what_was_said_meanwhile() {
    let said: [(&str, fn(), bool); 6] = [
        ("call", || drop(block_on(invalidate(user(&POOL, 7)))), false),
        (
            "pattern",
            || drop(blocking::invalidate_pattern("resource:users:*")),
            false,
        ),
        ("tag", || drop(blocking::invalidate_tag("pool:3")), false),
        (
            "tag by value",
            || drop(blocking::invalidate_tag("named:put")),
            false,
        ),
        ("clear", || drop(blocking::clear()), false),
        (
            "another",
            || drop(block_on(invalidate(user(&POOL, 8)))),
            true,
        ),
    ];
    for (name, say, stays) in said {
        let test = start();
        test.enter(|| {
            let gate = Gate::default();
            let mut write = Hand::new(save(&POOL, made(7, "put"), &gate, End::Well));
            assert!(write.poll().is_pending());
            say();
            gate.open();
            assert!(write.poll().is_ready());
            assert_eq!(read(7) == made(7, "put"), stays, "{name}");
        });
        let refused = test.cache().stats().total.refusals;
        assert_eq!(refused.of(RefusalReason::Invalidated) > 0, !stays, "{name}");
    }
}

#[test]
fn in_a_transaction_nothing_is_put_and_the_old_value_goes_with_the_commit() {
    let test = start();
    let before = test.enter(|| read(3));
    for (commit, stays) in [(false, true), (true, false)] {
        let done = test.cache().transaction_blocking(|| {
            create(Pool(3), "Grace".to_owned());
            if commit { Ok(()) } else { Err(()) }
        });
        assert_eq!(done.is_ok(), commit);
        assert_eq!(test.enter(|| read(3)) == before, stays);
    }
}

/// A rule of the function is asked about what is put, and what it costs to compute is not.
#[test]
fn the_rules_of_the_function_hold() {
    #[cache(ttl = |n| *n, when = |n| *n != 1, min_cost = "1h", err_ttl = 9)]
    fn ruled(id: u64) -> Result<u64, String> {
        Ok(id + run())
    }
    #[cache_put(ruled(id))]
    fn write(id: u64, value: u64) -> Result<u64, String> {
        let _ = id;
        Ok(value)
    }
    let test = start();
    test.enter(|| {
        let kept = || blocking::peek(|| ruled(5)).unwrap();
        write(5, 7).unwrap();
        assert_eq!(kept(), Some(Ok(7)));
        test.advance(Duration::from_secs(7));
        assert_eq!(kept(), None);
        write(5, 7).unwrap();
        write(5, 1).unwrap();
        assert_eq!(kept(), None, "what was there is none any more");
    });
}

/// What its own body would have used is not known to who puts it.
#[test]
fn into_a_function_that_is_made_of_others_nothing_is_put() {
    #[cache(ttl = 60)]
    fn inner() -> u64 {
        run()
    }
    #[cache(ttl = 60)]
    fn outer() -> u64 {
        inner() * 10
    }
    #[cache_put(outer())]
    fn write() -> u64 {
        7
    }
    let test = start();
    test.enter(|| {
        assert_eq!(outer(), 10);
        write();
        assert_eq!(outer(), 10, "computed");
        assert_eq!(runs(), 1);
    });
    let refused = test.cache().stats().total.refusals;
    assert_eq!(refused.of(RefusalReason::Untracked), 1);
}

/// It invalidates everything, and runs no body.
#[test]
fn a_call_that_reaches_no_cached_function_is_told_of() {
    async fn plain(_: u64) -> u64 {
        pause().await;
        panic!("no body runs")
    }
    #[cache_put(plain(id))]
    async fn write(id: u64) -> u64 {
        id
    }
    let test = start();
    test.enter(|| {
        let before = read(7);
        block_on(write(7));
        assert_ne!(read(7), before);
    });
    assert_eq!(
        test.count("it reaches no*", |kind| kind == EventKind::NotInvalidated),
        1
    );
}

/// Values behind an `Arc`, methods, generics; and what the body takes is copied for the call.
#[test]
fn it_stands_wherever_a_typed_target_does() {
    struct Repo<T>(T);
    impl<T: Send + Sync + 'static> Repo<T> {
        #[cache(ttl = 60, skip(self))]
        async fn find(&self, name: &str, at: (u64, u64)) -> Option<Arc<User>> {
            Some(Arc::new(made(at.0 + at.1 + run(), name)))
        }
        #[cache_put(self.find(&user.name, (return.id, extra(1))))]
        async fn keep(&self, user: User) -> Result<Arc<User>, std::cell::Cell<u8>> {
            pause().await;
            Ok(Arc::new(user))
        }
    }
    fn extra(by: u64) -> u64 {
        by + 1
    }
    fn must_be_send<T: Send>(sent: T) -> T {
        sent
    }
    start().enter(|| {
        let repo = Repo(());
        let kept = block_on(must_be_send(repo.keep(made(7, "Ada")))).unwrap();
        let found = block_on(repo.find("Ada", (7, 2))).unwrap();
        assert!(Arc::ptr_eq(&kept, &found), "the very same");
        assert_eq!(runs(), 0);
        assert!(block_on(peek(Repo(1_u8).find("Ada", (7, 2)))).is_none());
    });
}

#[cache]
fn organisation(id: u64) -> u64 {
    id * 1_000 + run()
}

#[cache_resource("members:{id}")]
fn member(id: u64) -> (u64, u64) {
    (id, organisation(1))
}

#[cache_put(member(id), "members:{id}")]
fn join(id: u64) -> (u64, u64) {
    (id, organisation(1))
}

#[cache_put(member(id))]
async fn join_later(id: u64) -> (u64, u64) {
    pause().await;
    (id, organisation(1))
}

/// What invalidates the values that went into it would not invalidate what was put.
#[test]
fn what_was_made_of_cached_values_is_not_put() {
    let test = start();
    test.enter(|| {
        join(8);
        assert_eq!(blocking::get::<(u64, u64)>("members:8").unwrap(), None);
        block_on(join_later(9));
        for id in [8, 9] {
            assert_eq!(blocking::peek(|| member(id)).unwrap(), None);
        }
        let before = member(8);
        blocking::invalidate(|| organisation(1)).unwrap();
        assert_ne!(member(8), before);
    });
    let stats = test.cache().stats();
    let function = stats.function("calls::member").unwrap();
    assert_eq!(function.refusals.of(RefusalReason::Untracked), 2);
}

/// A function made of a write depends on what the write has used.
#[test]
fn who_computes_around_a_write_depends_on_what_it_used() {
    #[cache]
    fn around(id: u64) -> u64 {
        join(id).1
    }
    let test = start();
    test.enter(|| {
        let before = around(8);
        blocking::invalidate(|| organisation(1)).unwrap();
        assert_ne!(around(8), before);
    });
}

/// It has entries for elements, and none that could be given a value.
#[test]
fn a_call_with_each_is_given_none() {
    #[cache(each = ids)]
    async fn doubled(ids: Vec<u64>) -> Vec<u64> {
        run();
        ids.into_iter().map(|id| id * 2).collect()
    }
    #[cache_put(doubled(ids))]
    async fn write(ids: Vec<u64>) -> Vec<u64> {
        ids
    }
    let test = start();
    test.enter(|| {
        assert_eq!(block_on(doubled(vec![1, 2])), [2, 4]);
        assert_eq!(block_on(write(vec![1])), [1]);
        assert_eq!(block_on(doubled(vec![1, 2])), [2, 4]);
        assert_eq!(runs(), 2);
    });
    let told = test.count("*", |kind| kind == EventKind::NotInvalidated);
    assert_eq!(told, 1);
}
